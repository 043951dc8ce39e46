"""Completion in real shells: what the TAB key makes of what has been typed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time

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
    "maestro status tri": "maestro status trial",
    "maestro -d 1 anal": "maestro -d 1 analyze ",
}


def test_words_are_completed(shell: Shell, kind: str) -> None:
    shell.write("ball.yaml", "")
    shell.write("balance.txt", "")
    (shell.folder / "trial").mkdir()
    (shell.folder / "script").write_text(shell("maestro", "completion", kind).stdout)
    leader, follower = pty.openpty()
    with subprocess.Popen(
        SHELLS[kind], stdin=follower, stdout=follower, stderr=follower, cwd=shell.folder,
        env=os.environ | {"TERM": "dumb", "PS1": "ready> "}, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            os.write(leader, f"{SET_UP[kind]}; echo set'' up\n".encode())
            rest = behind("ready> ", leader, behind("set up\r\n", leader))
            for typed, completed in WORDS.items():
                os.write(leader, f"{typed}\t".encode())
                rest = behind(completed, leader, rest)
                os.write(leader, b"\x15")  # away with the line
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
