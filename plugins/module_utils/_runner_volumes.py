# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a runner's pod mounts: the secrets at the places where the runner looks for them, its cache, and other folders. Pure functions, no I/O."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_name
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import amount, is_quantity, quantity

Options = t.Dict[str, t.Any]

CERTS = "/runner/certs"
# mount: (folder, Secret, whether it may be missing)
SECRETS: dict[str, tuple[str, str, bool]] = {
    "encryption": (f"{CERTS}/message/encryption", "studioml-runner-key-secret", False),
    "passphrase": (f"{CERTS}/message/passphrase", "studioml-runner-passphrase-secret", False),
    "signing": (f"{CERTS}/queues/signing", "studioml-signing", False),
    "response-encrypt": (f"{CERTS}/queues/response-encrypt", "studioml-report-keys", False),
    "aws-sqs": (f"{CERTS}/aws-sqs", "studioml-runner-aws-sqs", True),
}
# Where a runner wants these files and no others: a Secret may also hold a former pair, and SQS takes a folder with exactly two files.
FILES = {"encryption": ("ssh-privatekey", "ssh-publickey"), "passphrase": ("ssh-passphrase",), "aws-sqs": ("credentials", "config")}
# Read once, when a runner starts; what is in the others it looks at again every few seconds.
READ_ONCE = ("encryption", "passphrase")
GIB = 1024**3


@dataclass
class Mount:
    """One folder of the pod and what is in it."""

    name: str
    path: str
    source: dict[str, t.Any]
    read_only: bool = False
    sub_path: str = ""

    def volume(self) -> dict[str, t.Any]:
        return {"name": self.name, **self.source}

    def mount(self) -> dict[str, t.Any]:
        made: dict[str, t.Any] = {"name": self.name, "mountPath": self.path}
        if self.read_only:
            made["readOnly"] = True
        if self.sub_path:
            made["subPath"] = self.sub_path
        return made


@dataclass
class Secret:
    """One Secret that is mounted."""

    kind: str
    name: str
    optional: bool


@dataclass
class Volumes:
    """All mounts of a pod; C(claim) is the claim that is made for the cache, C(claims) are all that it uses, C(env) goes with the cache."""

    mounts: list[Mount] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    claim: dict[str, t.Any] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)
    cache_claim: str = ""

    @property
    def kinds(self) -> list[str]:
        return [secret.kind for secret in self.secrets]

    def of_pod(self) -> list[dict[str, t.Any]]:
        return [mount.volume() for mount in self.mounts]

    def of_container(self) -> list[dict[str, t.Any]]:
        return [mount.mount() for mount in self.mounts]


def of(options: Options) -> Volumes:
    """The mounts that the options (a profile's under them) ask for, checked."""
    volumes = Volumes()
    for given in options["mounts"]:
        volumes.mounts.append(_folder(given, len(volumes.mounts), volumes))
    for given in options["secret_mounts"]:
        _secret(given, volumes)
    if options.get("cache"):
        _cache(options["cache"], volumes)
    paths = [mount.path for mount in volumes.mounts]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise FleetError(f"mounts: {', '.join(twice)} is mounted twice.", "Give each folder once; the cache and the secrets have folders of their own.")
    return volumes


def _folder(given: Options, number: int, volumes: Volumes) -> Mount:
    place = _path(given["path"], f"mounts: {given['path']!r}")
    where, kinds = f"mounts: {place}", [kind for kind in ("empty_dir", "host_path", "claim") if given.get(kind) is not None]
    if len(kinds) > 1 or (given.get("memory") and kinds not in ([], ["empty_dir"])):
        raise FleetError(f"{where}: {' and '.join(kinds)} exclude each other.", "Give one of empty_dir, host_path and claim; memory goes with empty_dir alone.")
    if kinds == ["host_path"]:
        source: Options = {"hostPath": {"path": _path(given["host_path"], f"{where}: host_path: {given['host_path']!r}")}}
    elif kinds == ["claim"]:
        name = checked_name(given["claim"], f"{where}: claim")
        volumes.claims.append(name)
        source = {"persistentVolumeClaim": {"claimName": name}}
    else:
        size, empty = given.get("empty_dir"), {}
        if size:
            empty["sizeLimit"] = _size(size, f"{where}: empty_dir")
        if given.get("memory"):
            empty["medium"] = "Memory"
        source = {"emptyDir": empty}
    return Mount(f"folder-{number}", place, source, bool(given.get("read_only")), given.get("sub_path") or "")


def _secret(given: Options, volumes: Volumes) -> None:
    kind = given["mount"]
    folder, usual, may_be_missing = SECRETS[kind]
    account = given.get("account") or ("default" if kind == "aws-sqs" else "")
    if account and kind != "aws-sqs":
        raise FleetError(f"secret_mounts: {kind}: account is for aws-sqs alone.", "Leave it out.")
    if account and ("/" in account or account in (".", "..")):
        raise FleetError(f"secret_mounts: {kind}: account {account!r} is not the name of a folder.", "Use a plain name.")
    name = usual if given.get("secret") is None else given["secret"]
    if not name:  # a profile's mount that is not wanted
        return
    optional = may_be_missing if given.get("optional") is None else bool(given["optional"])
    secret = Secret(kind, checked_name(name, f"secret_mounts: {kind}: secret"), optional)
    volumes.secrets.append(secret)
    place = f"{folder}/{account}" if account else folder
    source: Options = {"secretName": secret.name, "optional": optional}
    if kind in FILES:
        source["items"] = [{"key": key, "path": key} for key in FILES[kind]]
    volumes.mounts.append(Mount(f"secret-{kind}" + (f"-{len(volumes.secrets)}" if kind == "aws-sqs" else ""), place, {"secret": source}, read_only=True))


def _cache(given: Options, volumes: Volumes) -> None:
    size, place = given["size"], _path(given.get("path") or "/cache", "cache: path")
    if not is_quantity(size) or amount(size) < GIB:
        raise FleetError(f"cache: size: {size!r} is not a size of at least 1 GiB, and a runner does not start with less.", "Write it as Kubernetes does: 10Gi.")
    # the runner counts what it has stored, not what it is about to store
    room = f"{math.ceil(float(amount(size)) * 1.25 / GIB)}Gi"
    name = given.get("claim") or ""
    if name:
        checked_name(name, "cache: claim")
        volumes.claims.append(name)
        volumes.cache_claim = name
        source: Options = {"persistentVolumeClaim": {"claimName": name}}
        if given.get("create", True):
            spec: Options = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": room}}}
            if given.get("storage_class") is not None:
                spec["storageClassName"] = given["storage_class"]
            volumes.claim = {"name": name, "spec": spec}
    else:
        source = {"emptyDir": {"sizeLimit": room}}
    volumes.mounts.append(Mount("cache", place, source))
    volumes.env = {"CACHE_DIR": place, "CACHE_SIZE": f"{float(amount(size)) / GIB:.6g}Gib"}


def _path(text: str, field_name: str) -> str:
    parts = text.split("/")
    if not text.startswith("/") or ":" in text or any(part in (".", "..") for part in parts) or text == "/":
        raise FleetError(f"{field_name}: {text!r} is not an absolute path of a folder.", "Begin with '/', without '..' and ':'.")
    return text.rstrip("/")


def _size(value: t.Any, field_name: str) -> str:
    if not is_quantity(value):
        raise FleetError(f"{field_name}: {value!r} is not a size.", "Write it as Kubernetes does: 200Gi.")
    return quantity(value)
