"""Jobs wait at the shim for a slot, and nobody need be there for the next to start."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from adapter_bench import Bench, shim_of, successor

from maestro.adapters.base import Job
from maestro.adapters.local import AHEAD, LocalBackend
from maestro.engine import AttemptId, Seen


def jobs(bench: Bench, *slots: int, seconds: float = 0.2) -> list[Job]:
    """One for each number of slots: it says when it begins and ends."""
    command = f"echo begin {{0}} >> ../journal; sleep {seconds}; echo end {{0}} >> ../journal"
    return [
        replace(bench.job(command.format(i), f"t{i}"), slots=taken) for i, taken in enumerate(slots)
    ]


def journal(bench: Bench) -> list[str]:
    path: Path = bench.folder / "journal"
    return path.read_text().splitlines() if path.exists() else []


def submitted(bench: Bench, slots: int, wanted: list[Job]) -> LocalBackend:
    backend = bench.backend(slots=slots)
    bench.wait(backend, lambda: backend._opened)
    backend.submit(wanted)
    return backend


def eventually(bench: Bench, lines: int) -> None:
    end = time.monotonic() + 10
    while len(journal(bench)) < lines:
        assert time.monotonic() < end, journal(bench)
        time.sleep(0.01)


def test_one_after_the_other_with_nobody_there(bench: Bench) -> None:
    backend = submitted(bench, 1, jobs(bench, 1, 1, 1))
    eventually(bench, 6)  # nothing is observed meanwhile
    assert journal(bench) == [f"{what} {i}" for i in range(3) for what in ("begin", "end")]
    bench.wait(backend, lambda: len(bench.ends()) == 3)


def test_as_many_as_there_are_slots_in_the_order_of_submission(bench: Bench) -> None:
    submitted(bench, 2, jobs(bench, 1, 2, 1, 1, 5, 1))
    eventually(bench, 12)
    running: list[str] = []
    most = {"0": 1, "1": 1, "2": 2, "3": 2, "4": 1, "5": 1}
    begun = []
    for what, task in map(str.split, journal(bench)):
        if what == "begin":
            running.append(task)
            begun.append(task)
            assert all(len(running) <= most[other] for other in running), journal(bench)
        else:
            running.remove(task)
    begun[2:4] = sorted(begun[2:4])  # these begin at once
    assert begun == list("012345")


def test_what_waits_is_throttled(bench: Bench) -> None:
    """Though it was submitted before anybody throttled."""
    backend = submitted(bench, 2, jobs(bench, *[1] * 6, seconds=0.4))
    eventually(bench, 2)
    backend.heed(60, 1)
    eventually(bench, 8)
    assert journal(bench)[4:8] == ["begin 2", "end 2", "begin 3", "end 3"]
    backend.heed(60, 0)
    eventually(bench, 12)
    assert {line.split()[0] for line in journal(bench)[8:10]} == {"begin"}
    bench.wait(backend, lambda: len(bench.ends()) == 6)


def test_what_waits_is_cancelled_without_a_trace(bench: Bench) -> None:
    backend = submitted(bench, 1, jobs(bench, 1, 1))
    bench.wait(backend, lambda: bool(bench.pids()))
    backend.cancel([AttemptId("t1", 1)])
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert bench.ends()[AttemptId("t1", 1)].seen is Seen.CANCELLED
    assert bench.ends()[AttemptId("t0", 1)].seen is Seen.FINISHED
    assert len(bench.pids()) == 1
    assert {path.name for path in (bench.folder / "t1").iterdir()} == {"script.sh"}


def test_what_waits_when_the_conductor_goes_never_started(bench: Bench) -> None:
    backend = submitted(bench, 1, jobs(bench, 1, 1))
    bench.wait(backend, lambda: bool(bench.pids()))
    backend._hang_up()
    waited, begun = AttemptId("t1", 1), AttemptId("t0", 1)
    heir = successor(bench, [backend._ledger], waited, begun)
    assert heir.ahead == 0, "what runs there has slots"
    bench.wait(heir, lambda: len(bench.ends()) == 2)
    assert bench.ends()[waited].seen is Seen.NEVER_STARTED
    assert bench.ends()[waited].transient
    assert bench.ends()[begun].seen is Seen.FINISHED
    assert journal(bench) == ["begin 0", "end 0"]


def test_what_waits_when_the_shim_is_told_to_end_never_started(bench: Bench) -> None:
    backend = submitted(bench, 1, jobs(bench, 1, 1))
    bench.wait(backend, lambda: bool(bench.pids()))
    os.kill(shim_of(backend), signal.SIGTERM)
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert bench.ends()[AttemptId("t1", 1)].seen is Seen.NEVER_STARTED
    assert journal(bench) == ["begin 0", "end 0"]
    bench.wait(backend, lambda: backend.ahead == AHEAD)


def test_starts_are_told_though_many_wait(bench: Bench) -> None:
    """Reports wait for each other while there is enough to do, and not for longer than a moment."""
    backend = submitted(bench, 1, jobs(bench, *[1] * 6, seconds=5))
    bench.wait(backend, lambda: bool(bench.pids()), 2)
    assert bench.ends() == {}
    backend.cancel([job.attempt for job in jobs(bench, *[1] * 6)])
    bench.wait(backend, lambda: len(bench.ends()) == 6, 4)
