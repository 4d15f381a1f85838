# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runner_secrets
short_description: Make, prove and rotate the Secrets that studio-go-runners use
version_added: 0.1.0
description:
  - >-
    Makes the Secrets that a runner mounts, in the exact forms that it reads: the key pair for messages with its passphrase, signing and report keys by prefix
    of a queue's name, and credentials for AWS; and those that its pods are pulled and built with, pull secrets and a token for GitHub.
  - Everything that is given is proven before the first write. A wrong key, passphrase or file is refused with the reason, and nothing is stored.
  - >-
    The key pair is made once and kept. Only O(rotate=true) replaces it, and then the old one is kept in the Secret C(<key_secret>-previous) until
    O(drop_previous=true), which is refused while a pod runs that began with the old one.
  - No result, diff or message shows a secret value. Works by server-side apply under the field manager C(studioml.fleet).
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details: The API server is asked for dry runs. Keys are not generated, so RV(key_pair.public_key) is empty where one would be.
  diff_mode:
    support: full
    details: Shows which entries of a Secret change, never a value.
  idempotent:
    support: full
    details: >-
      One request is sent when nothing changes, where the user may list Secrets; else one for each Secret. With O(rotate=true) a second run warns and changes
      nothing until O(drop_previous=true) has ended the rotation; a run with O(rotate=true) after that begins a new one.
  platform:
    platforms: posix
options:
  state:
    description: V(absent) removes the Secrets that this module has made, the key pair excepted (O(remove_key_pair)).
    type: str
    choices: [present, absent]
    default: present
  create_namespace:
    description: Whether to make the namespace if it does not exist. Needs the permission to read namespaces.
    type: bool
    default: true
  private_key:
    description:
      - The private RSA key as traditional PKCS#1 PEM, encrypted in the PEM itself (C(BEGIN RSA PRIVATE KEY) with C(DEK-Info)).
      - Without it a pair is generated when there is none.
    type: str
  public_key:
    description: The public key as PKCS#1 PEM (C(BEGIN RSA PUBLIC KEY)). Without it, it is made from O(private_key).
    type: str
  passphrase:
    description:
      - Passphrase of the private key, without a newline. It encrypts a generated key too.
      - Without it, a generated key gets a random one, or the stored one when it is rotated.
    type: str
  key_bits:
    description: Size of a generated key.
    type: int
    default: 4096
  rotate:
    description:
      - Put a new pair (generated, or O(private_key)) in the place of the stored one, and keep the old one in C(<key_secret>-previous).
      - Runners read their pair when they start, so they have to be restarted.
    type: bool
    default: false
  drop_previous:
    description:
      - End a rotation by removing C(<key_secret>-previous).
      - Refused while a pod that mounts the pair runs since before the rotation. Needs the permission to list pods.
    type: bool
    default: false
  remove_key_pair:
    description: Whether O(state=absent) removes the key pair too. Nobody can read what was encrypted for it then.
    type: bool
    default: false
  signing_keys:
    description:
      - Public keys with which signatures of requests are verified, by prefix of a queue's name (at least 4 characters); the longest prefix wins.
      - Each is the one line that C(ssh-keygen -t ed25519) writes to its C(.pub) file.
      - A key that covers a queue makes its runners refuse unsigned requests. Keys that others have put there are kept.
      - Without this option the Secret is made with a placeholder if there is none, and else left alone.
    type: dict
  report_keys:
    description:
      - Public keys with which reports are encrypted, by prefix of a queue's name (at least 4 characters).
      - Each is a PKCS#1 PEM (C(BEGIN RSA PUBLIC KEY)).
      - Without this option the Secret is made with a placeholder if there is none, and else left alone.
    type: dict
  aws:
    description: The two files of the AWS command line, each with a profile C([default]). Without it, no Secret for AWS is made.
    type: dict
    suboptions:
      credentials:
        description: Text of the file C(credentials).
        type: str
        required: true
      config:
        description: Text of the file C(config).
        type: str
        required: true
  registries:
    description:
      - Registries that images are pulled from. Those with credentials become pull secrets of the type C(kubernetes.io/dockerconfigjson).
      - >-
        The entries may be those that M(studioml.fleet.registry_trust_entry) is used with, so that one list names all registries; what is about trust
        (C(scheme), C(ca), C(ca_file), C(capabilities)) is passed over here.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Host, and port if any, as they stand in the names of images.
        type: str
        required: true
      username:
        description: User.
        type: str
      password:
        description: Password or token of the user.
        type: str
      credentials_file:
        description: File that has both, as C(docker login), C(podman login) and C(skopeo login) write it, where the module runs.
        type: path
      email:
        description: E-mail address, for registries that still want one.
        type: str
      secret:
        description: Name of the Secret for this entry; O(pull_secret) if not given.
        type: str
      scheme:
        description: Passed over.
        type: str
      ca:
        description: Passed over.
        type: str
      ca_file:
        description: Passed over.
        type: str
      capabilities:
        description: Passed over.
        type: list
        elements: str
      state:
        description: V(absent) takes the credentials of this registry out of its Secret, and the Secret away when none are left.
        type: str
        choices: [present, absent]
  github_token:
    description: Token for GitHub, for builds. Without it no Secret for it is made.
    type: str
  key_secret:
    description: Name of the Secret with the key pair.
    type: str
    default: studioml-runner-key-secret
  passphrase_secret:
    description: Name of the Secret with the passphrase.
    type: str
    default: studioml-runner-passphrase-secret
  signing_secret:
    description: Name of the Secret with O(signing_keys).
    type: str
    default: studioml-signing
  report_keys_secret:
    description: Name of the Secret with O(report_keys).
    type: str
    default: studioml-report-keys
  aws_secret:
    description: Name of the Secret with the files in O(aws).
    type: str
    default: studioml-runner-aws-sqs
  pull_secret:
    description: Name of the pull secret.
    type: str
    default: studioml-go-docker-key
  github_token_secret:
    description: Name of the Secret with O(github_token).
    type: str
    default: release-github-token
  force_conflicts:
    description: Take over entries that another manager owns.
    type: bool
    default: false
seealso:
  - module: studioml.fleet.runner_deploy
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Everything that a runner needs, with a key pair of its own
  studioml.fleet.runner_secrets:
    kubeconfig: /etc/fleet/gpu1.yaml
    namespace: studioml
    signing_keys:
      rmq_gpu_: "{{ lookup('ansible.builtin.file', 'keys/experimenters.pub') }}"
    report_keys:
      rmq_gpu_: "{{ lookup('ansible.builtin.file', 'keys/reports.pem') }}"
    registries:
      - {host: "hub.example:5000", username: puller, password: "{{ vault_puller_password }}"}
      - {host: quay.io, credentials_file: ~/.docker/config.json}

- name: A pair that was made elsewhere
  studioml.fleet.runner_secrets:
    private_key: "{{ vault_runner_private_key }}"
    passphrase: "{{ vault_runner_passphrase }}"

- name: A new pair in place of the old one, which is kept
  studioml.fleet.runner_secrets:
    rotate: true

- name: The old pair is no longer needed, for all runners were restarted
  studioml.fleet.runner_secrets:
    drop_previous: true
"""

RETURN = r"""
objects:
  description: What became of each Secret, in the order in which it was handled.
  returned: success
  type: list
  elements: dict
  sample:
    - {kind: Secret, name: studioml-runner-key-secret, namespace: studioml, action: created}
  contains:
    kind:
      description: Kind of the object.
      type: str
      returned: success
    name:
      description: Its name.
      type: str
      returned: success
    namespace:
      description: Its namespace, empty for a namespace.
      type: str
      returned: success
    action:
      description: V(created), V(changed), V(unchanged) or V(deleted); in check mode, what would be done.
      type: str
      returned: success
namespace:
  description: The namespace of the Secrets.
  returned: success
  type: str
  sample: studioml
key_pair:
  description: The key pair, as far as it is no secret.
  returned: with O(state=present)
  type: dict
  sample:
    origin: generated
    fingerprint: SHA256:jE0ZyYp2rZSXbEe9nTn7ZTrbF6o3jv2U7v5nG7oPq0M
    public_key: "-----BEGIN RSA PUBLIC KEY-----\n...\n-----END RSA PUBLIC KEY-----\n"
    previous: false
  contains:
    origin:
      description: V(kept), V(generated) or V(given).
      type: str
      returned: with O(state=present)
    fingerprint:
      description: Fingerprint of the public key, as C(ssh-keygen -l) shows it.
      type: str
      returned: with O(state=present)
    public_key:
      description: The public key (PKCS#1 PEM), with which experimenters encrypt their requests.
      type: str
      returned: with O(state=present)
    previous:
      description: Whether the pair before this one is still kept.
      type: bool
      returned: with O(state=present)
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _door, _secret_set

_REGISTRY: dict[str, dict[str, t.Any]] = {
    "host": {"type": "str", "required": True},
    **{option: {"type": "str", "no_log": False} for option in ("username", "email", "secret", "scheme", "ca", "ca_file")},
    "password": {"type": "str", "no_log": True},
    "credentials_file": {"type": "path"},
    "capabilities": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "absent"]},
}
_FILE = {"type": "str", "required": True, "no_log": True}
ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **{option: {"type": "str", "default": name, "no_log": False} for option, name in _secret_set.NAMES.items()},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "create_namespace": {"type": "bool", "default": True},
    "private_key": {"type": "str", "no_log": True},
    "public_key": {"type": "str", "no_log": False},
    "passphrase": {"type": "str", "no_log": True},
    "key_bits": {"type": "int", "default": 4096, "no_log": False},
    "rotate": {"type": "bool", "default": False},
    "drop_previous": {"type": "bool", "default": False},
    "remove_key_pair": {"type": "bool", "default": False, "no_log": False},
    # public keys; but a private one that was put there by mistake must not be shown
    "signing_keys": {"type": "dict", "no_log": True},
    "report_keys": {"type": "dict", "no_log": True},
    "aws": {"type": "dict", "options": {"credentials": _FILE, "config": _FILE}},
    "registries": {"type": "list", "elements": "dict", "default": [], "options": _REGISTRY},
    "github_token": {"type": "str", "no_log": True},
    "force_conflicts": {"type": "bool", "default": False},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    if params["state"] == "absent":
        target = _door.target_of(params)
        return _secret_set.absent(_door.connect(params, target), params, _door.namespace_of(params, target), check)
    target, warnings = _door.target_if_there(params, check)
    if target is None:
        result = _secret_set.present(None, params, _door.checked_namespace(params.get("namespace") or "default"), check)
    else:
        result = _secret_set.present(_door.connect(params, target), params, _door.namespace_of(params, target), check)
    return {**result, "warnings": warnings + result["warnings"]}


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
