# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(microk8s status) per state, format and track; the texts are those of the real one."""

from __future__ import annotations

import pytest
from standin.addons import Addon
from standin.status import Situation, one_addon, render
from standin.track import Track

DNS = Addon("dns", "CoreDNS", "1.13.1", "pod/coredns")
REGISTRY = Addon("registry", "Private image registry exposed on localhost:32000", "2.8.3", "deployment.apps/registry")
READY = Situation(True, [DNS], [REGISTRY], True, [("10.0.0.5:19001", "voter")])
NOT_READY = Situation(False, high_availability=True, nodes=[("10.0.0.5:19001", "voter")])

YAML = """microk8s:
  running: True
high-availability:
  enabled: True
  nodes:
    - address: 10.0.0.5:19001
      role: voter
addons:
  - name: dns
    repository: core
    description: CoreDNS
    version: 1.13.1
    status: enabled
  - name: registry
    repository: core
    description: Private image registry exposed on localhost:32000
    version: 2.8.3
    status: disabled
"""

YAML_NOT_READY = """microk8s:
  running: False
high-availability:
  enabled: True
  nodes:
    - address: 10.0.0.5:19001
      role: voter
  message: microk8s is not running. Use microk8s inspect for a deeper inspection.
"""

PRETTY = """microk8s is running
high-availability: no
  datastore master nodes: 10.0.0.5:19001
  datastore standby nodes: none
addons:
  enabled:
    dns                  # (core) CoreDNS
  disabled:
    registry             # (core) Private image registry exposed on localhost:32000
"""


def test_yaml_of_a_ready_node() -> None:
    assert render("yaml", READY, Track(36)) == YAML


def test_yaml_before_the_repositories() -> None:
    assert render("yaml", READY, Track(23)) == YAML.replace("    repository: core\n", "")


def test_yaml_of_a_node_that_is_not_ready_puts_the_message_under_high_availability() -> None:
    assert render("yaml", NOT_READY, Track(36)) == YAML_NOT_READY


def test_yaml_without_high_availability_names_no_nodes() -> None:
    text = render("yaml", Situation(True, high_availability=False, nodes=READY.nodes), Track(36))
    assert text == "microk8s:\n  running: True\nhigh-availability:\n  enabled: False\naddons:\n"


@pytest.mark.parametrize(("minor", "prefix"), [(23, ""), (24, "core/"), (36, "core/")])
def test_short(minor: int, prefix: str) -> None:
    assert render("short", READY, Track(minor)) == f"microk8s is running\naddons:\n{prefix}dns: enabled\n{prefix}registry: disabled\n"


def test_pretty() -> None:
    assert render("pretty", READY, Track(36)) == PRETTY
    assert render("pretty", READY, Track(22)) == PRETTY.replace("(core) ", "")


def test_three_voters_are_high_availability() -> None:
    three = [(f"10.0.0.{number}:19001", "voter") for number in (5, 6, 7)] + [("10.0.0.8:19001", "standby")]
    text = render("pretty", Situation(True, nodes=three), Track(36))
    assert "high-availability: yes\n  datastore master nodes: 10.0.0.5:19001 10.0.0.6:19001 10.0.0.7:19001\n" in text
    assert "  datastore standby nodes: 10.0.0.8:19001\n" in text


@pytest.mark.parametrize("form", ["pretty", "short"])
def test_text_of_a_node_that_is_not_ready(form: str) -> None:
    assert render(form, NOT_READY, Track(36)) == "microk8s is not running. Use microk8s inspect for a deeper inspection.\n"


def test_the_deprecated_yaml_is_another_one() -> None:
    assert render("old-yaml", READY, Track(36)) == "microk8s:\n  running: True\naddons:\n  dns: enabled\n  registry: disabled\n"


@pytest.mark.parametrize(("name", "text"), [("dns", "enabled\n"), ("core/dns", "enabled\n"), ("registry", "disabled\n"), ("nonsense", "disabled\n")])
def test_one_addon(name: str, text: str) -> None:
    assert one_addon(name, READY) == text
