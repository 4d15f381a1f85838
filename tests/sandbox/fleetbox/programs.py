"""Programs built from their Go modules: each directory below go/ that has a go.mod, and the stand-in runner."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import artifacts, toolchain
from .command import run_logged
from .errors import SandboxError
from .image_tar import file_digest
from .paths import SANDBOX, artifacts_home
from .progress import Progress

# minor -> (Kubernetes, its staging modules, etcd's server)
KUBERNETES: dict[str, tuple[str, str, str]] = {
    "1.36": ("v1.36.3", "v0.36.3", "v3.7.3"),
    "1.35": ("v1.35.4", "v0.35.4", "v3.6.8"),
}
DEFAULT_KUBERNETES = "1.36"
KUBERNETES_LINKS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")


@dataclass(frozen=True)
class Program:
    """One program: where its module lies and how it is linked."""

    name: str
    source: Path
    package: str = "."
    ldflags: str = ""
    flags: tuple[str, ...] = ()
    kubernetes: str = ""  # the minor, when it is Kubernetes

    @property
    def key(self) -> str:
        versions = KUBERNETES[self.kubernetes] if self.kubernetes else ()
        return artifacts.content_hash(self.source, self.package, self.ldflags, *self.flags, *versions)

    @property
    def kind(self) -> str:
        return f"go-{self.name}"


def program(name: str) -> Program:
    """A program by its name: `kubernetes`, `kubernetes-1.35`, `runner`, or a directory below go/."""
    if name.startswith("kubernetes"):
        minor = name.partition("-")[2] or DEFAULT_KUBERNETES
        if minor not in KUBERNETES:
            raise SandboxError(f"Kubernetes {minor} is not among those that the sandbox can build.", f"There are: {', '.join(KUBERNETES)}.")
        return Program(name, SANDBOX / "go" / "kubernetes", ldflags=_kubernetes_flags(minor), kubernetes=minor)
    source = SANDBOX / "runner" if name == "runner" else SANDBOX / "go" / name
    if not (source / "go.mod").is_file():
        raise SandboxError(f"There is no Go module in {source}.", f"Known programs: {', '.join(names())}.")
    build = source / "build.json"
    wanted: dict[str, Any] = json.loads(build.read_text()) if build.is_file() else {}
    return Program(name, source, str(wanted.get("package", ".")), str(wanted.get("ldflags", "")), tuple(wanted.get("flags", ())))


def names() -> list[str]:
    """All programs that a host or an image can be made from, the one that takes longest first."""
    found = sorted(path.parent.name for path in (SANDBOX / "go").glob("*/go.mod"))
    return sorted([*found, "runner"], key=lambda name: name != "kubernetes")


def ensure(name: str, progress: Progress, binaries: Path | None = None) -> Path:
    """The file of a program: from the given directory of binaries, from the cache, or built now."""
    given = _given(name, binaries)
    if given:
        return given
    wanted = program(name)
    if artifacts.exists(wanted.kind, wanted.key):
        return artifacts.ensure(wanted.kind, wanted.key, lambda _: None) / wanted.name
    with progress.step(f"build {name}{' (several minutes on two cores)' if wanted.kubernetes else ''}", long=True):
        return artifacts.ensure(wanted.kind, wanted.key, lambda work: _build(wanted, work)) / wanted.name


def identity(name: str, binaries: Path | None = None) -> str:
    """What stands for a program's content in the key of something made from it."""
    given = _given(name, binaries)
    return file_digest(given) if given else program(name).key


def _given(name: str, binaries: Path | None) -> Path | None:
    if binaries is None:
        return None
    candidates = [binaries / name, *([binaries / "kube-all"] if name == "kubernetes" else [])]
    return next((path.resolve() for path in candidates if path.is_file()), None)


def _build(wanted: Program, work: Path) -> None:
    source = wanted.source
    log = artifacts_home() / "logs" / f"{wanted.name}.log"
    go = toolchain.go()
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    if wanted.kubernetes and wanted.kubernetes != DEFAULT_KUBERNETES:
        source = work / "source"
        _other_kubernetes(wanted, source)
        run_logged([go, "mod", "tidy"], log, cwd=source, env=environment)
    run_logged(
        [go, "build", "-trimpath", "-buildvcs=false", *wanted.flags, "-ldflags", f"-s -w {wanted.ldflags}".strip(), "-o", work / wanted.name, wanted.package],
        log,
        cwd=source,
        env=environment,
        timeout=3600,
        hint=f"All of its output: {log}. Modules come through GOPROXY; `go env GOPROXY` shows from where.",
    )
    shutil.rmtree(work / "source", ignore_errors=True)


def _kubernetes_flags(minor: str) -> str:
    package = "k8s.io/component-base/version"
    major, _dot, rest = minor.partition(".")
    return f"-X {package}.gitVersion={KUBERNETES[minor][0]} -X {package}.gitMajor={major} -X {package}.gitMinor={rest}"


def _other_kubernetes(wanted: Program, source: Path) -> None:
    """The Kubernetes module for another minor: other versions of what it names itself, the rest as those ask for."""
    shutil.copytree(wanted.source, source)
    (source / "go.sum").unlink(missing_ok=True)
    text = (source / "go.mod").read_text()
    for old, new in zip(KUBERNETES[DEFAULT_KUBERNETES], KUBERNETES[wanted.kubernetes], strict=True):
        text = text.replace(old, new)
    lines = [line for line in text.splitlines() if not line.rstrip().endswith("// indirect")]
    (source / "go.mod").write_text(re.sub(r"require \(\s*\)\n", "", "\n".join(lines)) + "\n")
