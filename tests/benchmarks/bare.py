# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The least that a threaded client can do for the same requests: no retries, no deadlines, no checks. Prints the seconds that it took.

python bare.py clusters|nodes STATE THREADS < path of the kubeconfig, namespace and name of each target, one a line
"""

from __future__ import annotations

import base64
import http.client
import json
import resource
import ssl
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import yaml

GLOBAL = "studioml-go-runner"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def connection(path: str) -> http.client.HTTPSConnection:
    with open(path, "rb") as stream:
        config = yaml.load(stream, Loader=yaml.CSafeLoader)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
        pair.flush()
        trust.load_cert_chain(pair.name)
    server = urlsplit(cluster["server"])
    return http.client.HTTPSConnection(server.hostname or "", server.port, context=trust)


def ask(to: http.client.HTTPSConnection, method: str, path: str, body: dict | None = None) -> dict:
    to.request(method, path, json.dumps(body) if body else None, APPLY if body else {})
    answer = to.getresponse()
    payload = answer.read()
    assert answer.status < 300, payload
    return json.loads(payload)


def put(to: http.client.HTTPSConnection, namespace: str, name: str, state: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": {"STATE": state}}
    ask(to, "PATCH", f"/api/v1/namespaces/{namespace}/configmaps/{name}?fieldManager=studioml.fleet&force=true", body)


def states(listed: dict) -> dict[str, str]:
    return {item["metadata"]["name"]: (item.get("data") or {}).get("STATE") for item in listed["items"]}


def cluster(target: tuple[str, ...], state: str) -> None:
    """One target: its list, and where the state differs the identity of its cluster and the map."""
    path, namespace, _name = target
    to = connection(path)
    if states(ask(to, "GET", f"/api/v1/namespaces/{namespace}/configmaps")).get(GLOBAL) != state:
        ask(to, "GET", "/api/v1/namespaces/kube-system")
        put(to, namespace, GLOBAL, state)
    to.close()


def main() -> None:
    what, state, threads = sys.argv[1:]
    targets = [tuple(line.split()) for line in sys.stdin]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    begun = time.perf_counter()
    with ThreadPoolExecutor(int(threads)) as pool:
        if what == "clusters":
            list(pool.map(lambda target: cluster(target, state), targets))
        else:
            path, namespace, _name = targets[0]
            first = connection(path)
            known = states(ask(first, "GET", f"/api/v1/namespaces/{namespace}/configmaps"))
            ask(first, "GET", "/api/v1/namespaces/kube-system")
            own = threading.local()

            def node(target: tuple[str, ...]) -> None:
                name = f"{GLOBAL}-{target[2]}"
                if known.get(name) != state:
                    own.to = getattr(own, "to", None) or connection(path)
                    put(own.to, namespace, name, state)

            list(pool.map(node, targets))
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
