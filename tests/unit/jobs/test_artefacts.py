# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes out of a container is unpacked so that nothing is written outside of its place, whatever a tar stream says."""

from __future__ import annotations

import io
import os
import pathlib
import tarfile
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _artefacts
from ansible_collections.studioml.fleet.plugins.module_utils._artefacts import _merge, _Unpacked
from ansible_collections.studioml.fleet.plugins.module_utils._artefacts_spec import CONTAINER, main_has_ended, with_artefacts
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Entry = tuple[str, bytes, str]
MAIN = {"name": "job", "image": "i:1", "securityContext": {"runAsUser": 7}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
JOB: dict[str, t.Any] = {"spec": {"template": {"spec": {"containers": [MAIN]}}}}


def stream(*entries: Entry) -> t.IO[bytes]:
    """Name, type, and the content or where a link leads."""
    out = io.BytesIO()
    with tarfile.open(mode="w", fileobj=out) as tar:
        for name, kind, content in entries:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content.encode()))
            else:
                member.linkname = content
                tar.addfile(member)
    out.seek(0)
    return out


FILE, LINK, HARD, FOLDER, PIPE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE


@pytest.mark.parametrize(
    ("entries", "left_out"),
    [
        ([("/etc/evil", FILE, "x")], ["/etc/evil"]),
        ([("../evil", FILE, "x"), ("a/../../evil", FILE, "x")], ["../evil", "a/../../evil"]),
        ([("link", LINK, "/etc"), ("link/evil", FILE, "x")], ["link"]),
        ([("link", LINK, ".."), ("link/evil", FILE, "x")], ["link"]),
        ([("link", LINK, "../../../etc/passwd")], ["link"]),
        # each of them stays inside by its words; together they do not
        ([("d", FOLDER, ""), ("d/up", LINK, ".."), ("out", LINK, "d/up/../x")], ["out"]),
        ([("hard", HARD, "../../etc/passwd")], ["hard"]),
        # nothing is made below a link, whatever it is and whatever comes first
        ([("x", FILE, "1"), ("link", LINK, ".."), ("link/evil", HARD, "x")], ["link", "link/evil"]),
        ([("link", LINK, ".."), ("link/evil", LINK, "place"), ("link/b/evil", LINK, "x")], ["link", "link/evil", "link/b/evil"]),
        ([("x", FILE, "1"), ("d", FOLDER, ""), ("link", LINK, "d"), ("link/evil", HARD, "x")], ["link/evil"]),
        ([("link", LINK, ".."), ("link/evil", FOLDER, ""), ("link/evil/x", FILE, "1")], ["link"]),
        ([("link/evil", FILE, "1"), ("link", LINK, "..")], ["link"]),
        ([("link", LINK, "/etc/passwd"), ("hard", HARD, "link")], ["hard", "link"]),
        ([("pipe", PIPE, "")], ["pipe"]),
    ],
)
def test_nothing_leads_out(tmp_path: pathlib.Path, entries: list[tuple[str, bytes, str]], left_out: list[str]) -> None:
    place = tmp_path / "a" / "place"
    place.mkdir(parents=True)
    unpacked = _Unpacked(str(place), 1000)
    unpacked.take(stream(*entries))  # type: ignore[arg-type]
    assert sorted(unpacked.left_out) == sorted(left_out)
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and [path.name for path in (tmp_path / "a").iterdir()] == ["place"]
    assert not [path for path in place.rglob("*") if path.is_symlink() and place not in path.resolve().parents and path.resolve() != place]


def test_what_stays_inside(tmp_path: pathlib.Path) -> None:
    unpacked = _Unpacked(str(tmp_path), 1000)
    unpacked.take(stream(("./d", FOLDER, ""), ("./d/a", FILE, "one"), ("./link", LINK, "d/a"), ("./hard", HARD, "./d/a")))  # type: ignore[arg-type]
    assert (tmp_path / "link").read_text() == (tmp_path / "hard").read_text() == "one" and unpacked.left_out == []


def test_too_much(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FleetError, match="more than 5 bytes"):
        _Unpacked(str(tmp_path), 5).take(stream(("a", FILE, "123"), ("b", FILE, "456")))  # type: ignore[arg-type]
    with pytest.raises(FleetError, match="more than 5 bytes"):
        _Unpacked(str(tmp_path / "links"), 5).take(stream(("a", FILE, "123"), ("b", HARD, "a")))  # type: ignore[arg-type]


def test_too_many(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_artefacts, "MOST_FILES", 2)
    for kind in (HARD, LINK):
        with pytest.raises(FleetError, match="more than .*2 (files|links)"):
            links = [(f"link{number}", kind, "a") for number in range(3)]
            _Unpacked(str(tmp_path / "place"), 100).take(stream(("a", FILE, ""), *links))  # type: ignore[arg-type]


def test_files_are_put_in_place(tmp_path: pathlib.Path) -> None:
    new, dest, elsewhere = tmp_path / "new", tmp_path / "dest", tmp_path / "elsewhere"
    for folder in (new / "d", dest, elsewhere):
        folder.mkdir(parents=True)
    for name, text in (("same", "same"), ("other", "new"), ("d/deep", "deep")):
        (new / name).write_text(text)
    for name, text in (("same", "same"), ("other", "old"), ("mine", "mine")):
        (dest / name).write_text(text)
    os.symlink(elsewhere, dest / "d")  # of an earlier copy: it would lead the file elsewhere
    assert _merge(str(new), str(dest)) == 2
    assert list(elsewhere.iterdir()) == [] and (dest / "d/deep").read_text() == "deep"
    assert (dest / "other").read_text() == "new" and (dest / "mine").read_text() == "mine"


def test_a_job_that_holds_its_results() -> None:
    made = with_artefacts(JOB, "/out/", "", 60)
    main, holder = made["spec"]["template"]["spec"]["containers"]
    assert main["volumeMounts"][-1] == holder["volumeMounts"][0] == {"name": "artefacts", "mountPath": "/out"}
    assert holder["image"] == "i:1" and holder["securityContext"] == {"runAsUser": 7} and holder["command"][-1] == "60"
    assert len(JOB["spec"]["template"]["spec"]["containers"]) == 1  # the given one is as it was
    for path, words in (("out", "is no folder"), ("/", "is no folder"), ("/v", "mounted already")):
        with pytest.raises(FleetError, match=words):
            with_artefacts(JOB, path)


def test_when_they_can_be_copied() -> None:
    def pod(main: str, holder: str) -> dict[str, t.Any]:
        return {"status": {"containerStatuses": [{"name": "job", "state": {main: {}}}, {"name": CONTAINER, "state": {holder: {"x": 1}}}]}}

    ended = pod("terminated", "running")
    ended["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 0}}
    assert main_has_ended(ended, "job") and not main_has_ended(pod("running", "running"), "job")
