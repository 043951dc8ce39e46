"""Local tasks are real processes under a real shim, whoever dies meanwhile."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maestro.adapters import host
from maestro.adapters.base import Job
from maestro.adapters.ledger import Ledger
from maestro.adapters.local import LocalBackend
from maestro.adapters.records import End, Reader, Start
from maestro.engine import AttemptId, Observation, Seen

ENDS = set(Seen) - {Seen.STARTED, Seen.ACCEPTED}


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

    def backend(self, previous: list[str] | None = None) -> LocalBackend:
        prefix = str(self.folder / f"ledger-{len(self.backends)}")
        backend = LocalBackend(prefix, previous or ())
        self.backends.append(backend)
        return backend

    def wait(self, backend: LocalBackend, until: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while True:
            self.seen += backend.observe()
            if until():
                return
            assert time.monotonic() < end, self.seen
            select.select([backend], [], [], min(0.1, backend.timeout() or 0.1))

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


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "with a space"
    folder.mkdir()
    made = Bench(folder)
    yield made
    for backend in made.backends:
        for pid in made.pids():
            if host.process_start(pid):
                os.killpg(pid, signal.SIGKILL)
        backend.close()
        for process in (backend._process, *backend._closed):
            process.wait(10)


def shim_of(backend: LocalBackend) -> int:
    return backend._process.pid


@pytest.mark.parametrize(
    ("command", "seen", "code"),
    [
        ("true", Seen.FINISHED, 0),
        ("exit 7", Seen.FAILED, 7),
        ("kill -SEGV $$", Seen.FAILED, 139),
        ("exec true", Seen.FINISHED, 0),
        ("trap 'exit 0' EXIT; exit 3", Seen.FINISHED, 0),
    ],
)
def test_how_it_ends(bench: Bench, command: str, seen: Seen, code: int) -> None:
    (end,) = bench.run(bench.job(command))
    assert (end.seen, end.exit_code) == (seen, code)
    assert end.duration is not None
    assert 0 <= end.duration < 10


def test_output_goes_to_files_named_after_the_process(bench: Bench) -> None:
    bench.run(bench.job("echo said; echo cried >&2; echo $$ > pid"))
    pid = (bench.folder / "task" / "pid").read_text().strip()
    names = {p.name for p in (bench.folder / "task").glob("task.*")}
    assert names == {f"task.{pid}.out", f"task.{pid}.err"}
    assert (bench.text("task", ".out"), bench.text("task", ".err")) == ("said\n", "cried\n")


def test_a_task_has_a_session_no_input_and_no_descriptors_of_ours(bench: Bench) -> None:
    bench.run(bench.job("readlink /proc/self/fd/0; ls /proc/$$/fd; ps -o sid= -p $$; echo $$"))
    null, *rest = bench.text("task", ".out").split()
    assert null == "/dev/null"
    assert rest[:-2] == ["0", "1", "2", "255"]  # 255 is bash's own, for the script
    assert rest[-1] == rest[-2]


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [("/no/such/shell", 127, "No such file"), ("/etc/passwd", 126, "Permission denied")],
)
def test_a_script_that_cannot_be_run(bench: Bench, shell: str, code: int, said: str) -> None:
    (end,) = bench.run(bench.job("true", shell=shell))
    assert (end.seen, end.exit_code) == (Seen.FAILED, code)
    assert said in bench.text("task", ".err")


def test_a_workspace_that_is_not_there(bench: Bench) -> None:
    job = bench.job("true")
    (bench.folder / "task" / "script.sh").unlink()
    (bench.folder / "task").rmdir()
    (end,) = bench.run(job)
    assert end.seen is Seen.REFUSED
    assert not end.transient
    assert str(bench.folder / "task") in end.detail


def test_many_at_once(bench: Bench) -> None:
    ends = bench.run(*(bench.job(f"exit {i % 3}", f"t{i}") for i in range(200)))
    assert [end.exit_code for end in ends] == [i % 3 for i in range(200)]


# ---- ending tasks


@pytest.mark.parametrize("command", ["sleep 100", "trap '' TERM; sleep 100; sleep 100"])
def test_cancel_ends_the_whole_group(bench: Bench, command: str) -> None:
    backend = bench.backend()
    backend.submit([bench.job(f"sleep 100 & echo $! > child; {command}")])
    child = bench.folder / "task" / "child"
    bench.wait(backend, lambda: child.exists() and child.read_text().strip() != "")
    begin = time.monotonic()
    backend.cancel([AttemptId("task", 1)])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert time.monotonic() - begin < 4
    assert bench.ends()[AttemptId("task", 1)].seen is Seen.CANCELLED
    pid = int(child.read_text())
    bench.wait(backend, lambda: host.process_start(pid) is None, 5)


def test_cancel_of_a_stopped_task(bench: Bench) -> None:
    backend = bench.backend()
    backend.submit([bench.job("kill -STOP $$; sleep 100")])
    bench.wait(backend, lambda: bool(bench.pids()))
    time.sleep(0.2)
    backend.cancel([AttemptId("task", 1)])
    bench.wait(backend, lambda: bool(bench.ends()))


def test_a_time_limit(bench: Bench) -> None:
    quick, slow = bench.run(
        bench.job("true", "quick", limit=30), bench.job("sleep 100", "slow", limit=0.5)
    )
    assert quick.seen is Seen.FINISHED
    assert slow.seen is Seen.TIMED_OUT
    assert slow.duration is not None
    assert 0.5 <= slow.duration < 3


def test_what_a_task_leaves_in_the_background_is_left_alone(bench: Bench) -> None:
    bench.run(bench.job("sleep 100 & echo $! > child"))
    pid = int((bench.folder / "task" / "child").read_text())
    assert host.process_start(pid) is not None
    os.kill(pid, signal.SIGKILL)


# ---- somebody dies


def abandoned(bench: Bench, command: str) -> tuple[LocalBackend, list[str]]:
    """A running task whose conductor has let go of the shim."""
    backend = bench.backend()
    backend.submit([bench.job(command)])
    bench.wait(backend, lambda: bool(bench.pids()))
    backend._hang_up()
    return backend, [backend._ledger]


def successor(bench: Bench, ledgers: list[str], *attempts: AttemptId) -> LocalBackend:
    bench.seen.clear()
    backend = bench.backend(ledgers)
    bench.seen += backend.recorded()
    backend.recover(attempts)
    return backend


def test_a_successor_sees_how_a_running_task_ends(bench: Bench) -> None:
    _, ledgers = abandoned(bench, "sleep 1; exit 5")
    backend = successor(bench, ledgers, AttemptId("task", 1))
    bench.wait(backend, lambda: bool(bench.ends()))
    end = bench.ends()[AttemptId("task", 1)]
    assert (end.seen, end.exit_code) == (Seen.FAILED, 5)


def test_a_successor_sees_what_ended_while_nobody_watched(bench: Bench) -> None:
    old, ledgers = abandoned(bench, "sleep 0.2; exit 5")
    old._process.wait(10)
    successor(bench, ledgers, AttemptId("task", 1))
    assert [seen.seen for seen in bench.seen] == [Seen.STARTED, Seen.FAILED]


def test_a_successor_can_cancel(bench: Bench) -> None:
    _, ledgers = abandoned(bench, "trap '' TERM; while true; do sleep 1; done")
    backend = successor(bench, ledgers, AttemptId("task", 1))
    backend.cancel([AttemptId("task", 1)])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[AttemptId("task", 1)].seen is Seen.CANCELLED


def test_what_never_started_is_known_not_to_have(bench: Bench) -> None:
    _, ledgers = abandoned(bench, "sleep 1")
    backend = successor(bench, ledgers, AttemptId("other", 1))
    bench.wait(backend, lambda: AttemptId("other", 1) in bench.ends())
    assert bench.ends()[AttemptId("other", 1)].seen is Seen.NEVER_STARTED


def test_a_killed_shims_tasks_are_awaited_and_others_run_on(bench: Bench) -> None:
    backend = bench.backend()
    backend.submit([bench.job("sleep 1; touch ended")])
    bench.wait(backend, lambda: bool(bench.pids()))
    os.kill(shim_of(backend), signal.SIGKILL)
    backend.submit([bench.job("true", "next")])
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert bench.ends()[AttemptId("task", 1)].seen is Seen.LOST
    assert (bench.folder / "task" / "ended").exists()
    # It was sent to the shim that is no more, or to the next: it ran once, or is known not to have.
    assert bench.ends()[AttemptId("next", 1)].seen in (Seen.FINISHED, Seen.NEVER_STARTED)


def test_killing_the_shim_at_any_moment_runs_nothing_unrecorded(bench: Bench) -> None:
    journal = bench.folder / "journal"
    for round_ in range(25):
        backend = bench.backend()
        tasks = [f"r{round_}t{i}" for i in range(8)]
        backend.submit([bench.job(f"echo {t} >> '{journal}'", t) for t in tasks])
        end = time.monotonic() + 0.012 * (round_ % 5)
        while time.monotonic() < end:
            bench.seen += backend.observe()
        os.kill(shim_of(backend), signal.SIGKILL)
        attempts = {AttemptId(t, 1) for t in tasks}
        bench.wait(backend, lambda wanted=attempts: wanted <= bench.ends().keys())
        ran = set(journal.read_text().split()) if journal.exists() else set()
        for attempt in attempts:
            if bench.ends()[attempt].seen is Seen.NEVER_STARTED:
                assert attempt.task not in ran
    lines = journal.read_text().split()
    assert len(lines) == len(set(lines))


def test_signals_to_the_shim_end_no_task(bench: Bench) -> None:
    backend = bench.backend()
    backend.submit([bench.job("sleep 0.5")])
    bench.wait(backend, lambda: bool(bench.pids()))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(shim_of(backend), number)
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[AttemptId("task", 1)].seen is Seen.FINISHED


def test_no_descriptors_left_is_a_reason_to_wait(bench: Bench) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    resource.prlimit(shim_of(backend), resource.RLIMIT_NOFILE, (8, hard))
    backend.submit([bench.job("true")])
    bench.wait(backend, lambda: bool(bench.ends()))
    end = bench.ends()[AttemptId("task", 1)]
    assert (end.seen, end.transient) == (Seen.REFUSED, True)
    resource.prlimit(shim_of(backend), resource.RLIMIT_NOFILE, (soft, hard))
    bench.seen.clear()
    backend.submit([bench.job("true", number=2)])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[AttemptId("task", 2)].seen is Seen.FINISHED


# ---- the ledger


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(str(path))
    ledger.write("start", "a", 1, 2, "3", 4.0)
    with open(path, "ab") as file:
        file.write(b'["start", "b", 1')
    reader = Reader(str(path))
    assert reader.read() == [Start("a", 1, 2, "3", 4.0)]
    assert reader.read() == []
    with open(path, "ab") as file:
        file.write(b"\n")
    ledger.write("end", "a", 1, 0, 5.0, 1.0, None)
    ledger.write("closed")
    assert reader.read() == [End("a", 1, 0, 5.0, 1.0, None)]
    assert reader.closed


def test_host_facts() -> None:
    assert host.boot_id()
    assert host.cores() >= 1
    mine = host.process_start(os.getpid())
    assert mine is not None
    assert mine == host.process_start(os.getpid())
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    time.sleep(0.5)
    assert host.process_start(process.pid) is None, "a zombie is not alive"
    process.wait()
    assert host.process_start(process.pid) is None


def test_signals_have_their_usual_meaning_in_a_task(bench: Bench) -> None:
    bench.run(bench.job("cat /proc/self/status"))
    lines = bench.text("task", ".out").splitlines()
    masks = dict(line.split() for line in lines if line.startswith(("SigIgn", "SigBlk", "SigCgt")))
    assert {int(mask, 16) for mask in masks.values()} == {0}
