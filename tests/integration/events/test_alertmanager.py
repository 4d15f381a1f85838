# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of docs/events.md in the real tools: Alertmanager posts to the rulebook, and Prometheus's own tool fires the rules."""

from __future__ import annotations

import json
import pathlib
import subprocess
import typing as t

import pytest
from control_plane import free_ports
from fleet import Host
from monitoring import Alertmanager, documented
from rulebook import TOKEN, Rulebook

pytestmark = pytest.mark.apiserver
Programs = dict[str, pathlib.Path]


def run(*command: str | pathlib.Path) -> str:
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def labels(name: str, host: Host) -> dict[str, str]:
    return {"alertname": name, "fleet_action": "drain", "fleet_host": host.node, "gpu": "0", "instance": "10.1.2.3:9400"}


def test_alertmanager_drains_a_host_and_brings_it_back(
    monitoring: Programs, make_host: t.Callable[[str], Host], start: t.Callable[..., Rulebook], tmp_path: pathlib.Path
) -> None:
    host, other = make_host("watched"), make_host("other")
    rulebook = start([host, other])
    config = documented("alertmanager.yml")
    route, (webhook,) = config["route"]["routes"][0], config["receivers"][1]["webhook_configs"]
    assert webhook["url"] == "http://127.0.0.1:5000/alerts", "the port is the rulebook's default"
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    webhook["url"] = f"http://127.0.0.1:{rulebook.port}/alerts"
    webhook["http_config"]["authorization"]["credentials_file"] = str(tmp_path / "token")
    route.update(group_wait="1s", group_interval="1s")
    with Alertmanager(monitoring["prometheus-alertmanager"], tmp_path, free_ports(1)[0], config) as alertmanager:
        assert "SUCCESS" in run(monitoring["amtool"], "check-config", alertmanager.place)
        both = [labels("GpuXid", host), labels("GpuTemperature", host)]
        alertmanager.hears(both[0], {**labels("PodCrashes", other), "fleet_action": "none"})
        rulebook.says("watched is to be drained for GpuXid; then 1 of at most 1 are drained.")
        rulebook.settled()
        assert (host.state, host.note) == ("DrainAndSuspend", "alert: GpuXid")
        alertmanager.hears(both[1], labels("GpuXid", other))
        rulebook.says("other is left alone: 1 of at most 1 hosts are drained already: watched.")

        alertmanager.hears(both[0], labels("GpuXid", other), resolved=True)
        rulebook.says("other is left alone: it is not drained.")
        rulebook.settled()
        assert host.state == "DrainAndSuspend", "one of its alerts still fires"
        alertmanager.hears(both[1], resolved=True)
        rulebook.says("watched was drained for GpuXid, which is resolved: it is verified and brought back.")
        rulebook.settled()
        assert (host.state, other.state) == ("Running", "Running")
    assert "PodCrashes" not in rulebook.log and TOKEN not in rulebook.log


SERIES = 'gpu="0", UUID="GPU-1", device="nvidia0", modelName="NVIDIA H100 80GB HBM3", instance="10.1.2.3:9400"'


def fired(name: str, host: str, value: str) -> dict[str, t.Any]:
    exported = {"gpu": "0", "UUID": "GPU-1", "device": "nvidia0", "modelName": "NVIDIA H100 80GB HBM3", "instance": "10.1.2.3:9400"}
    label = "Hostname" if host == "gpu1" else "hostname"
    (rule,) = [one for one in documented("fleet-gpu.rules.yml")["groups"][0]["rules"] if one["alert"] == name]
    summary = rule["annotations"]["summary"].replace("{{ $labels.gpu }}", "0").replace("{{ or $labels.Hostname $labels.hostname }}", host)
    given = {"alertname": name, "fleet_action": "drain", "fleet_host": host, label: host, **exported}
    return {"exp_labels": given, "exp_annotations": {"summary": summary.replace("{{ $value }}", value)}}


@pytest.mark.parametrize(
    ("series", "at", "name", "alerts"),
    [
        (f'DCGM_FI_DEV_XID_ERRORS{{Hostname="gpu1", {SERIES}}}', "0 79x20", "GpuXid", [fired("GpuXid", "gpu1", "79")]),
        (f'DCGM_FI_DEV_XID_ERRORS{{Hostname="gpu1", {SERIES}}}', "0 31x20", "GpuXid", []),
        (f'DCGM_FI_DEV_XID_ERRORS{{hostname="gpu2", {SERIES}}}', "0 48x20", "GpuXid", [fired("GpuXid", "gpu2", "48")]),
        (f'DCGM_FI_DEV_ROW_REMAP_FAILURE{{hostname="gpu2", {SERIES}}}', "0 1x20", "GpuEccUncorrectable", [fired("GpuEccUncorrectable", "gpu2", "1")]),
        (f'DCGM_FI_DEV_GPU_TEMP{{Hostname="gpu1", {SERIES}}}', "95x20", "GpuTemperature", [fired("GpuTemperature", "gpu1", "95")]),
        (f'DCGM_FI_DEV_GPU_TEMP{{Hostname="gpu1", {SERIES}}}', "95x3 70x17", "GpuTemperature", []),
        (f'DCGM_FI_DEV_GPU_TEMP{{Hostname="gpu1", {SERIES}}}', "90x20", "GpuTemperature", []),
    ],
)
def test_the_rules_fire_as_documented(monitoring: Programs, tmp_path: pathlib.Path, series: str, at: str, name: str, alerts: list[dict[str, t.Any]]) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(json.dumps(documented("fleet-gpu.rules.yml")), encoding="utf-8")
    run(monitoring["promtool"], "check", "rules", rules)
    case = {
        "interval": "1m",
        "input_series": [{"series": series, "values": at}],
        "alert_rule_test": [{"eval_time": "10m", "alertname": name, "exp_alerts": alerts}],
    }
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]}), encoding="utf-8")
    run(monitoring["promtool"], "test", "rules", tmp_path / "test.yml")
