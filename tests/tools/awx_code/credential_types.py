"""The custom credential types: how a kubeconfig, a registry and a message broker reach a job.

Their injectors are AWX's own templates, not Ansible's: they are written with `!unsafe`.
"""

from __future__ import annotations

import typing as t

#: How many files a credential of the type for several can hold.
FILES = 5
MACHINE = "Machine"
#: The keys of `credentials` in tests/tools/awx_buttons.yml: the names of the types in AWX
NAMES = {
    "kubeconfig": ("StudioML kubeconfig", "StudioML kubeconfigs"),
    "registry": ("StudioML registry",),
    "message_broker": ("StudioML message broker",),
    "machine": (MACHINE,),
}


class Unsafe(str):
    """Text that Ansible must not take for a template of its own."""


def credential_types() -> list[dict[str, t.Any]]:
    """All of them, in the shape of controller_credential_types."""
    return [_kubeconfig(), _kubeconfigs(), _registry(), _message_broker()]


def _type(name: str, description: str, fields: list[dict[str, t.Any]], required: list[str], injectors: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"name": name, "description": description, "kind": "cloud", "inputs": {"fields": fields, "required": required}, "injectors": injectors}


def _file(identifier: str, label: str) -> dict[str, t.Any]:
    return {"id": identifier, "label": label, "type": "string", "secret": True, "multiline": True}


def _text(identifier: str, label: str, **more: t.Any) -> dict[str, t.Any]:
    return {"id": identifier, "label": label, "type": "string", **more}


def _kubeconfig() -> dict[str, t.Any]:
    return _type(
        NAMES["kubeconfig"][0],
        "One kubeconfig, whose contexts may lead to many clusters. A job finds it as K8S_AUTH_KUBECONFIG.",
        [_file("kubeconfig", "Kubeconfig")],
        ["kubeconfig"],
        {"file": {"template": Unsafe("{{ kubeconfig }}")}, "env": {"K8S_AUTH_KUBECONFIG": Unsafe("{{ tower.filename }}")}},
    )


def _kubeconfigs() -> dict[str, t.Any]:
    names = [f"kubeconfig_{number}" for number in range(1, FILES + 1)]
    first, *others = names
    joined = f"{{{{ tower.filename.{first} }}}}" + "".join(f"{{% if {name} %}}:{{{{ tower.filename.{name} }}}}{{% endif %}}" for name in others)
    environment = {"K8S_AUTH_KUBECONFIG": Unsafe(joined)}
    for number, name in enumerate(names, 1):
        # an input that is left empty becomes an empty file, which is none
        environment[f"FLEET_KUBECONFIG_{number}"] = Unsafe(f"{{% if {name} %}}{{{{ tower.filename.{name} }}}}{{% endif %}}")
    return _type(
        NAMES["kubeconfig"][1],
        "Several kubeconfigs for a fleet. A job finds them as FLEET_KUBECONFIG_1 and so on, and all of them in K8S_AUTH_KUBECONFIG.",
        [_file(name, f"Kubeconfig {number}") for number, name in enumerate(names, 1)],
        [first],
        {"file": {f"template.{name}": Unsafe(f"{{{{ {name} }}}}") for name in names}, "env": environment},
    )


def _registry() -> dict[str, t.Any]:
    entry = {key: Unsafe(f"{{{{ {key} }}}}") for key in ("host", "scheme", "username", "password", "ca_file")}
    login = {key: entry[key] for key in ("host", "username", "password")}
    return _type(
        NAMES["registry"][0],
        "A registry: what runners pull from (pull secrets), and what base images are pushed to. It takes the place of all registries of the inventory.",
        [
            _text("host", "Host and port", help_text="As it stands in an image's name, such as hub.example:5000."),
            _text("scheme", "Scheme", choices=["https", "http"], default="https"),
            _text("username", "User"),
            _text("password", "Password", secret=True),
            _text("ca_file", "Certificate authority", help_text="Path of its file on the build hosts. Empty for one that they trust, or that Docker has."),
        ],
        ["host", "scheme", "username", "password"],
        {"extra_vars": {"runner_secrets_registries": [login], "base_image_registries": [entry]}},
    )


def _message_broker() -> dict[str, t.Any]:
    broker = {key: Unsafe(f"{{{{ {key} }}}}") for key in ("url", "username", "password", "vhost", "runner_username", "validate_certs")}
    broker["ca_path"] = Unsafe("{% if ca %}{{ tower.filename }}{% endif %}")
    return _type(
        NAMES["message_broker"][0],
        "RabbitMQ's management API and an administrator of it, for drains that hold. It takes the place of fleet_broker of all hosts.",
        [
            _text("url", "Address of the management API", help_text="Such as http://hub.example:15672."),
            _text("username", "Administrator"),
            _text("password", "Password", secret=True),
            _text("vhost", "Virtual host", help_text="Of the runners. Empty: what each runner's AMQP_URL says."),
            _text("runner_username", "User of the runners", help_text="Empty: what each runner's AMQP_URL says."),
            _text("ca", "Certificate authority", multiline=True, help_text="PEM text. Empty for one that the execution environment trusts."),
            # no boolean: of an input that is left empty AWX makes false, and of a choice the first one
            _text("validate_certs", "Check the certificate", choices=["true", "false"], default="true"),
        ],
        ["url", "username", "password"],
        {"file": {"template": Unsafe("{{ ca }}")}, "extra_vars": {"fleet_broker": broker}},
    )
