# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebook of this collection in a real ansible-rulebook, with a real API server behind it: alerts drain hosts within limits, their end brings them back.

Hosts that a test has drained are brought back by it, since the limit counts them all. A host belongs to one test, since the rulebook remembers it for an hour.
"""

from __future__ import annotations

import threading
import typing as t

import pytest
from fleet import Host
from rulebook import TOKEN, Rulebook, alert, payload

pytestmark = pytest.mark.apiserver
NAMES = ("again", "first", "second", "third", "person", "two", "later", "sick", "mapped")
LIMIT = 2
DRAIN, RUN = "DrainAndSuspend", "Running"


@pytest.fixture(scope="module")
def hosts(make_host: t.Callable[[str], Host]) -> dict[str, Host]:
    return {name: make_host(name) for name in NAMES}


@pytest.fixture(scope="module")
def rulebook(start: t.Callable[..., Rulebook], hosts: dict[str, Host]) -> Rulebook:
    return start(hosts.values(), fleet_alert_limit=LIMIT, fleet_alert_hosts={"ip-10-0-0-9.example": "mapped"})


def test_an_alert_drains_its_host_once_and_its_end_brings_it_back(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    host = hosts["again"]
    firing = payload(alert("GpuXid", node=host.node))
    assert (host.state, host.look()["verdict"]) == (RUN, "running")
    assert rulebook.post(firing) == 200
    rulebook.says(f"again is to be drained for GpuXid; then 1 of at most {LIMIT} are drained.")
    rulebook.settled()
    assert (host.state, host.look()["verdict"], host.note) == (DRAIN, "quiet", "alert: GpuXid")
    before = rulebook.runs()
    assert [rulebook.post(firing) for _repeated in range(3)] == [200, 200, 200]
    rulebook.settled()
    assert rulebook.runs() == before and host.state == DRAIN, "a repeated alert does nothing"

    rulebook.post(payload(alert("GpuXid", "resolved", node=host.node)))
    rulebook.says("again was drained for GpuXid, which is resolved: it is verified and brought back.")
    rulebook.settled()
    assert (host.state, host.look()["verdict"], host.note) == (RUN, "running", "")
    before = rulebook.runs()
    rulebook.post(firing)
    rulebook.settled()
    assert rulebook.runs() == before and host.state == RUN, "the same host is not drained twice within an hour"


def test_alerts_at_the_same_moment_do_not_exceed_the_limit(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    some = [hosts[name] for name in ("first", "second", "third")]
    begin = threading.Barrier(len(some))

    def post(host: Host) -> None:
        begin.wait(60)
        assert rulebook.post(payload(alert("GpuEccUncorrectable", Hostname=host.node))) == 200

    threads = [threading.Thread(target=post, args=(host,)) for host in some]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    rulebook.says(f"is left alone: {LIMIT} of at most {LIMIT} hosts are drained already: ")
    rulebook.settled()
    drained = [host for host in some if host.state == DRAIN]
    (left,) = [host for host in some if host.state == RUN]
    assert len(drained) == LIMIT
    rulebook.says(f"{left.name} is left alone: 2 of at most 2 hosts are drained already: {', '.join(host.name for host in drained)}.")

    ended = [alert("GpuEccUncorrectable", "resolved", Hostname=host.node) for host in some]
    rulebook.post(payload(*ended))
    rulebook.says(f"{left.name} is left alone: it is not drained.")
    rulebook.settled()
    assert [host.state for host in some] == [RUN] * 3, "one payload brings back each of its hosts"


def test_a_host_that_a_person_has_drained_is_that_persons(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    host = hosts["person"]
    host.ask(DRAIN, note="new fans")
    rulebook.post(payload(alert("GpuTemperature", node=host.node)))
    rulebook.says("person is left alone: somebody has drained it already (new fans).")
    rulebook.post(payload(alert("GpuTemperature", "resolved", node=host.node)))
    rulebook.says("person is left alone: it was not drained for an alert (new fans), so whoever drained it brings it back.")
    rulebook.settled()
    assert (host.state, host.note) == (DRAIN, "new fans")
    host.ask(RUN)
    assert host.note == ""


def test_a_host_with_two_alerts_comes_back_after_the_last_one(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    host = hosts["two"]
    both = ("GpuTemperature", "GpuXid")
    rulebook.post(payload(*(alert(name, node=host.node) for name in both)))
    rulebook.settled()
    assert (host.state, host.note) == (DRAIN, "alert: GpuTemperature, GpuXid")
    rulebook.post(payload(alert("GpuXid", "resolved", node=host.node)))
    rulebook.says("two is left alone: GpuXid is resolved, and it is drained for GpuTemperature.")
    rulebook.post(payload(alert("GpuXid", "resolved", node=host.node), alert("GpuTemperature", node=host.node)))
    rulebook.settled()
    assert host.state == DRAIN
    rulebook.post(payload(alert("GpuTemperature", "resolved", node=host.node), groupLabels={"node": host.node}))
    rulebook.says("two was drained for GpuTemperature, GpuXid, which is resolved")
    rulebook.settled()
    assert host.state == RUN


def test_a_host_that_is_not_sound_stays_drained(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    host = hosts["sick"]
    rulebook.post(payload(alert("GpuXid", node=host.node)))
    rulebook.settled()
    assert host.state == DRAIN
    host.breaks()
    rulebook.post(payload(alert("GpuXid", "resolved", node=host.node)))
    rulebook.says(f"{host.node} is not ready")
    rulebook.settled()
    assert (host.state, host.note) == (DRAIN, "alert: GpuXid")
    host.ask(RUN)


def test_a_label_means_a_host_as_the_inventory_says(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    rulebook.post(payload(alert("GpuXid", instance="ip-10-0-0-9.example:9400")))
    rulebook.says("mapped is to be drained for GpuXid")
    rulebook.settled()
    assert hosts["mapped"].state == DRAIN
    hosts["mapped"].ask(RUN)


EVIL = "{{ lookup('pipe', 'touch evil') }}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([1, 2], "Nothing was done: what was posted is no object with a list alerts. Point a webhook_config of Alertmanager here."),
        ("alerts", "Nothing was done: what was posted is no object with a list alerts."),
        ({"version": "4", "alerts": "none"}, "Nothing was done: what was posted is no object with a list alerts."),
        ({"version": "4", "alerts": []}, "Nothing was done: what was posted has no alerts in its list alerts."),
        ({"alerts": [7]}, "Alert 1 was left alone: it is no object with labels and a status firing or resolved."),
        (payload(alert("Homeless")), "Alert Homeless was left alone: it does not name its host by any of the labels fleet_host, kubernetes_node, node, "),
        (payload(alert("Unmarked", fleet_action="", node="first")), "Alert Unmarked was left alone: it has no label fleet_action: drain."),
        (payload(alert("Evil", node=EVIL)), "Alert Evil was left alone: its label node is no name of a host: "),
        (payload(alert("Broad", node="*")), "Alert Broad was left alone: its label node is no name of a host: '*'. Choose another label."),
        (payload(alert("Strange", node="elsewhere")), "No host of this inventory is called elsewhere, by its name, its fleet_node_name or its ansible_host."),
        (payload(alert("All", node="all")), "No host of this inventory is called all, by its name, its fleet_node_name or its ansible_host."),
    ],
)
def test_what_cannot_be_acted_on_is_told_and_harms_nothing(rulebook: Rulebook, hosts: dict[str, Host], body: t.Any, said: str) -> None:
    assert rulebook.post(body) == 200
    rulebook.says(said)
    rulebook.settled()
    assert not list(rulebook.folder.rglob("evil"))


def test_what_is_no_json_is_refused(rulebook: Rulebook) -> None:
    assert rulebook.post(b"{") == 400
    rulebook.says("failed to decode JSON payload")


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_without_the_token_nothing_is_taken(rulebook: Rulebook, hosts: dict[str, Host], token: str | None) -> None:
    before = rulebook.runs()
    assert rulebook.post(payload(alert("GpuXid", node=hosts["later"].node)), token) == 401
    rulebook.settled()
    assert rulebook.runs() == before and hosts["later"].state == RUN


def test_the_rulebook_goes_on_after_all_of_this(rulebook: Rulebook, hosts: dict[str, Host]) -> None:
    rulebook.post(payload(alert("GpuXid", node=hosts["later"].node)))
    rulebook.says("later is to be drained for GpuXid; then 1 of at most 2 are drained.")
    rulebook.settled()
    assert hosts["later"].state == DRAIN
    hosts["later"].ask(RUN)
    assert TOKEN not in rulebook.log
    assert all(host.state == RUN for host in hosts.values())


def test_without_a_token_it_does_not_start(start: t.Callable[..., Rulebook], hosts: dict[str, Host]) -> None:
    with pytest.raises(AssertionError, match="ansible-rulebook has ended(.|\n)*fleet_alert_token"):
        start([hosts["later"]], token=False)
