# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's own settings: which track it plays, and which failures it plays on request."""

from __future__ import annotations

import dataclasses
import pathlib
import re

OPTIONS_FILE = pathlib.Path("/etc/microk8s-stand-in.yaml")

# an add-on is meant by either of its names
ALIASES = {"gpu": "nvidia", "storage": "hostpath-storage"}

_LINE = re.compile(r"^(?P<key>[a-z_]+):\s*(?P<value>.*)$")


class OptionsError(Exception):
    """The file of settings says something that the stand-in does not know."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What /etc/microk8s-stand-in.yaml says; see the README beside the snap for what each means."""

    track: str = ""
    never_ready: bool = False
    fail_inside: tuple[str, ...] = ()
    never_comes_up: tuple[str, ...] = ()
    stuck_enabled: tuple[str, ...] = ()
    no_default_addons: bool = False


def parse(text: str) -> Options:
    """Read the flat C(key: value) lines; lists are written C([a, b]) or C(a, b)."""
    values: dict[str, object] = {}
    kinds = {field.name: field.default for field in dataclasses.fields(Options)}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#", 1)[0].strip()
        if not content or content == "---":
            continue
        match = _LINE.match(content)
        if not match or match["key"] not in kinds:
            raise OptionsError(f"line {number}: '{content}' is none of {', '.join(kinds)}")
        values[match["key"]] = _value(match["value"], kinds[match["key"]], number)
    return Options(**values)  # type: ignore[arg-type]


def read(path: pathlib.Path = OPTIONS_FILE) -> Options:
    """The settings of this host; none of them is set where there is no file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Options()
    except OptionsError as error:
        raise OptionsError(f"stand-in: {path}: {error}") from error


def _value(text: str, default: object, number: int) -> object:
    if isinstance(default, tuple):
        words = (word.strip(" \"'") for word in text.strip("[] ").split(","))
        return tuple(ALIASES.get(word, word) for word in words if word)
    plain = text.strip(" \"'")
    if isinstance(default, bool):
        if plain.lower() not in ("true", "false", "yes", "no"):
            raise OptionsError(f"line {number}: '{plain}' is not true or false")
        return plain.lower() in ("true", "yes")
    return plain
