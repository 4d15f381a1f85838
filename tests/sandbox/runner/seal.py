# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypt and sign a request as an experimenter does. Nothing of the runner's own is used for it: the cipher is libsodium's."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any


class SealError(Exception):
    """What was tried, what came back, and what to do."""


def envelope(request: str, public_key: Path, signing_key: Path | None = None) -> str:
    """Return the message for a request: what schedulers may see in clear text, the payload, and its signature."""
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding
        from nacl.secret import SecretBox
        from nacl.utils import random
    except ImportError as error:
        raise SealError(f"Encrypting needs {error.name}. Use a Python that has what requirements.txt beside this file names.") from None
    key: Any = _loaded(serialization.load_pem_public_key, public_key)
    secret = random(SecretBox.KEY_SIZE)
    head = key.encrypt(secret, padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None))
    payload = ",".join(base64.b64encode(part).decode() for part in (head, bytes(SecretBox(secret).encrypt(request.encode()))))
    experiment = json.loads(request)["experiment"]
    message = {
        "experiment": {"status": experiment["status"], "pythonver": str(experiment["pythonver"])},
        "time_added": experiment["time_added"],
        "resources_needed": experiment["resources_needed"],
        "payload": payload,
    }
    if signing_key:
        signer: Any = _loaded(lambda text: serialization.load_ssh_private_key(text, password=None), signing_key)
        message["signature"] = base64.b64encode(signer.sign(payload.encode())).decode()
    return json.dumps({"message": message})


def _loaded(load: Any, file: Path) -> Any:
    try:
        return load(file.read_bytes())
    except OSError as error:
        raise SealError(f"Reading the key {file}: {error.strerror}.") from None
    except ValueError:
        advice = "The public one begins with BEGIN RSA PUBLIC KEY, the signing one is ssh-keygen's, without a passphrase."
        raise SealError(f"{file} is not such a key. {advice}") from None
