"""site.yml from bare hosts to runners, and a second time: the tests of this file build on each other, in their order."""

from __future__ import annotations

import pytest
from site_runs import Run, Site

pytestmark = pytest.mark.sandbox

# What no run in check mode may leave on a bare host: programs, snaps, settings, images.
TRACES = """
command -v docker; snap list 2>/dev/null | tail -n +2; ls -A /etc/docker /var/snap /var/lib/studioml-fleet 2>/dev/null
sysctl -n net.ipv4.ip_forward; ls /etc/sysctl.d; dpkg -l | grep -c ^ii; true
"""
MOST_CALLS = 3


@pytest.fixture(scope="module")
def first(site: Site) -> Run:
    return site.play()


@pytest.fixture(scope="module")
def second(site: Site, first: Run) -> Run:
    assert first.status == 0, first.output
    return site.play()


def test_check_mode_of_a_bare_fleet_says_what_it_would_do(site: Site) -> None:
    before = {host: site.on(host, TRACES) for host in ("hub", "gpu1", "gpu2")}
    run = site.play("--check", "--diff")
    assert run.status == 0, run.output
    assert {host: site.on(host, TRACES) for host in before} == before
    assert min(run.changed[host] for host in before) > 0
    for words in ("daemon.json", "hosts.toml", "studioml-go-runner"):
        assert words in run.output


def test_bare_hosts_become_runners(site: Site, first: Run) -> None:
    assert first.status == 0, first.output
    assert sorted(first.verdicts) == ["gpu1", "gpu2", "hub"]
    for host in ("gpu1", "gpu2"):
        verdict = first.verdicts[host]
        assert verdict["ok"] and verdict["simulated"]
        assert verdict["gpus"] == {"found": 2, "offered": 2}
        assert [(runner["ready"], runner["asked_state"]) for runner in verdict["runners"]] == [(1, "Running")]
        events = site.on(host, "/snap/bin/microk8s kubectl -n studioml get events -o jsonpath='{.items[*].message}'")
        assert "Successfully pulled image" in events


def test_a_second_run_changes_nothing(first: Run, second: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert second.status == 0, second.output
    assert set(second.changed.values()) == {0}, second.output
    with capsys.disabled():  # a time to read, not to assert: what makes it quick is the number of calls, asserted below
        print(f" [site.yml from bare hosts: {first.seconds:.0f} s, unchanged: {second.seconds:.0f} s]", end=" ")


def test_each_role_costs_few_remote_calls(second: Run) -> None:
    sent = second.calls_by_role()
    assert {role for _host, role in sent} >= {"docker", "microk8s", "registry_trust", "gpu", "base_image"}
    assert not {where: modules for where, modules in sent.items() if len(modules) > MOST_CALLS}
    assert not [where for where in sent if where[1] == "runner"]


def test_no_secret_is_printed(site: Site, first: Run, second: Run) -> None:
    noisy = site.play("-vvv", "--diff", "--tags", "microk8s,runner")
    for run in (first, second, noisy):
        assert site.secret("gpu1") not in run.output


def test_state_and_status_playbooks(site: Site, second: Run) -> None:
    drained = site.play("-e", "fleet_state=DrainAndSuspend", "-l", "gpu1", playbook="playbooks/state.yml")
    assert drained.status == 0 and drained.changed == {"gpu1": 1}, drained.output
    table = site.play(playbook="playbooks/status.yml").output
    assert "DrainAndSuspend" in table and "Running" in table
    resumed = site.play("-e", "fleet_state=Running", playbook="playbooks/state.yml")
    assert resumed.changed == {"gpu1": 1, "gpu2": 0}, resumed.output


def test_the_state_is_never_guessed(site: Site) -> None:
    assert "Name the state" in site.play(playbook="playbooks/state.yml").output
