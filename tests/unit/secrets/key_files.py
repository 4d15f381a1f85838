# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys in all the forms that people have them in, made once for all tests by ssh-keygen and openssl, which know nothing of our code."""

from __future__ import annotations

import functools
import pathlib
import subprocess
import tempfile

PASSPHRASE = "geheim-wort ä"
BITS = "2048"  # quicker to make than 4096, and of the same form


def run(*command: str, stdin: str = "") -> str:
    """A program's output; its stderr is in the failure."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def keys(number: int = 0) -> dict[str, str]:
    """One key in every form: C(private) and C(public) as a runner reads them, and the others. Another C(number) is another key."""
    return _keys(number)


@functools.cache
def _keys(_number: int) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "key"
        run("ssh-keygen", "-q", "-t", "rsa", "-b", BITS, "-N", PASSPHRASE, "-f", str(path))
        forms = {"openssh": path.read_text(), "openssh_public": path.with_suffix(".pub").read_text()}
        forms["public"] = run("ssh-keygen", "-e", "-m", "PEM", "-f", str(path.with_suffix(".pub")))
        forms["fingerprint"] = run("ssh-keygen", "-l", "-f", str(path.with_suffix(".pub"))).split()[1]
        run("ssh-keygen", "-q", "-p", "-m", "PEM", "-P", PASSPHRASE, "-N", PASSPHRASE, "-f", str(path))
        forms["private"] = path.read_text()
        forms["spki"] = run("openssl", "rsa", "-RSAPublicKey_in", "-pubout", stdin=forms["public"])
        run("ssh-keygen", "-q", "-p", "-m", "PEM", "-P", PASSPHRASE, "-N", "", "-f", str(path))
        forms["plain"] = path.read_text()
        forms["pkcs8"] = run("openssl", "pkcs8", "-topk8", "-passout", "pass:x", stdin=forms["plain"])
        forms["des3"] = run("openssl", "rsa", "-traditional", "-des3", "-passout", f"pass:{PASSPHRASE}", stdin=forms["plain"])
        return forms


@functools.cache
def signing_key(kind: str = "ed25519") -> tuple[str, str]:
    """A private and a public key of OpenSSH."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "key"
        run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "andrei@example", "-f", str(path))
        return path.read_text(), path.with_suffix(".pub").read_text()
