# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How C(microk8s enable|disable WORDS) is understood; text only, every odd rule of the real one kept."""

from __future__ import annotations

import dataclasses
import typing as t

CHAINED = (
    "WARNING: Do not enable or disable multiple addons in one command.\n"
    "         This form of chained operations on addons will be DEPRECATED in the future.\n"
    "         Please, {action} one addon at a time: 'microk8s {action} <addon>'"
)

MIXED = (
    "Can't pass string arguments and flag arguments simultaneously!\n"
    "Please enable or disable addons with only one argument style at a time:\n"
    "\n"
    "    microk8s enable foo:'bar'\n"
    "or\n"
    "    microk8s enable foo --bar\n"
)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One add-on of a call, with the words for its script."""

    repository: str
    name: str
    arguments: tuple[str, ...] = ()


class WordsError(Exception):
    """A call that the real one refuses with exit status 1."""

    def __init__(self, text: str, stdout: bool = False) -> None:
        self.stdout = stdout
        super().__init__(text)


def parse(words: t.Sequence[str], known: t.Sequence[tuple[str, str]], say: t.Callable[[str], None]) -> list[Wanted]:
    """Read the words of a call on a track with repositories; C(say) gets what the real one says on stderr."""
    names = {name for _repository, name in known}
    first_parts = {word.split(":")[0] for word in words}
    if first_parts < names:
        return [_single(word, known, say) for word in words]
    wanted = _single(words[0], known, say)
    if wanted.arguments and words[1:]:
        raise WordsError(MIXED, stdout=True)
    return [dataclasses.replace(wanted, arguments=wanted.arguments or tuple(words[1:]))]


def parse_without_repositories(words: t.Sequence[str]) -> list[Wanted]:
    """Read the words of a call on 1.23 and older: each is C(name:argument)."""
    wanted = []
    for word in words:
        name, _colon, argument = word.partition(":")
        wanted.append(Wanted("core", name, (argument,) if argument else ()))
    return wanted


def _single(word: str, known: t.Sequence[tuple[str, str]], say: t.Callable[[str], None]) -> Wanted:
    full_name, *arguments = word.split(":")
    parts = full_name.split("/")
    if len(parts) == 2:
        return Wanted(parts[0], parts[1], tuple(arguments))
    if len(parts) > 2:
        raise WordsError(f"Invalid addon name {full_name}", stdout=True)
    repositories = [repository for repository, name in known if name == full_name]
    if not repositories:
        raise WordsError(f"Addon {full_name} was not found in any repository")
    if len(repositories) > 1:
        choices = "\n".join(f"    {repository}/{full_name}" for repository in repositories)
        raise WordsError(f"Addon {full_name} exists in more than repository. Please explicitly specify\nthe repository using any of:\n\n{choices}\n")
    say(f"Infer repository {repositories[0]} for addon {full_name}")
    return Wanted(repositories[0], full_name, tuple(arguments))
