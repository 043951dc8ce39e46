"""A bench to run jobs on, and what tests on it share."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from maestro.adapters import local
from maestro.adapters.base import Backend, Job
from maestro.adapters.jobrecords import JobRecords
from maestro.adapters.local import LocalBackend
from maestro.engine import AttemptId, Observation, Seen

ROOT = str(Path(__file__).parents[2])
ENDS = set(Seen) - {Seen.STARTED, Seen.ACCEPTED}


def doctor(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Have the shims of a test begin with ``program``, which imports what makes them one."""
    changed = local._PROGRAM.replace("from maestro.adapters.shim import main\n", program)
    assert changed != local._PROGRAM
    monkeypatch.setattr(local, "_PROGRAM", changed)


def watch(
    backend: Backend, seen: list[Observation], until: Callable[[], object], seconds: float
) -> None:
    """Add what ``backend`` sees to ``seen``, until ``until`` holds."""
    end = time.monotonic() + seconds
    while True:
        seen += backend.observe()
        if until():
            return
        assert time.monotonic() < end, seen
        wait = backend.timeout()
        select.select([backend], [], [], 0.1 if wait is None else min(0.1, wait))


class Bench:
    """Jobs in a folder, and backends over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backends: list[LocalBackend] = []
        self.seen: list[Observation] = []

    def job(
        self, command: str, task: str = "task", number: int = 1, limit: float | None = None,
        shell: str = "/bin/bash",
    ) -> Job:  # fmt: skip
        workspace = self.folder / task
        workspace.mkdir(exist_ok=True)
        script = workspace / "script.sh"
        script.write_text(f"#!{shell}\n{command}\n")
        script.chmod(0o744)
        output = str(workspace / task)
        return Job(AttemptId(task, number), str(script), str(workspace), output, limit)

    def backend(self, previous: Sequence[str] = (), slots: int = 0) -> LocalBackend:
        prefix = str(self.folder / f"ledger-{len(self.backends)}")
        backend = LocalBackend(prefix, previous, slots)
        self.backends.append(backend)
        return backend

    def wait(self, backend: LocalBackend, until: Callable[[], bool], seconds: float = 20) -> None:
        watch(backend, self.seen, until, seconds)

    def start(self, *jobs: Job) -> LocalBackend:
        """Submit jobs, and wait until all have started."""
        backend = self.backend()
        backend.submit(jobs)
        self.wait(backend, lambda: len(self.pids()) == len(jobs))
        return backend

    def run(self, *jobs: Job) -> list[Observation]:
        """Run jobs to their ends, which come in the order of the jobs."""
        backend = self.backend()
        backend.submit(jobs)
        self.wait(backend, lambda: len(self.ends()) == len(jobs))
        return [self.ends()[job.attempt] for job in jobs]

    def ends(self) -> dict[AttemptId, Observation]:
        return {seen.attempt: seen for seen in self.seen if seen.seen in ENDS}

    def pids(self) -> list[int]:
        return [int(seen.job) for seen in self.seen if seen.seen is Seen.STARTED and seen.job]

    def text(self, task: str, ending: str) -> str:
        (path,) = (self.folder / task).glob(f"{task}.*{ending}")
        return path.read_text()


def shim_of(backend: LocalBackend) -> int:
    return backend._process.pid


def abandoned(bench: Bench, *jobs: Job) -> tuple[LocalBackend, list[str]]:
    """Running tasks whose conductor has let go of the shim."""
    backend = bench.start(*jobs)
    backend._hang_up()
    return backend, [backend._ledger]


def successor(bench: Bench, ledgers: Sequence[str], *attempts: AttemptId) -> LocalBackend:
    """A backend that has taken over ``attempts``."""
    bench.seen.clear()
    backend = bench.backend(ledgers)
    bench.seen += backend.recorded()
    backend.recover(attempts)
    return backend


DRIVER = f"""\
import os, select, signal, sys, time
sys.path.insert(0, {ROOT!r})
from maestro.adapters.base import Job
from maestro.adapters.local import LocalBackend
from maestro.engine import AttemptId, Seen

def job(folder, task):
    return Job(AttemptId(task, 1), f"{{folder}}/{{task}}/script.sh", f"{{folder}}/{{task}}",
               f"{{folder}}/{{task}}/{{task}}")

def wait(backend, what, count=1):
    seen = []
    while sum(s.seen is what for s in seen) < count:
        select.select([backend], [], [], backend.timeout())
        seen += backend.observe()
    return seen
"""


def drive(
    program: str,
    *arguments: object,
    before: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """A conductor of its own in a group of its own, which runs ``program``; the caller ends it."""
    return subprocess.Popen(
        [*before, sys.executable, "-c", DRIVER + program, *map(str, arguments)],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        start_new_session=True,
    )


class Wrapped:
    """A job as a scheduler starts it: ``words`` after the wrapper, in ``environment``."""

    def __init__(self, folder: Path) -> None:
        self.records = JobRecords(str(folder))
        self.records.install()
        self.records.prepare(["0.1"])

    def __call__(self, *words: str, **environment: str) -> int:
        done = subprocess.run(
            [self.records.wrapper, *words], env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return done.returncode
