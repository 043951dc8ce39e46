"""What commands say to people: what is wrong, what was meant, and what to type next."""

from __future__ import annotations

import pytest

from tests.conftest import Shell


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("rnu study.yaml", "there is no command 'rnu'; did you mean 'run'?"),
        ("statsu", "there is no command 'statsu'; did you mean 'status'?"),
        ("frobnicate", "there is no command 'frobnicate'; all are listed by: maestro --help"),
        ("status --sumary out", "--sumary; did you mean '--summary'?"),
        ("graph out --levle=step", "--levle=step; did you mean '--level'?"),
        ("run -gf study.yaml", "-gf; did you mean '-fg'?"),
        ("run study.yaml -d 1", "-d 1; -d stands before the command: maestro -d ... run"),
        ("status -f jsn out", "'jsn' is none of text, json, csv; did you mean 'json'?"),
        ("completion fish", "argument shell: 'fish' is none of bash, zsh"),
    ],
)
def test_what_is_mistyped_is_told_what_comes_nearest(shell: Shell, typed: str, told: str) -> None:
    done = shell("maestro", *typed.split(), code=1)
    first, usage, *_ = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert first.endswith(told)
    command = "" if "there is no command" in told else f" {typed.split()[0]}"
    assert usage.startswith(f"usage: maestro{command} [-h]")
    assert not done.stdout


def test_nothing_is_suggested_that_is_not_near(shell: Shell) -> None:
    done = shell("maestro", "status", "--quux", "out", code=1)
    assert done.stderr.splitlines()[0] == "error: unrecognized arguments: --quux"
    done = shell("conductor", "--statos", "out", code=1)
    assert "--statos; did you mean '--status'?\nusage: conductor [-h]" in done.stderr
