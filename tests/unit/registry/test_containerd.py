"""What is planned for MicroK8s' containerd, in a folder that looks like its own. That a real one follows is for the integration tests."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _containerd as containerd
from ansible_collections.studioml.fleet.plugins.module_utils import _cri, _registry_trust
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._hosts_toml import MARK
from ansible_collections.studioml.fleet.plugins.module_utils._trust_entry import TrustEntry

CRI = '"io.containerd.grpc.v1.cri"'
CERTS = f'version = 2\n[plugins.{CRI}.registry]\n  config_path = "${{SNAP_DATA}}/args/certs.d"\n'
MIRRORS = f'version = 2\n[plugins.{CRI}.registry.mirrors."docker.io"]\n  endpoint = ["https://registry-1.docker.io"]\n'
HUB = TrustEntry("hub:5000", "http")
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
SITE = TrustEntry("site:443", "https", PEM)


@pytest.fixture
def args(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "current" / "args"
    (folder / "certs.d").mkdir(parents=True)
    (folder / "containerd-template.toml").write_text(CERTS)
    return folder


def converge(args: pathlib.Path, *entries: TrustEntry, check: bool = False) -> dict:
    return _registry_trust.converge_containerd(containerd.Containerd(str(args), "/nonexistent"), entries, check=check, ready_timeout=1)


def tree(args: pathlib.Path) -> dict[str, str]:
    return {str(path.relative_to(args)): path.read_text() if path.is_file() else "" for path in sorted(args.rglob("*"))}


def test_four_beats(args):
    before = tree(args)
    predicted = converge(args, HUB, SITE, check=True)
    assert tree(args) == before
    real = converge(args, HUB, SITE)
    assert predicted == real and real["changed"] and real["result"]["style"] == "certs.d" and not real["result"]["restarted"]
    after = tree(args)
    assert set(after) - set(before) == {
        "certs.d/hub:5000",
        "certs.d/hub:5000/hosts.toml",
        "certs.d/site:443",
        "certs.d/site:443/ca.crt",
        "certs.d/site:443/hosts.toml",
    }
    assert (args / "certs.d/hub:5000/hosts.toml").stat().st_mode & 0o777 == 0o660 and (args / "certs.d/hub:5000").stat().st_mode & 0o777 == 0o770
    assert not converge(args, HUB, SITE, check=True)["changed"] and not converge(args, HUB, SITE)["changed"]
    assert tree(args) == after
    gone = converge(args, HUB._replace(present=False), SITE._replace(present=False))
    assert gone["changed"] and tree(args) == before  # the folders too: an empty one would hide _default


def test_a_certificate_that_is_no_longer_wanted_goes(args):
    converge(args, SITE)
    converge(args, SITE._replace(scheme="http", ca=""))
    assert not (args / "certs.d/site:443/ca.crt").exists() and "http://" in (args / "certs.d/site:443/hosts.toml").read_text()


def test_the_folder_that_containerd_reads_first_is_used(args):
    (args / "certs.d/hub_5000_").mkdir()
    assert converge(args, HUB)["result"]["files"] == [str(args / "certs.d/hub_5000_/hosts.toml")]


def test_an_empty_folder_is_filled(args):
    (args / "certs.d/hub:5000").mkdir()
    assert converge(args, HUB)["changed"] and (args / "certs.d/hub:5000/hosts.toml").exists()


def test_somebody_elses_right_file_is_enough(args):
    folder = args / "certs.d/hub:5000"
    folder.mkdir()
    (folder / "hosts.toml").write_text('# by hand\nserver = "http://hub:5000"\n[host."http://hub:5000"]\ncapabilities = ["pull", "resolve"]\n')
    assert not converge(args, HUB)["changed"]


def test_somebody_elses_other_file_is_kept_aside(args):
    folder = args / "certs.d/hub:5000"
    folder.mkdir()
    theirs = 'server = "https://hub:5000"\n[host."https://hub:5000"]\n  [host."https://hub:5000".header]\n    Authorization = "Basic c2VjcmV0"\n'
    (folder / "hosts.toml").write_text(theirs)
    result = converge(args, HUB)
    assert result["changed"] and "c2VjcmV0" not in str(result)
    assert (args / "registry-trust-previous/hub:5000.hosts.toml").read_text() == theirs


@pytest.mark.parametrize("present", [True, False])
def test_somebody_elses_malformed_file_is_refused_untouched(args, present):
    folder = args / "certs.d/hub:5000"
    folder.mkdir()
    (folder / "hosts.toml").write_text('server = "http://hub:5000')
    before = tree(args)
    with pytest.raises(FleetError, match="malformed: line 1"):
        converge(args, HUB._replace(present=present))
    assert tree(args) == before


def test_our_own_file_is_repaired(args):
    folder = args / "certs.d/hub:5000"
    folder.mkdir()
    (folder / "hosts.toml").write_text(MARK + "\nserver = ")
    assert converge(args, HUB)["changed"] and not converge(args, HUB)["changed"]


def test_other_registries_are_left_alone_with_a_warning(args):
    for name, text in (("bad:1", "x ="), ("serveronly:1", 'server = "http://a"'), ("empty:1", None), ("good:1", '[host."http://good:1"]')):
        (args / "certs.d" / name).mkdir()
        if text is not None:
            (args / "certs.d" / name / "hosts.toml").write_text(text)
    warnings = converge(args, HUB, check=True)["warnings"]
    assert [word for word in ("bad:1", "empty:1", "serveronly:1", "good:1") if any(word in warning for warning in warnings)] == [
        "bad:1",
        "empty:1",
        "serveronly:1",
    ]


def test_mirrors_style_goes_into_the_template_with_a_restart(args, monkeypatch):
    (args / "containerd-template.toml").write_text(MIRRORS)
    restarts = []
    monkeypatch.setattr(containerd.Containerd, "stopped", lambda self: "")
    monkeypatch.setattr(containerd.Containerd, "restart", lambda self: restarts.append(1))
    monkeypatch.setattr(containerd, "wait_healthy", lambda cri, timeout: _cri.Version("containerd", "1"))
    predicted = converge(args, HUB, SITE, check=True)
    assert not restarts and (args / "containerd-template.toml").read_text() == MIRRORS
    real = converge(args, HUB, SITE)
    assert predicted == real and real["result"]["style"] == "mirrors" and real["result"]["restarted"] and restarts == [1]
    text = (args / "containerd-template.toml").read_text()
    assert 'ca_file = "${SNAP_DATA}/args/certs.d/site:443/ca.crt"' in text and (args / "certs.d/site:443/ca.crt").read_text() == PEM
    assert (args / "registry-trust-previous/containerd-template.toml").read_text() == MIRRORS
    assert not converge(args, HUB, SITE)["changed"] and restarts == [1]


def test_a_runtime_that_does_not_come_back_gets_its_files_back(args, monkeypatch):
    (args / "containerd-template.toml").write_text(MIRRORS)
    before = tree(args)
    restarts = []
    answers = [FleetError("containerd's CRI is not healthy after 1 seconds: unknown service runtime.v1.RuntimeService."), None]

    def healthy(cri, timeout):
        answer = answers.pop(0)
        if answer:
            raise answer

    monkeypatch.setattr(containerd.Containerd, "stopped", lambda self: "")
    monkeypatch.setattr(containerd.Containerd, "restart", lambda self: restarts.append(1))
    monkeypatch.setattr(containerd.Containerd, "reason", lambda self: "invalid plugin config: ...")
    monkeypatch.setattr(containerd, "wait_healthy", healthy)
    with pytest.raises(FleetError) as caught:
        converge(args, HUB, SITE)
    assert restarts == [1, 1] and caught.value.details == {"rolled_back": True}
    assert "invalid plugin config" in caught.value.text() and "the runtime runs" in caught.value.text()
    after = tree(args)
    assert {name: text for name, text in after.items() if not name.startswith("registry-trust-previous")} == before


def test_mixed_style_is_refused(args):
    (args / "containerd-template.toml").write_text(CERTS + f'[plugins.{CRI}.registry.mirrors.x]\nendpoint = ["http://x"]\n')
    with pytest.raises(FleetError, match="CRI plugin"):
        converge(args, HUB, check=True)


def test_a_custom_config_path_is_followed(args, tmp_path):
    (args / "containerd-template.toml").write_text(CERTS.replace("${SNAP_DATA}/args/certs.d", f"{tmp_path}/own:/etc/other"))
    assert converge(args, HUB)["result"]["files"] == [f"{tmp_path}/own/hub:5000/hosts.toml"]
    (args / "containerd-template.toml").write_text(CERTS.replace("${SNAP_DATA}", "${SNAP}"))
    with pytest.raises(FleetError, match="names no folder"):
        converge(args, HUB)


def test_before_microk8s_is_there_check_mode_predicts_a_file(tmp_path):
    result = converge(tmp_path / "args", HUB, check=True)
    assert result["changed"] and result["result"]["files"] == [str(tmp_path / "args/certs.d/hub:5000/hosts.toml")] and not (tmp_path / "args").exists()
