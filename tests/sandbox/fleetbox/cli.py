"""The command line of the sandbox."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import hosts, hub, lifecycle, programs, status
from .errors import SandboxError
from .host_image import build
from .machine import check, ensure_packages
from .paths import SANDBOX, Instance
from .payload import Wanted
from .progress import Progress
from .state import load, secret

DEFAULT_HOSTS = "hub,gpu1,gpu2"
EPILOG = """\
examples:
  sandbox.py up                                 hub, gpu1 and gpu2 as bare hosts
  sandbox.py up --hosts gpu3:gpus=4,cpu1        two hosts more
  sandbox.py up --bare                          the sandbox without hosts; add them when they are needed
  sandbox.py down --hosts gpu2                  take one host away (`up --hosts gpu2` makes it anew)
  sandbox.py shell gpu1 -- systemctl status     run a command on a host
  sandbox.py down                               take everything away
"""


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    # what follows `--` is a command for a host; argparse would read options out of it
    split = words.index("--") if "--" in words else len(words)
    parser = _parser()
    asked, rest = parser.parse_known_args(words[:split])
    if rest and asked.run is not _publish:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    asked.rest = rest
    asked.command = words[split + 1 :]
    progress = Progress(quiet=getattr(asked, "quiet", False))
    try:
        return int(asked.run(asked, progress))
    except SandboxError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command carries on where it stopped, `down` cleans up", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=os.environ.get("FLEET_SANDBOX") or "fleet", help="which sandbox (default: $FLEET_SANDBOX, else fleet)")
    common.add_argument("--quiet", action="store_true", help="no progress, only errors")
    content = argparse.ArgumentParser(add_help=False)
    content.add_argument("--binaries", type=Path, metavar="DIR", help="take programs from here instead of building them (kubernetes or kube-all, coredns, ...)")
    content.add_argument(
        "--kubernetes",
        action="append",
        choices=sorted(programs.KUBERNETES),
        metavar="MINOR",
        help=f"{' or '.join(sorted(programs.KUBERNETES))}, default {programs.DEFAULT_KUBERNETES}; given again: further ones, for upgrades",
    )

    up = commands.add_parser("up", parents=[common, content], help="bring the sandbox up, add hosts, or heal it after a crash")
    up.add_argument("--hosts", metavar="NAME[:gpus=N],...", help=f"hosts to have (default: {DEFAULT_HOSTS} when there is none yet)")
    up.add_argument("--bare", action="store_true", help="no hosts by default")
    up.add_argument("--s3", action="store_true", help="an S3 server (MinIO) on the hub")
    up.set_defaults(run=_up)

    down = commands.add_parser("down", parents=[common], help="take hosts, or the whole sandbox, away")
    down.add_argument("--hosts", metavar="NAME,...", help="only these hosts")
    down.set_defaults(run=_down)

    show = commands.add_parser("status", parents=[common], help="show the sandbox and its hosts")
    show.add_argument("--json", action="store_true", help="for programs")
    show.add_argument("--all", action="store_true", help="all sandboxes of this machine")
    show.set_defaults(run=_status)

    shell = commands.add_parser("shell", parents=[common], help="a shell on a host, or one command after --")
    shell.add_argument("host", metavar="HOST")
    shell.set_defaults(run=_shell)

    make = commands.add_parser("build", parents=[common, content], help="only build what hosts are made from")
    make.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"only these programs ({', '.join(programs.names())})")
    make.set_defaults(run=_build)

    publish = commands.add_parser(
        "publish",
        parents=[common],
        help="publish experiments to a queue, so that a runner has something to do",
        epilog="All other options are those of runner/publish.py: --queue NAME, --count N, --seconds S, --gpus N, --status and so on.",
    )
    publish.set_defaults(run=_publish)
    return parser


def _wanted(asked: argparse.Namespace) -> Wanted:
    if asked.binaries and not asked.binaries.is_dir():
        raise SandboxError(f"{asked.binaries} is not a directory.", "--binaries wants a directory of programs that were built before.")
    return Wanted(tuple(dict.fromkeys(asked.kubernetes or [programs.DEFAULT_KUBERNETES])), asked.binaries)


def _up(asked: argparse.Namespace, progress: Progress) -> int:
    instance = Instance(asked.name)
    state = load(instance)
    text = asked.hosts if asked.hosts is not None else "" if asked.bare or (state and state.hosts) else DEFAULT_HOSTS
    wanted = hosts.parse(text)
    for host in wanted:
        host.s3 = host.s3 or (asked.s3 and host.role == "hub")
    lifecycle.up(instance, wanted, _wanted(asked), progress)
    if not asked.quiet:
        print(status.table(status.describe(instance)))
        print(f"\nWhere the time went:\n{progress.table()}")
    return 0


def _down(asked: argparse.Namespace, progress: Progress) -> int:
    names = [name for name in (asked.hosts or "").split(",") if name]
    if asked.hosts is not None and not names:
        raise SandboxError("--hosts names no host.", "Leave it out to take the whole sandbox down.")
    lifecycle.down(Instance(asked.name), names, progress)
    return 0


def _status(asked: argparse.Namespace, progress: Progress) -> int:
    found = [status.describe(Instance(name)) for name in (status.instances() if asked.all else [asked.name])]
    if asked.json:
        print(json.dumps(found if asked.all else found[0], indent=1))
    else:
        print("\n\n".join(map(status.table, found)) or "There is no sandbox on this machine.")
    return 0 if asked.all or found[0]["up"] else 3


def _shell(asked: argparse.Namespace, progress: Progress) -> int:
    instance = Instance(asked.name)
    state = load(instance)
    host = state.hosts.get(asked.host) if state else None
    if host is None:
        known = ", ".join(state.hosts) if state else "none; it is not up"
        raise SandboxError(f"Sandbox {instance.name} has no host {asked.host}.", f"Its hosts: {known}.")
    terminal = ["-t"] if sys.stdin.isatty() and not asked.command else []
    words = ["ssh", *hosts.ssh_options(instance), "-i", str(instance.ssh_key), *terminal, f"root@{host.address}", *asked.command]
    os.execvp(words[0], words)


def _build(asked: argparse.Namespace, progress: Progress) -> int:
    if asked.programs:
        for name in asked.programs:
            print(programs.ensure(name, progress, asked.binaries))
        return 0
    check()
    ensure_packages(progress)
    image = build(_wanted(asked), progress)
    print("\n".join(str(layer.path) for layer in image.layers))
    return 0


def _publish(asked: argparse.Namespace, progress: Progress) -> int:
    instance = Instance(asked.name)
    state = load(instance)
    center = state.hub() if state else None
    if center is None or not center.broker:
        raise SandboxError(f"Sandbox {instance.name} has no hub with RabbitMQ.", "Bring it up: `sandbox.py up`.")
    environment = {
        **os.environ,
        "RABBITMQ_MANAGEMENT_URL": hub.management_url(center),
        "RABBITMQ_USER": hub.ADMINISTRATOR,
        "RABBITMQ_PASSWORD": secret(instance, hub.ADMINISTRATOR),
    }
    os.execve(sys.executable, [sys.executable, str(SANDBOX / "runner" / "publish.py"), *asked.rest], environment)
