"""Writes the objects of an AWX into roles/awx/files: `make awx`. With --check it only says whether they are what would be written.

What a button asks stands in tests/tools/awx_buttons.yml; types, choices, defaults and help come from the playbooks, modules and roles themselves.
"""

from __future__ import annotations

import pathlib
import sys
import typing as t

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from awx_code.credential_types import Unsafe  # noqa: E402
from awx_code.objects import mapping, objects  # noqa: E402
from awx_code.sources import CLONE, SourceError  # noqa: E402

FOLDER = "roles/awx/files"
#: The other collection with the same modules, for users of Automation Controller.
TWIN = ("awx.awx", "ansible.controller")
HEADER = "# Written by `make awx` from the playbooks, modules and roles. What is asked is chosen in tests/tools/awx_buttons.yml.\n"


class _Dumper(yaml.SafeDumper):
    """Lists are indented, as yamllint has it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))
_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "{{" in text else None))
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]


def texts(made: dict[str, list[dict[str, t.Any]]], clone: pathlib.Path = CLONE) -> dict[str, str]:
    """The text of each file by its path in the repository."""
    written = {}
    for kind, items in made.items():
        body = yaml.dump({kind: items}, Dumper=_Dumper, width=120, sort_keys=False, allow_unicode=True)
        written[f"{FOLDER}/{kind.removeprefix('controller_')}.yml"] = f"---\n{HEADER}{body}"
    tasks = (clone / "roles/awx/tasks" / f"{TWIN[0]}.yml").read_text(encoding="utf-8")
    written[f"roles/awx/tasks/{TWIN[1]}.yml"] = tasks.replace(TWIN[0], TWIN[1]).replace("---\n", f"---\n# Written by `make awx` from {TWIN[0]}.yml.\n", 1)
    return written


def main() -> int:
    """0 when the files are, or have become, what the specs say."""
    try:
        wanted = texts(objects(mapping()))
    except SourceError as error:
        sys.exit(str(error))
    differing = [path for path, text in wanted.items() if not (CLONE / path).is_file() or (CLONE / path).read_text(encoding="utf-8") != text]
    left = sorted(path.relative_to(CLONE).as_posix() for path in (CLONE / FOLDER).glob("*.yml") if path.relative_to(CLONE).as_posix() not in wanted)
    if "--check" in sys.argv[1:]:
        for path in [*differing, *left]:
            print(f"{path} is not what `make awx` writes.")
        return 1 if differing or left else 0
    for path in differing:
        (CLONE / path).parent.mkdir(parents=True, exist_ok=True)
        (CLONE / path).write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path}")
    for path in left:
        (CLONE / path).unlink()
        print(f"removed {path}")
    print(f"{sum(text.count('variable:') for text in wanted.values())} questions in {len(wanted)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
