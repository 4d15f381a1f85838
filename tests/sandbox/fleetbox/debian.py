"""The lower layer of the host image: a Debian with systemd, written by mmdebstrap without any engine."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import artifacts
from .command import run, run_logged
from .image_tar import seal
from .paths import SANDBOX, artifacts_home
from .progress import Progress

RECIPE = SANDBOX / "image"
SUITE = "bookworm"
UNNEEDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


def ensure(progress: Progress) -> Path:
    """The directory of the layer: layer.tar, its digest, and extract/ with programs that images are made from."""
    key = artifacts.content_hash(SUITE, *UNNEEDED, files=[RECIPE / name for name in ("packages.txt", "packages-offline.txt", "customize.sh")])
    if artifacts.exists("debian", key):
        return artifacts.ensure("debian", key, lambda _: None)
    with progress.step("build the host image's Debian", long=True):
        return artifacts.ensure("debian", key, _mmdebstrap)


def _mmdebstrap(work: Path) -> None:
    log = artifacts_home() / "logs" / "debian.log"
    packages = [line for line in (RECIPE / "packages.txt").read_text().splitlines() if line and not line.startswith("#")]
    temporary = work / "tmp"
    temporary.mkdir()
    words: list[str | Path] = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(packages)}", "--skip=cleanup/apt/lists"]
    words += [f"--dpkgopt=path-exclude={pattern}" for pattern in UNNEEDED]
    proxies = run(["apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy"], check=False).stdout
    words += [f"--aptopt={line}" for line in proxies.splitlines() if line]
    words += [f'--customize-hook={RECIPE}/customize.sh "$1"', SUITE, work / "layer.tar"]
    hint = f"All of its output: {log}. It needs a Debian mirror; apt's proxy settings of this machine are used."
    run_logged(words, log, env={"EXTRACT": str(work / "extract"), "TMPDIR": str(temporary)}, hint=hint)
    shutil.rmtree(temporary)
    seal(work)
