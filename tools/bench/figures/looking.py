"""Looking at a large study."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.bench.measure import Session, Taken, environment, timed
from tools.bench.result import Figure, Row, at_most, within
from tools.bench.work import fan

LINES, COLUMNS = 40, 160
SCREEN = LINES - 10
"""Lines with a task on them that make a first screen; the head of a table takes the rest."""

LIMIT = 60.0
"""Seconds to wait for more."""

QUERY = "a bare query of the store"
ENOUGH = 1.0, 200.0
"""The most seconds, and MB."""


def status(session: Session) -> Figure:
    """A study that is half way."""
    combinations = session.pick(50_000, 500)
    with session.folder() as folder:
        out = folder / "out"
        (folder / "study.yaml").write_text(fan(combinations).study)
        timed([*session.maestro, "run", "-n", "-o", str(out), "study.yaml"], folder, {})
        timed(session.program("played", out), folder, {})
        looks = _looks(session, folder, out)
        runs: dict[str, list[Taken]] = {name: [] for name in looks}
        for _ in range(session.pick(5, 1)):
            for name, look in looks.items():
                runs[name].append(look())
                session.say(f"  {name}: {runs[name][-1].seconds:.3f} s")
    return Figure(
        "Looking at a large study",
        f"A study of {2 * combinations + 2:,} tasks, half of them finished. The first screen is "
        f"there when {SCREEN} tasks are shown, and memory is what the program has had by then.",
        list(_rows(runs)),
    )


def _looks(session: Session, folder: Path, out: Path) -> dict[str, Callable[[], Taken]]:
    """All ways to look."""
    look = [*session.maestro, "status"]
    summary = [*look, "--summary", str(out)]
    query = session.program("summary", out / ".maestro" / "study.sqlite")
    return {
        "`status --summary`": lambda: timed(summary, folder, {})._replace(
            memory=float(timed(session.program("peak", *summary), folder, {}).printed)
        ),
        QUERY: lambda: timed(query, folder, {}),
        "first screen of `status`, into a pipe": lambda: piped([*look, str(out)]),
        "first screen of `status`, in less": lambda: shown([*look, str(out)], b"FINISHED", SCREEN),
        "first screen of `status --watch`": lambda: shown([*look, "-w", str(out)], b"report", 1),
    }


def _rows(runs: dict[str, list[Taken]]) -> list[Row]:
    seconds = {name: statistics.median(t.seconds for t in taken) for name, taken in runs.items()}
    rows = []
    for name, taken in runs.items():
        if name == QUERY:
            continue
        rows.append(within(name, seconds[name], "s", ENOUGH[0]))
        memory = statistics.median(t.memory for t in taken)
        rows.append(within(f"{name}: memory", memory, "MB", ENOUGH[1]))
    first = rows[0]
    rows.insert(1, at_most(first.what, first.ours, QUERY, seconds[QUERY]))
    return rows


def piped(command: Sequence[str]) -> Taken:
    """Until `SCREEN` lines have come through a pipe, whose reader then leaves."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(SCREEN):
        assert process.stdout.readline(), f"{command} has shown too little"
    seconds = time.perf_counter() - begin
    memory = peak(process.pid)
    process.stdout.close()
    process.wait()
    return Taken(seconds, memory=memory)


def shown(command: Sequence[str], mark: bytes, times: int) -> Taken:
    """Until a terminal has shown ``mark`` so many times; then ``q`` is pressed."""
    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        more = {"TERM": "xterm", "PAGER": "less", "MANPAGER": "", "LC_ALL": "C.UTF-8"}
        os.execve(command[0], list(command), environment() | more)
    text = b""
    while text.count(mark) < times:
        assert select.select([terminal], [], [], LIMIT)[0], f"{command} has shown too little"
        text += os.read(terminal, 65536)
    seconds = time.perf_counter() - begin
    memory = peak(pid)
    os.write(terminal, b"q")
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # its other end is closed
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return Taken(seconds, memory=memory)


def peak(pid: int) -> float:
    """The most MB that a process has had so far. What there is to know once it has ended counts
    this one too, that it was forked from.
    """
    status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
