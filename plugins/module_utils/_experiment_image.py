# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of an experiment: a base image, its requirements, its sources; a tag with the time only when one of them has changed."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import shlex
import shutil
import tempfile
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _build_context, _image_name, _registry_image
from ansible_collections.studioml.fleet.plugins.module_utils._docker import Docker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._hosts_toml import check_host
from ansible_collections.studioml.fleet.plugins.module_utils._registry import Registry

CONTENT_LABEL, TAG_LABEL = "studioml.fleet.experiment-digest", "studioml.fleet.experiment-tag"
LATEST = "latest"
STAMP = "%Y%m%d_%H%M%S"
SOURCES, REQUIREMENTS = "/experiment", "/tmp/experiment-requirements.txt"  # noqa: S108  a path in the image
# Over HTTP the user alone may be a token; elsewhere it is a name, as in git+ssh://git@host.
_URL_PASSWORD = re.compile(r"https?://[^/@\s]+@|[a-z][-+.a-z0-9]*://[^/@\s]*:[^/@\s]+@", re.IGNORECASE)


class Wanted(t.NamedTuple):
    """What goes into the image."""

    context: str
    base_image: str
    command: t.Tuple[str, ...]
    requirements: str
    pip: t.Tuple[str, ...]
    storage_dir: str
    exclude: t.Tuple[str, ...]
    build_timeout: float
    push_timeout: float


class Place(t.NamedTuple):
    """Where it is pushed to: mrunner's HOST/PROJECT/NAME."""

    host: str
    scheme: str
    repository: str


def place(registry_url: str, project: str, name: str, google_project_id: str = "") -> Place:
    """The repository of an experiment; at Google the id of the project there takes the project's place."""
    scheme, sign, rest = registry_url.strip().rstrip("/").rpartition("://")
    if sign and scheme not in ("http", "https"):
        raise FleetError(f"registry_url: {registry_url!r} has the scheme {scheme!r}.", "Use https://HOST[:PORT], or http:// for one over plain HTTP.")
    host, _slash, path = rest.partition("/")
    google = host == "gcr.io" or host.endswith(".gcr.io")
    if google and not google_project_id:
        raise FleetError(f"google_project_id is empty, and images of {host} begin with it.", "Give the id of the Google project.")
    parts = [path, google_project_id if google else re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-"), re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")]
    # the id of an old Google project may have a domain before it
    repository = _image_name.check_repository("/".join(part.replace(":", "/") for part in parts if part))
    return Place(check_host(host), scheme or "https", repository)


def dockerfile(wanted: Wanted, base: str) -> str:
    """The Dockerfile: what changes seldom comes first, so that docker keeps its layers."""
    lines = [f"FROM {base}"]
    if wanted.requirements:
        install = " ".join(shlex.quote(word) for word in (*wanted.pip, "--requirement", REQUIREMENTS))
        lines += [f"COPY {json.dumps([wanted.requirements, REQUIREMENTS])}", f"RUN {install}"]
    lines += [f"WORKDIR {SOURCES}", f'COPY [".", "{SOURCES}"]']
    if wanted.storage_dir:
        lines += [f"ENV STORAGE_DIR={wanted.storage_dir}", f"VOLUME {json.dumps([wanted.storage_dir])}"]
    if wanted.command:
        lines.append(f"ENTRYPOINT {json.dumps(list(wanted.command))}")
    return "\n".join(lines) + "\n"


def checked(wanted: Wanted) -> Wanted:
    """Refuse what would not build, or would leak, before anything is made."""
    if not wanted.base_image or re.search(r"\s", wanted.base_image):
        raise FleetError(f"base_image: {wanted.base_image!r} is not an image reference.", "Give host[:port]/repository:tag.")
    if os.path.isabs(wanted.requirements) or ".." in wanted.requirements.split("/"):
        raise FleetError(f"requirements: {wanted.requirements!r} is no path within the context.", "Name the file relative to the context.")
    if wanted.storage_dir and not re.fullmatch(r"(/[-._a-zA-Z0-9]+)+", wanted.storage_dir):
        raise FleetError(f"storage_dir: {wanted.storage_dir!r} is no plain absolute path.", "Use a path such as /storage.")
    for word in (*wanted.pip, *wanted.command):
        if "\n" in word:
            raise FleetError("A word of pip or command has a line break in it.", "Put it into a script of the sources.")
        if _URL_PASSWORD.search(word):
            raise FleetError("pip or command has a URL with a password or token in it, which would stay in the image's history.", "Use a host that needs none.")
    return wanted


def converge(docker: Docker, wanted: Wanted, where: Place, target: _registry_image.Target, *, check: bool, now: datetime.datetime) -> t.Dict[str, t.Any]:
    """Build and push when the image differs from the one behind C(latest); else say which one that is."""
    name = f"{where.host}/{where.repository}"
    stamp = now.strftime(STAMP)
    if check and not os.path.isdir(wanted.context):
        return _result(True, name, stamp, "", "", [f"{wanted.context} does not exist on this host yet: the image is taken for one that has changed."])
    with _prepared(wanted, _base(wanted.base_image, where, target.registry), check) as (context, path):
        content = _build_context.digest(context, path, {}, {})
        warnings: t.List[str] = []
        former = _labels(target.registry, where.repository, check, warnings)
        tag = former.get(TAG_LABEL, "")
        if tag and former.get(CONTENT_LABEL) == content and target.registry.digest(where.repository, tag):
            return _result(False, name, tag, content, content, warnings)
        if not check:
            for one in (stamp, LATEST):
                _push(docker, wanted, where, target, (context, path, one), {TAG_LABEL: stamp, CONTENT_LABEL: content})
        return _result(True, name, stamp, former.get(CONTENT_LABEL, ""), content, warnings)


def _push(
    docker: Docker, wanted: Wanted, where: Place, target: _registry_image.Target, made: t.Tuple[str, str, str], labels: t.Dict[str, str]
) -> None:
    """Under a second tag the image is found by its label and not built again."""
    context, path, tag = made
    image = _registry_image.Wanted(
        context=context,
        dockerfile=path,
        build_args={},
        labels=labels,
        stage="",
        repository=where.repository,
        tag=tag,
        force=False,
        build_timeout=wanted.build_timeout,
        push_timeout=wanted.push_timeout,
    )
    _registry_image.converge(docker, image, [target], check=False)


@contextlib.contextmanager
def _prepared(wanted: Wanted, base: str, check: bool) -> t.Iterator[t.Tuple[str, str]]:
    """The sources without what is left out, and the Dockerfile beside them; in check mode not where docker would look."""
    if not os.path.isdir(wanted.context):
        raise FleetError(f"The sources {wanted.context} are no folder on this host.", "Bring them there first (studioml.fleet.build_context).")
    parent = None if check else os.path.dirname(os.path.abspath(wanted.context))
    folder = tempfile.mkdtemp(prefix="experiment-", dir=parent)
    try:
        context, path = os.path.join(folder, "context"), os.path.join(folder, "Dockerfile")
        try:
            shutil.copytree(wanted.context, context, symlinks=True, ignore=shutil.ignore_patterns(*wanted.exclude), copy_function=_linked)
        except (OSError, shutil.Error) as error:
            raise FleetError(f"The sources {wanted.context} cannot be read: {error}.", "Check their permissions, and that there is room.") from None
        if wanted.requirements and not os.path.isfile(os.path.join(context, wanted.requirements)):
            raise FleetError(f"requirements: the sources have no file {wanted.requirements}.", "Name it relative to the sources, or leave it empty.")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(dockerfile(wanted, base))
        yield context, path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _linked(source: str, target: str) -> None:
    """A second name is as good as a copy, where the file system has them."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _base(base_image: str, where: Place, registry: Registry) -> str:
    """The base image by its digest, where our own registry tells it: a base that has moved is a change then, and docker cannot take an old one."""
    if "@" in base_image or not base_image.startswith(f"{where.host}/"):
        return base_image
    name = _image_name.parse(base_image)
    try:
        digest = registry.digest(name.repository, name.tag)
    except FleetError as error:
        if not error.details.get("unreachable"):
            raise
        return base_image  # what it says of our own image comes next, and fails or warns
    if not digest:
        raise FleetError(f"base_image: the registry {where.host} has no {name.repository}:{name.tag}.", "Push it first, or correct base_image.")
    return f"{where.host}/{name.repository}@{digest}"


def _labels(registry: Registry, repository: str, check: bool, warnings: t.List[str]) -> t.Dict[str, str]:
    try:
        return registry.labels(repository, LATEST)
    except FleetError as error:
        if not (check and error.details.get("unreachable")):
            raise
        warnings.append(f"{error.text()} It is taken for one that lacks the image.")
        return {}


def _result(changed: bool, name: str, tag: str, before: str, after: str, warnings: t.List[str]) -> t.Dict[str, t.Any]:
    lines = [f"{name} {digest}\n" if digest else "" for digest in (before, after or "(not known yet)")]
    return {
        "changed": changed,
        "image": f"{name}:{tag}",
        "tag": tag,
        "content_digest": after,
        "diff": {"before": lines[0] if before != after or not changed else "", "after": lines[1]},
        "warnings": warnings,
    }
