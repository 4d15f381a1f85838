# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the target, started by argument lists, with a limit in time and their own words kept."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

# Ansible's non-login shells miss both: administrators' programs and those that snaps bring.
EXTRA_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/snap/bin")


class Completed(t.NamedTuple):
    """What a program answered."""

    rc: int
    out: str
    err: str

    def words(self) -> str:
        """The program's own text in one paragraph: what it said on stderr, else on stdout."""
        return " ".join((self.err.strip() or self.out.strip()).split())


def environment(extra: t.Optional[t.Mapping[str, str]] = None) -> t.Dict[str, str]:
    """The environment that programs get: English answers, and a search path with administrators' programs and snaps."""
    result = dict(os.environ, LC_ALL="C", LANGUAGE="C")
    path = result.get("PATH", "/usr/bin:/bin").split(os.pathsep)
    result["PATH"] = os.pathsep.join(path + [folder for folder in EXTRA_PATH if folder not in path])
    result.update(extra or {})
    return result


def find(name: str) -> t.Optional[str]:
    """Where a program lies, None when it is not installed."""
    for folder in environment()["PATH"].split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def run(
    arguments: t.Sequence[str],
    *,
    timeout: float = 60,
    stdin: t.Optional[str] = None,
    extra_environment: t.Optional[t.Mapping[str, str]] = None,
) -> Completed:
    """Run a program to its end.

    A status other than 0 is an answer, not an exception: the caller knows what it means.

    :raises FleetError: when the program does not exist, or has not ended in C(timeout) seconds (it is killed then).
    """
    try:
        # The core knows nothing of Ansible, so there is no module whose run_command could be called.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            list(arguments),
            input=stdin if stdin is not None else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="replace",
            env=environment(extra_environment),
        )
    except FileNotFoundError:
        raise FleetError(f"The program {arguments[0]} is not installed on this host.", f"Install what brings {arguments[0]}, or correct PATH.") from None
    except PermissionError as error:
        raise FleetError(f"The program {arguments[0]} cannot be started: {error.strerror}.", "Run the task with become: true.") from None
    except subprocess.TimeoutExpired:
        shown = " ".join(arguments[:3])
        raise FleetError(f"{shown} had not ended after {timeout:g} seconds and was killed.", "See on the host why it hangs, or give it more time.") from None
    return Completed(done.returncode, done.stdout, done.stderr)
