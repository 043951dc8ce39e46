"""``maestro logs``: what a study or a task has printed, and what it is about to."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.conftest import Shell

STUDY = r"""
    description: {name: talk, description: d}
    study:
    - name: sim
      description: d
      run:
        cmd: |
          echo first; echo wrong >&2
          while [ ! -e ../../go ]; do sleep 0.05; done
          printf 'caf\303\251 \377\033[31m\n'; echo last
    - name: after
      description: d
      run: {cmd: "printf 'aft\\303'", depends: [sim]}  # killed in the midst of a character
"""


@pytest.fixture
def talking(shell: Shell) -> Shell:
    """A shell with a study in ``out``, made and not launched."""
    shell.write("s.yaml", STUDY)
    shell("maestro", "run", "-n", "-o", "out", "s.yaml")
    return shell


@pytest.fixture
def ended(talking: Shell) -> Shell:
    (talking.folder / "go").touch()
    talking("maestro", "resume", "-y", "-fg", "out")
    return talking


def logs(shell: Shell, *arguments: str, code: int = 0) -> str:
    done = shell("maestro", "logs", "out", *arguments, code=code)
    assert "\x1b" not in done.stdout
    return done.stdout or done.stderr


def following(shell: Shell, *arguments: str) -> subprocess.Popen[str]:
    return shell.start("maestro", "logs", "-f", "out", *arguments)


def test_output_of_a_task_and_the_log(ended: Shell) -> None:
    out, err = (next((ended.folder / "out" / "sim").glob(f"*{e}")) for e in (".out", ".err"))
    assert logs(ended, "sim") == (
        f"==> {out} <==\nfirst\ncafé \\xff\\x1b[31m\nlast\n\n==> {err} <==\nwrong\n"
    )
    assert logs(ended, "sim", "-n", "1") == (
        f"==> {out}, its end <==\nlast\n\n==> {err} <==\nwrong\n"
    )
    for arguments in (["after"], ["-f", "after"]):
        text = logs(ended, *arguments)
        assert re.fullmatch(r"==> .+\.out <==\naft\\xc3\n==> .+\.err <==\n", text)
    log = (ended.folder / "out" / "logs" / "talk.log").read_text()
    assert logs(ended) == logs(ended, "-n", "0") == log
    assert logs(ended, "-n", "2") == "".join(log.splitlines(keepends=True)[-2:])


def test_what_there_is_not(talking: Shell) -> None:
    assert "after is INITIALIZED, and has printed nothing" in logs(talking, "after", code=1)
    assert "has no task 'aftr'; did you mean 'after'?" in logs(talking, "aftr", code=1)
    assert "had 0 attempts, and none with number 2" in logs(
        talking, "sim", "--attempt", "2", code=1
    )
    assert "--attempt is for a task" in logs(talking, "--attempt", "2", code=1)
    assert "leave out --attempt" in logs(talking, "-f", "sim", "--attempt", "2", code=1)
    shutil.rmtree(talking.folder / "out" / "logs")
    assert "there is no log" in logs(talking, code=1)


def test_following_what_has_not_begun(talking: Shell) -> None:
    """In a pipe, from before its start until its end; what comes is seen before that."""
    task, study = following(talking, "sim"), following(talking)
    assert task.stdout is not None
    assert "nobody conducts the study; to go on: maestro resume" in task.stdout.readline()
    talking("maestro", "resume", "-y", "out")
    assert "first\n" in iter(task.stdout.readline, "")
    (talking.folder / "go").touch()
    with task:
        rest = task.stdout.read()
    assert task.returncode == 0
    assert rest.endswith("café \\xff\\x1b[31m\nlast\nnote: sim is FINISHED\n")
    text, _ = study.communicate(timeout=30)
    assert study.returncode == 0
    assert "after: FINISHED\n" in text


def test_control_c_is_how_one_ends(talking: Shell) -> None:
    process = following(talking, "sim")
    assert process.stdout is not None
    assert "nobody conducts" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    with process:
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_a_reader_that_leaves_ends_it(talking: Shell) -> None:
    process = subprocess.Popen(
        talking.command("maestro", "logs", "-f", "out", "sim"), cwd=talking.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert "nobody conducts" in process.stderr.readline()
    process.stdout.close()
    assert process.wait(timeout=20) == 1
    assert process.stderr.read() == ""
    process.stderr.close()


def test_attempts_before_a_rerun(ended: Shell) -> None:
    ended("maestro", "rerun", "-y", "-fg", "--step", "after", "out")
    assert "meta/former/after.attempt-1/" in logs(ended, "after", "--attempt", "1")
    latest = logs(ended, "after", "--attempt", "2")
    assert "/out/after/after." in latest
    assert logs(ended, "after") == latest


def test_following_through_a_restart(shell: Shell) -> None:
    shell.write(
        "s.yaml",
        """
        description: {name: late, description: d}
        batch: {type: local, enforce walltime: true}
        study:
        - name: sim
          description: d
          run: {cmd: echo one; sleep 60, restart: echo two, walltime: "00:00:02"}
        """,
    )
    shell("maestro", "run", "-y", "-o", "out", "s.yaml")
    text = logs(shell, "-f", "sim")
    assert text.index("\none\n") < text.index("\ntwo\n")


def test_of_a_huge_file_only_the_end_is_read(ended: Shell) -> None:
    out = next((ended.folder / "out" / "sim").glob("*.out"))
    with open(out, "r+b") as file:
        file.seek(200_000_000_000)  # a hole
        file.write(b"\nx\nend\n")
    begun = time.monotonic()
    assert "its end <==\nx\nend\n" in logs(ended, "sim", "-n", "2")
    assert time.monotonic() - begun < 30  # to read all of it would take minutes
