# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between the tracks that the stand-in plays."""

from __future__ import annotations

import pytest
from standin import addons
from standin.track import Track, TrackError


@pytest.mark.parametrize("text", ["1.36", "1.36/stable", "v1.36.3", " 1.36\n"])
def test_a_track_is_read_in_each_notation(text: str) -> None:
    assert Track.parse(text) == Track(36)


@pytest.mark.parametrize("text", ["", "latest/stable", "1.18", "1.99", "2.0", "36"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(TrackError, match="is not a track"):
        Track.parse(text)


def test_what_changes_at_which_track() -> None:
    assert [Track(minor).has_certs_d for minor in (22, 23)] == [False, True]
    assert [Track(minor).has_repositories for minor in (23, 24)] == [False, True]
    assert [Track(minor).not_ready_code for minor in (27, 28)] == [0, 1]
    assert [Track(minor).has_addon_lock for minor in (26, 27)] == [False, True]
    assert [Track(minor).gpu_addon for minor in (28, 29)] == ["gpu", "nvidia"]
    assert [Track(minor).storage_addon for minor in (23, 24)] == ["storage", "hostpath-storage"]
    assert [minor for minor in range(19, 37) if Track(minor).gpu_addon_is_broken] == [33, 34]
    assert Track(36).version == "v1.36.3"


def names(minor: int) -> set[str]:
    return {addon.name for addon in addons.available(Track(minor))}


def test_the_listed_addons_follow_the_track() -> None:
    assert {"gpu", "storage", "dashboard"} <= names(22)
    assert not {"nvidia", "hostpath-storage", "community"} & names(22)
    assert {"gpu", "storage", "hostpath-storage", "community"} <= names(28)
    assert "nvidia" not in names(28)
    assert {"nvidia", "gpu"} <= names(29)
    assert "dashboard" in names(35)
    assert "dashboard" not in names(36)


def test_enabled_is_a_piece_of_any_row(tmp_path) -> None:
    rows = "kube-system   deployment.apps/hostpath-provisioner   1/1\nclusterrole.rbac.authorization.k8s.io/gpu-operator-node-feature-discovery   2026\n"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/helm").touch()
    variables = {"SNAP": str(tmp_path), "SNAP_DATA": str(tmp_path / "data"), "SNAP_COMMON": str(tmp_path / "common")}
    enabled, disabled = addons.split_enabled(addons.available(Track(36)), rows, variables)
    assert [addon.name for addon in enabled] == ["gpu", "helm", "hostpath-storage", "nvidia", "storage"]
    assert {"dns", "registry", "ha-cluster", "helm3", "community", "rbac"} <= {addon.name for addon in disabled}
