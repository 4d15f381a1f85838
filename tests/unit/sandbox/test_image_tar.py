"""Images as docker archives: equal content gives equal digests, and the archive is what an engine reads."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

from fleetbox.image_tar import Image, image_id, seal, sealed, write_archive, write_layer


def program(directory: Path, mode: int = 0o755) -> Path:
    path = directory / "program"
    path.write_bytes(b"\x7fELF program")
    path.chmod(mode)
    return path


def test_layer_holds_files_links_and_their_directories(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer.tar", [("/opt/bin/all", program(tmp_path))], [("/opt/bin/etcd", "all")])
    with tarfile.open(layer.path) as tar:
        names = tar.getnames()
        assert names == ["opt", "opt/bin", "opt/bin/all", "opt/bin/etcd"]
        assert tar.getmember("opt/bin/all").mode == 0o755
        assert tar.getmember("opt/bin/etcd").linkname == "all"
    assert layer.digest == hashlib.sha256(layer.path.read_bytes()).hexdigest()


def test_layer_does_not_depend_on_times_or_order(tmp_path: Path) -> None:
    path = program(tmp_path)
    first = write_layer(tmp_path / "1.tar", [("/a", path), ("/b", path)])
    os.utime(path, (1, 1))
    assert write_layer(tmp_path / "2.tar", [("/b", path), ("/a", path)]).digest == first.digest


def test_archive(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer.tar", [("/bin/program", program(tmp_path))])
    image = Image("sandbox.local/try:1", [layer], entrypoint=["/bin/program"], environment={"A": "b"}, stop_signal="SIGRTMIN+3")
    output = io.BytesIO()
    write_archive(output, image)
    with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())[0]  # type: ignore[union-attr]
        config = tar.extractfile(manifest["Config"]).read()  # type: ignore[union-attr]
        content = tar.extractfile(manifest["Layers"][0]).read()  # type: ignore[union-attr]
    assert manifest["RepoTags"] == ["sandbox.local/try:1"]
    assert image_id(image) == f"sha256:{hashlib.sha256(config).hexdigest()}"
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content).hexdigest()}"]
    assert json.loads(config)["config"]["Entrypoint"] == ["/bin/program"]
    assert "A=b" in json.loads(config)["config"]["Env"]


def test_layers_that_the_reader_has_are_named_but_not_sent(tmp_path: Path) -> None:
    layers = [write_layer(tmp_path / f"{name}.tar", [(f"/{name}", program(tmp_path))]) for name in ("lower", "upper")]
    output = io.BytesIO()
    write_archive(output, Image("try:1", layers), known={layers[0].digest})
    with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())[0]  # type: ignore[union-attr]
        assert len(manifest["Layers"]) == 2
        assert manifest["Layers"][0] not in tar.getnames() and manifest["Layers"][1] in tar.getnames()


def test_digest_is_noted_beside_a_layer(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer.tar", [("/a", program(tmp_path))])
    seal(tmp_path)
    assert sealed(tmp_path) == layer
