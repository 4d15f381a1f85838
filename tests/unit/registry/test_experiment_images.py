"""The image of an experiment: its Dockerfile, its name, and when it is built. Docker and registry are stand-ins; the integration tests have real ones."""

from __future__ import annotations

import datetime
import pathlib
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _experiment_image, _registry_image
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._experiment_image import Wanted, checked, dockerfile, place

NOON = datetime.datetime(2026, 1, 20, 12, 0, 0)
Images = dict[str, dict[str, str]]


class StandInRegistry:
    """What a registry would answer from its images, C(tag: labels)."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def labels(self, _repository: str, tag: str) -> dict[str, str]:
        return self.images.get(tag, {})

    def digest(self, repository: str, tag: str) -> str:
        return ("sha256:" + f"{hash((repository, tag)) % 16**8:064x}") if tag in self.images else ""


@pytest.fixture
def wanted(tmp_path: pathlib.Path) -> Wanted:
    sources = tmp_path / "sources"
    (sources / "pkg").mkdir(parents=True)
    (sources / ".git").mkdir()
    (sources / ".git" / "HEAD").write_text("ref: x", encoding="utf-8")
    (sources / "pkg" / ".gitignore").write_text("*.pyc", encoding="utf-8")
    (sources / "train.py").write_text("print(1)", encoding="utf-8")
    (sources / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    (sources / "link").symlink_to("train.py")
    return Wanted(str(sources), "python:3.12", ("python", "train.py"), "requirements.txt", ("pip", "install"), "/storage", (".git*",), 60, 60)


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> Images:
    """The registry's images; a push of the stand-in docker writes them, and C(contents) of each build is kept beside."""
    made: Images = {}

    def pushed(_docker: t.Any, image: _registry_image.Wanted, _targets: t.Any, *, check: bool) -> None:
        assert not check
        made[image.tag] = dict(image.labels)
        made["(files)"] = {path.relative_to(image.context).as_posix(): "" for path in pathlib.Path(image.context).rglob("*")}

    monkeypatch.setattr(_registry_image, "converge", pushed)
    return made


def run(wanted: Wanted, images: Images, check: bool = False, minutes: int = 0) -> dict[str, t.Any]:
    target = _registry_image.Target(StandInRegistry(images))  # type: ignore[arg-type]
    where = place("http://hub:5000", "sandbox", "mnist")
    return _experiment_image.converge(None, wanted, where, target, check=check, now=NOON + datetime.timedelta(minutes=minutes))  # type: ignore[arg-type]


def test_the_dockerfile_puts_first_what_changes_seldom(wanted: Wanted) -> None:
    assert dockerfile(wanted, "python:3.12").splitlines() == [
        "FROM python:3.12",
        'COPY ["requirements.txt", "/tmp/experiment-requirements.txt"]',
        "RUN pip install --requirement /tmp/experiment-requirements.txt",
        "WORKDIR /experiment",
        'COPY [".", "/experiment"]',
        "ENV STORAGE_DIR=/storage",
        'VOLUME ["/storage"]',
        'ENTRYPOINT ["python", "train.py"]',
    ]
    bare = dockerfile(wanted._replace(requirements="", storage_dir="", command=()), "b")
    assert bare.splitlines() == ["FROM b", "WORKDIR /experiment", 'COPY [".", "/experiment"]']


def test_a_tag_of_the_time_only_when_something_changed(wanted: Wanted, images: Images) -> None:
    predicted = run(wanted, images, check=True)
    assert predicted["changed"] and not images
    first = run(wanted, images)
    assert first == predicted and first["image"] == "hub:5000/sandbox/mnist:20260120_120000"
    assert set(images) == {"20260120_120000", "latest", "(files)"}
    for check in (True, False):
        again = run(wanted, images, check, minutes=5)
        assert not again["changed"] and again["image"] == first["image"] and again["diff"]["before"] == again["diff"]["after"]
    pathlib.Path(wanted.context, "train.py").unlink()
    pathlib.Path(wanted.context, "train.py").write_text("print(2)", encoding="utf-8")
    later = run(wanted, images, minutes=7)
    assert later["changed"] and later["tag"] == "20260120_120700" and images["latest"] == images["20260120_120700"]


@pytest.mark.parametrize(
    "change", [{"base_image": "python:3.13"}, {"command": ("python",)}, {"requirements": ""}, {"storage_dir": "/data"}, {"pip": ("uv", "pip")}]
)
def test_each_part_counts(wanted: Wanted, images: Images, change: dict[str, t.Any]) -> None:
    run(wanted, images)
    assert run(wanted._replace(**change), images, check=True)["changed"]


def test_a_tag_that_somebody_removed_is_built_again(wanted: Wanted, images: Images) -> None:
    first = run(wanted, images)
    del images[first["tag"]]
    assert run(wanted, images, minutes=1)["changed"]


def test_what_git_keeps_is_left_out_and_nothing_stays(wanted: Wanted, images: Images) -> None:
    run(wanted, images)
    assert set(images["(files)"]) == {"pkg", "train.py", "requirements.txt", "link"}
    assert [path.name for path in pathlib.Path(wanted.context).parent.iterdir()] == ["sources"]
    before = run(wanted, images)
    pathlib.Path(wanted.context, ".git", "HEAD").write_text("ref: y", encoding="utf-8")
    assert not run(wanted, images)["changed"] and not before["changed"]


def test_a_base_image_of_the_same_registry_is_taken_by_its_digest(wanted: Wanted, images: Images) -> None:
    ours = wanted._replace(base_image="hub:5000/base/python:3.12")
    with pytest.raises(FleetError, match="has no base/python:3.12"):
        run(ours, images)
    images["3.12"] = {}
    assert run(ours, images)["changed"] and not run(ours, images)["changed"]


def test_sources_that_check_mode_did_not_bring(wanted: Wanted, images: Images) -> None:
    result = run(wanted._replace(context="/not/there"), images, check=True)
    assert result["changed"] and "does not exist on this host yet" in result["warnings"][0]
    with pytest.raises(FleetError, match="no folder on this host"):
        run(wanted._replace(context="/not/there"), images)


@pytest.mark.parametrize(
    ("url", "project", "google", "parts"),
    [
        ("http://hub:5000", "Sand_Box", "", ("hub:5000", "http", "sand-box/mnist")),
        ("hub:5000/team/", "sandbox", "", ("hub:5000", "https", "team/sandbox/mnist")),
        ("https://gcr.io", "sandbox", "my-project-1", ("gcr.io", "https", "my-project-1/mnist")),
        ("eu.gcr.io", "sandbox", "example.com:old", ("eu.gcr.io", "https", "example.com/old/mnist")),
        ("https://hub:5000", "sandbox", "my-project-1", ("hub:5000", "https", "sandbox/mnist")),
    ],
)
def test_repositories(url: str, project: str, google: str, parts: tuple[str, str, str]) -> None:
    assert place(url, project, "MNIST", google) == parts


@pytest.mark.parametrize(
    ("url", "words"), [("ftp://hub", "has the scheme 'ftp'"), ("gcr.io", "google_project_id is empty"), ("http://a b", "is no registry's host")]
)
def test_wrong_registries_are_refused(url: str, words: str) -> None:
    with pytest.raises(FleetError, match=words):
        place(url, "p", "n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"base_image": "a b"}, "base_image: 'a b' is not an image reference"),
        ({"base_image": ""}, "base_image: '' is not an image reference"),
        ({"requirements": "/etc/r.txt"}, "no path within the context"),
        ({"requirements": "../r.txt"}, "no path within the context"),
        ({"storage_dir": "storage"}, "no plain absolute path"),
        ({"storage_dir": "/a b"}, "no plain absolute path"),
        ({"pip": ("pip", "install", "--index-url", "https://u:geheim@pypi.example/simple")}, "a URL with a password"),
        ({"pip": ("pip", "install", "pkg @ git+HTTPS://geheim@git.example/pkg")}, "a URL with a password or token"),
        ({"command": ("python\nRUN x",)}, "a line break"),
    ],
)
def test_bad_input(wanted: Wanted, change: dict[str, t.Any], words: str) -> None:
    with pytest.raises(FleetError, match=words) as caught:
        checked(wanted._replace(**change))
    assert "geheim" not in caught.value.text()


def test_urls_without_a_secret_are_taken(wanted: Wanted) -> None:
    urls = ("git+ssh://git@git.example/pkg", "https://pypi.example/simple/@scope/pkg")
    assert checked(wanted._replace(pip=("pip", *urls))).pip[1:] == urls


def test_a_missing_file_of_requirements(wanted: Wanted, images: Images) -> None:
    with pytest.raises(FleetError, match="the sources have no file other.txt"):
        run(wanted._replace(requirements="other.txt"), images)
    assert [path.name for path in pathlib.Path(wanted.context).parent.iterdir()] == ["sources"]
