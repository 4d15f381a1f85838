# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed between MicroK8s' tracks, as far as the stand-in plays it."""

from __future__ import annotations

import dataclasses
import re

OLDEST = 19
NEWEST = 36

# The last patch release of each track that the stand-in was taken from; others get ".0".
_PATCHES = {19: 16, 20: 15, 21: 14, 22: 17, 23: 17, 24: 17, 25: 16, 26: 15, 27: 16, 28: 15, 29: 15, 30: 14, 31: 14, 32: 13, 33: 13, 34: 4, 35: 4, 36: 3}


class TrackError(Exception):
    """A track that is not one of MicroK8s'."""


@dataclasses.dataclass(frozen=True)
class Track:
    """One track (1.NN) by its minor version."""

    minor: int

    @classmethod
    def parse(cls, text: str) -> Track:
        """Read C(1.36), C(1.36/stable) or C(v1.36.3)."""
        match = re.match(r"^v?1\.(\d+)(?:[./].*)?$", text.strip())
        if not match or not OLDEST <= int(match[1]) <= NEWEST:
            raise TrackError(f"'{text}' is not a track between 1.{OLDEST} and 1.{NEWEST}")
        return cls(int(match[1]))

    @property
    def version(self) -> str:
        """The version as C(microk8s version) prints it."""
        return f"v1.{self.minor}.{_PATCHES.get(self.minor, 0)}"

    @property
    def has_certs_d(self) -> bool:
        """Whether containerd's registries are set by certs.d (else by mirrors in the template)."""
        return self.minor >= 23

    @property
    def has_repositories(self) -> bool:
        """Whether add-ons live in repositories (core, community) and words after the add-on are its arguments."""
        return self.minor >= 24

    @property
    def has_worker_nodes(self) -> bool:
        """Whether the command knows that this machine is a worker."""
        return self.minor >= 24

    @property
    def has_launch_configuration(self) -> bool:
        """Whether a fresh node enables dns by itself."""
        return self.minor >= 27

    @property
    def has_addon_lock(self) -> bool:
        """Whether two calls of enable wait for each other."""
        return self.minor >= 27

    @property
    def not_ready_code(self) -> int:
        """What C(status) exits with when the node is not ready."""
        return 1 if self.minor >= 28 else 0

    @property
    def gpu_addon(self) -> str:
        """The GPU add-on's main name."""
        return "nvidia" if self.minor >= 29 else "gpu"

    @property
    def storage_addon(self) -> str:
        """The storage add-on's main name."""
        return "hostpath-storage" if self.minor >= 24 else "storage"

    @property
    def gpu_operator(self) -> str:
        """The GPU operator that the add-on installs by default."""
        for since, version in ((35, "v25.10.0"), (34, "v25.3.2"), (33, "v25.3.0"), (32, "v24.6.2"), (26, "v23.9.1"), (25, "v22.9.0")):
            if self.minor >= since:
                return version
        return "v1.11.0"

    @property
    def gpu_addon_is_broken(self) -> bool:
        """1.33 and 1.34 were shipped with a GPU add-on whose pods hang in their init containers."""
        return self.minor in (33, 34)
