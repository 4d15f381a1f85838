"""The registry part of containerd's template: its style is read, our block is ours, and a mixed file is refused."""

from __future__ import annotations

import tomllib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _containerd_template as template
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

PATH = "/args/containerd-template.toml"
CRI = '"io.containerd.grpc.v1.cri"'
HEAD = f'version = 2\n[plugins.{CRI}]\n  sandbox_image = "pause"\n'
CERTS = HEAD + f'  [plugins.{CRI}.registry]\n    config_path = "${{SNAP_DATA}}/args/certs.d"\n'
MIRRORS = HEAD + (
    f'  [plugins.{CRI}.registry]\n    [plugins.{CRI}.registry.mirrors]\n      [plugins.{CRI}.registry.mirrors."docker.io"]\n'
    '        endpoint = ["https://registry-1.docker.io"]\n'
)
AUTH = HEAD + f'[plugins.{CRI}.registry.configs."hub:5000".auth]\n  username = "u"\n'
HUB = template.Entry("hub:5000", "http://hub:5000")
SITE = template.Entry("site:443", "https://site:443", "/ca.crt")


def registry(text: str) -> dict:
    return tomllib.loads(text)["plugins"]["io.containerd.grpc.v1.cri"]["registry"]


@pytest.mark.parametrize(
    ("text", "version", "style"),
    [
        (CERTS, 2, "certs.d"),
        (MIRRORS, 2, "mirrors"),
        (HEAD, 2, "none"),
        (AUTH, 2, "none"),
        (CERTS + f'[plugins.{CRI}.registry.configs.x.auth]\nusername = "u"\n', 2, "certs.d"),
        (CERTS + f'[plugins.{CRI}.registry.mirrors.x]\nendpoint = ["http://x"]\n', 2, "mixed"),
        (CERTS + f'[plugins.{CRI}.registry.configs.x.tls]\nca_file = "x"\n', 2, "mixed"),
        (HEAD + f'[plugins.{CRI}.registry.configs.x.tls]\nca_file = "x"\n', 2, "mirrors"),
        ('[plugins.cri.registry.mirrors."x"]\nendpoint = ["http://x"]\n', 1, "mirrors"),
        ('version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/c"\n', 3, "certs.d"),
    ],
)
def test_style_is_read_from_the_file(text, version, style):
    parsed = template.parse(text, PATH)
    assert (parsed.version, parsed.style) == (version, style)


def test_mixed_is_refused_with_both_ways_out():
    with pytest.raises(FleetError, match="without its CRI plugin") as caught:
        template.refuse_mixed(template.parse(MIRRORS + f'[plugins.{CRI}.registry.configs."a".tls]\n', PATH)._replace(style="mixed"), PATH)
    assert "remove the mirrors" in caught.value.hint and "remove config_path" in caught.value.hint
    template.refuse_mixed(template.parse(CERTS, PATH), PATH)


@pytest.mark.parametrize(("text", "words"), [("version = ", "malformed: line 1"), ("version = 9", "does not know")])
def test_what_cannot_be_read_is_refused(text, words):
    with pytest.raises(FleetError, match=words):
        template.parse(text, PATH)


def test_mirrors_block_is_added_once_and_changed_in_place():
    once = template.with_entries(template.parse(MIRRORS, PATH), [HUB], [], PATH)
    assert once.startswith(MIRRORS) and once.count(template.BEGIN) == 1
    assert registry(once)["mirrors"]["hub:5000"] == {"endpoint": ["http://hub:5000"]} and "docker.io" in registry(once)["mirrors"]
    again = template.parse(once, PATH)
    assert again.style == "mirrors" and template.with_entries(again, [HUB], [], PATH) == once
    both = template.with_entries(again, [SITE], [], PATH)
    assert registry(both)["configs"] == {"site:443": {"tls": {"ca_file": "/ca.crt"}}} and "hub:5000" in registry(both)["mirrors"]
    assert template.with_entries(template.parse(both, PATH), [], ["site:443"], PATH) == once
    assert template.with_entries(template.parse(once, PATH), [], ["hub:5000"], PATH) == MIRRORS
    assert template.with_entries(template.parse(MIRRORS, PATH), [], ["hub:5000"], PATH) == MIRRORS


def test_what_others_write_behind_our_block_stays():
    once = template.with_entries(template.parse(MIRRORS, PATH), [HUB], [], PATH) + "[theirs]\nx = 1\n"
    assert template.with_entries(template.parse(once, PATH), [HUB], [], PATH) == once
    after = template.with_entries(template.parse(once, PATH), [SITE], [], PATH)
    assert tomllib.loads(after)["theirs"] == {"x": 1} and set(registry(after)["mirrors"]) == {"docker.io", "hub:5000", "site:443"}


def test_somebody_elses_table_is_respected():
    same = MIRRORS + f'[plugins.{CRI}.registry.mirrors."hub:5000"]\nendpoint = ["http://hub:5000"]\n'
    assert template.with_entries(template.parse(same, PATH), [HUB], [], PATH) == same
    other = same.replace('["http://hub:5000"]', '["https://hub:5000"]')
    with pytest.raises(FleetError, match="says something else"):
        template.with_entries(template.parse(other, PATH), [HUB], [], PATH)
    with pytest.raises(FleetError, match="somebody else wrote"):
        template.with_entries(template.parse(same, PATH), [], ["hub:5000"], PATH)


@pytest.mark.parametrize("text", [MIRRORS + template.BEGIN + "\n", MIRRORS + template.END + "\n" + template.BEGIN + "\n"])
def test_broken_marks_are_refused(text):
    with pytest.raises(FleetError, match="do not pair up"):
        template.with_entries(template.parse(text, PATH), [HUB], [], PATH)


@pytest.mark.parametrize("text", [HEAD, AUTH, HEAD + f"  [plugins.{CRI}.registry]\n"])
def test_a_file_without_registries_gets_a_config_path(text):
    after = template.with_config_path(template.parse(text, PATH), "${SNAP_DATA}/args/certs.d")
    assert template.parse(after, PATH).style == "certs.d" and registry(after)["config_path"] == "${SNAP_DATA}/args/certs.d"
