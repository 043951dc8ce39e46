"""The help of every command: complete, true, and readable on any terminal."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys

import pytest

from maestro.cli.conduct import untangle
from maestro.cli.main import parsers
from maestro.cli.parser import Commands, Parser
from tests.conftest import Shell

PARSERS = parsers()
each_parser = pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS.keys())


def of_command(words: list[str]) -> Parser:
    return PARSERS[words[0]]


def test_all_commands_have_a_parser() -> None:
    assert {"maestro", "conductor", "maestro run", "maestro why", "maestro results"} <= set(PARSERS)


@each_parser
def test_every_page_is_complete(parser: Parser) -> None:
    assert parser.description
    assert parser.examples
    for action in parser._actions:
        if not isinstance(action, Commands):
            assert action.help, action


@each_parser
def test_every_example_is_a_right_command_line(parser: Parser) -> None:
    for command, what in parser.examples:
        assert what
        words = shlex.split(command)
        words = words[: words.index(">")] if ">" in words else words
        assert command.startswith(parser.prog), "an example shows its own command"
        arguments = untangle(words[1:]) if words[0] == "conductor" else words[1:]
        of_command(words).parse_args(arguments)


@each_parser
def test_what_is_to_be_seen_also_exists(parser: Parser) -> None:
    assert set(parser.see_also) <= set(PARSERS) - {parser.prog}


@each_parser
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_fits_the_terminal(
    parser: Parser, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = parser.format_help()
    example = {line for command, _ in parser.examples for line in [f"  {command}"]}
    # argparse parts no option from its value, however narrow it is.
    page = shown if columns >= 80 else shown.partition("\n\n")[2]
    for line in page.splitlines():
        if columns < 80 and line.startswith("  -"):
            continue
        assert len(line) < min(columns, 100) or len(line.split()) == 1 or line in example, line
    assert all(f"  {command}\n" in shown for command, _ in parser.examples)


def test_what_commands_do_stands_in_one_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = PARSERS["maestro"].format_help().partition("commands:")[2].splitlines()
    names = [name.removeprefix("maestro ") for name in PARSERS if name.startswith("maestro ")]
    found = [re.match(r"    (\S+) +", line) for line in lines]
    columns = {each[1]: each.end() for each in found if each is not None}
    assert columns == dict.fromkeys(names, 15)


def test_help_waits_for_nothing_that_it_does_not_need(shell: Shell) -> None:
    script = """
        import sys
        from maestro.cli.main import main

        heavy = "networkx yaml rich shtab sqlite3 jsonschema subprocess tempfile".split()
        few = ["logging", "dataclasses", "inspect", "json", "maestro.cli.run", "maestro.spec"]
        before = set(sys.modules)
        for command in sys.argv[1:]:
            try:
                main([*command.split()[1:], "--help"])
            except SystemExit as end:
                assert not end.code
            none = [*heavy, *few] if command == "maestro" else heavy
            found = [name for name in none if name in sys.modules.keys() - before]
            assert not found, (command, found)
    """
    shell.write("help.py", script)
    commands = [name for name in PARSERS if name.startswith("maestro")]
    assert commands[0] == "maestro"
    done = subprocess.run(
        [sys.executable, "help.py", *commands], cwd=shell.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage:") == len(commands)


def test_examples_fit_on_80_columns() -> None:
    for parser in PARSERS.values():
        assert all(len(command) <= 76 for command, _ in parser.examples)


def test_maestro_lists_every_command_by_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = PARSERS["maestro"].format_help().splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("    ") and line[4:5].isalpha()]
    commands = [name.split()[1] for name in PARSERS if name.startswith("maestro ")]
    assert sorted(set(listed) & set(commands)) == sorted(commands)
    assert all(PARSERS[f"maestro {name}"].purpose for name in commands)


def test_defaults_are_said_truly() -> None:
    """What stands in brackets, as a word alone, is what the parser takes."""
    for parser in PARSERS.values():
        for action in parser._actions:
            if isinstance(action, argparse._StoreAction) and "%(default)s" in (action.help or ""):
                assert action.default is not None, f"{parser.prog} {action.option_strings}"
