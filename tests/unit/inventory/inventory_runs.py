# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real C(ansible-inventory), C(ansible) and C(ansible-playbook), and the plugin by itself, with a configuration file of the test's."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

CLONE = pathlib.Path(__file__).resolve().parents[3]
NAME = "studioml.fleet.fleet"


class Inventory:
    """One configuration file and what comes of it."""

    def __init__(self, directory: pathlib.Path, **options: t.Any) -> None:
        self.directory = directory
        self.path = directory / "test.fleet.yml"
        self.configure(**options)
        self.environment: dict[str, str] = {}
        self.output = ""

    def configure(self, **options: t.Any) -> None:
        self.path.write_text(json.dumps({"plugin": NAME, **options}), encoding="utf-8")

    def run(self, program: str, *arguments: t.Any, source: pathlib.Path | None = None) -> str:
        """Standard output of a program that ends well; C(output) has both streams, as one line of words."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_", "FLEET_", "ANSIBLE_"))}
        settings = {"ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        hosts = [] if program == "ansible-doc" else ["-i", str(source or self.path)]
        command = [str(pathlib.Path(sys.executable).with_name(program)), *map(str, arguments), *hosts]
        environment = {**kept, **settings, "ANSIBLE_LOCAL_TEMP": str(self.directory), **self.environment}
        done = subprocess.run(command, cwd=CLONE, env=environment, capture_output=True, text=True, timeout=300, check=False)
        self.output = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def list(self, *arguments: str) -> Listed:
        return Listed(json.loads(self.run("ansible-inventory", "--list", *arguments)))

    def parse(self, cache: bool = True) -> InventoryData:
        """The plugin alone, in this process; what it refuses is raised.

        :param cache: whether the cache may be read, which C(meta: refresh_inventory) forbids.
        """
        inventory, plugin = InventoryData(), inventory_loader.get(NAME)
        plugin.parse(inventory, DataLoader(), str(self.path), cache=cache)
        if plugin.get_option("cache"):
            plugin.update_cache_if_changed()
        return inventory


class Listed:
    """What C(ansible-inventory --list) says."""

    def __init__(self, found: dict[str, t.Any]) -> None:
        self.raw = found["_meta"]["hostvars"]
        self.hosts: dict[str, dict[str, t.Any]] = plain(self.raw)
        self.groups = {name: sorted(group["hosts"]) for name, group in found.items() if name != "_meta" and group.get("hosts")}

    def groups_of(self, host: str) -> list[str]:
        return sorted(name for name, hosts in self.groups.items() if host in hosts)


def plain(value: t.Any) -> t.Any:
    """Without the marks of text that is no template."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
