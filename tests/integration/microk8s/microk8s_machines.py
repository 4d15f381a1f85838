"""Hosts of the sandbox with the stand-in MicroK8s, and what these tests do to them."""

from __future__ import annotations

import typing as t

from module_runs import Hosts

FILES: dict[str, t.Any] = {"snap_file": "/opt/snaps/microk8s.snap", "base_snap_files": ["/opt/snaps/bare.snap", "/opt/snaps/core.snap"]}
OPTIONS = "/etc/microk8s-stand-in.yaml"


class Machines(Hosts):
    """The hosts of one sandbox, with what these tests do to them."""

    def renew(self, host: str) -> None:
        """A bare host of that name."""
        self.sandbox("down", "--hosts", host)
        self.sandbox("up", "--hosts", host)

    def install(self, host: str, **more: t.Any) -> dict[str, t.Any]:
        """The stand-in MicroK8s from its files, its node ready."""
        return self.passes(host, "microk8s_snap", **{**FILES, **more})

    def play(self, host: str, *lines: str) -> None:
        """What the stand-in shall do from now on; nothing special without lines."""
        self.on(host, f"cat > {OPTIONS}", stdin="".join(f"{line}\n" for line in lines).encode())

    def addons(self, host: str, *addons: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
        """A run of microk8s_addon that must not fail."""
        return self.passes(host, "microk8s_addon", addons=list(addons), **more)

    def objects(self, host: str, *kinds: str) -> str:
        """Names and versions of objects, for comparison."""
        columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name,U:.metadata.uid,G:.metadata.generation"
        return self.on(host, f"microk8s kubectl get {','.join(kinds)} -A -o {columns} --no-headers")
