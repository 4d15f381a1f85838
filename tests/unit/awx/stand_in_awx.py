"""A stand-in for the API of AWX 24.6.1, which is in no package registry: it keeps objects and judges them by what was recorded of a real one.

It runs nothing. A project is synchronised at once and has the playbooks of this repository.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import re
import threading
import typing as t
import urllib.parse

import awx_rules

Json = dict[str, t.Any]

CLONE = pathlib.Path(__file__).resolve().parents[3]
TOKEN = "stand-in-token"  # noqa: S105
ENCRYPTED = "$encrypted$"
TYPES = {"inventories": "inventory", "workflow_job_template_nodes": "workflow_job_template_node"}
TEMPLATES = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")
ROLES = {
    "organizations": ("admin_role", "execute_role", "read_role"),
    "inventories": ("admin_role", "use_role", "read_role"),
    "projects": ("admin_role", "use_role", "read_role"),
    "credentials": ("admin_role", "use_role", "read_role"),
    "job_templates": ("admin_role", "execute_role", "read_role"),
    "workflow_job_templates": ("admin_role", "execute_role", "read_role", "approval_role"),
}
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
#: What a real AWX has from the beginning.
MACHINE_FIELDS = [{"id": "username"}, {"id": "password", "secret": True}]
MACHINE: Json = {"name": "Machine", "kind": "ssh", "managed": True, "inputs": {"fields": MACHINE_FIELDS}, "injectors": {}}
#: What tells one object from another of its kind.
IDENTITY = ("name", "identifier", "organization", "workflow_job_template", "inventory")


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: t.Any) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


class StandInAwx:
    """The objects by kind and number, and every request that changed something."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[int, Json]] = {kind: {} for kind in awx_rules.RECORDED}
        self.objects["workflow_approval_templates"] = {}
        self.surveys: dict[tuple[str, int], Json] = {}
        self.linked: dict[tuple[str, int, str], list[int]] = {}
        self.secrets: dict[int, Json] = {}
        self.changes: list[tuple[str, str, t.Any]] = []
        self.ignored: dict[str, set[str]] = {}
        self.playbooks = {f"playbooks/{path.name}" for path in (CLONE / "playbooks").glob("*.yml")}
        self._number = 0
        self._keep("credential_types", dict(MACHINE))

    def one(self, kind: str, name: str) -> Json:
        """The object of a name, for tests."""
        found = [item for item in self.objects[kind].values() if name in (item.get("name"), item.get("identifier"))]
        assert len(found) == 1, f"{len(found)} {kind} called {name}"
        return found[0]

    def have(self, kind: str, item: Json) -> Json:
        """An object that somebody has made by hand."""
        return self._keep(kind, item)

    def state(self) -> str:
        """All that is kept, to compare."""
        return repr((self.objects, self.surveys, self.linked, self.secrets))

    def survey(self, name: str) -> Json:
        return self.surveys[("job_templates", self.one("job_templates", name)["id"])]

    def holders(self, kind: str, name: str, role: str) -> set[str]:
        """The names of the teams that have a role of an object."""
        number = self.one(kind, name)["summary_fields"]["object_roles"][f"{role}_role"]["id"]
        return {self.objects["teams"][one]["name"] for one in self.linked.get(("roles", number, "teams"), [])}

    def answer(self, method: str, path: str, query: dict[str, str], body: t.Any) -> tuple[int, t.Any]:
        parts = [part for part in path.removeprefix("/api/v2").split("/") if part]
        if method != "GET":
            self.changes.append((method, path, body))
        if parts[0] == "project_updates":
            return 200, {"id": int(parts[1]), "status": "successful", "failed": False}
        if len(parts) == 1:
            return (200, self._list(parts[0], query)) if method == "GET" else (201, self._create(parts[0], body))
        kind, number = parts[0], int(parts[1])
        if kind != "roles" and number not in self.objects.get(kind, {}):
            raise Refused(404, {"detail": "Not found."})
        if len(parts) == 2:
            return self._single(method, kind, number, body)
        return self._below(method, kind, number, parts[2], body)

    def _list(self, kind: str, query: dict[str, str]) -> Json:
        kinds = TEMPLATES if kind == "unified_job_templates" else (kind,)
        items = [item for one in kinds for item in self.objects[one].values() if _matches(item, query)]
        return {"count": len(items), "next": None, "previous": None, "results": items}

    def _create(self, kind: str, body: Json) -> Json:
        body = _without_null_choices(kind, body)
        self._judge(kind, body, body, creating=True)
        defaults = {name: rule["default"] for name, rule in awx_rules.RECORDED[kind].items() if "default" in rule}
        return self._keep(kind, {**defaults, **{name: value for name, value in body.items() if name in awx_rules.RECORDED[kind]}})

    def _single(self, method: str, kind: str, number: int, body: t.Any) -> tuple[int, t.Any]:
        item = self.objects[kind][number]
        body = _without_null_choices(kind, body)
        if method == "PATCH":
            known = awx_rules.RECORDED.get(kind, {"name": {}, "description": {}, "timeout": {}})
            if kind in awx_rules.RECORDED:
                self._judge(kind, body, {**item, **body}, creating=False)
            item.update({name: value for name, value in body.items() if name in known})
            self._after(kind, item)
        elif method == "DELETE":
            del self.objects[kind][number]
            return 204, None
        return 200, item

    def _judge(self, kind: str, body: Json, whole: Json, *, creating: bool) -> None:
        self.ignored.setdefault(kind, set()).update(awx_rules.ignored(kind, body))
        errors = awx_rules.field_errors(kind, body, creating=creating)
        if errors:
            raise Refused(400, errors)
        if creating and self._list(kind, {name: str(body[name]) for name in IDENTITY if name in body})["count"]:
            raise Refused(400, {"__all__": ["An object of this name already exists."]})
        if kind == "job_templates":
            if not whole.get("inventory") and not whole.get("ask_inventory_on_launch"):
                raise Refused(400, {"inventory": ["Job Template must provide 'inventory' or allow prompting for it."]})
            if whole.get("playbook") not in self.playbooks:
                raise Refused(400, {"playbook": ["Playbook not found for project."]})
        if kind == "credential_types" and awx_rules.credential_type_error(whole):
            raise Refused(400, {"inputs": [awx_rules.credential_type_error(whole)]})
        if kind == "credentials":
            fields = {field["id"] for field in self.objects["credential_types"][whole["credential_type"]]["inputs"]["fields"]}
            unknown = set(body.get("inputs", {})) - fields
            if unknown:
                raise Refused(400, {"inputs": {name: ["Additional properties are not allowed."] for name in unknown}})

    def _keep(self, kind: str, item: Json) -> Json:
        self._number += 1
        number = self._number
        item.update(id=number, type=TYPES.get(kind, kind.removesuffix("s")), url=f"/api/v2/{kind}/{number}/", related={}, summary_fields={})
        self.objects[kind][number] = item
        for place, role in enumerate(ROLES.get(kind, ())):
            item["summary_fields"].setdefault("object_roles", {})[role] = {"id": number * 10 + place, "name": role}
        if kind in ("job_templates", "workflow_job_templates"):
            item["related"]["survey_spec"] = f"{item['url']}survey_spec/"
        if kind == "projects":
            item.update(scm_revision="0" * 40)
            item["summary_fields"]["current_update"] = {"id": number}
        if kind == "credential_types":
            item.setdefault("managed", False)
        self._after(kind, item)
        return item

    def _after(self, kind: str, item: Json) -> None:
        """What AWX itself makes of what was stored."""
        if kind == "job_templates":
            item["organization"] = self.objects["projects"][item["project"]]["organization"]
        if kind == "credentials":
            fields = self.objects["credential_types"][item["credential_type"]]["inputs"]["fields"]
            hidden = {field["id"] for field in fields if field.get("secret")}
            kept = self.secrets.setdefault(item["id"], {})
            kept.update({name: value for name, value in item["inputs"].items() if value != ENCRYPTED})
            item["inputs"] = {name: ENCRYPTED if name in hidden else value for name, value in item["inputs"].items()}

    def _below(self, method: str, kind: str, number: int, below: str, body: t.Any) -> tuple[int, t.Any]:
        if below == "survey_spec":
            return self._survey(method, kind, number, body)
        if below == "create_approval_template" and method == "POST":
            made = self._keep("workflow_approval_templates", dict(body))
            node = self.objects[kind][number]
            node["unified_job_template"] = made["id"]
            node["related"]["unified_job_template"] = made["url"]
            return 201, made
        if kind == "workflow_approval_templates":
            raise Refused(404, {"detail": "Not found."})
        others = self.linked.setdefault((kind, number, below), [])
        other_kind = "workflow_job_template_nodes" if below in LINKS else "credentials" if below == "galaxy_credentials" else below
        if method == "GET":
            return 200, {"count": len(others), "next": None, "previous": None, "results": [self.objects[other_kind][one] for one in others]}
        if body["id"] not in self.objects[other_kind]:
            raise Refused(400, {"detail": f"{other_kind} {body['id']} does not exist."})
        if body.get("disassociate"):
            others.remove(body["id"])
        else:
            types = [self.objects["credentials"][one]["credential_type"] for one in others] if below == "credentials" else []
            if below == "credentials" and self.objects["credentials"][body["id"]]["credential_type"] in types:
                raise Refused(400, {"error": "Cannot assign multiple credentials of the same type."})
            others.append(body["id"])
        return 204, None

    def _survey(self, method: str, kind: str, number: int, body: t.Any) -> tuple[int, t.Any]:
        if method == "GET":
            return 200, self.surveys.get((kind, number), {})
        if method == "DELETE":
            self.surveys.pop((kind, number), None)
            return 200, {}
        problem = awx_rules.survey_error(body)
        if problem:
            raise Refused(400, {"error": problem})
        for question in body["spec"]:
            if question["type"] == "password" and question.get("default"):
                question["default"] = ENCRYPTED
        self.surveys[(kind, number)] = body
        return 200, {}


def _without_null_choices(kind: str, body: t.Any) -> t.Any:
    """Null for a choice that may be empty is stored as the empty one."""
    rules = awx_rules.RECORDED.get(kind, {})
    empty = {name for name in body or () if body[name] is None and rules.get(name, {}).get("type") == "choice" and rules[name].get("default") == ""}
    return {name: "" if name in empty else value for name, value in body.items()} if empty else body


def _matches(item: Json, query: dict[str, str]) -> bool:
    either = {key.removeprefix("or__"): value for key, value in query.items() if key.startswith("or__")}
    return all(str(item.get(key)) == value for key, value in query.items() if not key.startswith("or__")) and (
        not either or any(str(item.get(key)) == value for key, value in either.items())
    )


@contextlib.contextmanager
def serving(awx: StandInAwx) -> t.Iterator[str]:
    """The stand-in on a free port of this machine; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            address = urllib.parse.urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(text) if text else None
            try:
                if re.fullmatch(r"/api/v2/tokens/(\d+/)?", address.path):
                    if not (self.headers.get("Authorization") or "").startswith("Basic "):
                        raise Refused(401, {"detail": "Authentication credentials were not provided."})
                    status, answer = (201, {"id": 1, "token": TOKEN}) if self.command == "POST" else (204, None)
                elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, answer = 401, {"detail": "Authentication credentials were not provided."}
                else:
                    status, answer = awx.answer(self.command, address.path, dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True)), body)
            except Refused as refused:
                status, answer = refused.status, refused.body
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _do

        def log_message(self, format: str, *args: t.Any) -> None:
            """Nothing: the requests that change something are in `changes`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
