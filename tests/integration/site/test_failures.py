"""What goes wrong on one host is said in one clear message, leaves that host's files and runtimes alone, and the others finish.

Several hosts are broken at once, each in its own way: three runs show everything, and that no failure leaks to another host.
"""

from __future__ import annotations

import typing as t

import pytest
from site_runs import Run, Site

pytestmark = pytest.mark.sandbox

CUT = '{"log-level": '
THEIRS = 'server = "https://somebody.else"\n[host."http://somebody.else'
CERTS = "/var/snap/microk8s/current/args/certs.d"
RUNTIMES = "systemctl is-active docker; snap services microk8s 2>/dev/null | grep -c ' active'"


@pytest.fixture(scope="module")
def fleet(site: Site) -> t.Iterator[Site]:
    """A converged fleet with two bare hosts more."""
    site.sandbox("up", "--hosts", "gpu3,gpu4")
    run = site.play("-l", "hub,gpu1,gpu2")
    assert run.status == 0, run.output
    yield site
    site.sandbox("down", "--hosts", "gpu3,gpu4")


class Broken(t.NamedTuple):
    """A run with broken hosts, and what is to be compared before and after it."""

    run: Run
    before: dict[str, str]
    after: dict[str, str]


def hub_address(site: Site) -> str:
    return str(site.variables("hub")["ansible_host"])


@pytest.fixture(scope="module")
def daemon_snap_and_node(fleet: Site) -> Broken:
    """gpu1: daemon.json cut off. gpu3: a snap file that is not there. gpu4: a node that never gets ready."""
    fleet.on("gpu1", f"cp -a /etc/docker/daemon.json /root/kept.json; printf %s '{CUT}' > /etc/docker/daemon.json")
    fleet.on("gpu4", "echo 'never_ready: true' > /etc/microk8s-stand-in.yaml")
    look = {"gpu1": f"cat /etc/docker/daemon.json; {RUNTIMES}", "gpu3": "snap list 2>&1", "gpu4": "true"}
    before = {host: fleet.on(host, script) for host, script in look.items()}
    run = fleet.play(host_vars={"gpu3": {"microk8s_snap_file": "/opt/snaps/missing.snap"}, "gpu4": {"microk8s_ready_timeout": 20}})
    after = {host: fleet.on(host, script) for host, script in look.items()}
    fleet.on("gpu1", "mv /root/kept.json /etc/docker/daemon.json")
    return Broken(run, before, after)


@pytest.fixture(scope="module")
def hosts_toml_addon_and_registry(fleet: Site, daemon_snap_and_node: Broken) -> Broken:
    """gpu1: somebody else's malformed hosts.toml for our registry. gpu3: an add-on that does not come up. hub: its registry is down."""
    folder = f"{CERTS}/{hub_address(fleet)}:5000"
    fleet.on("gpu1", f"cp -a '{folder}/hosts.toml' /root/kept.toml; printf %s '{THEIRS}' > '{folder}/hosts.toml'")
    fleet.on("gpu3", "echo 'never_comes_up: [registry]' > /etc/microk8s-stand-in.yaml")
    fleet.on("hub", "systemctl stop docker-registry")
    look = {"gpu1": f"cat '{folder}/hosts.toml'; {RUNTIMES}", "gpu3": "true", "hub": "systemctl is-active docker"}
    before = {host: fleet.on(host, script) for host, script in look.items()}
    proofless = {"registry_trust_proof_image": ""}
    run = fleet.play("-l", "hub,gpu1,gpu2,gpu3", host_vars={"gpu2": proofless, "gpu3": {**proofless, "microk8s_addon_timeout": 90}})
    after = {host: fleet.on(host, script) for host, script in look.items()}
    fleet.on("hub", "systemctl start docker-registry")
    fleet.on("gpu1", f"mv /root/kept.toml '{folder}/hosts.toml'")
    return Broken(run, before, after)


@pytest.fixture(scope="module")
def image(fleet: Site, hosts_toml_addon_and_registry: Broken) -> Broken:
    """gpu1: an image that no registry has."""
    missing = f"{hub_address(fleet)}:5000/studioml/no-such-runner:1"
    run = fleet.play("-l", "hub,gpu1,gpu2", host_vars={"gpu1": {"runner_image": missing, "runner_wait_timeout": 45, "registry_trust_proof_image": ""}})
    return Broken(run, {}, {})


def blamed(broken: Broken, host: str) -> str:
    """The one message about a host."""
    verdict = broken.run.verdicts[host]
    assert not verdict["ok"] and len(verdict["failures"]) == 1, broken.run.output
    assert "Traceback" not in broken.run.output
    return str(verdict["failures"][0]["message"])


def check_the_others(broken: Broken, *hosts: str) -> None:
    assert broken.run.status == 2
    assert [host for host in hosts if not broken.run.verdicts[host]["ok"]] == [], broken.run.output


def test_daemon_json_that_is_cut_off(daemon_snap_and_node: Broken) -> None:
    message = blamed(daemon_snap_and_node, "gpu1")
    assert "/etc/docker/daemon.json" in message and "Nothing was changed" in message
    assert daemon_snap_and_node.after["gpu1"] == daemon_snap_and_node.before["gpu1"]
    assert daemon_snap_and_node.after["gpu1"].startswith(CUT)


def test_snap_file_that_is_not_there(daemon_snap_and_node: Broken) -> None:
    assert "/opt/snaps/missing.snap" in blamed(daemon_snap_and_node, "gpu3")
    assert daemon_snap_and_node.after["gpu3"] == daemon_snap_and_node.before["gpu3"]


def test_node_that_never_gets_ready(daemon_snap_and_node: Broken) -> None:
    message = blamed(daemon_snap_and_node, "gpu4")
    assert "20 s" in message and "ready" in message


def test_the_others_finish_their_first_run(daemon_snap_and_node: Broken) -> None:
    check_the_others(daemon_snap_and_node, "hub", "gpu2")


def test_hosts_toml_of_somebody_else(hosts_toml_addon_and_registry: Broken) -> None:
    assert "hosts.toml" in blamed(hosts_toml_addon_and_registry, "gpu1")
    assert hosts_toml_addon_and_registry.after["gpu1"] == hosts_toml_addon_and_registry.before["gpu1"]
    assert hosts_toml_addon_and_registry.after["gpu1"].startswith(THEIRS)


def test_addon_that_does_not_come_up(hosts_toml_addon_and_registry: Broken) -> None:
    message = blamed(hosts_toml_addon_and_registry, "gpu3")
    assert "registry" in message and ("ImagePullBackOff" in message or "ErrImagePull" in message)


def test_registry_that_is_down(fleet: Site, hosts_toml_addon_and_registry: Broken) -> None:
    message = blamed(hosts_toml_addon_and_registry, "hub")
    assert f"{hub_address(fleet)}:5000" in message and "refused" in message
    assert hosts_toml_addon_and_registry.after["hub"] == hosts_toml_addon_and_registry.before["hub"]


def test_the_others_finish_their_second_run(hosts_toml_addon_and_registry: Broken) -> None:
    check_the_others(hosts_toml_addon_and_registry, "gpu2")


def test_image_that_cannot_be_pulled(image: Broken) -> None:
    message = blamed(image, "gpu1")
    assert "no-such-runner:1" in message and "not found" in message


def test_the_others_finish_their_third_run(image: Broken) -> None:
    check_the_others(image, "hub", "gpu2")


def test_the_fleet_heals_once_the_causes_are_gone(fleet: Site, image: Broken) -> None:
    healed = fleet.play("-l", "hub,gpu1,gpu2")
    assert healed.status == 0, healed.output
