"""What a playbook hands its variables to: options of the collection's modules, and of its roles.

A question of a survey is about a variable. Its type, choices, help and default are those of the option that the variable ends in, so they are read
there: from the tasks of the playbook (and of the files that it imports), the modules' documentation, and the roles' argument specs.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import jinja2
import yaml

CLONE = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(sys.executable).parent
OURS = "studioml.fleet."
MAPPING = "tests/tools/awx_buttons.yml"
TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")
IMPORTS = ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
ROLES = ("ansible.builtin.import_role", "ansible.builtin.include_role")

Spec = dict[str, t.Any]


class _Omitted:
    """What `omit` stands for while a default is read."""


class _Loader(yaml.SafeLoader):
    """YAML as Ansible reads it, as far as playbooks go."""


def _text(_loader: yaml.SafeLoader, node: yaml.Node) -> str:
    return str(node.value)


_Loader.add_constructor("!unsafe", _text)


class SourceError(Exception):
    """Something in the mapping does not fit the playbooks; the message says what to do."""


def playbooks(clone: pathlib.Path = CLONE) -> list[str]:
    """The names of all playbooks, less their suffix."""
    return sorted(path.stem for path in (clone / "playbooks").glob("*.yml"))


class Playbook:
    """One playbook, with the tasks of what it imports."""

    def __init__(self, name: str, clone: pathlib.Path = CLONE) -> None:
        self.name = name
        self.clone = clone
        self.text = (clone / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")
        #: (module's short name, option, expression), in the order of the tasks
        self.handed: list[tuple[str, str, str]] = []
        self.roles: list[str] = []
        self._named: dict[str, str] = {}
        self._play(clone / "playbooks" / f"{name}.yml")

    def spec(self, variable: str) -> Spec:
        """The option that a variable ends in, with the default that counts when the variable is not given."""
        for role in self.roles:
            options = role_options(role, self.clone)
            if variable in options:
                return without_expression(options[variable])
        for module, option, expression in self.handed:
            if re.match(rf"\{{\{{\s*\(*{variable}\b|.*\belse {variable} \}}\}}$", expression):
                spec = dict(module_options(module, self.clone)[option])
                spec.pop("required", None)
                if not spec.get("no_log"):
                    default = value_without(variable, expression)
                    if default is not _Omitted:
                        spec["default"] = default
                return spec
        raise SourceError(f"playbooks/{self.name}.yml hands {variable} to no option of a module or role. Give it a spec in {MAPPING}, or leave it out.")

    def _play(self, path: pathlib.Path) -> None:
        for play in _read(path):
            if "ansible.builtin.import_playbook" in play:
                self._play(path.parent / play["ansible.builtin.import_playbook"])
                continue
            self._named.update({f"{{{{ {name} }}}}": str(value) for name, value in (play.get("vars") or {}).items()})
            for role in play.get("roles") or []:
                self._role(role if isinstance(role, str) else role["role"])
            self._tasks(play, path.parent)

    def _tasks(self, holder: dict[str, t.Any], folder: pathlib.Path) -> None:
        for key in TASK_LISTS:
            for task in holder.get(key) or []:
                self._task(task, folder)

    def _task(self, task: dict[str, t.Any], folder: pathlib.Path) -> None:
        self._tasks(task, folder)
        for action, arguments in task.items():
            if action in IMPORTS:
                named = arguments if isinstance(arguments, str) else arguments.get("file", "")
                if "{{" not in named:
                    for inner in _read(folder / named):
                        self._task(inner, (folder / named).parent)
            elif action in ROLES:
                self._role(arguments["name"])
            elif action.startswith(OURS) and isinstance(arguments, dict):
                said = {option: self._named.get(str(value), str(value)) for option, value in arguments.items()}
                self.handed += [(action.removeprefix(OURS), option, expression) for option, expression in said.items()]

    def _role(self, name: str) -> None:
        short = name.removeprefix(OURS)
        if short not in self.roles:
            self.roles.append(short)


def value_without(variable: str, expression: str) -> t.Any:
    """What an expression yields when nothing is given: the default that the playbook has for a variable."""
    language = jinja2.Environment()  # noqa: S701 - the project's own playbooks, and no HTML
    language.filters.update({"bool": lambda value: str(value).lower() in ("true", "yes", "1"), "realpath": os.path.realpath})
    try:
        return language.compile_expression(expression.removeprefix("{{").removesuffix("}}"))(omit=_Omitted)
    except jinja2.TemplateError as error:
        raise SourceError(f"The default of {variable} cannot be read from {expression}: {error}. Give it a spec in {MAPPING}.") from error


def without_expression(spec: Spec) -> Spec:
    """A role's default that is an expression stands for something of the inventory, and is none that a form could show."""
    return {key: value for key, value in spec.items() if not (key == "default" and "{{" in str(value))}


@functools.cache
def role_options(role: str, clone: pathlib.Path = CLONE) -> dict[str, Spec]:
    """The variables of a role, by its argument specs."""
    return t.cast("dict[str, Spec]", _read(clone / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"])


def module_options(module: str, clone: pathlib.Path = CLONE) -> dict[str, Spec]:
    """The options of a module, by its documentation with all fragments; what is secret, by its name."""
    return _documentation(clone)[OURS + module]


@functools.cache
def _documentation(clone: pathlib.Path) -> dict[str, dict[str, Spec]]:
    modules = sorted(OURS + path.stem for path in (clone / "plugins" / "modules").glob("*.py"))
    settings = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_CONFIG": str(clone / "ansible.cfg")}
    command = [str(BIN / "ansible-doc"), "--json", "--type", "module", *modules]
    answer = subprocess.run(command, cwd=clone, env=settings, capture_output=True, text=True, check=True).stdout
    found = {}
    for name, page in json.loads(answer).items():
        found[name] = page["doc"]["options"]
        for option, spec in found[name].items():
            if re.search(r"(^|_)(password|token|passphrase)$", option):
                spec["no_log"] = True
    return found


def _read(path: pathlib.Path) -> t.Any:
    with path.open(encoding="utf-8") as stream:
        return yaml.load(stream, _Loader)  # noqa: S506 - a SafeLoader with one more tag
