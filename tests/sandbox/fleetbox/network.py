"""The network of an instance: a namespace of its own, joined to the machine by one pair of virtual interfaces.

Docker's bridge and all rules that programs in there make stay in that namespace. The machine gets one interface,
one route, one nftables table, and, where it filters forwarded packets, two rules that let the sandbox's pass.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from .command import run
from .paths import Instance
from .state import State

UPLINK = "uplink"


def inside(instance: Instance, *arguments: str) -> list[str]:
    """A command line that runs in the instance's network namespace."""
    return ["nsenter", f"--net={instance.namespace}", "--", *arguments]


def ensure(instance: Instance, state: State) -> None:
    """Bring the namespace, the link to it and the machine's rules to what they should be."""
    if not _alive(instance):
        _remove_namespace(instance)
        instance.namespace.parent.mkdir(parents=True, exist_ok=True)
        instance.namespace.touch()
        run(["unshare", f"--net={instance.namespace}", "true"])
    _ensure_link(instance, state)
    run(["ip", "route", "replace", state.subnet, "via", f"{state.link_prefix}.2"])
    _ensure_table(state)
    _ensure_forwarding(state)


def remove(instance: Instance, state: State) -> None:
    for words in state.firewall:
        run(words, check=False)
    state.firewall = []
    if shutil.which("nft"):
        run(["nft", "delete", "table", "ip", _table(state)], check=False)
    if shutil.which("ip"):
        run(["ip", "link", "delete", state.link], check=False)
        run(["ip", "route", "delete", state.subnet], check=False)
    _remove_namespace(instance)


def processes(instance: Instance) -> list[int]:
    """The processes in the instance's network namespace: its engine, not what runs in hosts."""
    if not _alive(instance):
        return []
    wanted = instance.namespace.stat().st_ino
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # a process may end while it is looked at
            with contextlib.suppress(OSError):
                if (entry / "ns" / "net").stat().st_ino == wanted:
                    found.append(int(entry.name))
    return sorted(found)


def _alive(instance: Instance) -> bool:
    # Path.is_mount answers for directories only
    return os.path.ismount(instance.namespace)


def _remove_namespace(instance: Instance) -> None:
    while _alive(instance):
        run(["umount", instance.namespace])
    instance.namespace.unlink(missing_ok=True)


def _ensure_link(instance: Instance, state: State) -> None:
    """Each word is said every time: a command that was killed may have left a link without its addresses, or one into a namespace that is gone."""
    there = run(["ip", "link", "show", state.link], check=False).returncode == 0
    if there and run(inside(instance, "ip", "link", "show", UPLINK), check=False).returncode != 0:
        run(["ip", "link", "delete", state.link])
        there = False
    if not there:
        run(["ip", "link", "add", state.link, "type", "veth", "peer", "name", UPLINK, "netns", str(instance.namespace)])
    outside = [f"address replace {state.link_prefix}.1/30 dev {state.link}", f"link set {state.link} up"]
    within = [
        "link set lo up",
        f"address replace {state.link_prefix}.2/30 dev {UPLINK}",
        f"link set {UPLINK} up",
        f"route replace default via {state.link_prefix}.1",
    ]
    run(["ip", "-batch", "-"], stdin="\n".join(outside).encode())
    run(inside(instance, "ip", "-batch", "-"), stdin="\n".join(within).encode())
    run(inside(instance, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"))


def _table(state: State) -> str:
    return f"fleet_{state.number}"


def _ensure_table(state: State) -> None:
    """Address translation for what leaves the machine; what stays on it keeps the hosts' own addresses."""
    table = _table(state)
    rules = f"""
table ip {table} {{}}
delete table ip {table}
table ip {table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {{ {state.subnet}, {state.link_prefix}.0/30 }} oifname != "fleet-veth*" masquerade
  }}
}}
"""
    run(["nft", "-f", "-"], stdin=rules.encode(), hint="The sandbox needs a kernel with nf_tables and NAT.")


def _ensure_forwarding(state: State) -> None:
    """Let the sandbox's packets through where the machine has a filter of its own (Docker's, a firewall's)."""
    for program in _filters():
        for option in ("-i", "-o"):
            rule = ["FORWARD", option, state.link, "-m", "comment", "--comment", f"studioml.fleet sandbox {state.number}", "-j", "ACCEPT"]
            if run([program, "-w", "-C", *rule], check=False).returncode != 0:
                run([program, "-w", "-I", *rule])
            undo = [program, "-w", "-D", *rule]
            if undo not in state.firewall:
                state.firewall.append(undo)


def _filters() -> list[str]:
    """The iptables programs whose filter table is in use; asking by them would make an empty table."""
    found = []
    if shutil.which("iptables-nft") and run(["nft", "list", "chain", "ip", "filter", "FORWARD"], check=False).returncode == 0:
        found.append("iptables-nft")
    try:
        legacy = Path("/proc/net/ip_tables_names").read_text().split()
    except OSError:
        legacy = []
    if "filter" in legacy and shutil.which("iptables-legacy"):
        found.append("iptables-legacy")
    return found
