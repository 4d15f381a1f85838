"""Trust in registries, images and pulls on the real thing: MicroK8s' containerd, Docker, and docker-registry on another host.

The tests build on each other, in the order of a user's first day.
"""

from __future__ import annotations

import pytest
from module_runs import Hosts
from secure_registry import PASSWORD, SECURE_PORT, USER

pytestmark = pytest.mark.sandbox

HOST = "gpu1"
ARGS = "/var/snap/microk8s/current/args"
TEMPLATE = f"{ARGS}/containerd-template.toml"
RESTART = "snap restart microk8s.daemon-containerd && microk8s status --wait-ready --timeout 300"
FILES = f"find {ARGS} /etc/docker -type f -not -name containerd.toml -exec md5sum {{}} + -exec stat -c '%n %a %U %G %Y' {{}} + | sort"
IMAGES = "docker image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort; microk8s ctr image ls -q"
STATE = f"{FILES}; find {ARGS}/certs.d -type d; {IMAGES}; pidof containerd dockerd"
SUMS = f"find {ARGS} -type f -not -name containerd.toml -not -path '*/registry-trust-previous/*' -exec md5sum {{}} + | sort"
# containerd-env is read by a shell at each start
SABOTAGE = """# sabotage
sed() {
  if grep -q studioml.fleet "$args/containerd-template.toml"; then
    command sed "$@" | command sed 's#^ *.plugins."io.containerd.grpc.v1.cri".registry.$#&\\nconfig_path = "/etc/certs.d"#'
  else
    command sed "$@"
  fi
}
"""
PIDS = "systemctl show -p MainPID --value snap.microk8s.daemon-containerd docker"


@pytest.fixture(scope="module")
def hub(hosts: Hosts) -> dict[str, str]:
    return {"host": f"{hosts.address('hub')}:5000", "scheme": "http"}


@pytest.fixture(scope="module")
def secure(hosts: Hosts) -> str:
    return f"{hosts.address('hub')}:{SECURE_PORT}"


@pytest.fixture(scope="module", autouse=True)
def untrusting(hosts: Hosts, hub: dict[str, str], secure: str) -> None:
    """Nothing is trusted at first, also on an instance that is kept."""
    absent = [{"host": hub["host"], "state": "absent"}, {"host": secure, "state": "absent"}]
    hosts.passes(HOST, "registry_trust_entry", registries=absent)
    hosts.on(HOST, f"rm -rf {ARGS}/registry-trust-previous; docker image prune -af >/dev/null")


def image(hub: dict[str, str], tag: str = "1") -> str:
    return f"{hub['host']}/test/proof:{tag}"


def test_untrusted_both_runtimes_refuse_in_their_own_words(hosts, hub):
    for runtime in ("containerd", "docker"):
        message = hosts.fails(HOST, "registry_pull", image=image(hub, "none"), runtimes=[runtime])["msg"]
        assert (
            message.startswith(f"{runtime} cannot pull") and "http: server gave HTTP response to HTTPS client" in message and "registry_trust_entry" in message
        )
        assert "HTTPS client" in hosts.fails(HOST, "registry_pull", image=image(hub, "none"), runtimes=[runtime], expect="absent_manifest")["msg"]


def test_an_image_cannot_be_pushed_untrusted(hosts, hub, context):
    message = hosts.fails(HOST, "registry_image", context=context, registries=[hub])["msg"]
    assert "http: server gave HTTP response to HTTPS client" in message and "registry_trust_entry" in message
    assert "working" not in hosts.on(HOST, "docker image ls")


def test_trust_in_four_beats_restarts_nothing(hosts, hub):
    before = hosts.on(HOST, PIDS)
    result = hosts.four_beats(HOST, "registry_trust_entry", STATE, registries=[hub])
    assert result["containerd"] == {"style": "certs.d", "files": [f"{ARGS}/certs.d/{hub['host']}/hosts.toml"], "restarted": False}
    assert result["docker"]["action"] == "reload" and hosts.on(HOST, PIDS) == before
    assert hosts.on(HOST, f"stat -c '%a %G' '{ARGS}/certs.d/{hub['host']}' '{ARGS}/certs.d/{hub['host']}/hosts.toml'") == "770 microk8s\n660 microk8s\n"


def test_an_empty_registry_is_proof_enough(hosts, hub):
    assert hosts.passes(HOST, "registry_pull", image=image(hub, "none"), expect="absent_manifest")["pulled"]
    assert "does not have this image" in hosts.fails(HOST, "registry_pull", image=image(hub, "none"))["msg"]


def test_an_image_is_built_and_pushed_once(hosts, hub, context):
    result = hosts.four_beats(HOST, "registry_image", STATE, context=context, registries=[hub])
    assert (result["repository"], result["tag"]) == ("test/proof", "1") and not result["images"][0]["existed"]
    assert result["images"][0]["digest"].startswith("sha256:") and "working" not in hosts.on(HOST, "docker image ls")
    hosts.on(HOST, "docker image prune -af")
    assert not hosts.passes(HOST, "registry_image", context=context, registries=[hub])["changed"]  # the registry alone knows


def test_changed_content_or_arguments_are_built(hosts, hub, context):
    hosts.on(HOST, f"echo more >> {context}/file")
    first = hosts.passes(HOST, "registry_image", context=context, registries=[hub])
    assert first["changed"] and not hosts.passes(HOST, "registry_image", context=context, registries=[hub])["changed"]
    other = hosts.passes(HOST, "registry_image", context=context, registries=[hub], build_args={"VERSION": "2"}, labels={"site": "here"})
    assert other["changed"] and other["images"][0]["reference"] == image(hub, "2")
    assert hosts.passes(HOST, "registry_image", context=context, registries=[hub], force=True)["changed"]


def test_a_pull_through_both_gives_the_same_and_leaves_nothing(hosts, hub):
    hosts.on(HOST, "docker image prune -af")
    before = hosts.on(HOST, STATE)
    assert not hosts.passes(HOST, "registry_pull", check=True, image=image(hub))["pulled"]
    result = hosts.passes(HOST, "registry_pull", image=image(hub))
    assert result["equal"] and not result["changed"] and result["digests"]["containerd"] == result["digests"]["docker"] != ""
    by_digest = f"{hub['host']}/test/proof@{result['digests']['docker']}"
    assert hosts.passes(HOST, "registry_pull", image=by_digest)["digests"] == result["digests"]
    assert hosts.on(HOST, STATE) == before


def test_an_image_that_was_there_under_another_name_stays(hosts, hub):
    assert hosts.passes(HOST, "registry_pull", image=image(hub), runtimes=["containerd"], cleanup=False)["changed"]
    hosts.on(HOST, f"microk8s ctr image tag {image(hub)} local/kept:1; microk8s ctr image rm {image(hub)}")
    hosts.passes(HOST, "registry_pull", image=image(hub), runtimes=["containerd"])
    assert "local/kept:1" in hosts.on(HOST, "microk8s ctr image ls -q")
    hosts.on(HOST, f"microk8s ctr image rm local/kept:1 {image(hub)}")


def test_a_sites_authority_and_its_users(hosts, hub, secure, site_authority, context):
    name = f"{secure}/test/proof:1"
    for runtime in ("containerd", "docker"):
        message = hosts.fails(HOST, "registry_pull", image=name, runtimes=[runtime])["msg"]
        assert "certificate signed by unknown authority" in message and "registry_trust_entry, ca" in message
    before = hosts.on(HOST, PIDS)
    result = hosts.four_beats(HOST, "registry_trust_entry", STATE, registries=[{"host": secure, "ca": site_authority}])
    assert not result["containerd"]["restarted"] and result["docker"]["action"] == "none" and hosts.on(HOST, PIDS) == before
    registry = {"host": secure, "username": USER, "password": PASSWORD}
    assert "Give a username" in hosts.fails(HOST, "registry_image", context=context, registries=[{"host": secure}])["msg"]
    pushed = hosts.passes(HOST, "registry_image", context=context, registries=[hub, registry])
    assert [entry["existed"] for entry in pushed["images"]] == [True, False] and pushed["images"][0]["digest"] == pushed["images"][1]["digest"]
    for runtime in ("containerd", "docker"):
        assert "user" in hosts.fails(HOST, "registry_pull", image=name, runtimes=[runtime])["msg"]
        assert PASSWORD not in str(hosts.fails(HOST, "registry_pull", image=name, runtimes=[runtime], username="other", password=PASSWORD))
    pulled = hosts.passes(HOST, "registry_pull", image=name, username=USER, password=PASSWORD)
    assert pulled["digests"] == {"containerd": pushed["images"][1]["digest"], "docker": pushed["images"][1]["digest"]}
    assert PASSWORD not in str(pulled) and "secret" not in hosts.on(HOST, "ls /root/.docker 2>/dev/null", check=False)


def test_somebody_elses_malformed_file_is_refused_and_nothing_changes(hosts, hub):
    path = f"{ARGS}/certs.d/{hub['host']}/hosts.toml"
    hosts.on(
        HOST, f"cp -a '{path}' /root/kept; echo 'server = \"http://{hub['host']}' > '{path}'; echo '{{}}' > /etc/docker/daemon.json; systemctl restart docker"
    )
    before = hosts.on(HOST, STATE)
    try:
        for check in (True, False):
            message = hosts.fails(HOST, "registry_trust_entry", check=check, registries=[hub])["msg"]
            assert path in message and "malformed: line 1" in message and "left as it is" in message
        assert hosts.on(HOST, STATE) == before
    finally:
        hosts.on(HOST, f"mv /root/kept '{path}'")


def test_a_malformed_daemon_json_stops_containerds_part_too(hosts, hub):
    hosts.on(HOST, "echo '{\"a\": ' > /etc/docker/daemon.json")
    before = hosts.on(HOST, STATE)
    other = {"host": "other:5000", "scheme": "http"}
    try:
        assert "daemon.json is malformed" in hosts.fails(HOST, "registry_trust_entry", registries=[hub, other])["msg"]
        assert hosts.on(HOST, STATE) == before
    finally:
        hosts.on(HOST, "echo '{}' > /etc/docker/daemon.json")
    hosts.passes(HOST, "registry_trust_entry", registries=[hub])


def test_other_registries_malformed_files_are_a_warning(hosts, hub):
    hosts.on(HOST, f"mkdir {ARGS}/certs.d/stranger:1; echo x > {ARGS}/certs.d/stranger:1/hosts.toml")
    result = hosts.passes(HOST, "registry_trust_entry", registries=[hub])
    assert any("stranger:1" in warning for warning in result["warnings"])
    assert hosts.on(HOST, f"cat {ARGS}/certs.d/stranger:1/hosts.toml; rm -r {ARGS}/certs.d/stranger:1") == "x\n"


def test_a_registry_that_is_down_is_said_to_be(hosts, hub, context):
    hosts.on("hub", "systemctl stop docker-registry")
    try:
        message = hosts.fails(HOST, "registry_image", context=context, registries=[hub])["msg"]
        assert "Connection refused" in message and "Is the registry running" in message
        predicted = hosts.passes(HOST, "registry_image", check=True, context=context, registries=[hub])
        assert predicted["changed"] and "Connection refused" in predicted["warnings"][0]
        for runtime in ("containerd", "docker"):
            assert "connection refused" in hosts.fails(HOST, "registry_pull", image=image(hub), runtimes=[runtime])["msg"]
    finally:
        hosts.on("hub", "systemctl start docker-registry")


def test_distrust_leaves_no_trace(hosts, hub, secure):
    hosts.four_beats(HOST, "registry_trust_entry", STATE, registries=[{"host": hub["host"], "state": "absent"}, {"host": secure, "state": "absent"}])
    assert hosts.on(HOST, f"ls {ARGS}/certs.d") == "docker.io\nlocalhost:32000\n"
    message = hosts.fails(HOST, "registry_pull", image=image(hub), runtimes=["docker"])["msg"]
    assert "HTTP response to HTTPS client" in message


class TestOtherTemplates:
    """Templates of other ages; each test leaves the stand-in's own one behind."""

    @pytest.fixture(autouse=True)
    def own_template(self, hosts):
        hosts.on(HOST, f"cp -a {TEMPLATE} /root/template")
        yield
        hosts.on(HOST, f"mv /root/template {TEMPLATE}; rm -f /etc/extra.toml; {RESTART}")

    MIRROR = '\\[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\\n endpoint = ["https://registry-1.docker.io"]'

    def replace_config_path(self, hosts, text: str) -> None:
        hosts.on(HOST, f"sed -i 's#^ *config_path = .*#{text}#' {TEMPLATE}; {RESTART}")

    def test_mirrors_style_takes_one_restart(self, hosts, hub):
        self.replace_config_path(hosts, self.MIRROR)
        state = STATE.replace("pidof containerd dockerd", PIDS)
        result = hosts.four_beats(HOST, "registry_trust_entry", state, registries=[hub], docker="false")
        assert result["containerd"] == {"style": "mirrors", "files": [TEMPLATE], "restarted": True} and result["docker"] == {}
        assert hosts.passes(HOST, "registry_pull", image=image(hub), runtimes=["containerd"])["digests"]["containerd"].startswith("sha256:")
        gone = hosts.passes(HOST, "registry_trust_entry", registries=[{"host": hub["host"], "state": "absent"}], docker="false")
        assert gone["containerd"]["restarted"] and "studioml" not in hosts.on(HOST, f"cat {TEMPLATE}")

    def test_a_stopped_containerd_is_left_alone_and_named(self, hosts, hub):
        self.replace_config_path(hosts, self.MIRROR)
        hosts.on(HOST, "systemctl stop snap.microk8s.daemon-containerd")
        checked, done = (hosts.passes(HOST, "registry_trust_entry", check, registries=[hub], docker="false") for check in (True, False))
        assert checked["changed"] and done["changed"] and done["containerd"]["restarted"] is False
        assert checked["warnings"] == done["warnings"] == [f"containerd is inactive on this host: {TEMPLATE} was changed and is in force at its next start."]
        assert hosts.on(HOST, "systemctl is-active snap.microk8s.daemon-containerd || true") == "inactive\n"

    def test_mixed_style_is_refused_untouched(self, hosts, hub):
        hosts.on(HOST, f'printf \'\\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."x"]\\nendpoint = ["http://x"]\\n\' >> {TEMPLATE}')
        before = hosts.on(HOST, STATE)
        message = hosts.fails(HOST, "registry_trust_entry", registries=[hub], docker="false")["msg"]
        assert "without its CRI plugin" in message and "Keep one style" in message and hosts.on(HOST, STATE) == before

    def test_a_runtime_that_loses_its_cri_plugin_gets_its_template_back(self, hosts, hub):
        """Something at containerd's start adds a config_path as soon as our block is there: a real containerd then skips its CRI plugin."""
        self.replace_config_path(hosts, self.MIRROR)
        hosts.on(HOST, f"cat >> {ARGS}/containerd-env", stdin=SABOTAGE.encode())
        before = hosts.on(HOST, SUMS)
        result = hosts.fails(HOST, "registry_trust_entry", registries=[hub], docker="false", ready_timeout=15)
        assert "its CRI plugin is not loaded" in result["msg"] and "`mirrors` cannot be set when `config_path` is provided" in result["msg"]
        assert "The former files are in place again and the runtime runs" in result["msg"] and result["rolled_back"]
        assert hosts.on(HOST, SUMS) == before
        hosts.on(HOST, f"sed -i '/^# sabotage/,$d' {ARGS}/containerd-env; microk8s status --wait-ready --timeout 300")
