"""What C(microk8s status) prints, in all its states."""

from __future__ import annotations

import pytest
from microk8s_doubles import NOT_READY, OLD_READY, READY, STOPPED, WORKER

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_status import Addon, Status, parse


def test_ready():
    status = parse(READY)
    assert status.kind == "running"
    assert status.addons == [
        Addon("dns", "core", "1.13.1", True), Addon("ha-cluster", "core", "1.0", True),
        Addon("community", "core", "", False), Addon("nvidia", "core", "25.10.0", False),
    ]  # fmt: skip
    assert status.addons[0].label() == "core/dns"


def test_without_repositories():
    assert parse(OLD_READY).addons == [Addon("gpu", "", "1.11.0", False)]
    assert parse(OLD_READY).addons[0].label() == "gpu"


@pytest.mark.parametrize(("text", "kind"), [(STOPPED, "stopped"), (WORKER, "worker"), (NOT_READY, "notready")])
def test_sentences_and_the_indented_message(text, kind):
    assert parse(text) == Status(kind, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):\n",
        "microk8s is running\naddons:\n",
        "addons:\n  - name: dns\n    status: enabled\n",
        READY + "surprise\n",
        READY + "      - deep: list\n        deeper: still\n",
        READY.replace("    status: enabled", "    status: perhaps"),
    ],
)
def test_anything_else_is_an_error_and_no_guess(text):
    with pytest.raises(FleetError) as caught:
        parse(text)
    assert "newer or older" in caught.value.text()
