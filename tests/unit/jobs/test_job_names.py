# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and labels: what is taken, what is refused, and that the nearest form which the message offers would be taken."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _names as names
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

LONG = "a" * 300


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (names.dns_label, ["a", "train-1", "a" * 63]),
        (names.dns_name, ["a", "a.b-c.d", ".".join(["a" * 60] * 4)]),
        (names.label_key, ["app", "App_1.x", "example.org/app", "nvidia.com/gpu.product"]),
        (names.label_value, ["", "NVIDIA-A100-SXM4-40GB", "1_x.y", "a" * 63]),
        (names.env_key, ["PATH", "_x", "a.b-c"]),
    ],
)
def test_what_is_taken(check: t.Callable[[t.Any, str], str], good: list[str]) -> None:
    assert [check(one, "field") for one in good] == good


@pytest.mark.parametrize(
    ("check", "bad", "nearest"),
    [
        (names.dns_label, "Train_1", "train-1"),
        (names.dns_label, "-a-", "a"),
        (names.dns_label, "a.b", "a-b"),
        (names.dns_label, LONG, "a" * 54 + "-98a9a1c8"),
        (names.dns_name, "My_Claim.x", "my-claim.x"),
        (names.dns_name, "a..b", "a.b"),
        (names.label_key, "my key", "my-key"),
        (names.label_key, "example.org/my key", "example.org/my-key"),
        (names.label_value, "NVIDIA A100 80GB", "NVIDIA-A100-80GB"),
        (names.label_value, "payload with\nnewline", "payload-with-newline"),
        (names.label_value, LONG, "a" * 54 + "-98a9a1c8"),
        (names.env_key, "1 A", "_1_A"),
    ],
)
def test_what_is_refused(check: t.Callable[[t.Any, str], str], bad: str, nearest: str) -> None:
    with pytest.raises(FleetError, match=r"^the field: .* is not a valid") as said:
        check(bad, "the field")
    offered = re.search(r"the nearest that would do is (\S+)\.$", said.value.text())
    assert offered and check(offered.group(1), "x") == offered.group(1)
    if "98a9a1c8" not in nearest:
        assert offered.group(1) == nearest
    assert len(said.value.text()) < 400


def test_a_list_is_no_name() -> None:
    with pytest.raises(FleetError, match="name: .* is no text"):
        names.dns_label(["a"], "name")


@pytest.mark.parametrize("text", ["", "---", "日本", "a" * 64, "A b C", "lr=0.1,layers=3 " * 10, "x" * 54 + "-----------y"])
def test_shortened_is_always_a_name(text: str) -> None:
    made = names.shortened(text)
    assert names.dns_label(made, "x") == made == names.shortened(text)


def test_shortened_tells_long_ones_apart() -> None:
    assert names.shortened("a" * 70 + "1") != names.shortened("a" * 70 + "2")
    assert names.shortened("lr 0.1") == "lr-0-1" and len(names.shortened("a" * 70, 20)) == 20
