"""K8S_AUTH_KUBECONFIG with several files is for the inventory; a task refuses it, in check mode too."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _door, _kubeconfig
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


def params(kubeconfig: str) -> dict[str, object]:
    return {"kubeconfig": kubeconfig, "context": None, "connect_timeout": 1.0, "request_timeout": 1.0}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("there", [True, False])
def test_several_files_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, check: bool, there: bool) -> None:
    paths = os.pathsep.join(str(tmp_path / name) for name in ("a", "b"))
    if there:
        (tmp_path / "a").write_text("", encoding="utf-8")
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", paths)
    with pytest.raises(FleetError) as refused:
        _door.target_if_there(params(paths), check)
    assert refused.value.message == f"K8S_AUTH_KUBECONFIG names several files ({paths}), and a task works with one."
    assert refused.value.hint.startswith("Set fleet_kubeconfig for each host")
    monkeypatch.delenv("K8S_AUTH_KUBECONFIG")
    with pytest.raises(FleetError, match=r"^The kubeconfig names several files"):
        _door.target_if_there(params(paths), check)


def test_one_file_may_still_be_to_come_and_may_have_a_colon(tmp_path: pathlib.Path) -> None:
    target, warnings = _door.target_if_there(params(str(tmp_path / "later")), True)
    assert target is None and "In check mode it is taken for one that is still to be written" in warnings[0]
    odd = tmp_path / "a:b"
    odd.write_text('{"clusters": [{"name": "c", "cluster": {"server": "https://hub:6443"}}], "contexts": [{"name": "x", "context": {"cluster": "c"}}]}')
    assert _kubeconfig.load(str(odd), "x").server == "https://hub:6443"
