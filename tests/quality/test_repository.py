"""House rules that no other tool checks: files stay small, nothing is left undone, the command line is documented."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[2]
LISTED = subprocess.run(["git", "-C", CLONE, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True).stdout.splitlines()
FILES = [CLONE / name for name in LISTED if (CLONE / name).is_file()]
TEXTS = [path for path in FILES if path.suffix in {".py", ".yml", ".yaml", ".md", ".go", ".sh", ".cfg", ".toml", ""} and path.name not in {"LICENSE", "go.sum"}]
UNDONE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")


def test_files_stay_small() -> None:
    long = {}
    for path in FILES:
        if path.suffix == ".py" and "plugins" in path.parts:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            limit = 350 if path.parent.name == "modules" else 450
            if lines > limit:
                long[path.relative_to(CLONE).as_posix()] = lines
    assert not long


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(CLONE).as_posix())
def test_nothing_is_left_undone(path: pathlib.Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not UNDONE.search(text)


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (CLONE / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)", (CLONE / "README.md").read_text(encoding="utf-8")))
    assert named
    assert not {target for target in named if not re.search(rf"^{target}:", makefile, re.M)}
