"""The docs site builds without a warning, its links and anchors lead somewhere, and what the documentation shows is so.

Examples are run as far as no cluster is needed: every command line goes through the parser of its own program, every playbook
that is named through `--syntax-check`, every variable, module argument and quoted error is looked for in the code.
"""

from __future__ import annotations

import ast
import functools
import html.parser
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import typing as t
import urllib.parse
import xml.etree.ElementTree

import pytest
import yaml

CLONE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CLONE / "tests" / "tools"), str(CLONE / "tests" / "sandbox")]

import docs_site  # noqa: E402
import recorded_demo  # noqa: E402

BIN = pathlib.Path(sys.executable).parent
SETTINGS = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
ROOT_PAGES = [CLONE / name for name in ("README.md", "RELEASING.md", "CONTRIBUTING.md")]
PAGES = [*ROOT_PAGES, *sorted((CLONE / "docs").glob("*.md")), *sorted((CLONE / "roles").glob("*/README.md"))]
FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```", re.M | re.S)
WORD = re.compile(r"\b[a-z][a-z0-9_]+\b")
ROLES = {path.parents[1].name: path for path in sorted((CLONE / "roles").glob("*/meta/argument_specs.yml"))}


class Loader(yaml.SafeLoader):
    """YAML with Ansible's own tags."""


for tag in ("!vault", "!unsafe"):
    Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))


def relative(path: pathlib.Path) -> str:
    return path.relative_to(CLONE).as_posix()


# the site itself


class Parsed(html.parser.HTMLParser):
    """What a page names and what it refers to."""

    def __init__(self, page: pathlib.Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.language = ""
        self.headings: list[int] = []
        self.without_alternative: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe", "source") and "src" in given:
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(given["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img" and not given.get("alt"):
            self.without_alternative.append(given.get("src", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parsed]:
    """The pages of the site, built anew; a warning of antsibull or Sphinx fails here."""
    place = tmp_path_factory.mktemp("site") / "docs"
    docs_site.build(place)
    for sheet in place.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), f"{sheet.name} loads something from elsewhere"
    return {page.relative_to(place).as_posix(): Parsed(page) for page in sorted(place.rglob("*.html"))}


@pytest.mark.slow
def test_everything_has_a_page(site: dict[str, Parsed]) -> None:
    wanted = {f"reference/{path.stem}_module.html" for path in (CLONE / "plugins" / "modules").glob("*.py")}
    wanted |= {f"reference/{path.stem}_filter.html" for path in (CLONE / "plugins" / "filter").glob("*.yml")}
    wanted |= {f"reference/{path.stem}_inventory.html" for path in (CLONE / "plugins" / "inventory").glob("*.py")}
    wanted |= {f"reference/{role}_role.html" for role in ROLES}
    wanted |= {f"guides/{path.stem}.html" for path in (CLONE / "docs").glob("*.md")} | {"index.html", "playbooks.html", "search.html"}
    assert sorted(wanted - set(site)) == []
    playbooks = {path.stem for path in (CLONE / "playbooks").glob("*.yml")}
    assert not playbooks - site["playbooks.html"].anchors
    named = {urllib.parse.urlsplit(link).path for link in site["index.html"].links}
    assert sorted({page for page in wanted if page.startswith("guides/")} - named) == [], "the navigation leaves pages out"


@pytest.mark.slow
def test_links_and_anchors_lead_somewhere(site: dict[str, Parsed]) -> None:
    broken, seen = [], 0
    for page, parsed in site.items():
        for link in parsed.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                if parts.scheme not in ("https", "http", "mailto") or (parts.scheme != "mailto" and "." not in parts.netloc):
                    broken.append(f"{page}: {link} has no form of an address")
                continue
            target = os.path.normpath(pathlib.PurePosixPath(page).parent / parts.path) if parts.path else page
            seen += 1
            if target.endswith(".html") and target not in site:
                broken.append(f"{page}: there is no {link}")
            elif parts.fragment and urllib.parse.unquote(parts.fragment) not in site[target].anchors:
                broken.append(f"{page}: {link} has no such anchor")
    assert not broken
    assert seen > 1000, "links have been looked at"


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere_and_pages_can_be_read_aloud(site: dict[str, Parsed]) -> None:
    assert not {page: load for page, parsed in site.items() for load in parsed.loads if "//" in load}
    assert not {page: parsed.language for page, parsed in site.items() if parsed.language != "en"}
    assert not {page: parsed.without_alternative for page, parsed in site.items() if parsed.without_alternative}
    assert not {page: parsed.headings for page, parsed in site.items() if parsed.headings.count(1) != 1}
    jumps = {page for page, parsed in site.items() for before, after in zip(parsed.headings, parsed.headings[1:], strict=False) if after > before + 1}
    assert not jumps, "a heading skips a level"


def test_the_picture_of_the_demo_loads_nothing() -> None:
    text = (CLONE / "docs" / "images" / "demo.svg").read_text(encoding="utf-8")
    assert xml.etree.ElementTree.fromstring(text).get("aria-label")
    assert not re.search(r"@font-face|@import|url\((?!#)|<script|href=", text)
    assert str(pathlib.Path.home()) not in text and str(CLONE) not in text


def test_the_picture_of_the_demo_tells_what_it_leaves_out() -> None:
    record = "\n".join(["$ sandbox.py up", "one", "", "two", "$ ansible-playbook drain.yml", "three", "\x1b[32mgpu1\x1b[0m : ok=2    changed=1", "four"])
    shown = [recorded_demo.ESCAPES.sub("", line) for line in recorded_demo.chosen(record)]
    assert shown == ["$ make demo", "$ sandbox.py up", "  ⋮ 2 lines", "$ ansible-playbook drain.yml", "  ⋮ 1 line", "gpu1 : ok=2    changed=1"]


def test_a_broken_link_stops_the_build() -> None:
    with pytest.raises(docs_site.SiteError, match=r"docs/status\.md links to nowhere\.md, which is not there"):
        docs_site.rewritten("[x](nowhere.md)", CLONE / "docs" / "status.md", "guides/status", docs_site.pages(), "https://example.org")


# command lines


class Line(t.NamedTuple):
    """One command of the documentation."""

    page: str
    words: list[str]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def commands() -> t.Iterator[Line]:
    """Every command line in a block without a language, in a playbook's comment, and in the text, as words."""
    texts = [(relative(page), page.read_text(encoding="utf-8")) for page in PAGES]
    for page, text in texts:
        for block in FENCED.finditer(text):
            if block["language"] in ("", "sh", "shell", "bash"):
                yield from _split(page, block["text"])
        for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCED.sub("", text)):
            first = span.split(" ")[0]
            if first.endswith(".yml") and (CLONE / "playbooks" / pathlib.PurePosixPath(first).name).exists() and " " in span:
                yield from _split(page, f"ansible-playbook playbooks/{pathlib.PurePosixPath(first).name} {span.split(' ', 1)[1]}")
            elif first in PROGRAMS:
                yield from _split(page, span)
    for playbook in sorted((CLONE / "playbooks").glob("*.yml")):
        yield from _split(relative(playbook), "\n".join(docs_site.header(playbook)))


PROGRAMS = ("ansible", "ansible-playbook", "ansible-doc", "ansible-inventory", "make", "python3")


def _split(page: str, text: str) -> t.Iterator[Line]:
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if re.match(rf"\s*(\$ )?(\w+=\S+ )*({'|'.join(PROGRAMS)}) ", line):
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            while "=" in words[0]:
                words = words[1:]
            yield Line(page, words)


LINES = list(commands())


def parsed(line: Line) -> t.Any:
    """The options of an Ansible command line, by Ansible's own parser."""
    from ansible.cli.adhoc import AdHocCLI
    from ansible.cli.doc import DocCLI
    from ansible.cli.inventory import InventoryCLI
    from ansible.cli.playbook import PlaybookCLI

    kinds = {"ansible": AdHocCLI, "ansible-doc": DocCLI, "ansible-inventory": InventoryCLI, "ansible-playbook": PlaybookCLI}
    cli = kinds[line.words[0]](list(line.words))
    cli.init_parser()
    try:
        return cli.parser.parse_args(line.words[1:])
    except SystemExit:
        raise AssertionError(f"{line}: {line.words[0]} does not take these options") from None


def playbook_of(name: str) -> pathlib.Path:
    """The file of a playbook as it is named in the documentation."""
    if name.startswith("studioml.fleet."):
        return CLONE / "playbooks" / f"{name.rsplit('.', 1)[1]}.yml"
    return CLONE / name


@functools.cache
def known_variables(playbook: pathlib.Path) -> set[str]:
    """Every name that a playbook could mean: in its own text, in the files it takes in, in the specifications of its roles and in what its modules read."""
    text, names, todo, done = "", set(), [playbook], set()
    while todo:
        path = todo.pop()
        if path in done or not path.exists():
            continue
        done.add(path)
        own = path.read_text(encoding="utf-8")
        text += own
        todo += [path.parent / name for name in re.findall(r"(?:import_playbook|import_tasks|include_tasks): ([\w./-]+\.yml)", own)]
        todo += [path.parent / name for name in re.findall(r"'(tasks/[\w-]+\.yml)'", own)]
        names |= {name for role in re.findall(r"studioml\.fleet\.(\w+)", own) if role in ROLES for name in specification(role)}
    doors = "".join(path.read_text(encoding="utf-8") for path in (CLONE / "plugins" / "plugin_utils").glob("*.py"))
    return names | set(WORD.findall(text)) | {name for name in WORD.findall(doors) if name.startswith("fleet_")}


@functools.cache
def specification(role: str) -> set[str]:
    """The variables of a role, of all its entry points."""
    return {name for entry in yaml.safe_load(ROLES[role].read_text(encoding="utf-8"))["argument_specs"].values() for name in entry["options"]}


def extra_variables(given: list[str], page: str) -> set[str]:
    """The names that `-e` sets."""
    names: set[str] = set()
    for value in given:
        if value.startswith("@"):
            continue  # a file of the reader's own
        if value.startswith("{"):
            names |= set(yaml.safe_load(value))
        else:
            pairs = [word.partition("=") for word in shlex.split(value)]
            assert all(separator for _name, separator, _value in pairs), f"{page}: -e {value} is no NAME=VALUE; a value with spaces wants JSON"
            names |= {name for name, _separator, _value in pairs}
    return names


def named_playbooks() -> list[Line]:
    return [line for line in LINES if line.words[0] == "ansible-playbook"]


@pytest.mark.parametrize("line", named_playbooks(), ids=str)
def test_playbook_lines(line: Line) -> None:
    options = parsed(line)
    for name in options.args:
        playbook = playbook_of(name)
        assert playbook.exists(), f"there is no {name}"
        assert not extra_variables(options.extra_vars, str(line)) - known_variables(playbook), "the playbook knows no such variable"
        text = playbook.read_text(encoding="utf-8") + (CLONE / "playbooks" / playbook.name).read_text(encoding="utf-8")
        for tags in options.tags:
            assert not {tag for tag in tags.split(",") if f"[{tag}]" not in text}, "the playbook has no such tag"
    for inventory in options.inventory or []:
        assert inventory.startswith("inventory/mine") or (CLONE / inventory).exists(), f"there is no {inventory}"


@pytest.mark.slow
def test_named_playbooks_pass_the_syntax_check(tmp_path: pathlib.Path) -> None:
    hosts = tmp_path / "hosts.yml"
    groups = {name: {"hosts": {host: {}}} for name, host in (("runner_hosts", "gpu1"), ("build_hosts", "gpu1"), ("clusters", "research"))}
    hosts.write_text(yaml.safe_dump({"all": {"children": groups}}), encoding="utf-8")
    names = sorted({name for line in named_playbooks() for name in parsed(line).args})
    assert len(names) > 12
    command = [BIN / "ansible-playbook", "--syntax-check", "-i", hosts, *names]
    done = subprocess.run(command, cwd=CLONE, env=SETTINGS, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert not re.search(r"WARNING|ERROR", done.stderr), done.stderr[-3000:]


def test_other_lines(documented: dict[str, dict[str, t.Any]]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CLONE / "Makefile").read_text(encoding="utf-8"), re.M))
    seen = set()
    for line in LINES:
        program, words = line.words[0], line.words[1:]
        seen.add(program)
        if program == "make":
            assert set(words) <= targets, f"{line}: there is no such target"
        elif program == "python3":
            assert words[0].startswith("-") or (CLONE / words[0]).exists(), f"{line}: there is no such file"
        elif program == "ansible":
            options = parsed(line)
            assert options.module_name in documented, f"{line}: there is no such module"
            given = dict(word.split("=", 1) for word in shlex.split(options.module_args or ""))
            wrong(options.module_name, given, documented, str(line), complete=False)
        elif program in ("ansible-doc", "ansible-inventory"):
            parsed(line)
    assert {"make", "ansible", "ansible-doc", "python3"} <= seen


# YAML


@pytest.fixture(scope="session")
def documented() -> dict[str, dict[str, t.Any]]:
    """The options of each module, and its examples, as ansible-doc tells them."""
    names = [f"studioml.fleet.{path.stem}" for path in sorted((CLONE / "plugins" / "modules").glob("*.py"))]
    done = subprocess.run([BIN / "ansible-doc", "-t", "module", "-j", *names], cwd=CLONE, env=SETTINGS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, dict[str, t.Any]] = json.loads(done.stdout)
    assert set(told) == set(names)
    return told


def wrong(module: str, given: t.Any, documented: dict[str, dict[str, t.Any]], where: str, *, complete: bool = True) -> None:
    """Fails where arguments are not what the module documents: names, choices, what is required, and so in options within options."""
    if given is None or isinstance(given, dict):
        _wrong(given or {}, documented[module]["doc"].get("options", {}), f"{where}: {module}", complete)


def _wrong(given: dict[str, t.Any], options: dict[str, t.Any], where: str, complete: bool) -> None:
    names = {alias: name for name, option in options.items() for alias in [name, *option.get("aliases", [])]}
    unknown = {name for name in given if name not in names}
    assert not unknown, f"{where} has no option {', '.join(sorted(unknown))}"
    if complete:
        missing = {name for name, option in options.items() if option.get("required") and not {name, *option.get("aliases", [])} & set(given)}
        assert not missing, f"{where} lacks {', '.join(sorted(missing))}"
    for name, value in given.items():
        option = options[names[name]]
        values = value if isinstance(value, list) else [value]
        for one in values:
            if option.get("choices") and isinstance(one, str) and "{{" not in one:
                assert one in map(str, option["choices"]), f"{where}: {name}: {one} is none of {option['choices']}"
            if option.get("suboptions") and isinstance(one, dict):
                _wrong(one, option["suboptions"], f"{where}: {name}", complete)


def tasks_in(thing: t.Any) -> t.Iterator[tuple[str, t.Any]]:
    """Every use of one of our modules or roles within plays, blocks and tasks."""
    for item in thing if isinstance(thing, list) else []:
        if isinstance(item, dict):
            yield from ((key, value) for key, value in item.items() if isinstance(key, str) and key.startswith("studioml.fleet."))
            for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
                yield from tasks_in(item.get(key))
            roles = [{"role": role} if isinstance(role, str) else role for role in item.get("roles") or []]
            taken = item.get("ansible.builtin.include_role") or item.get("ansible.builtin.import_role")
            if taken:
                roles.append({"role": taken["name"], "vars": item.get("vars", {})})
            yield from (("role", role) for role in roles)


def check_yaml(text: str, where: str, documented: dict[str, dict[str, t.Any]]) -> int:
    """Checks one piece of YAML; how many uses of our modules and roles, and variables of our roles it has."""
    seen = 0
    for thing in yaml.load_all(text, Loader):  # noqa: S506 - the loader is a safe one
        for name, value in tasks_in(thing):
            seen += 1
            if name == "role":
                role = value["role"].removeprefix("studioml.fleet.")
                assert role in ROLES, f"{where}: there is no role {role}"
                variables(value.get("vars") or {}, where)
            else:
                wrong(name, value, documented, where)
        if isinstance(thing, dict):
            seen += variables(thing, where)
    return seen


def variables(given: dict[str, t.Any], where: str) -> int:
    """Fails where a variable looks like one of a role and is none."""
    prefixed = {name: max((role for role in ROLES if str(name).startswith(f"{role}_")), key=len, default="") for name in given}
    mine = {name: role for name, role in prefixed.items() if role}
    known = {name for role in ROLES for name in specification(role)}
    assert not set(mine) - known, f"{where}: there is no variable {', '.join(sorted(set(mine) - known))}"
    return len(mine)


def test_yaml_of_the_pages(documented: dict[str, dict[str, t.Any]]) -> None:
    blocks = seen = 0
    for page in PAGES:
        for block in FENCED.finditer(page.read_text(encoding="utf-8")):
            if block["language"] in ("yaml", "yml"):
                text = re.sub(rf"^{block['indent']}", "", block["text"], flags=re.M)
                blocks += 1
                seen += check_yaml(text, f"{relative(page)}: {text.splitlines()[0]}", documented)
    assert blocks > 40 and seen > 50


def test_examples_of_the_modules(documented: dict[str, dict[str, t.Any]]) -> None:
    for name, told in documented.items():
        assert check_yaml(told["examples"], f"EXAMPLES of {name}", documented), f"the examples of {name} do not use it"


# quoted errors


def said() -> list[str]:
    """Every text in the code, with … for what is filled in."""
    texts = []
    for path in [*(CLONE / "plugins").rglob("*.py"), *(CLONE / "tests" / "sandbox").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                texts.append(node.value)
    for path in [*(CLONE / "roles").rglob("*.yml"), *(CLONE / "playbooks").rglob("*.yml"), CLONE / "inventory" / "sandbox" / "sandbox.sh"]:
        text = path.read_text(encoding="utf-8")
        texts.append(re.sub(r"\s+", " ", re.sub(r"\{\{.*?\}\}|\$name", "…", text, flags=re.S)))
    return texts


def messages() -> list[str]:
    """The messages that the page about troubleshooting quotes."""
    text = (CLONE / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    return [row for row in re.findall(r"^\| (.+?) \| .+ \|$", text, re.M) if row not in ("message", "---")]


@functools.cache
def all_said() -> list[str]:
    return said()


def test_there_are_messages() -> None:
    assert len(messages()) > 60


@pytest.mark.parametrize("message", messages())
def test_quoted_errors_are_in_the_code(message: str) -> None:
    pieces = [piece.strip() for piece in message.split("…") if len(piece.strip()) > 1]
    pattern = re.compile(".*?".join(map(re.escape, pieces)), re.S)
    assert pieces and any(pattern.search(text) for text in all_said()), "no text in plugins or roles says this"
