"""A store that other programs hold: studies wait, and go on; nothing ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import maestro
from maestro.adapters.ledger import Ledger
from maestro.conductor.store import FILE
from tests.conftest import Shell, eventually
from tests.standins.install import install

CHAIN = """
    description: {name: chain, description: One after the other}
    study:
    - name: first
      description: first
      run:
        cmd: |
          echo first >> '$(OUTPUT_PATH)/runs'
          until [ -e '$(OUTPUT_PATH)/go' ]; do sleep .05; done
    - name: second
      description: second
      run: {cmd: "echo second >> '$(OUTPUT_PATH)/runs'", depends: [first]}
    - name: third
      description: third
      run: {cmd: "echo third >> '$(OUTPUT_PATH)/runs'", depends: [second]}
"""

HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(len(db.execute("SELECT * FROM task").fetchall()), flush=True)
sys.stdin.read()
"""


@contextmanager
def reader(out: Path) -> Iterator[int]:
    """A program that has looked at the store, and not let go of it; its process id."""
    words = [sys.executable, "-c", HOLD, str(out / FILE)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
        process.kill()


class Chain:
    """A study of three tasks; the first waits for `go`."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.out = shell.folder / "out"
        shell.write("chain.yaml", CHAIN)

    def start(self, *options: object) -> subprocess.Popen[str]:
        words = ("run", "-y", "-fg", "-o", "out", *options, "chain.yaml")
        process = self.shell.start("maestro", *words)
        eventually(lambda: self.ran("first") and self.states()["first"] == "RUNNING")
        return process

    def go(self) -> None:
        (self.out / "go").touch()

    def ran(self, *tasks: str) -> bool:
        """Whether these have run, each once."""
        path = self.out / "runs"
        return path.exists() and path.read_text().split() == [*tasks]

    def states(self) -> dict[str, str]:
        return dict(maestro.open_study(str(self.out)).states())

    def finished(self) -> bool:
        return set(self.states().values()) == {"FINISHED"} and self.ran("first", "second", "third")


@pytest.fixture
def chain(shell: Shell) -> Chain:
    return Chain(shell)


def test_a_reader_left_open_holds_nothing_up(chain: Chain) -> None:
    """Local tasks go on, people can look, and what has happened is recorded in the end."""
    process = chain.start()
    log = chain.out / "logs" / "chain.log"
    with reader(chain.out) as pid:
        chain.go()
        eventually(lambda: chain.ran("first", "second", "third"))
        eventually(lambda: f"in use by process {pid} (" in log.read_text())
        assert chain.states()["third"] == "INITIALIZED", "it cannot be recorded yet"
        assert "3 tasks" in chain.shell("maestro", "status", "out").stdout
        assert process.poll() is None
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 0, text
    assert text.count("in use by process") == text.count("can be written again") == 1
    assert chain.finished()


def test_a_conductor_leaves_in_order_under_a_reader(chain: Chain) -> None:
    process = chain.start()
    with reader(chain.out):
        chain.go()
        eventually(lambda: chain.ran("first", "second", "third"))
        process.terminate()
        text, _ = process.communicate(timeout=20)
        assert process.returncode == 1, text
        assert "To take the study up again" in text
    chain.shell("conductor", "out")
    assert chain.finished()


def test_a_study_is_taken_up_when_the_reader_lets_go(chain: Chain) -> None:
    process = chain.start()
    process.kill()
    process.communicate()
    chain.go()
    with reader(chain.out) as pid:
        process = chain.shell.start("conductor", "out")
        log = chain.out / "logs" / "chain.log"
        eventually(lambda: f"in use by process {pid} (" in log.read_text())
        assert process.poll() is None
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 0, text
    assert chain.finished()


def test_a_cancel_is_carried_out_when_the_reader_lets_go(chain: Chain) -> None:
    process = chain.start()
    with reader(chain.out):
        cancel = chain.shell.start("maestro", "cancel", "-y", "out")
        log = chain.out / "logs" / "chain.log"
        eventually(lambda: "in use by process" in log.read_text())
        assert chain.states()["first"] == "RUNNING"
    text, _ = cancel.communicate(timeout=20)
    assert cancel.returncode == 0, text
    process.communicate(timeout=20)
    assert process.returncode == 3
    assert set(chain.states().values()) == {"CANCELLED"}


def test_what_happened_unrecorded_is_taken_in_as_it_came(chain: Chain) -> None:
    """Those who started tasks were killed, ten times, while nothing could be recorded."""
    chain.shell("maestro", "run", "-n", "-o", "out", "chain.yaml")
    for number, task in ((9, "first"), (10, "second")):
        ledger = Ledger(str(chain.out / ".maestro" / f"ledger-000001-{number}.jsonl"))
        ledger.write("start", task, 1, 1, None, 1.0, None)
        ledger.write("end", task, 1, 0, 2.0, 1.0, None)
        ledger.write("closed")
    chain.shell("conductor", "out")
    assert set(chain.states().values()) == {"FINISHED"}
    assert chain.ran("third")


JOBS = """
    description: {name: jobs, description: Jobs}
    batch: {type: lsf, host: h, bank: b, queue: q}
    study:
    - name: here
      description: here
      run: {cmd: "until [ -e '$(OUTPUT_PATH)/go' ]; do sleep .05; done"}
    - name: there
      description: there
      run: {cmd: "true", procs: 1, depends: [here]}
"""


@pytest.mark.parametrize("cancelled", [False, True])
def test_nothing_is_submitted_that_is_not_recorded(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    standins = install(tmp_path / "standins", monkeypatch)
    shell.write("jobs.yaml", JOBS)
    process = shell.start("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "jobs.yaml")
    out = shell.folder / "out"
    eventually((out / "status.csv").exists)
    eventually(lambda: shell.states("out")["here"] == "RUNNING")
    with reader(out):
        (out / "go").touch()
        log = out / "logs" / "jobs.log"
        eventually(lambda: "in use by process" in log.read_text())
        assert "here: FINISHED" in log.read_text()
        assert not list(standins.folder.glob("*.json")), "a job that nobody would know of"
        if cancelled:
            process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=20)
    assert process.returncode == (3 if cancelled else 0), text
    jobs = list(standins.folder.glob("*.json"))
    assert len(jobs) == (0 if cancelled else 1)


THEN_HERE = """
    description: {name: jobs, description: A local task after a job}
    batch: {type: lsf, host: h, bank: b, queue: q}
    study:
    - name: there
      description: there
      run: {cmd: "until [ -e '$(OUTPUT_PATH)/go' ]; do sleep .05; done", procs: 1}
    - name: here
      description: here
      run: {cmd: "echo here >> '$(OUTPUT_PATH)/runs'", depends: [there]}
"""


def test_no_local_task_starts_before_the_end_of_its_job_is_recorded(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows a killed conductor would not know that it could."""
    install(tmp_path / "standins", monkeypatch)
    shell.write("jobs.yaml", THEN_HERE)
    process = shell.start("maestro", "run", "-y", "-fg", "-s", "1", "-o", "out", "jobs.yaml")
    out = shell.folder / "out"
    eventually((out / "status.csv").exists)
    eventually(lambda: shell.states("out")["there"] == "RUNNING")
    with reader(out):
        (out / "go").touch()
        log = out / "logs" / "jobs.log"
        eventually(lambda: "there: FINISHED" in log.read_text() and "in use by" in log.read_text())
        process.kill()
        process.communicate()
    shell("conductor", "out")
    assert shell.states("out") == {"there": "FINISHED", "here": "FINISHED"}
    assert (out / "runs").read_text() == "here\n"


AMID = """
import os, sys
from maestro.cli.main import conductor
from maestro.conductor.database import Database

prepare = Database._prepare

def prepared(self, *, write):
    prepare(self, write=write)
    if not write:
        return
    with self.reading() as db:
        db.execute("PRAGMA cache_spill = 1")
        db.execute("PRAGMA cache_size = 1")

    def trace(statement):
        if statement == "COMMIT" and os.path.getsize(self._path + "-journal") > 20000:
            self._db.set_trace_callback(None)
            os.kill(os.getpid(), int(sys.argv[1]))

    self._db.set_trace_callback(trace)

Database._prepare = prepared
sys.exit(conductor(sys.argv[2:]))
"""
"""A conductor that gets a signal amid a commit of some size: the store is half written."""

MANY = """
    description: {name: many, description: Many tasks}
    study:
    - name: task
      description: one of many
      run: {cmd: "echo $(N) >> '$(OUTPUT_PATH)/runs'"}
    - name: after
      description: the last
      run: {cmd: "echo last >> '$(OUTPUT_PATH)/runs'", depends: [task_*]}
    global.parameters:
      N: {values: [VALUES], label: N.%%}
""".replace("VALUES", ", ".join(map(str, range(80))))


def amid_a_commit(shell: Shell, number: int) -> subprocess.Popen[str]:
    """A conductor of the study of many tasks, which has got the signal ``number``."""
    shell.write("many.yaml", MANY)
    shell("maestro", "run", "-n", "-o", "out", "many.yaml")
    journal = shell.folder / "out" / f"{FILE}-journal"
    process = subprocess.Popen(
        [sys.executable, "-c", AMID, str(int(number)), "out"], cwd=shell.folder,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    eventually(lambda: stopped_or_gone(process.pid))
    assert journal.read_bytes()[:4] == b"\xd9\xd5\x05\xf9", "there is something to undo"
    return process


def stopped_or_gone(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    return state in (b"T", b"Z")


def test_a_conductor_killed_amid_a_commit(shell: Shell) -> None:
    amid_a_commit(shell, signal.SIGKILL).communicate()
    done = shell("maestro", "status", "out")
    assert "81 tasks" in done.stdout
    assert "From status.csv" not in done.stdout
    shell("conductor", "out")
    runs = (shell.folder / "out" / "runs").read_text().split()
    assert sorted(runs) == sorted([*map(str, range(80)), "last"])
    assert set(shell.states("out").values()) == {"FINISHED"}


def test_a_conductor_stopped_amid_a_commit(shell: Shell) -> None:
    process = amid_a_commit(shell, signal.SIGSTOP)
    done = shell("maestro", "status", "out")
    assert "81 tasks" in done.stdout
    assert "From status.csv, as it was last written: the store of" in done.stdout
    assert f"is in use by process {process.pid} (" in done.stdout
    process.send_signal(signal.SIGCONT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert set(shell.states("out").values()) == {"FINISHED"}
