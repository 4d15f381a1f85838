# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a runner's environment to its broker, on the real API server."""

from __future__ import annotations

import base64
import http.client
import http.server
import pathlib
import threading
import typing as t

import pytest
from control_plane import ControlPlane
from metrics_server import own_address

from ansible_collections.studioml.fleet.plugins.module_utils._broker_service import Way
from ansible_collections.studioml.fleet.plugins.module_utils._broker_target import BrokerTarget, from_environment, given_only, parse_amqp
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.apiserver
PASSWORD = "s3cret/:@%"
URL = "amqp://runner-gpu1:s3cret%2F%3A%40%25@hub.example.com:5672/%2f"


def runner(*, env: list[dict[str, t.Any]] | None = None, sources: list[dict[str, t.Any]] | None = None, **spec: t.Any) -> dict[str, t.Any]:
    """The part of a Deployment that is looked at."""
    container = {"name": "studioml-go-runner", "env": env or [], "envFrom": sources or []}
    return {"metadata": {"name": "studioml-go-runner-deployment"}, "spec": {"template": {"spec": {"containers": [container], **spec}}}}


def with_url(url: str, **spec: t.Any) -> dict[str, t.Any]:
    return runner(env=[{"name": "AMQP_URL", "value": url}], **spec)


def make(api: Api, namespace: str, kind: str, name: str, **body: t.Any) -> dict[str, t.Any]:
    place = f"/api/v1/namespaces/{namespace}/{kind.lower().rstrip('s')}s"
    return api.request("POST", place, body={"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **body})


def service(api: Api, namespace: str, name: str = "rabbitmq-service") -> str:
    ports = [{"name": "amqp", "port": 5672}, {"name": "admin", "port": 15672, "targetPort": "management"}]
    return str(make(api, namespace, "Service", name, spec={"selector": {"app": "taskQueue"}, "ports": ports})["spec"]["clusterIP"])


def test_from_config_map_and_secret(admin: Api, namespace: str) -> None:
    make(admin, namespace, "ConfigMap", "studioml-env", data={"AMQP_URL": "amqp://nobody:x@elsewhere/", "AMQP_MGT_URL": "http://hub.example.com:8080/rabbit/"})
    make(admin, namespace, "Secret", "studioml-env-secret", data={"AMQP_URL": base64.b64encode(URL.encode()).decode()})
    sources = [{"configMapRef": {"name": "studioml-env"}}, {"secretRef": {"name": "studioml-env-secret"}}, {"secretRef": {"name": "none", "optional": True}}]
    found = from_environment(admin, namespace, runner(sources=sources))
    assert found == BrokerTarget("http://hub.example.com:8080/rabbit", "runner-gpu1", PASSWORD, "/", "runner-gpu1", "hub.example.com:5672")
    assert PASSWORD not in repr(found)


def test_from_a_key_of_a_secret(admin: Api, namespace: str) -> None:
    make(admin, namespace, "Secret", "broker", data={"password": base64.b64encode(b"pass").decode()})
    env = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "broker", "key": "password"}}}]
    found = from_environment(admin, namespace, runner(env=[*env, {"name": "AMQP_URL", "value": "amqps://me:$(WORD)@10.9.8.7/a%2fb"}]))
    assert (found.url, found.password, found.vhost, found.way) == ("https://10.9.8.7:15671", "pass", "a/b", None)


def test_what_is_given_comes_first_and_is_not_looked_up(admin: Api, namespace: str) -> None:
    given = {"username": "administrator", "password": "other", "vhost": None}
    found = from_environment(admin, namespace, with_url(URL), given)
    assert (found.username, found.password, found.runner_username, found.vhost) == ("administrator", "other", "runner-gpu1", "/")
    everything = {**given, "url": "http://hub.example.com:15672", "vhost": "studio", "runner_username": "someone"}
    found = from_environment(admin, namespace, runner(sources=[{"secretRef": {"name": "not-looked-at"}}]), everything)
    assert (found.url, found.runner_username, found.vhost, found.amqp) == ("http://hub.example.com:15672", "someone", "studio", "")


def test_the_shell_names_of_services(admin: Api, namespace: str) -> None:
    address = service(admin, namespace)
    env = [{"name": "AMQP_URL", "value": "amqp://u:p@${RABBITMQ_SERVICE_SERVICE_HOST}:$RABBITMQ_SERVICE_SERVICE_PORT_AMQP/"}]
    env.append({"name": "AMQP_MGT_URL", "value": "http://${RABBITMQ_SERVICE_PORT_15672_TCP_ADDR}:${RABBITMQ_SERVICE_PORT_15672_TCP_PORT}"})
    found = from_environment(admin, namespace, runner(env=env))
    assert (found.url, found.amqp) == (f"http://{address}:15672", f"{address}:5672")
    assert found.way == Way(namespace, "rabbitmq-service", 15672)


@pytest.mark.parametrize("host", ["rabbitmq-service", "rabbitmq-service.{namespace}", "rabbitmq-service.{namespace}.svc.cluster.local"])
def test_a_broker_that_is_a_service_is_reached_through_the_cluster(admin: Api, namespace: str, host: str) -> None:
    service(admin, namespace)
    deployment = with_url(f"amqp://u:p@{host.format(namespace=namespace)}/")
    assert from_environment(admin, namespace, deployment).way == Way(namespace, "rabbitmq-service", 15672)
    assert from_environment(admin, namespace, deployment, {"via": "direct"}).way is None
    with pytest.raises(FleetError, match="No pod behind the broker's Service .*/rabbitmq-service is ready. Look at it with kubectl get pods."):
        from_environment(admin, namespace, deployment).connect(admin).whoami()


def test_a_service_that_is_asked_for_and_not_there(admin: Api, namespace: str) -> None:
    with pytest.raises(FleetError, match=f"broker: hub.example.com is not the name or the address of a Service that can be found in namespace {namespace}"):
        from_environment(admin, namespace, with_url(URL), {"via": "service"})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "has no AMQP_URL in its environment, so its broker is not known. Set it (runner_secret_env), or give broker: url"),
        ("http://u:s3cret@hub/", "is not an amqp:// URL."),
        ("amqp://u:s3cret@hub:port/", "is not an amqp:// URL."),
        ("amqp://hub/", "has no user in it: a runner ends at once with such a URL."),
        ("amqp://u@hub.example.com/", "broker: there is no password for its user u."),
    ],
)
def test_urls_that_lead_nowhere(admin: Api, namespace: str, url: str, words: str) -> None:
    with pytest.raises(FleetError) as caught:
        from_environment(admin, namespace, with_url(url))
    assert words in str(caught.value) and "s3cret" not in str(caught.value)


def test_a_secret_that_may_not_be_read(control_plane: ControlPlane, admin: Api, namespace: str) -> None:
    stranger = Api(load(str(control_plane.kubeconfig("stranger", "stranger", []))))
    with pytest.raises(FleetError, match=f"in the Secret {namespace}/studioml-env-secret, which the kubeconfig's user may not read. Grant get on it, or give"):
        from_environment(stranger, namespace, runner(sources=[{"secretRef": {"name": "studioml-env-secret"}}]))


def test_a_broker_by_itself(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FleetError, match="broker: username and password must be given."):
        given_only(None, "", {"url": "http://hub:15672"})
    authority = tmp_path / "ca.pem"
    with pytest.raises(FleetError, match="broker: ca_path: reading .*: No such file or directory."):
        given_only(None, "", {"url": "https://hub:15671", "username": "u", "password": "p", "ca_path": str(authority)})
    authority.write_text("nothing")
    with pytest.raises(FleetError, match="broker: ca_path: .* has no PEM certificate in it."):
        given_only(None, "", {"url": "https://hub:15671", "username": "u", "password": "p", "ca_path": str(authority)})


def test_virtual_hosts_of_urls() -> None:
    vhosts = {"amqp://u:p@h": "/", "amqp://u:p@h/": "/", "amqp://u:p@h/%2f": "/", "amqp://u:p@h/a": "a", "amqp://u:p@h/a%2Fb?heartbeat=5": "a/b"}
    assert {url: parsed.vhost for url in vhosts if (parsed := parse_amqp(url))} == vhosts


def test_the_api_servers_own_proxy_for_services_takes_the_authorization_away(control_plane: ControlPlane, admin: Api, namespace: str) -> None:
    """Why there is a port-forward: a broker behind that proxy sees nobody, whatever is sent."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((own_address(), 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        make(admin, namespace, "Service", "rabbitmq-service", spec={"ports": [{"port": 15672, "targetPort": server.server_address[1]}]})
        make(admin, namespace, "ServiceAccount", "default")
        pod = make(admin, namespace, "Pod", "rabbitmq", spec={"containers": [{"name": "rabbitmq", "image": "rabbitmq"}]})
        status = {"phase": "Running", "podIP": own_address(), "podIPs": [{"ip": own_address()}]}
        admin.request("PUT", f"/api/v1/namespaces/{namespace}/pods/rabbitmq/status", body={**pod, "status": status})
        reference = {"kind": "Pod", "name": "rabbitmq", "namespace": namespace, "uid": pod["metadata"]["uid"]}
        subsets = [{"addresses": [{"ip": own_address(), "targetRef": reference}], "ports": [{"port": server.server_address[1]}]}]
        make(admin, namespace, "Endpoints", "rabbitmq-service", subsets=subsets)
        connection = Connection(load(str(control_plane.kubeconfig("admin"))), 10)
        header = {"Authorization": "Basic dTpw", "X-Passed": "on"}
        statuses = [ask(connection, f"/api/v1/namespaces/{namespace}/services/rabbitmq-service:15672/proxy/api/whoami", header) for _attempt in range(2)]
        server.shutdown()
    assert statuses == [200, 200]
    assert all(headers.get("X-Passed") == "on" and "Authorization" not in headers for headers in seen)


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> int:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
