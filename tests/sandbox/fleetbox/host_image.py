"""The image that hosts are made from, given to each instance's engine.

It is assembled without any engine. The store that a first load makes is kept, and given to later instances as hard links.
"""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import artifacts, debian, payload
from .command import run
from .engine import docker
from .errors import SandboxError
from .image_tar import Image, image_id, sealed, write_archive
from .paths import Instance, artifacts_home
from .payload import Wanted
from .progress import Progress

NAME = "studioml-fleet/host:sandbox"


def build(wanted: Wanted, progress: Progress) -> Image:
    """Build what is missing, programs and Debian side by side, and describe the image."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        base = pool.submit(debian.ensure, progress)
        payload.build_programs(wanted, progress)
        directories = [base.result(), payload.ensure(wanted, base.result(), progress)]
    layers = [sealed(directory) for directory in directories]
    return Image(name=NAME, layers=layers, command=["/lib/systemd/systemd"], stop_signal="SIGRTMIN+3", environment={"container": "docker"})


def load(instance: Instance, image: Image, progress: Progress) -> None:
    """Give the image to an instance's engine, unless it has it."""
    if docker(instance, "image", "inspect", image_id(image), check=False).returncode == 0:
        return
    with progress.step("load the host image", long=True):
        with subprocess.Popen(
            ["docker", "--host", f"unix://{instance.socket}", "load", "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdin and process.stdout
            try:
                write_archive(process.stdin, image, known=_known_layers(instance, image))
                process.stdin.close()
            except BrokenPipeError:
                pass  # the engine's own words follow
            words = process.stdout.read().decode(errors="replace").strip()
        if process.returncode != 0:
            raise SandboxError(f"The engine did not take the host image: {words}", f"Its log: {instance.engine_log}")
    _keep_store(instance, image)


def _known_layers(instance: Instance, image: Image) -> set[str]:
    """The lowest layer's digest, if the engine has that layer: then it need not travel again."""
    lowest = image.layers[0].digest
    return {lowest} if (instance.engine_data / "image" / "overlay2" / "layerdb" / "sha256" / lowest).is_dir() else set()


def seed(instance: Instance, image: Image) -> None:
    """Before an engine's first start: give it the image by hard links to the store of an earlier load."""
    kept = artifacts_home() / f"store-{_store_key(image)}"
    if instance.engine_data.exists() or not kept.is_dir():
        return
    part = instance.home / ".docker.part"
    shutil.rmtree(part, ignore_errors=True)
    run(["cp", "-al", kept, part])
    part.rename(instance.engine_data)


def _keep_store(instance: Instance, image: Image) -> None:
    """Layers are never written again, and the engine replaces its records whole: hard links are safe for both."""
    store = [instance.engine_data / "image", instance.engine_data / "overlay2"]
    if docker(instance, "ps", "--all", "--quiet").stdout.strip() or not all(path.is_dir() for path in store):
        return

    def link(work: Path) -> None:
        for path in store:
            run(["cp", "-al", path, work / path.name])

    artifacts.ensure("store", _store_key(image), link)


def _store_key(image: Image) -> str:
    version = run(["dockerd", "--version"], check=False).stdout.strip()
    return artifacts.content_hash(image_id(image), version)
