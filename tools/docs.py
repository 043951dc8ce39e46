"""Write anew what pages take from the program: the options of commands, and keys of the schema.

    python tools/docs.py [--check]

It stands between two marks, and the rest of a page is written by hand. With ``--check`` nothing is
written, and it ends with 1 where a page is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maestro.cli.main import parsers
from maestro.cli.parser import Commands, Parser

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
BEGIN, END = "<!-- begin: written by tools/docs.py -->", "<!-- end -->"
BAR = r"\|"
"""What stands for | in a table."""

SECTIONS = {
    "description": "description", "env": "env", "env.dependencies.paths": "path",
    "env.dependencies.git": "git", "batch": "batch", "study": "step", "study.run": "run",
    "study.collect": "collect", "global.parameters": "parameter",
}  # fmt: skip
"""Where in a specification what the definitions of its schema describe stands."""


# ---- commands ------------------------------------------------------------------------------------


def command(parser: Parser) -> Iterator[str]:
    """How a command is used: its arguments, examples and exit status."""
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    yield from ("```text", usage, "```", "")
    yield from _arguments(parser)
    if parser.examples:
        yield from ("**Examples**", "")
        for line, what in parser.examples:
            yield from (_cell(what), "", "```sh", line, "```", "")
    if parser.exit_status:
        yield from ("| exit status | meaning |", "|---|---|")
        yield from (f"| {code} | {_cell(meaning)} |" for code, meaning in parser.exit_status)
        yield ""
    if parser.see_also:
        links = [f"[{name}]({_page(name)})" for name in parser.see_also]
        yield from (f"See also {', '.join(links)}.", "")


def _arguments(parser: Parser) -> Iterator[str]:
    form = parser._get_formatter()
    rows = []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        if isinstance(action, Commands):
            yield from ("| command | what it does |", "|---|---|")
            for choice in action._choices_actions:
                link = f"[{choice.dest}]({_page(f'maestro {choice.dest}')})"
                yield f"| {link} | {_cell(choice.help or '')} |"
            yield ""
            continue
        name = form._format_action_invocation(action)
        rows.append(f"| `{name.replace('|', BAR)}` | {_cell(form._expand_help(action))} |")
    yield from ("| argument | meaning |", "|---|---|", *rows, "")


def _page(name: str) -> str:
    return f"{name.split()[-1]}.md"


def _cell(text: str) -> str:
    """``text`` so that a cell of a table shows it as it is."""
    text = re.sub(r"[\\*_<|`]", r"\\\g<0>", text)
    return text.replace("\t", " ").replace("\n", "<br>")


# ---- the specification ---------------------------------------------------------------------------


def keys(schema: Mapping[str, Any]) -> Iterator[str]:
    """A table for each section of a specification."""
    for section, name in SECTIONS.items():
        found = schema["$defs"][name]
        yield from (f"### {section}", "", found.get("description", ""), "")
        yield from ("| key | meaning | what is accepted | default |", "|---|---|---|---|")
        required = found.get("required", ())
        for key, value in found.get("properties", {}).items():
            meaning = _cell(value.get("description", ""))
            default = "**required**" if key in required else _default(value)
            yield f"| `{key}` | {meaning} | {_cell(_accepted(schema, value))} | {default} |"
        yield ""


def _accepted(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    if "x-accepts" in value:
        return str(value["x-accepts"])
    if "$ref" in value:
        return _accepted(schema, schema["$defs"][value["$ref"].rpartition("/")[2]])
    return "a mapping" if value.get("type") == "object" or "properties" in value else "anything"


def _default(value: Mapping[str, Any]) -> str:
    return f"`{json.dumps(value['default'])}`" if "default" in value else ""


# ---- pages ---------------------------------------------------------------------------------------


def pages() -> Iterator[tuple[Path, str]]:
    """Every page, and its generated part."""
    for name, parser in parsers().items():
        yield REFERENCE / "commands" / _page(name), "\n".join(command(parser))
    schema = json.loads((ROOT / "schemas" / "study.schema.json").read_text("utf-8"))
    yield REFERENCE / "specification.md", "\n".join(keys(schema))


def main() -> int:
    """Write, or check; the exit status."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--check", action="store_true")
    check = options.parse_args().check
    os.environ["COLUMNS"] = "80"
    stale = 0
    for path, part in pages():
        text = path.read_text("utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            sys.exit(f"{path} has no '{BEGIN}' followed by '{END}'")
        new = f"{before}{BEGIN}\n\n{part}\n{END}{after}"
        # How Python breaks the lines of a usage is its own affair.
        if new.split() == text.split():
            continue
        if check:
            stale += 1
            print(f"{path.relative_to(ROOT)} is out of date: run python tools/docs.py")
        else:
            path.write_text(new, "utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
