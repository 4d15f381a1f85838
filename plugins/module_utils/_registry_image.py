# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image that some registries shall have: built once, when one of them lacks it, tagged and pushed to those that do."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _build_context, _dockerfile, _image_name
from ansible_collections.studioml.fleet.plugins.module_utils._docker import Docker
from ansible_collections.studioml.fleet.plugins.module_utils._docker_login import client_environment
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import read_text
from ansible_collections.studioml.fleet.plugins.module_utils._registry import Registry

CONTEXT_LABEL = "studioml.fleet.context-digest"
REPOSITORY_LABEL, VERSION_LABEL = "registry.repo", "registry.version"


class Target(t.NamedTuple):
    """A registry that shall have the image."""

    registry: Registry
    username: str = ""
    password: str = ""

    def credentials(self) -> t.Dict[str, t.Tuple[str, str]]:
        """What the docker client needs to know."""
        return {self.registry.host: (self.username, self.password)} if self.username else {}


class Wanted(t.NamedTuple):
    """What is to be built, and how it is called where the labels do not say."""

    context: str
    dockerfile: str
    build_args: t.Dict[str, str]
    labels: t.Dict[str, str]
    stage: str
    repository: str
    tag: str
    force: bool
    build_timeout: float
    push_timeout: float


def converge(docker: Docker, wanted: Wanted, targets: t.Sequence[Target], *, check: bool) -> t.Dict[str, t.Any]:
    """Bring the image to every registry that lacks it.

    :raises FleetError: when a registry cannot be asked, or the build or a push fails.
    """
    if check and not (os.path.isdir(wanted.context) and os.path.isfile(wanted.dockerfile)):
        return _unknown(wanted, targets, f"{wanted.context} or its Dockerfile does not exist on this host yet: what would be built is not known.")
    text = _dockerfile_text(wanted)
    digest = _build_context.digest(wanted.context, wanted.dockerfile, wanted.build_args, wanted.labels, wanted.stage)
    builder = _Builder(docker, wanted, digest)
    try:
        return _converge(builder, _dockerfile.labels(text, wanted.build_args, wanted.stage), targets, check)
    finally:
        builder.drop_working_tag()


def _converge(builder: _Builder, labels: t.Dict[str, str], targets: t.Sequence[Target], check: bool) -> t.Dict[str, t.Any]:
    wanted = builder.wanted
    labels.update(wanted.labels)
    repository, tag = wanted.repository or labels.get(REPOSITORY_LABEL, ""), wanted.tag or labels.get(VERSION_LABEL, "")
    if not (repository and tag):
        if check and not builder.built_before():
            return _unknown(wanted, targets, f"The Dockerfile does not tell {REPOSITORY_LABEL} and {VERSION_LABEL} before it is built.", builder.digest)
        repository, tag = _names(wanted, builder.labels())
    _image_name.check_repository(repository)
    _image_name.check_tag(tag)
    warnings: t.List[str] = []
    lacking = [target for target in targets if wanted.force or not _has(target.registry, repository, tag, builder.digest, check, warnings)]
    if lacking and not check:
        if len(lacking) < len(targets):
            source = next(target for target in targets if target not in lacking)
            builder.take_from(source, f"{source.registry.host}/{repository}:{tag}")
        _agree(builder.labels(), wanted, repository, tag)
        for target in lacking:
            _push(builder, target, f"{target.registry.host}/{repository}:{tag}")
    return {
        "changed": bool(lacking),
        "context_digest": builder.digest,
        "repository": repository,
        "tag": tag,
        "images": [
            {
                "reference": f"{target.registry.host}/{repository}:{tag}",
                "digest": "" if check and target in lacking else target.registry.digest(repository, tag),
                "existed": target not in lacking,
            }
            for target in targets
        ],
        "diff": _diff(repository, tag, builder.digest, targets, lacking),
        "warnings": warnings,
    }


def _diff(repository: str, tag: str, digest: str, targets: t.Sequence[Target], lacking: t.Sequence[Target]) -> t.Dict[str, str]:
    lines = {target.registry.host: f"{target.registry.host}/{repository}:{tag} {digest}\n" for target in targets}
    before = "".join(lines[target.registry.host] for target in targets if target not in lacking)
    return {"before": before, "after": "".join(lines.values())}


def _unknown(wanted: Wanted, targets: t.Sequence[Target], why: str, digest: str = "") -> t.Dict[str, t.Any]:
    """What check mode can say when the name or the content is not known yet."""
    name = f"{wanted.repository or '(its label ' + REPOSITORY_LABEL + ')'}:{wanted.tag or '(its label ' + VERSION_LABEL + ')'}"
    images = [{"reference": f"{target.registry.host}/{name}", "digest": "", "existed": False} for target in targets]
    diff = {"before": "", "after": "".join(f"{image['reference']}\n" for image in images)}
    return {"changed": True, "context_digest": digest, "repository": wanted.repository, "tag": wanted.tag, "images": images, "warnings": [why], "diff": diff}


def _dockerfile_text(wanted: Wanted) -> str:
    if not os.path.isdir(wanted.context):
        raise FleetError(f"The build context {wanted.context} is no folder on this host.", "Copy it there first, or correct context.")
    text = read_text(wanted.dockerfile)
    if text is None:
        raise FleetError(f"The Dockerfile {wanted.dockerfile} does not exist on this host.", "Copy it there first, or correct dockerfile.")
    return text


def _has(registry: Registry, repository: str, tag: str, digest: str, check: bool, warnings: t.List[str]) -> bool:
    try:
        return registry.labels(repository, tag).get(CONTEXT_LABEL) == digest
    except FleetError as error:
        if not (check and error.details.get("unreachable")):
            raise
        warnings.append(f"{error.text()} It is taken for one that lacks the image.")  # a registry that the same play is about to start
        return False


def _names(wanted: Wanted, labels: t.Mapping[str, str]) -> t.Tuple[str, str]:
    repository, tag = wanted.repository or labels.get(REPOSITORY_LABEL, ""), wanted.tag or labels.get(VERSION_LABEL, "")
    missing = [name for name, value in ((REPOSITORY_LABEL, repository), (VERSION_LABEL, tag)) if not value]
    if missing:
        raise FleetError(f"The image has no label {' and no label '.join(missing)}.", "Add a LABEL to the Dockerfile, or give repository and tag.")
    return repository, tag


def _agree(labels: t.Mapping[str, str], wanted: Wanted, repository: str, tag: str) -> None:
    """Hold the name that was worked out before the build against the image's own labels."""
    names = _names(wanted, {REPOSITORY_LABEL: repository, VERSION_LABEL: tag, **labels})
    if names != (repository, tag):
        raise FleetError(
            f"The built image calls itself {names[0]}:{names[1]}, its Dockerfile reads as {repository}:{tag}.",
            "Give repository and tag, so that no label decides.",
        )


def _push(builder: _Builder, target: Target, name: str) -> None:
    docker = builder.docker
    tagged = docker.run("image", "tag", builder.image(), name)
    if tagged.rc != 0:
        raise FleetError(f"The image cannot be tagged as {name}: {tagged.words()}.")
    with client_environment(target.credentials()) as environment:
        done = docker.run("push", name, timeout=builder.wanted.push_timeout, environment=environment)
    if done.rc != 0:
        words = done.err.strip() or done.out.strip().split("\n")[-1]
        raise FleetError(f"docker push {name} failed: {words}.", _push_advice(words, target.registry.host))


def _push_advice(words: str, host: str) -> str:
    low = words.lower()
    if "http response to https client" in low or "tls handshake" in low:
        return f"The registry speaks plain HTTP and Docker does not know it: trust {host} on this host first (registry_trust_entry, scheme http)."
    if "unknown authority" in low:
        return f"Trust {host} on this host with the certificate of its authority first (registry_trust_entry, ca)."
    if "denied" in low or "unauthorized" in low or "no basic auth" in low:
        return f"Give a username and a password that may write on {host}."
    return f"Is the registry {host} running, and does it have room?"


class _Builder:
    """The image of one content: found where docker still has it, else built once under a working tag."""

    def __init__(self, docker: Docker, wanted: Wanted, digest: str) -> None:
        self.docker, self.wanted, self.digest = docker, wanted, digest
        self.working_tag = f"studioml-fleet/{digest.split(':')[1][:16]}:working"
        self._image = ""

    def image(self) -> str:
        """What docker calls the image, which is built when it is not there."""
        self._image = self._image or self.built_before() or self._build()
        return self._image

    def take_from(self, target: Target, name: str) -> None:
        """Use what one of the registries has already: built anew, the same content would have another digest there than here."""
        with client_environment(target.credentials()) as environment:
            if self.docker.run("pull", "--quiet", name, timeout=self.wanted.push_timeout, environment=environment).rc == 0:
                self._image = name

    def labels(self) -> t.Dict[str, str]:
        """The image's own labels."""
        done = self.docker.run("image", "inspect", "--format", "{{json .Config.Labels}}", self.image())
        if done.rc != 0:
            raise FleetError(f"The image that was just built cannot be looked at: {done.words()}.", "Does something else remove images on this host?")
        return json.loads(done.out) or {}

    def built_before(self) -> str:
        """The image that an earlier run made of the same content."""
        if self.docker.flavour == "absent" or self.wanted.force:
            return ""
        done = self.docker.run("image", "ls", "--quiet", "--no-trunc", "--filter", f"label={CONTEXT_LABEL}={self.digest}")
        return done.out.split()[0] if done.rc == 0 and done.out.split() else ""

    def drop_working_tag(self) -> None:
        """Take the working tag away again; the names that were pushed keep the image."""
        if self._image:
            self.docker.run("image", "rm", "--no-prune", self.working_tag)

    def _build(self) -> str:
        """Build arguments go through the environment, so that none shows in a list of processes."""
        wanted = self.wanted
        arguments = ["build", "--file", wanted.dockerfile, "--tag", self.working_tag]
        for name in sorted(wanted.build_args):
            arguments += ["--build-arg", name]
        for name, value in sorted({**wanted.labels, CONTEXT_LABEL: self.digest}.items()):
            arguments += ["--label", f"{name}={value}"]
        if wanted.stage:
            arguments += ["--target", wanted.stage]
        done = self.docker.run(*arguments, wanted.context, timeout=wanted.build_timeout, environment=wanted.build_args)
        if done.rc != 0:
            last = " | ".join(line.strip() for line in (done.out + "\n" + done.err).splitlines() if line.strip())[-600:]
            raise FleetError(f"docker build of {wanted.dockerfile} failed: {last}.", "Correct the Dockerfile or its context; nothing was pushed.")
        return self.working_tag
