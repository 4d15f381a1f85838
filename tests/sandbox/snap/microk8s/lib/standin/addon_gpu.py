# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(enable nvidia) (C(gpu) up to 1.28): in the operator's place a small device plug-in that offers the simulated GPUs.

Helm's words are imitated, its lies too: a failure inside still ends with status 0.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import typing as t

from . import manifests
from .node import Node
from .track import Track

NAMESPACE = "gpu-operator-resources"
REUSED = "Error: INSTALLATION FAILED: cannot re-use a name that is still in use"
WORKING_SINCE = (25, 10)


class ArgumentError(Exception):
    """An argument that the add-on refuses with status 1."""


def parse(arguments: t.Sequence[str], track: Track) -> argparse.Namespace:
    """The options of the track: C(driver) and C(version) are what the stand-in acts on."""
    parser = argparse.ArgumentParser(prog=f"enable {track.gpu_addon}", add_help=False, allow_abbrev=False)
    old = [("--driver", "driver"), ("--version", "version"), ("--toolkit-version", "toolkit"), ("--set", "sets"), ("--values", "values")]
    new = [(f"--gpu-operator-{flag.lstrip('-')}", name) for flag, name in old]
    drivers = ("auto", "operator", "host", "force-operator-driver", "force-system-driver")
    for flag, name in old + (new if track.minor >= 29 else []):
        kind: dict[str, t.Any] = {"action": "append"} if name in ("sets", "values") else {}
        short = ["-f"] if flag == "--values" else []
        parser.add_argument(flag, *short, dest=name, choices=drivers[:3] if name == "driver" else None, **kind)
    boolean = argparse.BooleanOptionalAction
    parser.add_argument("--set-as-default-runtime", action=boolean, default=None)
    if track.minor >= 29:
        parser.add_argument("--gpu-operator-set-as-default-runtime", action="store_true", default=None)
        parser.add_argument("--gpu-operator-no-set-as-default-runtime", action="store_true", default=None)
        parser.add_argument("--gpu-operator", action=boolean, default=True)
        parser.add_argument("--network-operator", action=boolean, default=False)
        for name in ("version", "set", "values"):
            parser.add_argument(f"--network-operator-{name}", action="append")
    else:
        parser.set_defaults(gpu_operator=True)
        parser.add_argument("legacy", nargs="?", choices=drivers[3:], default=None)
    known = parser.parse_args(list(arguments))
    known.deprecated = track.minor >= 29 and any(word.split("=")[0] in dict(old) for word in arguments)
    if known.deprecated and any(word.startswith("--gpu-operator-set") for word in arguments):
        raise ArgumentError("ERROR: --set and --gpu-operator-set cannot be used together")
    legacy = {"force-operator-driver": "operator", "force-system-driver": "host"}.get(getattr(known, "legacy", None) or "", "auto")
    known.driver = known.driver or legacy
    known.version = known.version or track.gpu_operator
    return known


def hangs(track: Track, version: str) -> bool:
    """Whether the pods hang in their init containers: 1.33 and 1.34 with the operator that they ship."""
    numbers = [int(word) for word in version.lstrip("v").split(".")[:2] if word.isdigit()]
    return track.gpu_addon_is_broken and tuple(numbers) < WORKING_SINCE


def enable(node: Node, arguments: t.Sequence[str], enable_other: t.Callable[[str], int]) -> int:
    """Make the objects, with the operator's talk around them."""
    track = node.track
    try:
        wanted = parse(arguments, track)
    except ArgumentError as error:
        print(error)
        return 1
    if wanted.deprecated:
        print("WARNING: some of the arguments are deprecated. Use their --gpu-operator-... form.")
    for other in ("dns", "helm3"):
        if enable_other(other):
            return 1
    driver = wanted.driver
    if driver == "auto":
        print("Checking if NVIDIA driver is already installed", flush=True)
        driver = found_driver()
    if not wanted.gpu_operator:
        return 0
    print("Deploy NVIDIA GPU operator")
    print(f"Using {driver} GPU driver", flush=True)
    stuck = "nvidia" in node.options.stuck_enabled
    if stuck or "nvidia" in node.options.fail_inside:
        if stuck:
            manifests.apply(node, "gpu-role")
        print(REUSED, file=sys.stderr)
    else:
        held = hangs(track, wanted.version) or "nvidia" in node.options.never_comes_up
        manifests.apply(node, "gpu-role")
        code = manifests.apply(node, "gpu", **values(node, "/bin/pause" if held else "/bin/device-plugin"))
        if code == 0:
            print(f"NAME: gpu-operator\nNAMESPACE: {NAMESPACE}\nSTATUS: deployed\nREVISION: 1\nTEST SUITE: None")
            print("(stand-in: no operator, but a small device plug-in that offers the simulated GPUs of this host)")
    print("Deployed NVIDIA GPU operator")
    return 0


def disable(node: Node, _arguments: t.Sequence[str]) -> int:
    """Remove the objects; a stuck add-on keeps the role that makes it look enabled."""
    print("Uninstall NVIDIA GPU operator", flush=True)
    manifests.delete(node, "gpu", **values(node, "/bin/device-plugin"))
    if "nvidia" not in node.options.stuck_enabled:
        manifests.delete(node, "gpu-role")
    print("GPU support disabled")
    return 0


def values(node: Node, init_program: str) -> dict[str, str]:
    """What the manifest needs to know."""
    image = "sandbox.local/pause:1" if init_program == "/bin/pause" else "sandbox.local/gpu-device-plugin:1"
    return {"INIT_PROGRAM": init_program, "INIT_IMAGE": image, "VERSION": node.track.gpu_operator}


def found_driver() -> str:
    """C(host) when nvidia-smi lists GPUs. One that is there and fails ends the add-on, with a traceback, as in the real one."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        return "operator"
    print(listed.stdout.strip(), flush=True)
    return "host"
