"""What is built is cached by its content, counts only when it is whole, and does not pile up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetbox import artifacts, programs
from fleetbox.errors import SandboxError


def test_content_decides(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.go").write_text("package main\n")
    first = artifacts.content_hash(source, "flags")
    (source / "main_test.go").write_text("package main\n")
    assert artifacts.content_hash(source, "flags") == first, "tests are not what is built"
    assert artifacts.content_hash(source, "other") != first
    (source / "main.go").chmod(0o755)
    executable = artifacts.content_hash(source, "flags")
    assert executable != first
    (source / "main.go").write_text("package other\n")
    assert artifacts.content_hash(source, "flags") != executable


def test_an_artifact_is_made_once(cache: Path) -> None:
    made = []

    def make(work: Path) -> None:
        made.append(work)
        (work / "file").write_text("content")

    for _time in range(2):
        assert (artifacts.ensure("thing", "0" * 16, make) / "file").read_text() == "content"
    assert len(made) == 1 and not made[0].exists()


def test_a_build_that_fails_leaves_nothing(cache: Path) -> None:
    def fail(work: Path) -> None:
        (work / "half").write_text("")
        raise SandboxError("no")

    with pytest.raises(SandboxError):
        artifacts.ensure("thing", "0" * 16, fail)
    assert [path.name for path in (cache / "artifacts").iterdir()] == [".thing.lock"]


def test_old_artifacts_of_a_kind_go(cache: Path) -> None:
    for number in range(4):
        path = artifacts.ensure("thing", f"{number:016x}", lambda work: (work / "file").touch())
        os.utime(path, (number, number))
    other = artifacts.ensure("thing-other", "0" * 16, lambda work: (work / "file").touch())
    artifacts.ensure("thing", "f" * 16, lambda work: (work / "file").touch())
    assert sorted(path.name for path in (cache / "artifacts").glob("thing-*")) == [f"thing-{3:016x}", f"thing-{'f' * 16}", other.name]


def test_every_module_is_a_program() -> None:
    names = programs.names()
    assert names[0] == "kubernetes"
    assert {"coredns", "pause", "device-plugin", "minio", "runner"} <= set(names)
    for name in names:
        assert len(programs.program(name).key) == 16


def test_programs_that_are_not_there() -> None:
    for name in ("kubernetes-1.2", "nothing"):
        with pytest.raises(SandboxError):
            programs.program(name)


def test_kubernetes_versions_differ_in_their_keys_and_flags() -> None:
    newest, older = programs.program("kubernetes"), programs.program("kubernetes-1.35")
    assert newest.key != older.key and newest.kind != older.kind
    assert "gitVersion=v1.36.3" in newest.ldflags and "gitMinor=35" in older.ldflags


def test_module_of_another_kubernetes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    programs._other_kubernetes(programs.program("kubernetes-1.35"), source)
    text = (source / "go.mod").read_text()
    assert "k8s.io/kubernetes v1.35.4" in text and "k8s.io/api => k8s.io/api v0.35.4" in text and "etcd/server/v3 v3.6.8" in text
    assert "v1.36.3" not in text and "v0.36.3" not in text and "// indirect" not in text


def test_existing_binaries_are_taken(tmp_path: Path) -> None:
    (tmp_path / "kube-all").write_bytes(b"kubernetes")
    assert programs._given("kubernetes", tmp_path) == (tmp_path / "kube-all").resolve()
    assert programs._given("coredns", tmp_path) is None
    assert len(programs.identity("kubernetes", tmp_path)) == 64
