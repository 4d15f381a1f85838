"""The digest over a build's content: everything that changes the image changes it, nothing else does."""

from __future__ import annotations

import os
import pathlib
import shutil

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _build_context as build_context
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


@pytest.fixture
def context(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "context"
    (folder / "sub").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "sub" / "file").write_text("x")
    (folder / "link").symlink_to("sub/file")
    return folder


def digest(context: pathlib.Path, **more) -> str:
    values = {"build_args": {}, "labels": {}, "target": "", **more}
    return build_context.digest(str(context), str(context / "Dockerfile"), **values)


def test_a_copy_elsewhere_has_the_same(context, tmp_path):
    copy = shutil.copytree(context, tmp_path / "copy", symlinks=True)
    os.utime(copy / "sub" / "file", (1, 1))
    assert digest(context) == digest(copy)


def test_each_change_shows(context):
    seen = {digest(context)}

    def changed() -> bool:
        before = len(seen)
        seen.add(digest(context))
        return len(seen) == before + 1

    (context / "sub" / "file").write_text("y")
    assert changed()
    (context / "sub" / "file").chmod(0o755)
    assert changed()
    (context / "sub" / "file").rename(context / "sub" / "other")
    assert changed()
    (context / "link").unlink()
    assert changed()
    (context / "link").symlink_to("elsewhere")
    assert changed()
    (context / "empty").mkdir()
    assert changed()
    (context / "Dockerfile").write_text("FROM scratch\n")
    assert changed()
    others = [digest(context, build_args={"A": "1"}), digest(context, labels={"A": "1"}), digest(context, target="A")]
    assert len({*seen, *others}) == len(seen) + 3


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("", ["Dockerfile", "link", "sub", "sub/file"]),
        ("# nothing\nsub", ["Dockerfile", "link"]),
        ("sub/\n!sub/file", ["Dockerfile", "link", "sub/file"]),
        ("**/fil?", ["Dockerfile", "link", "sub"]),
        ("*\n!Dockerfile", ["Dockerfile"]),
        ("/sub/f[a-z]le", ["Dockerfile", "link", "sub"]),
        ("s*/**", ["Dockerfile", "link", "sub"]),
        (".", ["Dockerfile", "link", "sub", "sub/file"]),
        ("\\link", ["Dockerfile", "sub", "sub/file"]),
    ],
)
def test_dockerignore(context, tmp_path, rules, kept):
    (tmp_path / "x.dockerignore").write_text(rules)
    assert build_context.files(str(context), build_context.ignore_rules(str(context), str(tmp_path / "x"))) == kept


def test_what_is_ignored_does_not_count(context):
    (context / ".dockerignore").write_text("*.log\n")
    before = digest(context)
    (context / "x.log").write_text("noise")
    assert digest(context) == before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FleetError, match="cannot be read"):
        digest(tmp_path / "none")
