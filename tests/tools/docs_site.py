"""Builds the docs site into `.build/docs`: guides and role pages from our Markdown, reference pages by antsibull-docs, HTML by Sphinx.

`docs_site.py [DIRECTORY]`. The tools are pinned in docs/site/requirements.txt and lie in an environment of their own. Nothing on the
pages is loaded from elsewhere. A warning of any tool is an error.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import environments  # noqa: E402
import yaml  # noqa: E402

CLONE = environments.CLONE
SITE = CLONE / "docs" / "site"
#: Of antsibull-docs.
SETTINGS = CLONE / "tests" / "tools" / "antsibull.cfg"
LINK = re.compile(r"(?P<before>\]\(|<img src=\")(?P<target>[^)#\s\"]*)(?P<anchor>#[^)\s\"]*)?(?P<after>[)\"])")
FENCE = re.compile(r"^(```.*?^```)$", re.M | re.S)
#: Single pages of the clone that are no guides: file in the clone, page of the site.
SINGLE = {
    "CHANGELOG.md": "project/changelog",
    "CONTRIBUTING.md": "project/contributing",
    "RELEASING.md": "project/releasing",
    "SECURITY.md": "project/security",
    "CODE_OF_CONDUCT.md": "project/code-of-conduct",
    "README.md": "index",
    "docs/decisions/README.md": "decisions/index",
    "docs/site/index.md": "index",
    "tests/sandbox/README.md": "guides/sandbox",
    "plugins": "reference/index",
    "playbooks": "playbooks",
}


class SiteError(Exception):
    """The site cannot be built; the message says what to mend."""


def site_environment() -> pathlib.Path:
    """The directory of the environment with antsibull-docs and Sphinx."""
    lines = (SITE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    python = next(filter(None, map(environments.find_python, environments.PREFERRED)))
    return environments.environment(python, [line for line in lines if line and not line.startswith("#")], name="docs")


def pages() -> dict[pathlib.Path, str]:
    """The Markdown files of the clone that become pages, with the names of these pages."""
    found = {CLONE / name: page for name, page in SINGLE.items() if (CLONE / name).exists()}
    found |= {path: f"guides/{path.stem}" for path in sorted((CLONE / "docs").glob("*.md"))}
    found |= {path: f"decisions/{path.stem}" for path in sorted((CLONE / "docs" / "decisions").glob("[0-9]*.md"))}
    found |= {path: f"roles/{path.parent.name}" for path in sorted((CLONE / "roles").glob("*/README.md"))}
    return found


def relative(target: str, page: str) -> str:
    """A page or file of the site as a link on this page."""
    return os.path.relpath(target, pathlib.PurePosixPath(page).parent)


def rewritten(text: str, source: pathlib.Path, page: str, known: dict[pathlib.Path, str], repository: str) -> str:
    """The text with links that lead to pages of the site where there is one, to the repository's files where there is none."""

    def one(match: re.Match[str]) -> str:
        target, anchor = match["target"], match["anchor"] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        path = pathlib.Path(os.path.normpath(source.parent / target))
        if path in known:
            place = relative(known[path], page) + ".md"
            place = place.replace("reference/index.md", "reference/index.rst")
        elif not path.exists():
            raise SiteError(f"{source.relative_to(CLONE)} links to {target}, which is not there. Mend the link.")
        elif path.is_relative_to(CLONE / "docs" / "images"):
            place = relative(path.relative_to(CLONE / "docs").as_posix(), page)
        else:
            place = f"{repository}/{'tree' if path.is_dir() else 'blob'}/main/{path.relative_to(CLONE).as_posix()}"
        return f"{match['before']}{place}{anchor}{match['after']}"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(one, part) for part in parts)


def toctree(caption: str, entries: list[str], *, hidden: bool = True) -> str:
    """A part of the navigation."""
    return "\n".join(["```{toctree}", *([":hidden:"] if hidden else []), f":caption: {caption}", "", *entries, "```", ""])


def navigation(names: set[str]) -> str:
    """The navigation with every page of the site, in the groups of docs/site/navigation.yml."""
    groups = yaml.safe_load((SITE / "navigation.yml").read_text(encoding="utf-8"))
    places = {pathlib.PurePosixPath(name).name: name for name in names if name.startswith(("guides/", "project/"))}
    places["decisions"] = "decisions/index"
    listed = [name for group in groups for name in group["pages"]]
    blocks = [toctree("Reference", ["Modules and plugins <reference/index>", "playbooks", "roles/index"])]
    rest = sorted(place for name, place in places.items() if name not in listed)
    for number, group in enumerate(groups, 1):
        entries = [places[name] for name in group["pages"] if name in places] + (rest if number == len(groups) else [])
        blocks.append(toctree(group["caption"], entries))
    # the reference comes behind the guides
    return "\n".join([*blocks[1:-1], blocks[0], blocks[-1]])


def role_page(text: str, role: str) -> str:
    """A role's README with the way to the reference of its variables."""
    return f"{text}\n\nEvery variable with its type and default: {{ansplugin}}`studioml.fleet.{role}#role`.\n"


def header(path: pathlib.Path) -> list[str]:
    """The comment on top of a playbook, without its marks."""
    lines = path.read_text(encoding="utf-8").removeprefix("---\n").splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return [line.removeprefix("#").removeprefix(" ") for line in lines[:end]]


def playbooks_page() -> str:
    """All playbooks, each with its first play's name and the comment on top of it, which says what can be given."""
    said = "Each as it is described on top of its own file. `studioml.fleet.NAME` names the same playbook when the collection is installed."
    parts = ["# Playbooks", "", said, ""]
    for path in sorted((CLONE / "playbooks").glob("*.yml")):
        lines = header(path)
        if not lines:
            raise SiteError(f"{path.relative_to(CLONE)} has no comment on top that says what it does. Write one.")
        parts += [f"## {path.stem}", "", "```text", *lines, "```", ""]
    return "\n".join(parts)


def lay_out(source: pathlib.Path) -> None:
    """Writes the sources of the site, but for the reference."""
    repository = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    known = pages()
    for path, page in known.items():
        if path.is_dir() or path == CLONE / "README.md":
            continue
        text = rewritten(path.read_text(encoding="utf-8"), path, page, known, repository)
        if page == "index":
            text += "\n" + navigation(set(known.values()))
        if page == "decisions/index":
            text += "\n" + toctree("Decisions", sorted(pathlib.PurePosixPath(one).name for one in known.values() if one.startswith("decisions/0")))
        if page.startswith("roles/"):
            text = role_page(text, path.parent.name)
        place = source / f"{page}.md"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    roles = sorted(page.removeprefix("roles/") for page in known.values() if page.startswith("roles/"))
    listing = ["# Roles", "", "What each does for a host, and the shortest use of it.", "", "```{toctree}", *roles, "```", ""]
    (source / "roles" / "index.md").write_text("\n".join(listing), encoding="utf-8")
    (source / "playbooks.md").write_text(playbooks_page(), encoding="utf-8")
    shutil.copytree(CLONE / "docs" / "images", source / "images")
    shutil.copy(SITE / "conf.py", source)
    (source / "static").mkdir()
    shutil.copy(SITE / "fleet.css", source / "static")


#: What the tools leave in the HTML that a screen reader or a keyboard stumbles over, and what it should be.
MENDED = [
    (re.compile(r'(<p class="caption") role="heading"'), r"\1"),
    (re.compile(r' aria-role="button"'), ""),
    (re.compile(r'<aside class="sidebar-drawer"'), r'<aside class="sidebar-drawer" aria-label="Site"'),
    (re.compile(r'<aside class="toc-drawer([^"]*)"'), r'<aside class="toc-drawer\1" aria-label="On this page"'),
    (re.compile(r"<pre>"), '<pre tabindex="0">'),
    (re.compile(r'<div id="search-results">'), '<h1>Search</h1>\n<div id="search-results">'),
]
#: The theme has contents of its own beside each page.
CONTENTS = re.compile(r"^\.\. contents::\n(?: +:.*\n)+", re.M)
HEADING = re.compile(r"^(.+) -- (.+)$(?=\n[=\-~^+\"]{4,}$)", re.M)
#: What antsibull calls the page with the index of a collection.
INDEX_TITLE = ("Studioml.Fleet\n==============", "Modules, roles and plugins\n==========================")


def mend(html: pathlib.Path) -> None:
    """Corrects what the tools leave in the pages."""
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern, better in MENDED:
            text = pattern.sub(better, text)
        page.write_text(text, encoding="utf-8")


def run(*command: str | pathlib.Path, tools: pathlib.Path) -> None:
    """Runs one of the tools and says what it complained about."""
    settings = {**os.environ, "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg")}
    done = subprocess.run(command, cwd=CLONE, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SiteError(f"{pathlib.Path(command[0]).name} ended with status {done.returncode}:\n{done.stdout[-12000:]}")


def build(place: pathlib.Path) -> None:
    """The whole site, new, into this directory."""
    tools = site_environment()
    with tempfile.TemporaryDirectory(prefix="fleet-docs-") as folder:
        source = pathlib.Path(folder) / "source"
        reference = source / "reference"
        reference.mkdir(parents=True)
        for directory in (pathlib.Path(folder), source, reference):
            directory.chmod(0o700)  # antsibull-docs writes nowhere else
        antsibull = [tools / "bin" / "antsibull-docs", "--config-file", SETTINGS, "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
        run(*antsibull, "--dest-dir", reference, "studioml.fleet", tools=tools)
        for page in reference.glob("*.rst"):
            text = CONTENTS.sub("", page.read_text(encoding="utf-8"))
            text = text.replace(*INDEX_TITLE).replace(" -- ", " – ") if page.name == "index.rst" else HEADING.sub(r"\1 – \2", text)
            page.write_text(text, encoding="utf-8")
        lay_out(source)
        html = pathlib.Path(folder) / "html"
        run(tools / "bin" / "sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "-d", pathlib.Path(folder) / "trees", source, html, tools=tools)
        (html / ".buildinfo").unlink(missing_ok=True)
        mend(html)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(html, place)


def main() -> int:
    """Builds the site and says where it is."""
    place = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else CLONE / ".build" / "docs").resolve()
    try:
        build(place)
    except SiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"The docs site: {(place / 'index.html').as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
