# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(enable) and C(disable): find the add-ons of a call, look what is so already, run what is not."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import time
import typing as t

from . import addon_dns, addon_gpu, addon_registry, addon_storage, addon_words, addons, node_network, readiness
from .addon_words import Wanted, WordsError
from .node import Node
from .options import ALIASES

READY_SECONDS = 30
USAGE = "Usage: microk8s {action} [OPTIONS] ADDONS...\nTry 'microk8s {action} -h' for help.\n\nError: Missing argument 'ADDONS...'."
HELP = "Usage: microk8s {action} [OPTIONS] ADDONS...\n\nOptions:\n  -h, --help  Show this message and exit."
NO_HELP = "Addon {name} does not yet have a help message.\nFor more information about it, visit https://microk8s.io/docs/addons"
WORKER = "This MicroK8s deployment is acting as a node in a cluster.\nPlease use the control plane node."


def main(node: Node, action: str, words: list[str]) -> int:
    """One call of C(microk8s enable|disable)."""
    if not words:
        print(USAGE.format(action=action), file=sys.stderr)
        return 2
    if words[0] in ("-h", "--help"):
        print(HELP.format(action=action))
        return 0
    if "--help" in words:
        print(NO_HELP.format(name=words[0]))
        return 0
    if node.is_stopped:
        print("microk8s is not running, try microk8s start", file=sys.stderr)
        return 1
    if node.is_worker:
        print(WORKER, file=sys.stderr)
        return 1
    with _lock(node):
        if not readiness.wait(node, READY_SECONDS):
            raise RuntimeError("the cluster is not ready: " + (node.kubectl("get", "nodes", timeout=15).stderr.strip() or "no node is Ready"))
        return _run(node, action, words)


def _run(node: Node, action: str, words: list[str]) -> int:
    track = node.track
    known = addons.available(track)
    names = [(addon.repository, addon.name) for addon in known]
    try:
        wanted = (addon_words.parse(words, names, lambda text: print(text, file=sys.stderr))
                  if track.has_repositories else addon_words.parse_without_repositories(words))
    except WordsError as error:
        print(error, file=sys.stdout if error.stdout else sys.stderr)
        return 1
    if len(wanted) > 1 and track.has_repositories:
        print(addon_words.CHAINED.format(action=action), flush=True)
    for addon in wanted:
        code = one(node, action, addon)
        if code:
            return code
    return 0


def one(node: Node, action: str, wanted: Wanted) -> int:
    """Enable or disable one add-on, unless it is so already: then its arguments are ignored."""
    track = node.track
    label = f"{wanted.repository}/{wanted.name}" if track.has_repositories else wanted.name
    known = addons.available(track)
    if not any((addon.repository, addon.name) == (wanted.repository, wanted.name) for addon in known):
        if track.has_repositories:
            # the real one's trap: a name given with its repository is not an error
            print(f"Addon {label} not found")
            return 0
        print(f"Nothing to do for `{wanted.name}`.")
        return 1
    enabled, disabled = addons.split_enabled(known, readiness.rows(node), node.variables)
    if wanted.name in {addon.name for addon in (enabled if action == "enable" else disabled)}:
        print(f"Addon {label} is already {action}d" + ("" if track.has_repositories else "."))
        return 0
    sys.stdout.flush()
    name = ALIASES.get(wanted.name, wanted.name)
    if name != wanted.name and track.has_repositories and wanted.name != track.gpu_addon:
        print(f"\nWARNING: The addon {wanted.name} is an alias. Please, use {name} instead.\n", flush=True)
    code = _script(node, action, name, wanted.arguments)
    sys.stdout.flush()
    return code


def _script(node: Node, action: str, name: str, arguments: t.Sequence[str]) -> int:
    def other(addon: str) -> int:
        if node.track.has_repositories:
            print(f"Infer repository core for addon {addon}", file=sys.stderr)
        return one(node, "enable", Wanted("core", addon))

    if action == "enable":
        scripts: dict[str, t.Callable[[], int]] = {
            "dns": lambda: addon_dns.enable(node, arguments),
            "hostpath-storage": lambda: addon_storage.enable(node, arguments),
            "registry": lambda: addon_registry.enable(node, arguments, other),
            "nvidia": lambda: addon_gpu.enable(node, arguments, other),
        }
    else:
        scripts = {
            "dns": lambda: addon_dns.disable(node, arguments),
            "hostpath-storage": lambda: addon_storage.disable(node, arguments),
            "registry": lambda: addon_registry.disable(node, arguments),
            "nvidia": lambda: addon_gpu.disable(node, arguments),
        }
    if name not in scripts:
        print(f"stand-in: the add-on {name} is only listed here, it cannot be {action}d; these can: {', '.join(scripts)}", file=sys.stderr)
        return 1
    return scripts[name]()


@contextlib.contextmanager
def _lock(node: Node) -> t.Iterator[None]:
    """One call at a time, from 1.27 on."""
    if not node.track.has_addon_lock:
        yield
        return
    with node.lock(".microk8s-addon-lock").open("w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def default_addons(node: Node) -> int:
    """What a fresh node enables by itself: dns, from 1.27 on; once, when it has become ready."""
    mark = node.data / "stand-in/default-addons"
    if mark.exists() or node.options.no_default_addons or not node.track.has_launch_configuration:
        return 0
    started = time.monotonic()
    while not node_network.own_node_is_ready(node):
        # quick at first, since others wait for the name service; then easy on a node that does not get ready
        time.sleep(0.2 if time.monotonic() - started < 60 else 5)
    with _lock(node):
        code = one(node, "enable", Wanted("core", "dns"))
    if code == 0:
        mark.touch()
    return code


def enable(node: Node, words: list[str]) -> int:
    """C(microk8s enable)."""
    return main(node, "enable", words)


def disable(node: Node, words: list[str]) -> int:
    """C(microk8s disable)."""
    return main(node, "disable", words)
