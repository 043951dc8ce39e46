"""Without what Linux alone has: ``/proc``, ``waitid`` in older Pythons, and ``posix_spawn`` that
makes sessions.
"""

from __future__ import annotations

import os
import signal

import pytest
from adapter_bench import Bench, abandoned, doctor, shim_of, successor

from maestro.adapters import host
from maestro.engine import AttemptId, Seen

PORTABLE = """\
import os
if hasattr(os, "waitid"):
    del os.waitid
spawn = os.posix_spawn
def posix_spawn(*arguments, setsid=False, **more):
    if setsid:
        raise NotImplementedError
    return spawn(*arguments, **more)
os.posix_spawn = posix_spawn
from maestro.adapters import host
host.process_start = host._start_by_ps
from maestro.adapters.shim import main
"""

TASK = AttemptId("task", 1)


@pytest.fixture(autouse=True)
def portable(monkeypatch: pytest.MonkeyPatch) -> None:
    doctor(monkeypatch, PORTABLE)
    monkeypatch.setattr(host, "process_start", host._start_by_ps)


def test_how_tasks_end(bench: Bench) -> None:
    ends = bench.run(*(bench.job(f"exit {i}", f"t{i}") for i in range(5)))
    assert [end.exit_code for end in ends] == [0, 1, 2, 3, 4]


def test_cancel_ends_the_whole_group(bench: Bench) -> None:
    stubborn = "(trap '' TERM; while :; do sleep 0.2; done) & echo $! > child"
    backend = bench.start(bench.job(f"{stubborn}; sleep 100"))
    child = bench.folder / "task" / "child"
    bench.wait(backend, lambda: child.exists() and child.read_text().strip() != "")
    backend.cancel([TASK])
    bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is Seen.CANCELLED
    bench.wait(backend, lambda: host.process_start(int(child.read_text())) is None, 5)


def test_a_successor_sees_how_a_task_ends(bench: Bench) -> None:
    _, ledgers = abandoned(bench, bench.job("sleep 1; exit 5"))
    backend = successor(bench, ledgers, TASK)
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[TASK].exit_code == 5


def test_orphans_are_awaited(bench: Bench) -> None:
    backend = bench.start(bench.job("sleep 1; touch ended"))
    os.kill(shim_of(backend), signal.SIGKILL)
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[TASK].seen is Seen.LOST
    assert (bench.folder / "task" / "ended").exists()
