# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mrunner's words in our form: its contexts in both spellings, its resources, the names that it makes. Pure functions, no I/O."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import shlex
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _names
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import is_quantity

Mapping = t.Mapping[str, t.Any]

# our key: the spellings of mrunner's documentation and of its code
SPELLINGS = {
    "name": ("name", "context_name"),
    "type": ("type", "backend_type"),
    "storage_dir": ("storage", "storage_dir"),
    "registry_url": ("registry_url",),
    "registry_username": ("registry_username",),
    "registry_password": ("registry_password",),
    "resources": ("resources",),
    "neptune": ("neptune",),
    "google_project_id": ("google_project_id",),
    "default_pvc_size": ("default_pvc_size",),
    # not mrunner's: which cluster a context means
    "kubeconfig": ("kubeconfig",),
    "kube_context": ("kube_context",),
}
DEFAULTS: dict[str, t.Any] = {"type": "kubernetes", "resources": {}, "neptune": False, "default_pvc_size": "40G"}
RESOURCES = {"cpu": "cpu", "mem": "memory", "gpu": "nvidia.com/gpu", "tpu": "cloud-tpus.google.com/v2"}
LONGEST = 16
_BINARY = re.compile(r"[0-9]+(\.[0-9]+)?[KMGTPE]")


def context(given: t.Any, name: str = "") -> dict[str, t.Any]:
    """One context with each key in one spelling, chosen by name from a file or a map of several, else the current one, else the only one."""
    found = _chosen(given, name)
    known = [spelling for spellings in SPELLINGS.values() for spelling in spellings]
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise FleetError(f"experiment context: the key {key!r} is not known.", f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}.")
    made = {key: _one_of(found, spellings, DEFAULTS.get(key, "")) for key, spellings in SPELLINGS.items()}
    if made["type"] != "kubernetes":
        raise FleetError(f"experiment context: the type {made['type']!r} is none that runs here.", "Only kubernetes is.")
    if not str(made["storage_dir"]).startswith("/"):
        raise FleetError(
            f"experiment context: storage_dir is {made['storage_dir']!r}, no absolute path.", "Name the folder where the storage is mounted, such as /storage."
        )
    return {**made, "resources": resources(made["resources"]), "default_pvc_size": size(made["default_pvc_size"], "default_pvc_size")}


def _chosen(given: t.Any, name: str) -> Mapping:
    if not isinstance(given, t.Mapping) or not given:
        raise FleetError("experiment context: nothing is given.", "Give a context, a map of contexts by name, or the content of mrunner's config.yaml.")
    if not isinstance(given.get("contexts"), t.Mapping) and not all(isinstance(one, t.Mapping) for one in given.values()):
        own = given.get("name") or given.get("context_name")
        if name and own and own != name:
            raise FleetError(f"experiment context: {name!r} is asked for, and the only one is {own!r}.", "Correct one of them.")
        return {**given, **({} if own or not name else {"name": name})}
    contexts = given["contexts"] if isinstance(given.get("contexts"), t.Mapping) else given
    wanted = name or str(given.get("current_context") or "") or (next(iter(contexts)) if len(contexts) == 1 else "")
    for key, one in contexts.items():
        if wanted and wanted in (key, one.get("name"), one.get("context_name")):
            return one if one.get("name") or one.get("context_name") else {**one, "name": key}
    names = ", ".join(map(str, contexts)) or "none"
    raise FleetError(f"experiment context: {wanted!r} is not there." if wanted else "experiment context: none is named.", f"There are: {names}.")


def _one_of(found: Mapping, spellings: t.Sequence[str], default: t.Any) -> t.Any:
    values = [(key, found[key]) for key in spellings if found.get(key) not in (None, "")]
    if len(values) > 1 and values[0][1] != values[1][1]:
        raise FleetError(
            f"experiment context: {values[0][0]} and {values[1][0]} mean the same and differ ({values[0][1]!r}, {values[1][1]!r}).", "Give one of them."
        )
    return values[0][1] if values else default


def resources(given: t.Any) -> dict[str, str]:
    """mrunner's resources (a map, or C(mem=2G cpu=4)) as Kubernetes' limits. Null, a question of a survey that is not answered, is none."""
    if given is None:
        return {}
    if isinstance(given, str):
        pairs = [pair.partition("=") for pair in given.replace(",", " ").split()]
        given = {key: value for key, _sign, value in pairs}
    if not isinstance(given, t.Mapping):
        raise FleetError(f"experiment resources: {given!r} is neither a map nor text.", "Write {mem: 2G, cpu: 4} or 'mem=2G cpu=4'.")
    limits = {}
    for key, value in given.items():
        kind = RESOURCES.get(str(key))
        if kind is None:
            raise FleetError(f"experiment resources: {key!r} is not known.", f"Known are {', '.join(RESOURCES)}.")
        amount = size(value, str(key)) if kind == "memory" else str(value).strip()
        whole = kind in ("cpu", "memory") or amount.isdigit()
        if not is_quantity(amount) or not whole:
            advice = "Write 2, 0.5 or 500m." if kind == "cpu" else "Write a whole number, such as 4."
            raise FleetError(f"experiment resources: {key}: {value!r} is no amount.", advice)
        limits[kind] = amount
    return limits


def size(value: t.Any, field: str) -> str:
    """An amount of memory or storage as mrunner means it: C(8G) is 8 GiB."""
    text = str(value).strip()
    if _BINARY.fullmatch(text):
        return f"{text}i"
    if text.endswith("i") and _BINARY.fullmatch(text[:-1]):
        return text
    raise FleetError(f"experiment {field}: {value!r} is no size.", "Write a number and its unit, such as 2G (which is 2 GiB here, as with mrunner).")


def namespace(project: t.Any) -> str:
    """The namespace of a project: mrunner's rule, and lower case, for the API server takes no other."""
    return _names.dns_label(re.sub(r"[ .,_-]+", "-", str(project or "sandbox")).lower(), "experiment project")


def name(text: t.Any, of: t.Any = None) -> str:
    """An experiment's name, cut as mrunner cuts it; with C(of), what is run, a mark at its end: the same again has the same name, anything else another."""
    plain = re.sub(r"[^a-z0-9]+", "-", str(text).lower()).strip("-")[:LONGEST].strip("-")
    if not plain:
        raise FleetError(f"experiment name: nothing is left of {text!r}.", "Use letters and digits.")
    return plain if of is None else f"{plain}-{_mark(of)}"


def words(given: t.Any) -> list[str]:
    """A command line, or a list, as words. What a survey sends is null for no answer, and a number for a text of digits."""
    if given is None:
        return []
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return [_word(given)]
    if isinstance(given, str):
        try:
            return shlex.split(given)
        except ValueError as error:
            raise FleetError(f"experiment words: {given!r} cannot be split ({error}).", "Close its quotes, or give a list.") from None
    if not isinstance(given, (list, tuple)) or any(isinstance(one, (list, tuple, t.Mapping)) or one is None for one in given):
        raise FleetError(f"experiment words: {given!r} is neither text nor a list of words.", "Write '--lr 0.1' or [--lr, 0.1].")
    return [_word(one) for one in given]


def jobs(parameters: t.Sequence[Mapping], how: str = "args", before: t.Sequence[t.Any] = ()) -> list[dict[str, t.Any]]:
    """One entry of M(studioml.fleet.gpu_job)'s C(parameters) for each: the values behind C(--name), or in the environment."""
    if how not in ("args", "env"):
        raise FleetError(f"grid_jobs: {how!r} is no way to hand parameters over.", "Use args or env.")
    made = []
    for number, one in enumerate(parameters):
        if not isinstance(one, t.Mapping):
            raise FleetError(f"grid_jobs: entry {number} is no map.", "Give a map of parameters, or one with args or env.")
        ours = isinstance(one.get("args"), list) or isinstance(one.get("env"), t.Mapping) or isinstance(one.get("files"), t.Mapping)
        entry = dict(one) if ours else _entry(one, how)
        if before:
            entry["args"] = [*map(_word, before), *entry.get("args", [])]
        entry.setdefault("name", _called(one if not ours else {key: value for key, value in entry.items() if key != "name"}))
        made.append(entry)
    names = [entry["name"] for entry in made]
    twice = next((called for called in names if names.count(called) > 1), None)
    if twice is not None:
        raise FleetError(f"grid_jobs: {twice} is in the grid twice.", "Each combination of parameters runs once; add a seed to run one more often.")
    return made


def _entry(one: Mapping, how: str) -> dict[str, t.Any]:
    for key, value in one.items():
        if value is None or isinstance(value, (list, t.Mapping)):
            raise FleetError(f"grid_jobs: the value of {key} is {'empty' if value is None else 'not a single value'}.", "Give a string, a number or a boolean.")
    if how == "env":
        return {"env": {str(key): _word(value) for key, value in one.items()}}
    return {"args": [word for key, value in one.items() for word in (f"--{key}", _word(value))]}


def _called(one: Mapping) -> str:
    """Part of a Job's name that tells what runs, and that stays when the grid grows."""
    words = [f"{key}-{value}" for key, value in one.items() if not isinstance(value, (list, t.Mapping))]
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:24].strip("-")
    return f"{text}-{_mark(one)}" if text else _mark(one)


def _word(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mark(value: t.Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:6]
