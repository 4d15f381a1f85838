# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the tests of Jobs on the real API server, with the real job controller. The kubelet is a stand-in."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from control_plane import ControlPlane  # noqa: E402
from stand_in import StandIn  # noqa: E402

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api  # noqa: E402


@pytest.fixture(scope="module")
def controllers(control_plane: ControlPlane) -> t.Iterator[None]:
    """The real job controller and garbage collector, among others."""
    control_plane.start_controllers()
    yield
    control_plane.stop_program("kube-controller-manager")


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    """The least that a Job needs."""
    return {"kubeconfig": str(kubeconfig), "namespace": namespace, "name": "one", "image": "hub:5000/busybox:1", "wait": False}


@pytest.fixture
def kubelet(admin: Api, namespace: str, controllers: None) -> t.Iterator[StandIn]:
    """Every pod runs and ends well at once, unless the test changes C(plan)."""
    with StandIn(admin, namespace) as stand_in:
        yield stand_in
