# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contexts of kubeconfig files as an inventory takes them: which are meant, what their hosts are called, and how a play finds the file again."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import typing as t
from urllib.parse import urlsplit

from ansible.template import trust_as_template

from ansible_collections.studioml.fleet.plugins.module_utils import _kubeconfig
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

VARIABLE = "K8S_AUTH_KUBECONFIG"


class Context(t.NamedTuple):
    """One context, which leads to one cluster. C(kubeconfig) is what plays get: the path, or an expression that finds it."""

    host: str
    name: str
    path: str
    kubeconfig: str


class File(t.NamedTuple):
    """One kubeconfig."""

    path: str
    kubeconfig: str


def files(given: t.Any, from_environment: bool, folder: str) -> list[File]:
    """The files of the option C(kubeconfig), each once.

    :param from_environment: whether the environment variable gave them. Its value may be another one when a play runs (AWX writes the files of each job
        anew), so that plays read it again and take the path that stands at the same place.
    :param folder: where relative paths begin.
    """
    texts = given.split(os.pathsep) if isinstance(given, str) else given or []
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise FleetError("kubeconfig: this is neither a path nor a list of paths.", f"Write one path, a list, or several with {os.pathsep!r} between them.")
    found: dict[str, File] = {}
    for place, text in enumerate(texts):
        if not text.strip():
            continue
        path = os.path.abspath(os.path.join(folder, os.path.expanduser(text.strip())))
        if from_environment:
            found.setdefault(os.path.realpath(path), File(path, _expression(place, len(texts))))
            continue
        for one in _matching(path):
            found.setdefault(os.path.realpath(one), File(one, one))
    if not found:
        raise FleetError("No kubeconfig is given, and none is guessed: clusters are always named.", f"Set the option kubeconfig, or {VARIABLE}.")
    return list(found.values())


def chosen(of: t.Sequence[File], wanted: t.Sequence[str], called: str) -> list[Context]:
    """The contexts that match one of the patterns (all of them when there is none), in the order of the files.

    :param called: what a host is called after: C(context), C(file) or C(server).
    """
    there = [(file, name) for file in of for name in _names(file.path)]
    for pattern in wanted:
        if not any(fnmatch.fnmatchcase(name, pattern) for _file, name in there):
            names = ", ".join(name for _file, name in there) or "(none)"
            raise FleetError(f"contexts: no kubeconfig has a context {pattern}.", f"There are: {names}.")
    meant = [(file, name) for file, name in there if not wanted or any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]
    if not meant:
        raise FleetError(f"The kubeconfig {of[0].path} has no contexts." if len(of) == 1 else "None of the kubeconfigs has a context.", _kubeconfig.NEW_FILE)
    hosts: dict[str, Context] = {}
    for file, name in meant:
        one = Context(_host(file, name, called), name, file.path, file.kubeconfig)
        other = hosts.setdefault(one.host, one)
        if other is not one:
            raise FleetError(
                f"Context {other.name} of {other.path} and context {one.name} of {one.path} would both be the host {one.host}.",
                "Set context_names to another of context, file and server, rename one (kubectl config rename-context), or choose with contexts.",
            )
    return list(hosts.values())


def safe(text: str, others: str = "_.-", instead: str = "-") -> str:
    """A name without what means something in a pattern of hosts or in a path; names of contexts have colons and slashes in many clouds."""
    return re.sub(rf"[^A-Za-z0-9{others}]+", instead, text)


def _matching(path: str) -> list[str]:
    if not glob.has_magic(path):
        return [path]
    matching = sorted(glob.glob(path))
    if not matching:
        raise FleetError(f"kubeconfig: no file matches {path}.", "The role studioml.fleet.microk8s writes a kubeconfig for each runner host.")
    return matching


def _expression(place: int, count: int) -> str:
    value = f"lookup('ansible.builtin.env', '{VARIABLE}')"
    return trust_as_template(f"{{{{ {value} }}}}" if count == 1 else f"{{{{ {value}.split('{os.pathsep}')[{place}] }}}}")


def _names(path: str) -> list[str]:
    try:
        return _kubeconfig.contexts(path)
    except _kubeconfig.KubeconfigMissing as missing:
        raise FleetError(missing.message, f"Correct the option kubeconfig, or {VARIABLE}.") from None


def _host(file: File, name: str, called: str) -> str:
    if called == "file":
        return safe(os.path.splitext(os.path.basename(file.path))[0])
    if called == "server":
        try:
            return safe(urlsplit(_kubeconfig.load(file.path, name).server).hostname or name)
        except FleetError:  # told as the reason why this cluster cannot be asked
            return safe(name)
    return safe(name)
