"""``maestro status --watch``, on real terminals and in pipes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import sqlite3
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Shell, eventually

STUDY = """
    description: {name: slow, description: d}
    batch: {type: local, procs: 4}
    study:
    - name: sim
      description: d
      run: {cmd: "while [ ! -e ../../../go ]; do sleep 0.05; done; exit $(N)"}
    - name: after
      description: d
      run: {cmd: "true", depends: [sim]}
    global.parameters:
      N: {values: [0, 3], label: N.%%}
"""

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


class Terminal:
    """A terminal with a shell script in it that has job control."""

    def __init__(self, script: str, folder: Path, lines: int, columns: int, **given: str) -> None:
        hidden = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        self.text = ""
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            size = struct.pack("HHHH", lines, columns, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            environment = kept | {"TERM": "xterm", "LC_ALL": "C.UTF-8"} | given
            os.execvpe("bash", ["bash", "--norc", "-c", f"set -m; {script}"], environment)

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def until(self, pattern: str, seconds: float = 20) -> str:
        """What is written from now on, until it has ``pattern``."""
        begun = len(self.text)

        def seen() -> bool:
            self._read()
            return re.search(pattern, self.text[begun:]) is not None

        try:
            eventually(seen, seconds)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} in {self.text!r}") from None
        return self.text[begun:]

    def end(self) -> int:
        """Wait for the end of the script; its exit status."""
        ended: list[int] = []

        def over() -> bool:
            self._read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.extend([status] if pid else [])
            return bool(pid)

        eventually(over, 30)
        self._read()
        os.close(self._file)
        return os.waitstatus_to_exitcode(ended[0])

    def _read(self) -> None:
        while select.select([self._file], [], [], 0)[0]:
            try:
                data = os.read(self._file, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += data.decode("utf-8", "replace")


@pytest.fixture
def running(shell: Shell) -> Iterator[Shell]:
    """A shell with a study in ``out`` whose tasks run until there is a file ``go``."""
    shell.write("s.yaml", STUDY)
    shell("maestro", "run", "-y", "-o", "out", "s.yaml")
    eventually(lambda: "▶ 2 RUNNING" in shell("maestro", "status", "out").stdout)
    yield shell
    (shell.folder / "go").touch()
    if (shell.folder / "out").is_dir():
        eventually(lambda: "has ended" in shell("maestro", "status", "out").stdout)


Open = Callable[..., Terminal]


@pytest.fixture
def watching(running: Shell) -> Open:
    """Opens a terminal with `maestro status --watch out` in a script."""

    def opened(
        *options: str, after: str = "exit $code", lines: int = 24, columns: int = 80, **given: str
    ) -> Terminal:
        words = running.command("maestro", "status", "--watch", *options, "out")
        script = f"stty -a > before; {shlex.join(words)}; code=$?; stty -a > after; {after}"
        return Terminal(script, running.folder, lines, columns, **given)

    return opened


def test_it_is_live_and_ends_with_the_study(watching: Open, running: Shell) -> None:
    terminal = watching()
    first = terminal.until("quit")
    assert first.startswith(ENTER)
    assert "Conducted by process" in first
    assert re.search(r"sim .*━*[╸·]+.* 0/2 .*▶ 2", first)
    (running.folder / "go").touch()
    assert terminal.end() == 0
    screen, _, rest = terminal.text.partition(LEAVE)
    assert "end unknown: none of sim, after has finished" in screen
    assert "\x1b[?1049" not in rest
    assert "The study has ended: FAILURE" in rest
    assert re.search(r"^sim +2 +50%", rest, re.M)
    assert (running.folder / "before").read_text() == (running.folder / "after").read_text()


def test_q_leaves_what_stood_last(watching: Open, running: Shell) -> None:
    terminal = watching()
    terminal.until("quit")
    terminal.press("q")
    assert terminal.end() == 0
    assert "4 tasks: · 2 INITIALIZED, ▶ 2 RUNNING" in terminal.text.partition(LEAVE)[2]
    assert (running.folder / "before").read_text() == (running.folder / "after").read_text()


def test_keys_choose_what_is_shown(watching: Open) -> None:
    terminal = watching()
    terminal.until("quit")
    terminal.press("r")
    assert "sim_N.0" in terminal.until(r"sim_N\.3.*RUNNING")
    terminal.press("f")
    terminal.until("none")
    terminal.press("a")
    terminal.until(r"after_N\.3.*INITIALIZED")
    terminal.press("\x1b[6~j\x1b[Bkhx\x1b[Aq")
    assert terminal.end() == 0


def lines_of(text: str) -> list[str]:
    """The lines of a screen that is written anew, without their styles."""
    lines = re.split(r"\x1b\[\d+;1H", text.rpartition("\x1b[2J")[2])
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line) for line in lines]


def test_what_waits_for_its_parents_is_waiting(watching: Open) -> None:
    terminal = watching()
    terminal.until("quit")
    terminal.press("w")
    seen = terminal.until(r"after_N\.3.*INITIALIZED")
    assert "after_N.0" in seen
    assert "sim_N" not in seen
    terminal.press("q")
    assert terminal.end() == 0


def test_long_names_keep_both_ends(shell: Shell) -> None:
    values = [f"{letter * 70}{n}" for n in (1, 2) for letter in "xy"]
    shell.write("s.yaml", STUDY.replace("[0, 3]", str(values)).replace("exit $(N)", ": $(N)"))
    shell("maestro", "run", "-n", "-o", "out", "s.yaml")
    words = shlex.join(shell.command("maestro", "status", "-w", "--state", "initialized", "out"))
    for columns, name in ((80, r"sim_N\.x{20,}…x{20,}1"), (200, r"sim_N\.x{70}1 +")):
        terminal = Terminal(words, shell.folder, 24, columns)
        lines = lines_of(terminal.until("quit"))
        terminal.press("q")
        assert terminal.end() == 0
        rows = [line for line in lines if "INITIALIZED" in line and line.startswith("· ")]
        assert len(set(rows)) == len(rows) == 8
        assert any(re.match(rf"· {name} INITIALIZED", row) for row in rows)


def test_what_does_not_fit_goes_on_below(watching: Open, running: Shell) -> None:
    hold = sqlite3.connect(running.folder / "out" / ".maestro" / "study.sqlite")
    terminal = watching(columns=40)
    lines = lines_of(terminal.until("quit"))
    at = next(i for i, line in enumerate(lines) if line.startswith("end unknown"))
    assert " ".join(lines[at : at + 2]) == "end unknown: none of sim, after has finished"
    hold.execute("BEGIN EXCLUSIVE")
    try:
        terminal.until("as it was")
        terminal.press("a")
        terminal.until("they cannot be read at present")
        terminal.resize(24, 60)
        lines = lines_of(terminal.until(r"(?s)\x1b\[2J.*quit"))
    finally:
        hold.close()
    at = next(i for i, line in enumerate(lines) if line.startswith("as it was"))
    said = " ".join(lines[at:-1])
    assert said.endswith("; try again when that has let go of it")
    assert all(len(line) <= 60 for line in lines)
    terminal.press("q")
    assert terminal.end() == 0


def test_what_is_left_behind_counts_what_the_screen_does(watching: Open) -> None:
    terminal = watching("--state", "running", "--where", "N > 0")
    first = terminal.until("quit")
    assert "1 of 4 tasks:" in first
    terminal.press("s")
    assert "1 of 4 tasks:" in first + terminal.until(r"sim .*0/1")
    terminal.press("q")
    assert terminal.end() == 0
    screen, _, rest = terminal.text.partition(LEAVE)
    assert "2 of 4" not in screen
    assert "1 of 4 tasks: ▶ 1 RUNNING" in rest


def test_resizing_and_small_screens(watching: Open) -> None:
    terminal = watching(lines=10, columns=40)
    first = terminal.until("quit")
    terminal.press("a")
    terminal.resize(7, 30)
    terminal.until(r"(?s)\x1b\[2J.*more below")
    terminal.resize(3, 10)
    terminal.resize(24, 80)
    terminal.until("all tasks")
    terminal.press("q")
    assert terminal.end() == 0
    shown = re.split(r"\x1b\[\d+;1H", first)
    assert all(len(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)) <= 40 for line in shown)


def test_control_z_gives_the_terminal_back_until_fg(watching: Open, running: Shell) -> None:
    terminal = watching(after="touch stopped; read line; fg; code=$?; stty -a > end; exit $code")
    terminal.until("quit")
    terminal.press("\x1a")
    eventually(lambda: (running.folder / "stopped").exists())
    terminal.until("")
    assert terminal.text.count(LEAVE) == 1
    assert (running.folder / "before").read_text() == (running.folder / "after").read_text()
    terminal.press("\r")
    terminal.until(f"(?s){re.escape(ENTER)}.*quit")
    terminal.press("q")
    assert terminal.end() == 0
    assert (running.folder / "before").read_text() == (running.folder / "end").read_text()


@pytest.mark.parametrize(("number", "code"), [("INT", 130), ("TERM", 143), ("HUP", 129)])
def test_signals_leave_the_terminal_as_it_was(
    watching: Open, running: Shell, number: str, code: int
) -> None:
    terminal = watching()
    terminal.until("quit")
    if number == "INT":
        terminal.press("\x03")
    else:
        words = ["pgrep", "-P", str(terminal.pid)]
        child = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        os.kill(int(child[0]), getattr(signal, f"SIG{number}"))
    assert terminal.end() == code
    assert terminal.text.count(ENTER) == terminal.text.count(LEAVE) == 1
    assert "Traceback" not in terminal.text
    assert (running.folder / "before").read_text() == (running.folder / "after").read_text()


def test_a_terminal_that_goes_away_takes_it_along(watching: Open, running: Shell) -> None:
    terminal = watching()
    terminal.until("quit")
    words = ["pgrep", "-P", str(terminal.pid)]
    child = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]
    os.close(terminal._file)
    eventually(lambda: not Path(f"/proc/{child}").exists() or os.waitpid(terminal.pid, 1)[0])
    eventually(lambda: not Path(f"/proc/{child}").exists())


def test_no_colour_and_few_characters(watching: Open) -> None:
    terminal = watching(NO_COLOR="1", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    first = terminal.until("quit")
    assert first.isascii()
    assert not re.search(r"\x1b\[[0-9;]*m", first)
    assert re.search(r"> sim .*0/2 .*> 2", first)
    terminal.press("q")
    assert terminal.end() == 0


# ---- without a screen ----------------------------------------------------------------------------


def test_a_dumb_terminal_and_a_pipe_get_lines(watching: Open, running: Shell) -> None:
    terminal = watching(TERM="dumb")
    terminal.until("Conducted by")
    pipe = running.start("maestro", "status", "--watch", "out")
    some = running.start("maestro", "status", "--watch", "--state", "failed", "out")
    assert pipe.stdout is not None
    assert some.stdout is not None
    lines = [pipe.stdout.readline() for _ in range(3)]
    assert [some.stdout.readline() for _ in range(3)][1].endswith("  0 of 4 tasks\n")
    assert lines[0] == f"slow: {running.folder / 'out'}\n"
    assert lines[1].endswith("  4 tasks: · 2 INITIALIZED, ▶ 2 RUNNING\n")
    (running.folder / "go").touch()
    assert terminal.end() == 0
    assert "\x1b" not in terminal.text
    text, _ = pipe.communicate(timeout=30)
    stamps = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", text, flags=re.M).splitlines()
    assert sorted(line for line in stamps if line.startswith(("sim", "after"))) == [
        "after_N.0 FINISHED", "after_N.0 PENDING", "after_N.0 RUNNING",
        "after_N.3 INCOMPLETE: sim_N.3 is FAILED", "sim_N.0 FINISHED",
        "sim_N.3 FAILED: exit code 3",
    ]  # fmt: skip
    assert "The study has ended: FAILURE" in stamps
    assert stamps[-1] == "4 tasks: ✓ 2 FINISHED, ✗ 1 FAILED, – 1 INCOMPLETE"
    assert pipe.returncode == 0
    text, _ = some.communicate(timeout=30)
    assert "sim_N.3 FAILED: exit code 3" in text
    assert "sim_N.0" not in text
    assert text.endswith("  1 of 4 tasks: ✗ 1 FAILED\n")


def test_who_has_read_enough_ends_it(running: Shell) -> None:
    words = shlex.join(running.command("maestro", "status", "--watch", "out"))
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -1; echo ${{PIPESTATUS[0]}}"], cwd=running.folder,
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == f"slow: {running.folder / 'out'}\n1\n"
    assert done.stderr == ""


def test_what_would_mean_nothing_is_refused(running: Shell) -> None:
    for options in (["--summary"], ["--format", "csv"], ["--layout", "flat"], ["--no-header"]):
        done = running("maestro", "status", "--watch", *options, "out", code=1)
        assert f"leave out {options[0]}" in done.stderr
    assert "name one" in running("maestro", "status", "--watch", "out", "out", code=1).stderr
    done = running("maestro", "status", "--watch", "--step", "sin", "out", code=1)
    assert "did you mean" in done.stderr or "'sim'" in done.stderr
    running("maestro", "status", "--watch", "--where", "M > 3", "out", code=1)


def test_a_directory_that_goes_and_one_that_is_none(shell: Shell, running: Shell) -> None:
    shell("maestro", "status", "--watch", "nowhere", code=1)
    shell.write("w.yaml", STUDY)
    shell("maestro", "run", "-n", "-o", "gone", "w.yaml")
    watch = shell.start("maestro", "status", "--watch", "gone")
    assert watch.stdout is not None
    lines = [watch.stdout.readline() for _ in range(3)]
    assert "Nobody conducts it. To go on: maestro resume" in lines[2]
    shutil.rmtree(shell.folder / "gone")
    text, _ = watch.communicate(timeout=30)
    assert watch.returncode == 1
    assert text.startswith("error: ")
    assert "gone has been moved or removed" in text


def test_a_store_that_is_away_for_a_while_is_waited_for(shell: Shell) -> None:
    shell.write("s.yaml", STUDY)
    shell("maestro", "run", "-n", "-o", "out", "s.yaml")
    watch = shell.start("maestro", "status", "--watch", "out")
    assert watch.stdout is not None
    for _ in range(3):
        watch.stdout.readline()
    store = shell.folder / "out" / ".maestro" / "study.sqlite"
    store.rename(store.with_name("put aside"))
    lines = [watch.stdout.readline()]
    assert "Nothing can be seen now: " in lines[0]
    assert "study.sqlite is damaged: it is not there" in lines[0]
    store.with_name("put aside").rename(store)
    (shell.folder / "go").touch()
    shell("maestro", "resume", "-y", "-fg", "out", code=2)
    text, _ = watch.communicate(timeout=30)
    assert watch.returncode == 0
    assert "sim_N.3 FAILED: exit code 3" in text
    assert "The study has ended: FAILURE" in text


def test_only_chosen_steps_and_parameters(running: Shell) -> None:
    (running.folder / "go").touch()
    eventually(lambda: "has ended" in running("maestro", "status", "out").stdout)
    done = running("maestro", "status", "--watch", "--step", "sim", "--where", "N > 0", "out")
    assert "1 of 4 tasks: ✗ 1 FAILED" in done.stdout
