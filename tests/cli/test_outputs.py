"""Standard outputs that are closed, full, or read by nobody any more."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from tests.cli.test_run import FAN
from tests.conftest import Shell, eventually

CONDUCTING = (
    "run -y -fg -o out fan.yaml",
    "rerun --step all -y -fg out",
    "resume -y -fg out",
)
"""What conducts a study, or tells of one that has ended: in the order in which it can be done."""


def redirected(shell: Shell, words: str, where: str) -> subprocess.CompletedProcess[str]:
    """Run ``maestro`` with its outputs as ``where`` says, in the language of the shell."""
    command = shlex.join(shell.command("maestro", *words.split()))
    done = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {command} {where}"],
        cwd=shell.folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def conducted_each_time(shell: Shell, where: str) -> None:
    """Whatever conducts does so to the end, and its status is the study's."""
    shell.write("fan.yaml", FAN)
    for number, words in enumerate(CONDUCTING):
        done = redirected(shell, words, where)
        assert (words, done.returncode, done.stderr) == (words, 0, "")
        assert set(shell.states("out").values()) == {"FINISHED"}
        attempts = list((shell.folder / "out" / "meta").glob("former/all*"))
        assert len(attempts) == min(number, 1), "rerun has run it again"
    shell("maestro", "run", "-n", "-o", "other", "fan.yaml")
    done = redirected(shell, "resume -y -fg other", where)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(shell.states("other").values()) == {"FINISHED"}
    done = redirected(shell, "rerun --step all -y other", where)
    assert (done.returncode, done.stderr) == (0, "")
    former = shell.folder / "other" / "meta" / "former"
    eventually(lambda: list(former.glob("all*")))
    eventually(lambda: set(shell.states("other").values()) == {"FINISHED"})


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_outputs_are_no_trouble_to_what_conducts(shell: Shell, closed: str) -> None:
    conducted_each_time(shell, closed)
    said = "error: the standard output cannot be written: Bad file descriptor\n"
    for words in (
        "status out",
        "status -f csv out",
        "status -w out",
        "graph out",
        "analyze out",
        "validate fan.yaml",
        "report -o - out",
        "logs out",
        "init -",
        "--help",
        "--version",
    ):
        done = redirected(shell, words, closed)
        heard = "" if "2>&-" in closed else said
        assert (words, done.returncode, done.stderr) == (words, 1, heard)


def test_a_reader_that_leaves_stops_no_study(shell: Shell) -> None:
    conducted_each_time(shell, "| head -n 1 > first")


def test_a_terminal_that_is_gone_stops_no_study(shell: Shell) -> None:
    gate = shell.folder / "gate"
    wait = f"until [ -e '{gate}' ]; do sleep 0.05; done"
    shell.write("fan.yaml", FAN.replace("cmd: |", f"cmd: |\n          {wait}"))
    terminal, end = os.openpty()
    process = subprocess.Popen(
        shell.command("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml"),
        cwd=shell.folder, stdout=end, stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm"},
        start_new_session=True, text=True,
    )  # fmt: skip
    os.close(end)
    seen = b""
    while b"RUNNING" not in seen:
        seen += os.read(terminal, 10000)
    os.close(terminal)
    gate.touch()
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "")
    assert set(shell.states("out").values()) == {"FINISHED"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
@pytest.mark.parametrize("full", ["> /dev/full", "> /dev/full 2>&1"])
def test_what_conducts_goes_on_where_nobody_can_be_told(shell: Shell, full: str) -> None:
    conducted_each_time(shell, full)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_an_output_that_is_all_there_is_to_a_command_must_be_written(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    said = "error: the standard output cannot be written: No space left on device\n"
    for words in (
        "status out",
        "graph out",
        "graph -f json fan.yaml",
        "analyze out",
        "analyze -f json fan.yaml",
        "validate fan.yaml",
        "validate --format json fan.yaml",
        "results out",
        "results -f csv out",
        "rerun --step all --dry out",
        "--help",
        "--version",
        "run --help",
        "",
    ):
        done = redirected(shell, words, "> /dev/full")
        assert (words, done.returncode, done.stderr) == (words, 1, said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_who_cannot_be_asked_changes_nothing(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    done = redirected(shell, "rerun --step all out", "> /dev/full")
    assert (done.returncode, done.stderr) == (
        1, "error: nobody can be asked: No space left on device; give -y (yes) or -n (no)\n",
    )  # fmt: skip
    assert set(shell.states("out").values()) == {"FINISHED"}
