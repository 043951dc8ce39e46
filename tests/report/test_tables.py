"""The status table: its layouts, what is hostile in it, and what a terminal sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maestro.conductor import snapshot
from maestro.report.tables import show
from tests.report.conftest import Played

FLAT = """\
played: {directory}
Step Name Job ID Workspace State Run Time Elapsed Time Start Time \
Submit Time End Time Number Restarts Params
sim_A.0 11 sim/A.0 FINISHED 0d:00h:00m:09s 0d:00h:00m:30s 1970-01-12 13:46:50 \
1970-01-12 13:46:40 1970-01-12 13:47:10 0 A:1
sim_A.1 12 sim/A.1 FAILED 0d:00h:00m:09s 0d:00h:00m:40s 1970-01-12 13:47:00 \
1970-01-12 13:46:40 1970-01-12 13:47:20 0 A:2
"""


def test_the_flat_layout(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    assert show([played.directory]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert re.sub(" +", " ", text).startswith(FLAT.format(directory=played.directory))
    assert lines[5].startswith("all        --      all        INCOMPLETE  --:--:-- ")
    assert lines[1].index("State") == lines[2].index("FINISHED"), "columns are aligned"
    assert "4 tasks: ▶ 1 RUNNING, ✓ 1 FINISHED, ✗ 1 FAILED, – 1 INCOMPLETE" in text
    assert f"Nobody conducts it. To go on: conductor {played.directory}" in text


def test_what_runs_counts_up(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    show([played.directory])
    running = capsys.readouterr().out.splitlines()[4]
    assert "RUNNING" in running
    assert int(running.split()[4].partition("d:")[0]) > 10_000


def test_values_are_shown_and_not_obeyed(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    for layout in ("flat", "narrow", "legacy"):
        show([played.directory], layout=layout)
        text = capsys.readouterr().out
        assert "A:[red]x[/red], \\x1b[31m☃" in text
        assert "\x1b" not in text


def test_the_narrow_layout_fits_and_has_parameters(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    show([played.directory], layout="narrow")
    lines = capsys.readouterr().out.splitlines()[1:-3]
    assert max(map(len, lines)) <= 80
    assert lines[:6] == [
        "sim_A.0  FINISHED",
        "    sim/A.0  job 11  restarts 0",
        "    ran 0d:00h:00m:09s  elapsed 0d:00h:00m:30s",
        "    submitted 1970-01-12 13:46:40  started 1970-01-12 13:46:50",
        "    ended 1970-01-12 13:47:10",
        "      A:1",
    ]


def test_the_legacy_layout(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    show([played.directory], layout="legacy")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("  ")[0] == "Step Name"
    assert set(lines[2]) == {"-", " "}


def test_several_directories_and_one_that_is_none(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show([str(tmp_path / "no"), played.directory, played.directory]) == 1
    seen = capsys.readouterr()
    assert seen.out.count("Step Name") == 2
    assert "does not exist" in seen.err


def test_who_may_not_read_the_store_sees_the_snapshot(played: Played) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    from maestro.conductor.store import TaskRow

    row = TaskRow(0, "sim_A.0", "sim", "sim/A.0", "{}", "FINISHED")
    snapshot.write(played.directory, [row], 0.0)
    folder = Path(played.directory)
    while folder != folder.parent and folder.stat().st_uid == 0 and folder != Path("/tmp"):
        folder.chmod(0o755)
        folder = folder.parent
    program = (
        "import os, sys; from maestro.report.tables import show; "
        "os.setgid(65534); os.setuid(65534); sys.exit(show(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, played.directory], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "1 task: ✓ 1 FINISHED" in done.stdout
    assert "may not be read" in done.stdout


def on_a_terminal(command: str, *, lines: int = 24, **environment: str) -> str:
    """What ``command`` writes to a terminal of 80 columns."""
    program = (
        "import fcntl, os, pty, struct, sys, termios\n"
        "pid, master = pty.fork()\n"
        "if pid == 0:\n"
        "    os.execvp('/bin/sh', ['sh', '-c', sys.argv[1]])\n"
        "fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', int(sys.argv[2]), 80, 0, 0))\n"
        "try:\n"
        "    while data := os.read(master, 65536):\n"
        "        sys.stdout.buffer.write(data)\n"
        "except OSError:\n    pass\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"sleep 0.2; {command}", str(lines)],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "TERM": "xterm", "PAGER": "sed s/^/PAGED:/", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def status(*arguments: str) -> str:
    words = ["-c", "'from maestro.cli.main import main; import sys; sys.exit(main())'", "status"]
    return " ".join([sys.executable, *words, *arguments])


def test_a_terminal_sees_colours_and_a_pager_where_it_does_not_fit(played: Played) -> None:
    narrow = status("--layout", "narrow", played.directory)
    assert "\x1b[32mFINISHED" in on_a_terminal(narrow, lines=99)
    assert "PAGED" not in on_a_terminal(narrow, lines=99)
    assert "PAGED" in on_a_terminal(narrow, lines=10)
    assert "PAGED" in on_a_terminal(status(played.directory), lines=99), "it is too wide"


def test_what_people_turned_off_is_off(played: Played) -> None:
    text = on_a_terminal(status("--disable-pager", "--disable-theme", played.directory))
    assert "PAGED" not in text
    assert "\x1b[" not in text
    assert "\x1b[32m" not in on_a_terminal(status(played.directory), NO_COLOR="1")


def test_a_terminal_that_knows_ascii_only(played: Played) -> None:
    command = status("--disable-pager", played.directory)
    text = on_a_terminal(command, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "> 1 RUNNING, + 1 FINISHED, x 1 FAILED" in text


def test_a_reader_that_leaves_early(played: Played) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{status(*[played.directory] * 40)} | head -n 1"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""


def test_a_hundred_thousand_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large = Played(tmp_path, tuple(range(100_000)))
    assert show([large.directory]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 100_001 + 5
    assert "100001 tasks: · 100001 INITIALIZED" in text
