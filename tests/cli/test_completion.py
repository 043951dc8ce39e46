"""Completion in real shells: what the TAB key makes of what has been typed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Shell

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SET_UP = {
    "bash": "bind 'set enable-bracketed-paste off'; source ./script",
    "zsh": "autoload -Uz compinit; compinit -D; eval \"$(<script)\"",
}


@pytest.fixture(params=SHELLS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    if shutil.which(kind) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{kind} is missing")
        pytest.skip(f"no {kind}")
    return kind


WORDS = {
    "maestro stat": "maestro status ",
    "maestro status --summ": "maestro status --summary ",
    "maestro graph --level st": "maestro graph --level step ",
    "maestro validate ba": "maestro validate ball.yaml ",
    "maestro status tri": "maestro status trial/",
    "maestro -d 1 anal": "maestro -d 1 analyze ",
    "conductor --sleep": "conductor --sleeptime ",
    "conductor -s tri": "conductor -s trial/",
    "maestro run out": "maestro run outer/",
}
SPACED = {
    "maestro validate my": r"maestro validate my\ study.yaml ",
    r"maestro run my\ st": r"maestro run my\ study.yaml ",
    "maestro status a": r"maestro status a\ trial/",
    r"maestro rerun --spec my\ s": r"maestro rerun --spec my\ study.yaml ",
    r"maestro logs a\ tr": r"maestro logs a\ trial/",
    "conductor a": r"conductor a\ trial/",
    "maestro graph -o what": r"maestro graph -o what\ else.txt ",
}


def test_words_are_completed(shell: Shell, kind: str) -> None:
    shell.write("ball.yaml", "")
    shell.write("balance.txt", "")
    for name in ("trial", "outer"):
        (shell.folder / name).mkdir()
    complete(shell, kind, WORDS)


def test_names_with_spaces_become_one_word(shell: Shell, kind: str) -> None:
    shell.write("my study.yaml", "")
    shell.write("my $story.txt", "")
    shell.write("what else.txt", "")
    (shell.folder / "a trial").mkdir()
    complete(shell, kind, SPACED)


def test_what_is_completed_is_run_as_it_stands(shell: Shell, kind: str) -> None:
    """Also what a shell would take for its own and, in bash, where quotes have been begun."""
    shell.write("cost $5 & 'more'.yaml", "")
    begun = ["", "'", '"'] if kind == "bash" else [""]  # zsh leaves them open
    with terminal(shell, kind) as (leader, rest):
        for quote in begun:
            os.write(leader, f"maestro validate {quote}co\t".encode())
            rest = behind(".yaml", leader, rest)
            os.write(leader, b"\x01given \r")  # in place of the command, the first word
            rest = behind("[cost $5 & 'more'.yaml]\r\n", leader, rest)


@pytest.mark.parametrize("program", ["maestro", "conductor"])
def test_a_file_of_functions_is_for_both_programs(shell: Shell, program: str) -> None:
    """As zsh loads it: when a word is completed for the first time."""
    if shutil.which("zsh") is None:
        pytest.skip("no zsh")
    shell.write("ball.yaml", "")
    for name in ("trial", "outer"):
        (shell.folder / name).mkdir()
    (shell.folder / "_maestro").write_text(shell("maestro", "completion", "zsh").stdout)
    set_up = "fpath+=$PWD; autoload -Uz compinit; compinit -D"
    complete(shell, "zsh", {k: v for k, v in WORDS.items() if k.startswith(program)}, set_up)


def complete(shell: Shell, kind: str, words: dict[str, str], set_up: str | None = None) -> None:
    """Type each of ``words`` with TAB after it: it becomes what it is completed to."""
    with terminal(shell, kind, set_up) as (leader, rest):
        for typed, completed in words.items():
            os.write(leader, f"{typed}\t".encode())
            rest = behind(completed, leader, rest)
            os.write(leader, b"\x15")  # away with the line


@contextmanager
def terminal(
    shell: Shell, kind: str, set_up: str | None = None
) -> Iterator[tuple[int, str]]:
    """A shell that is ready for what is typed, and what it has shown since."""
    (shell.folder / "script").write_text(shell("maestro", "completion", kind).stdout)
    first = f"{set_up or SET_UP[kind]}; given() {{ shift 2; printf '[%s]\\n' \"$@\"; }}"
    leader, follower = pty.openpty()
    with subprocess.Popen(
        SHELLS[kind], stdin=follower, stdout=follower, stderr=follower, cwd=shell.folder,
        env=os.environ | {"TERM": "dumb", "PS1": "ready> "}, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            os.write(leader, f"{first}; echo set'' up\n".encode())
            yield leader, behind("ready> ", leader, behind("set up\r\n", leader))
        finally:
            process.kill()
            os.close(follower)
            os.close(leader)


def behind(text: str, leader: int, seen: str = "") -> str:
    """Wait until the terminal, which has shown ``seen``, shows ``text``; what comes after that."""
    end = time.monotonic() + 20
    while text not in seen:
        assert time.monotonic() < end, f"{text!r} does not come: {seen!r}"
        if select.select([leader], [], [], 1.0)[0]:
            seen += os.read(leader, 4096).decode("utf-8", "replace")
    return seen.partition(text)[2]
