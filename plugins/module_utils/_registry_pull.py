# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof that a host's runtimes trust a registry: a true pull through each, the same image by both, and everything as it was afterwards."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._cri import Cri, explain
from ansible_collections.studioml.fleet.plugins.module_utils._docker import Docker
from ansible_collections.studioml.fleet.plugins.module_utils._docker_login import client_environment
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._grpc import GrpcError
from ansible_collections.studioml.fleet.plugins.module_utils._image_name import Name

# What runtimes say of an image that a registry does not have: the registry itself was reached, over the right protocol.
NOT_THERE = ("not found", "manifest unknown", "name unknown", "does not exist")

HINTS = (
    (
        "server gave http response to https client",
        "The registry speaks plain HTTP and this runtime does not know it: trust it first (registry_trust_entry, scheme http).",
    ),
    (
        "first record does not look like a tls handshake",
        "The registry speaks plain HTTP and this runtime does not know it: trust it first (registry_trust_entry, scheme http).",
    ),
    ("certificate signed by unknown authority", "Trust the registry with the certificate of its authority first (registry_trust_entry, ca)."),
    ("connection refused", "Nothing listens there: is the registry running, and is the port right?"),
    ("no such host", "This host cannot resolve the registry's name."),
    ("no basic auth credentials", "The registry wants a user: give username and password."),
    ("unauthorized", "The registry wants another user or password."),
    ("denied", "The registry wants another user or password, or this user may not pull."),
    ("not found", "The registry does not have this image: check the repository and the tag, or push it first."),
    ("manifest unknown", "The registry does not have this image: check the repository and the tag, or push it first."),
)


class Pulled(t.NamedTuple):
    """A pull that went well: C(digest) is the manifest's."""

    digest: str
    new: bool
    removed: bool


class PullError(Exception):
    """A pull that the runtime refused, in its own words."""


def through_containerd(cri: Cri, image: Name, *, username: str = "", password: str = "", timeout: float = 300, cleanup: bool = True) -> Pulled:
    """Pull through CRI, as the kubelet does."""
    name = image.text()
    try:
        before = cri.image(name)
        cri.pull(name, username=username, password=password, timeout=timeout)
        after = cri.image(name)
        if after is None:
            raise PullError(f"the runtime reports success and does not have {name}")
        removed = False
        if cleanup and before is None and _only_name(after.tags, after.digests, image):
            cri.remove(name)
            removed = True
    except GrpcError as error:
        raise PullError(explain(error)) from None
    return Pulled(_digest(after.digests, image), before is None, removed)


def through_docker(docker: Docker, image: Name, *, username: str = "", password: str = "", timeout: float = 300, cleanup: bool = True) -> Pulled:
    """Pull through the docker client."""
    name = image.text()
    before = _docker_digests(docker, name)
    with client_environment({image.host: (username, password)} if username else {}) as environment:
        done = docker.run("pull", "--quiet", name, timeout=timeout, environment=environment)
    if done.rc != 0:
        raise PullError(done.words())
    digest = _digest(_docker_digests(docker, name) or [], image)
    removed = cleanup and before is None and docker.run("image", "rm", name).rc == 0
    return Pulled(digest, before is None, removed)


def _docker_digests(docker: Docker, name: str) -> t.Optional[t.List[str]]:
    done = docker.run("image", "inspect", "--format", "{{json .RepoDigests}}", name)
    return json.loads(done.out) if done.rc == 0 else None


def _only_name(tags: t.Sequence[str], digests: t.Sequence[str], image: Name) -> bool:
    """Whether an image has no other name: CRI removes an image with all of its names, those of others too."""
    repository = f"{image.host}/{image.repository}"
    return all(tag == image.text() for tag in tags) and all(digest.split("@")[0] == repository for digest in digests)


def _digest(digests: t.Sequence[str], image: Name) -> str:
    for entry in digests:
        repository, _at, digest = entry.partition("@")
        if repository == f"{image.host}/{image.repository}":
            return digest
    return ""


def expect_absent(pull: t.Callable[[], Pulled]) -> None:
    """Hold a pull against the expectation that the registry answers and does not have the image.

    :raises PullError: when the registry was not reached as it should be.
    """
    try:
        pull()
    except PullError as error:
        if any(words in str(error).lower() for words in NOT_THERE):
            return
        raise
    raise PullError("the registry has the image, and was expected not to")


def failure(runtime: str, image: Name, error: PullError) -> FleetError:
    """What a user reads: the runtime's own words, and what to do."""
    words = str(error)
    hint = next((advice for text, advice in HINTS if text in words.lower()), "See the runtime's log on the host.")
    return FleetError(f"{runtime} cannot pull {image.text()}: {words.rstrip('.')}.", hint, runtime=runtime)
