# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials for the docker client, in a folder of their own that only its owner reads: never on a command line, never in the user's own configuration."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
import typing as t


@contextlib.contextmanager
def client_environment(credentials: t.Mapping[str, t.Tuple[str, str]]) -> t.Iterator[t.Dict[str, str]]:
    """The environment with which the client knows some registries' users; empty (the user's own configuration counts) without any.

    :param credentials: user and password by registry.
    """
    if not credentials:
        yield {}
        return
    auths = {host: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()} for host, (user, password) in credentials.items()}
    with tempfile.TemporaryDirectory(prefix="studioml-docker-") as folder:  # mode 0700
        with open(os.open(os.path.join(folder, "config.json"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
            json.dump({"auths": auths}, handle)
        yield {"DOCKER_CONFIG": folder}
