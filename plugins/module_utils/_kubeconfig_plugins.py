# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials that a program or an identity provider hands out: left to the C(kubernetes) package, imported only when a kubeconfig asks for it."""

from __future__ import annotations

import dataclasses
import logging
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target

ADVICE = "Run the command that the kubeconfig names by hand, on this machine and as this user, and sign in if it asks."
# What the package calls the token: now, and in its older versions.
TOKEN_KEYS = ("BearerToken", "authorization")


def resolve(target: Target) -> Target:
    """The same target with the token or certificate that its plug-in gives now."""
    client, config = _package(target)
    settings, words = client.Configuration(), _Words()
    tried = f"The {target.plugin} credentials of context {target.context} in {target.path}"
    logging.getLogger().addHandler(words)  # the package logs why a plug-in failed, and goes on without credentials
    try:
        config.load_kube_config(config_file=target.path, context=target.context, client_configuration=settings, persist_config=False)
    except Exception as error:  # the plug-in's own failure, whatever its type
        raise FleetError(f"{tried} could not be had: {error}", ADVICE) from None
    finally:
        logging.getLogger().removeHandler(words)
    token = next((settings.api_key[key] for key in TOKEN_KEYS if settings.api_key.get(key)), "")
    certificate, key = _pair(settings)
    if not token and not certificate:
        raise FleetError(f"{tried} could not be had: {'; '.join(words.said) or 'neither a token nor a certificate came back'}.", ADVICE)
    return dataclasses.replace(target, token=token[len("Bearer "):] if token.startswith("Bearer ") else token, certificate=certificate, key=key)


class _Words(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage().strip())


def _package(target: Target) -> tuple[t.Any, t.Any]:
    try:
        from kubernetes import client, config
    except ImportError:
        raise FleetError(
            f"Context {target.context} of {target.path} uses {target.plugin} credentials, and the Python package kubernetes is not installed here.",
            "Install it for the Python that runs Ansible (pip install kubernetes), or use a kubeconfig with a token or certificate.",
        ) from None
    return client, config


def _pair(settings: t.Any) -> tuple[bytes, bytes]:
    if not settings.cert_file or not settings.key_file:
        return b"", b""
    with open(settings.cert_file, "rb") as certificate, open(settings.key_file, "rb") as key:
        return certificate.read(), key.read()
