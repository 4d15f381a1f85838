# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment of a runner: names that it knows, values that it starts with, and what is said of the rest."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _runner_env
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

URL = "amqp://runner:geheim@hub:5672/%2f"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("AMPQ_URL", "AMQP_URL"),
        ("QUEUE_MACTH", "QUEUE_MATCH"),
        ("queue_match", "QUEUE_MATCH"),
        ("CLEARTEXT_MESSAGES", "CLEAR_TEXT_MESSAGES"),
        ("CACHE-DIR", "CACHE_DIR"),
        ("MAX_CORE", "MAX_CORES"),
        ("LIMIT_IDLE", "LIMIT_IDLE_DURATION"),
        ("S3CA", "S3_CA"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest_one(name: str, nearest: str) -> None:
    with pytest.raises(FleetError, match=rf"env: {name} is no name that the runner knows; the nearest one is {nearest}\. .*env_unchecked"):
        _runner_env.check({name: "1"}, {})


def test_a_name_of_something_else_is_refused_too_until_it_is_named() -> None:
    with pytest.raises(FleetError, match=r"OURS is no name that the runner knows.*a pattern such as OURS_\* will do"):
        _runner_env.check({"OURS": "1"}, {})
    assert _runner_env.check({"OURS": "1", "THEIR_A": "", "THEIR_B": "x"}, {}, ["OURS", "THEIR_*"]) == []


def test_in_secrets_only_a_slip_is_refused() -> None:
    assert _runner_env.check({}, {"TOKEN": "x", "B": "y", "AMQP_URL": URL}) == []
    with pytest.raises(FleetError, match="secret_env: AMPQ_URL .* nearest one is AMQP_URL") as caught:
        _runner_env.check({}, {"AMPQ_URL": URL})
    assert "geheim" not in caught.value.text()


@pytest.mark.parametrize(("name", "words"), [("MESSAGE_CRYPT", "ENCRYPT_DIR"), ("DISABLED_LIMIT_TASKS", "LIMIT_TASKS is a limit")])
def test_what_does_nothing_is_a_warning(name: str, words: str) -> None:
    (warning,) = _runner_env.check({name: "x"}, {})
    assert warning.startswith(f"env: {name} does nothing.") and words in warning


def test_a_limit_that_loses_work_is_a_warning() -> None:
    (warning,) = _runner_env.check({"LIMIT_TASKS": "4"}, {})
    assert "aborts the tasks" in warning


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CPU_ONLY", "yes"),
        ("CLEAR_TEXT_MESSAGES", ""),
        ("MAX_CORES", "-1"),
        ("MAX_CORES", "two"),
        ("MAX_MEM", "lots"),
        ("SQS_TIMEOUT", "15"),
        ("LIMIT_IDLE_DURATION", "15 minutes"),
        ("QUEUE_MATCH", "^(rmq_.*$"),
        ("QUEUE_MATCH", "^(?!rmq_).*$"),
        ("QUEUE_MISMATCH", r"^(a)\1$"),
        ("PROM_ADDRESS", "9090"),
        ("PROM_ADDRESS", ":99999"),
        ("AMQP_MGT_URL", "hub:15672"),
        ("CACHE_DIR", ""),
        ("LOGXI", "*=DBG\nx"),
    ],
)
def test_a_value_that_a_runner_does_not_start_with(name: str, value: str) -> None:
    with pytest.raises(FleetError, match=rf"env: {name}: .+"):
        _runner_env.check({name: value}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CPU_ONLY", "true"),
        ("CPU_ONLY", "1"),
        ("MAX_MEM", "0gb"),
        ("MAX_DISK", "1.5 TiB"),
        ("SQS_TIMEOUT", "1h30m"),
        ("LIMIT_IDLE_DURATION", "0"),
        ("QUEUE_MATCH", "^(rmq|sqs)_.*$"),
        ("QUEUE_MATCH", r"^\pL+$"),
        ("QUEUE_MATCH", "(?P<kind>rmq)_.*"),
        ("QUEUE_MATCH", ""),
        ("PROM_ADDRESS", ":9090"),
        ("AMQP_MGT_URL", "http://${RABBITMQ_SERVICE_SERVICE_HOST}:15672"),
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("AMQP_URL", "amqp://${USER}:${WORD}@hub"),
    ],
)
def test_a_value_that_is_good(name: str, value: str) -> None:
    assert _runner_env.check({name: value}, {}) == []


@pytest.mark.parametrize("url", ["amqp://hub:5672/", "http://u:geheim@hub", "hub:5672", "amqp://u:geheim@/x"])
def test_a_broker_without_credentials_ends_a_runner_at_once(url: str) -> None:
    with pytest.raises(FleetError, match="secret_env: AMQP_URL: its value is not a URL of AMQP with credentials") as caught:
        _runner_env.check({}, {"AMQP_URL": url})
    assert "geheim" not in caught.value.text()


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"CACHE_DIR": "/cache"}, "CACHE_DIR is set and CACHE_SIZE is not"),
        ({"CACHE_SIZE": "10Gib"}, "CACHE_SIZE is set and CACHE_DIR is not"),
        ({"CACHE_DIR": "/cache", "CACHE_SIZE": "1gb"}, "'1gb' is less than 1 GiB"),
    ],
)
def test_a_cache_is_set_as_a_whole(env: dict[str, str], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        _runner_env.check(env, {})
    assert _runner_env.check({"CACHE_DIR": "/cache", "CACHE_SIZE": "1Gib"}, {}) == []


@pytest.mark.parametrize(
    ("env", "secret_env", "mounts", "lacks"),
    [
        ({}, {}, [], ["Neither AMQP_URL", "serves no queue"]),
        ({"CLEAR_TEXT_MESSAGES": "true"}, {"AMQP_URL": URL}, [], []),
        ({}, {"AMQP_URL": URL}, ["encryption", "passphrase"], []),
        ({}, {}, ["encryption", "passphrase", "aws-sqs"], []),
        ({"CLEAR_TEXT_MESSAGES": "false"}, {"AMQP_URL": URL}, ["encryption"], ["serves no queue"]),
        ({"QUEUE_ROOT": "/queues", "CLEAR_TEXT_MESSAGES": "1"}, {}, [], []),
    ],
)
def test_what_is_missing_for_it_to_work(env: dict[str, str], secret_env: dict[str, str], mounts: list[str], lacks: list[str]) -> None:
    said = _runner_env.lacking(env, secret_env, mounts)
    assert len(said) == len(lacks) and all(words in line for words, line in zip(lacks, said, strict=True))


@pytest.mark.parametrize(("text", "size"), [("10Gib", 10 * 1024**3), ("8gb", 8e9), ("1024", 1024), ("0gb", 0), ("1.5GiB", 1.5 * 1024**3), ("x", None)])
def test_sizes_as_the_runner_reads_them(text: str, size: float | None) -> None:
    assert _runner_env.size_of(text) == size
