# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster agent: answers joining machines and takes images for this node, over HTTPS on port 25000."""

from __future__ import annotations

import hmac
import http.server
import json
import ssl
import subprocess
import tempfile
import typing as t

from . import certificates, tokens
from .certificates import Identity
from .node import Node

PORT = 25000
TOKENS = "credentials/cluster-tokens.txt"


class Refused(Exception):
    """A request that is not granted: HTTP status and text."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


def serve(node: Node) -> int:
    """Serve until killed."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """The two things that can be asked for."""

        def do_POST(self) -> None:  # noqa: N802  # the name that the library calls
            """Route by path; every failure is answered as JSON."""
            try:
                if self.path == "/cluster/api/v2.0/join":
                    self._answer(200, join(node, self._json()))
                elif self.path == "/cluster/api/v1.0/image/import":
                    self._answer(200, self._import())
                else:
                    raise Refused(404, "not found")
            except Refused as error:
                self._answer(error.status, {"error": str(error)})
            except (RuntimeError, ValueError, KeyError, OSError) as error:
                self._answer(500, {"error": str(error)})

        def _json(self) -> dict[str, t.Any]:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            if not isinstance(body, dict):
                raise Refused(400, "a JSON object is expected")
            return body

        def _import(self) -> dict[str, t.Any]:
            known = (node.data / "credentials/callback-token.txt").read_text(encoding="utf-8").strip()
            if not hmac.compare_digest(self.headers.get("x-microk8s-callback-token", ""), known):
                raise Refused(401, "invalid callback token")
            with tempfile.NamedTemporaryFile(suffix=".tar", dir=node.common / "run") as archive:
                left = int(self.headers.get("Content-Length", "0"))
                while left > 0:
                    piece = self.rfile.read(min(left, 1 << 20))
                    if not piece:
                        raise Refused(400, "the archive ended early")
                    archive.write(piece)
                    left -= len(piece)
                archive.flush()
                done = node.ctr("images", "import", archive.name, timeout=300)
            if done.returncode:
                raise Refused(500, f"ctr: {done.stderr.strip()}")
            return {"imported": done.stdout.splitlines()}

        def _answer(self, status: int, content: dict[str, t.Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = "kubelet-server" if node.is_worker else "server"
    context.load_cert_chain(str(node.data / f"certs/{own}.crt"), str(node.data / f"certs/{own}.key"))
    server = http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Handler)
    # the handshake is made in the request's own thread, not in the one that accepts
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
    return 0


def join(node: Node, request: dict[str, t.Any]) -> dict[str, t.Any]:
    """Sign the certificates of a joining worker, for exactly the names that a worker may have."""
    if not tokens.use(node.data / TOKENS, str(request.get("token", ""))):
        raise Refused(500, "Invalid token")
    name, address = str(request["hostname"]), str(request["address"])
    if not request.get("worker"):
        raise Refused(501, "the stand-in joins workers only: add --worker")
    if node.kubectl("get", "node", name).returncode == 0:
        raise Refused(504, f"The hostname ({name}) is already known to dqlite")
    certs = node.data / "certs"
    granted = {
        "kubelet": Identity(f"system:node:{name}", "system:nodes"),
        "kubelet-server": Identity(f"system:node:{name}", "system:nodes", (name, address, "127.0.0.1")),
        "proxy": Identity("system:kube-proxy"),
    }
    signed = {}
    for stem, identity in granted.items():
        text = str(request["requests"][stem])
        if certificates.subject(text).replace(" ", "") != identity.subject:
            raise Refused(400, f"the request for {stem} asks for another name than {identity.subject}")
        signed[stem] = certificates.sign(certs, text, identity)
    return {
        "ca": (certs / "ca.crt").read_text(encoding="utf-8"),
        "certificates": signed,
        "server": f"https://{node.address}:{certificates.API_PORT}",
        "callback_token": (node.data / "credentials/callback-token.txt").read_text(encoding="utf-8").strip(),
    }


def addresses() -> list[str]:
    """All addresses of this machine, docker's bridge among them: the real one lists them all."""
    done = subprocess.run(["ip", "-4", "-o", "address", "show", "scope", "global"], capture_output=True, text=True, check=False)
    return [line.split()[3].split("/")[0] for line in done.stdout.splitlines()]
