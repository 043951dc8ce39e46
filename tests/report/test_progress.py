"""What people see of a run in front of them, and after it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maestro.conductor.store import StudyInfo
from maestro.conductor.study import Study
from maestro.engine import Seen
from maestro.report.digest import digest
from maestro.report.progress import FEW, progress
from tests.conftest import Shell
from tests.report.conftest import Played
from tests.report.screen import maestro, on_a_terminal


def watched(played: Played) -> Study:
    info = StudyInfo("played", "d", played.directory, "s.yaml", "/", "/", 0.0)
    return Study(played.directory, info, played.spec, played.graph)


def test_a_pipe_gets_a_line_for_every_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = Played(tmp_path)
    with progress(watched(played)) as watcher:
        played.see("sim_A.0", Seen.STARTED)
        played.see("sim_A.0", Seen.FINISHED, exit_code=0)
        played.see("sim_A.1", Seen.FAILED, exit_code=3, detail="exit code 3")
        watcher.saw(played.engine.drain(), played.engine)
    assert capsys.readouterr().out.splitlines() == [
        "[1/4] sim_A.0 FINISHED",
        "[2/4] sim_A.1 FAILED: exit code 3",
        "[3/4] all INCOMPLETE: sim_A.1 is FAILED",
    ]


def test_of_a_large_study_only_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played = Played(tmp_path, tuple(range(FEW + 1)))
    with progress(watched(played)) as watcher:
        played.see("sim_A.0", Seen.FINISHED)
        played.see("sim_A.1", Seen.FAILED, detail="why")
        watcher.saw(played.engine.drain(), played.engine)
    assert capsys.readouterr().out.splitlines() == ["[  2/502] sim_A.1 FAILED: why"]


def test_a_scheduler_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress(watched(Played(tmp_path))) as watcher:
        watcher.heard("Slurm does not answer: socket\ntimed out")
        watcher.heard("The scheduler answers again.")
    assert capsys.readouterr().out.splitlines() == [
        "Slurm does not answer: socket\\ntimed out", "The scheduler answers again.",
    ]  # fmt: skip


def test_error_output_that_is_called_like_the_script(played: Played) -> None:
    workspace = Path(played.directory) / "sim" / "A.1"
    workspace.mkdir(parents=True)
    (workspace / "a.err").write_text("the command's own\n")
    (workspace / "sim_A.1.err").write_text("no such file\n")
    (workspace / "sim_A.1.slurm.sh").touch()
    played.see("sim_A.1", Seen.FAILED, job="12", exit_code=3, detail="exit code 3")
    played.save()
    assert "sim_A.1.err\n    no such file\n" in str(digest(played.directory))


def test_a_digest_of_failures(played: Played) -> None:
    workspace = Path(played.directory) / "sim" / "A.1"
    workspace.mkdir(parents=True)
    (workspace / "sim_A.1.12.err").write_text("".join(f"line {i}\n" for i in range(100)))
    (workspace / "sim_A.1.sh").write_text("#!/bin/bash\n# head\n\nfirst  \n\n# second\nthird\n")
    played.see("sim_A.2", Seen.FINISHED, exit_code=0)
    played.save()
    assert str(digest(played.directory)).splitlines() == [
        "played: FAILURE",
        "4 tasks: ✓ 2 FINISHED, ✗ 1 FAILED, – 1 INCOMPLETE",
        "sim_A.1 FAILED after 9 s",
        "  cause      exit code 3",
        "  command    first",
        "             and 2 lines more in sim_A.1.sh",
        f"  workspace  {workspace}",
        "  the end of sim_A.1.12.err",
        *(f"    line {i}" for i in range(95, 100)),
        f"To know more: maestro why {played.directory}",
        f"To run again what did not finish: maestro rerun --failed {played.directory}",
        f"Results: {played.directory}",
    ]


def test_a_digest_shows_the_first_failures_and_only_their_own_output(tmp_path: Path) -> None:
    played = Played(tmp_path, tuple(range(6)))
    for i in reversed(range(6)):
        played.see(f"sim_A.{i}", Seen.STARTED, job=str(i))
        played.see(f"sim_A.{i}", Seen.FAILED, exit_code=1, detail="exit code 1")
    played.save()
    workspace = tmp_path / "sim" / "A.5"
    workspace.mkdir(parents=True)
    (workspace / "sim_A.5.15.err").write_text("of another process")
    (workspace / "sim_A.5.5.err").write_bytes(b"long " * 999 + b"\n\x1b[31m end\r\n\n")
    text = str(digest(played.directory))
    assert re.findall(r"^sim_A\.\d", text, re.M) == ["sim_A.5", "sim_A.4", "sim_A.3"]
    assert f"and 3 more: maestro why {played.directory}\n" in text
    assert "of another process" not in text
    assert "\\x1b[31m end\n" in text
    assert max(map(len, text.splitlines())) < 500


def test_the_count_survives_restarts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A study that is taken up again goes on counting from what had ended before."""
    played = Played(tmp_path)
    played.see("sim_A.0", Seen.FINISHED)
    played.engine.drain()
    with progress(watched(played)) as watcher:
        played.see("sim_A.2", Seen.FINISHED)
        watcher.saw(played.engine.drain(), played.engine)
    assert capsys.readouterr().out == "[2/4] sim_A.2 FINISHED\n"


STUDY = """
description: {name: seen, description: seen}
batch: {type: local, procs: 4}
study:
- name: a
  description: a
  run: {cmd: "sleep 0.5; exit $(N)"}
global.parameters:
  N: {values: [0, 4], label: ":smile:%%"}
"""


def seen_running(tmp_path: Path, columns: int = 80, **environment: str) -> str:
    (tmp_path / "s.yaml").write_text(STUDY)
    command = f"cd {tmp_path}; {maestro('run -y -fg -o out s.yaml')}; test $? = 2"
    return on_a_terminal(command, columns=columns, **environment)


def test_a_terminal_gets_a_bar_and_is_left_clean(tmp_path: Path) -> None:
    text = seen_running(tmp_path)
    assert "━" in text
    assert "▶ 2 RUNNING" in text
    assert "a_smile0, a_smile4" in text or "a_:smile:0, a_:smile:4" in text
    assert re.search(r"✗ a_:?smile:?4 FAILED: exit code 4", text)
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") > 0, "the cursor is back"
    assert "Results: " in text


def test_a_small_terminal_of_few_characters_gets_a_bar_too(tmp_path: Path) -> None:
    text = seen_running(tmp_path, columns=20, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "> 2 RUNNING" in text
    assert text.isascii()
    frames = text[text.index("\x1b[?25l") : text.index("\x1b[?25h")]
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", frames).replace("\r", "\n").splitlines()
    assert max(len(line) for line in shown if "FAILED:" not in line) <= 20


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path: Path) -> None:
    text = seen_running(tmp_path, TERM="dumb")
    assert "[1/2] " in text
    assert "\x1b" not in text


def test_a_pipe_gets_no_bar_where_colours_are_forced(shell: Shell) -> None:
    shell.write("s.yaml", STUDY)
    forced = {**os.environ, "FORCE_COLOR": "1"}
    text = shell("maestro", "run", "-y", "-fg", "-o", "out", "s.yaml", code=2, env=forced).stdout
    assert "[2/2] a_" in text
    assert "\x1b[?25l" not in text, "the cursor is hidden"


CANCELLED = """
import os, pty, signal, sys, time
pid, master = pty.fork()
if pid == 0:
    os.chdir(sys.argv[1])
    os.execv("/bin/sh", ["sh", "-c", sys.argv[2]])
text = b""
while b"RUNNING" not in text:
    text += os.read(master, 65536)
os.write(master, b"\x03")
try:
    while data := os.read(master, 65536):
        text += data
except OSError:
    pass
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(text)
sys.exit(code)
"""


def test_control_c_leaves_the_cursor_and_the_words(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY.replace("0.5", "30"))
    run = f"exec {maestro('run -y -fg -o out s.yaml')}"
    done = subprocess.run(
        [sys.executable, "-c", CANCELLED, str(tmp_path), run],
        capture_output=True, timeout=60, env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    text = done.stdout.decode()
    assert done.returncode == 3, text
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") > 0
    assert "seen: CANCELLED" in text
    assert "Traceback" not in text
