"""The one error of the sandbox: what was tried and what came back, and what to do next."""

from __future__ import annotations


class SandboxError(Exception):
    """Ends a command with one clear message."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
