"""Standard outputs that are closed, full, or read by nobody any more."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from tests.cli.test_run import FAN
from tests.conftest import Shell

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


def conducted_each_time(shell: Shell, where: str, stderr: str = "") -> None:
    """Whatever conducts does so to the end, and its status is the study's."""
    shell.write("fan.yaml", FAN)
    for number, words in enumerate(CONDUCTING):
        done = redirected(shell, words, where)
        assert (words, done.returncode, done.stderr) == (words, 0, stderr)
        assert set(shell.states("out").values()) == {"FINISHED"}
        attempts = list((shell.folder / "out" / "meta").glob("former/all*"))
        assert len(attempts) == min(number, 1), "rerun has run it again"
    shell("maestro", "run", "-n", "-o", "other", "fan.yaml")
    done = redirected(shell, "resume -y -fg other", where)
    assert (done.returncode, done.stderr) == (0, stderr)
    assert set(shell.states("other").values()) == {"FINISHED"}


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_outputs_are_no_trouble(shell: Shell, closed: str) -> None:
    conducted_each_time(shell, closed)
    for words in ("status out", "graph out", "analyze out", "validate fan.yaml"):
        done = redirected(shell, words, closed)
        assert (words, done.returncode, done.stderr) == (words, 0, "")
