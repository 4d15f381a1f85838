# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pack the stand-in snaps: C(python3 pack.py --out DIR [--track 1.36])."""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "microk8s/lib"))

from standin.track import Track, TrackError  # noqa: E402  # pylint: disable=wrong-import-position,import-error

PROGRAMS = (
    "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
    "containerd", "containerd-shim-runc-v2", "ctr",
)
# as snap pack, but quick: nothing in it is worth compressing
SQUASHFS = ("-noappend", "-no-progress", "-quiet", "-no-xattrs", "-all-root", "-noI", "-noD", "-noF", "-noX", "-all-time", "0", "-mkfs-time", "0")


def main() -> int:
    """Write bare.snap, core.snap, docker.snap, microk8s.snap, and the last one under its track's name too."""
    parser = argparse.ArgumentParser(description="Pack the stand-in snaps (bare, core, docker, microk8s).")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory that the snaps are written to")
    parser.add_argument("--track", default="1.36", help="track whose version the snap bears, and which it plays unless the host says otherwise")
    wanted = parser.parse_args()
    try:
        track = Track.parse(wanted.track)
    except TrackError as error:
        parser.error(str(error))
    wanted.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for name in ("bare", "core", "docker", "microk8s"):
            tree = pathlib.Path(directory) / name
            shutil.copytree(HERE / name, tree, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            if name == "microk8s":
                complete(tree, track)
            squash(tree, wanted.out / f"{name}.snap")
    shutil.copyfile(wanted.out / "microk8s.snap", wanted.out / f"microk8s-1.{track.minor}.snap")
    return 0


def complete(tree: pathlib.Path, track: Track) -> None:
    """What is not a file of the repository: the version, the track, the links of the programs."""
    description = tree / "meta/snap.yaml"
    description.write_text(description.read_text(encoding="utf-8").replace("@VERSION@", track.version), encoding="utf-8")
    (tree / "track").write_text(f"1.{track.minor}\n", encoding="utf-8")
    for name in PROGRAMS:
        (tree / "bin" / name).symlink_to("run-program")


def squash(tree: pathlib.Path, target: pathlib.Path) -> None:
    """Make the file system of one snap; the former file is replaced whole."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            program = path.parent.name in ("bin", "hooks")
            path.chmod(0o755 if path.is_dir() or program else 0o644)
    new = target.with_suffix(".new")
    new.unlink(missing_ok=True)
    done = subprocess.run(["mksquashfs", str(tree), str(new), *SQUASHFS], capture_output=True, text=True, check=False,
                          env={name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"})
    if done.returncode:
        raise SystemExit(f"packing {target.name} with mksquashfs failed: {done.stderr.strip() or done.stdout.strip()}")
    new.replace(target)


if __name__ == "__main__":
    sys.exit(main())
