"""Makes the terminal picture of the README, docs/images/demo.svg, from a real run of `make demo`.

`recorded_demo.py` runs `make demo` as on a terminal with colours and keeps what it printed in .build/demo-record.txt;
`recorded_demo.py --record FILE` takes such a file. The picture shows the commands, how long the steps took, what the runners logged,
how each play ended and the table of the fleet; where lines are left out it says how many. The sandbox stays up, `make demo-down` removes it.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import re
import subprocess
import sys

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

CLONE = pathlib.Path(__file__).resolve().parents[2]
RECORD = CLONE / ".build" / "demo-record.txt"
PICTURE = CLONE / "docs" / "images" / "demo.svg"
COLUMNS = 118
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
#: Lines that tell the story; all others are only counted.
SHOWN = [
    re.compile(r"^\$ "),  # a command
    re.compile(r"^ *\[ *[\d.]+ s\] .*: done in"),  # a step and its time
    re.compile(r"the runner's own log:"),
    re.compile(r"^\S+: (busy|quiet|resumed|running): "),  # what a drain and a resume say while they wait
    re.compile(r"^\S+ +: ok=\d+ +changed=\d+"),  # how a play ended for a host
    re.compile(r"^ *- '?(HOST  |\S+ .* (running|quiet|busy|asked) )"),  # the table of the fleet
    re.compile(r"^ +(\d+ min )?[\d.]+ s  "),  # where the time went
    re.compile(r"^Where the time went"),
]
THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (201, 209, 217)],
    [(110, 118, 129), (255, 161, 152), (126, 231, 135), (242, 204, 96), (165, 214, 255), (226, 197, 255), (179, 240, 255), (255, 255, 255)],
)


def record() -> str:
    """What a run of `make demo` prints, which is shown meanwhile and kept."""
    settings = {**os.environ, "ANSIBLE_FORCE_COLOR": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": str(COLUMNS)}
    lines = []
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(["make", "demo"], cwd=CLONE, env=settings, stdin=subprocess.DEVNULL, **both) as demo:
        for line in demo.stdout or ():
            print(line, end="", flush=True)
            lines.append(line.replace(f"{CLONE}/", ""))
    if demo.returncode != 0:
        sys.exit(f"error: make demo ended with status {demo.returncode}; no picture is made of that.")
    RECORD.write_text("".join(lines), encoding="utf-8")
    return "".join(lines)


def chosen(said: str) -> list[str]:
    """The lines that are shown, in their order, with a mark where some are left out."""
    lines = said.splitlines()
    shown, left_out = ["$ make demo"], 0
    table = max((number for number, line in enumerate(lines) if line.startswith("Where the time went")), default=0)
    for number, line in enumerate(lines):
        plain = ESCAPES.sub("", line)
        early = number < table and not plain.startswith(("$ ", "["))  # the sandbox has a table of its own
        if any(pattern.search(plain) for pattern in (SHOWN[:-2] if early else SHOWN)):
            if left_out:
                shown.append(f"\x1b[90m  ⋮ {left_out} line{'s' if left_out > 1 else ''}\x1b[0m")
            shown.append(f"\x1b[1;97m{line}\x1b[0m" if plain.startswith("$ ") else line)
            left_out = 0
        elif plain.strip():
            left_out += 1
    return shown


def picture(lines: list[str]) -> str:
    """The lines as SVG, without the fonts that rich would have loaded from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False)
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis", crop=True)
    drawn = console.export_svg(title="make demo", theme=THEME, unique_id="demo")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)
    drawn = drawn.replace("font-family: Fira Code, monospace", "font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace")
    label = "A terminal: make demo brings up a fleet, runs site.yml, drains and resumes the runners, and shows their state."
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def main() -> int:
    """Makes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=pathlib.Path, help="what a former run printed, instead of a run now")
    asked = parser.parse_args()
    lines = chosen(asked.record.read_text(encoding="utf-8") if asked.record else record())
    PICTURE.write_text(picture(lines), encoding="utf-8")
    print(f"{PICTURE}: {len(lines)} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
