# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of images: HOST/REPOSITORY:TAG and HOST/REPOSITORY@DIGEST. No I/O."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Name(t.NamedTuple):
    """An image's name in its parts; C(digest) is empty unless the name has one."""

    host: str
    repository: str
    tag: str
    digest: str

    def reference(self) -> str:
        """What the registry API calls this image within its repository."""
        return self.digest or self.tag

    def text(self) -> str:
        """The whole name."""
        return f"{self.host}/{self.repository}@{self.digest}" if self.digest else f"{self.host}/{self.repository}:{self.tag}"


def parse(text: str) -> Name:
    """Take a name apart.

    :raises FleetError: when it is none, or says no registry (every runtime would fill in another one).
    """
    host, slash, rest = text.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost" or host.startswith("[")):
        raise FleetError(f"The image {text!r} does not name its registry.", "Write HOST:PORT/REPOSITORY:TAG; images of Docker Hub begin with docker.io/.")
    rest, _at, digest = rest.partition("@")
    repository, _colon, tag = rest.partition(":")
    check_repository(repository)
    if digest and not DIGEST.fullmatch(digest):
        raise FleetError(f"The image {text!r} has a digest that is none.", "A digest is sha256: and 64 hexadecimal digits.")
    return Name(host, repository, check_tag(tag) if tag else ("" if digest else "latest"), digest)


def check_repository(repository: str) -> str:
    """A repository's name as registries take it."""
    if not REPOSITORY.fullmatch(repository):
        raise FleetError(f"{repository!r} is no repository's name.", "Use lower-case letters, digits, and . _ - / between them.")
    return repository


def check_tag(tag: str) -> str:
    """A tag as registries take it."""
    if not TAG.fullmatch(tag):
        raise FleetError(f"{tag!r} is no tag.", "Use up to 128 letters, digits, and . _ - (not first).")
    return tag
