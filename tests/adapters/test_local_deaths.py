"""Whoever dies: what ran is known, and nothing runs twice."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from adapter_bench import Bench, abandoned, doctor, drive, shim_of, successor

from maestro.adapters import host
from maestro.adapters.former import Former
from maestro.adapters.ledger import Ledger
from maestro.adapters.records import Reader, Void
from maestro.adapters.spawn import next_of
from maestro.engine import AttemptId, Seen
from maestro.errors import BackendError

TASK = AttemptId("task", 1)

# ---- the conductor


def test_a_successor_sees_how_a_running_task_ends(bench: Bench) -> None:
    _, ledgers = abandoned(bench, bench.job("sleep 1; exit 5"))
    backend = successor(bench, ledgers, AttemptId("task", 1))
    bench.wait(backend, lambda: bool(bench.ends()))
    end = bench.ends()[AttemptId("task", 1)]
    assert (end.seen, end.exit_code) == (Seen.FAILED, 5)


def test_a_successor_sees_what_ended_while_nobody_watched(bench: Bench) -> None:
    old, ledgers = abandoned(bench, bench.job("sleep 0.2; exit 5"))
    old._process.wait(10)
    successor(bench, ledgers, AttemptId("task", 1))
    assert [seen.seen for seen in bench.seen] == [Seen.STARTED, Seen.FAILED]


def test_a_successor_can_cancel(bench: Bench) -> None:
    _, ledgers = abandoned(bench, bench.job("trap '' TERM; while true; do sleep 1; done"))
    backend = successor(bench, ledgers, AttemptId("task", 1))
    backend.cancel([AttemptId("task", 1)])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[AttemptId("task", 1)].seen is Seen.CANCELLED


def test_what_never_started_is_known_not_to_have(bench: Bench) -> None:
    _, ledgers = abandoned(bench, bench.job("sleep 1"))
    backend = successor(bench, ledgers, AttemptId("other", 1))
    bench.wait(backend, lambda: AttemptId("other", 1) in bench.ends())
    assert bench.ends()[AttemptId("other", 1)].seen is Seen.NEVER_STARTED


# ---- the shim


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
        if round_ % 5:  # a shim takes a while to begin
            bench.wait(backend, lambda b=backend: b._opened)
        backend.submit([bench.job(f"echo {t} >> ../journal", t) for t in tasks])
        end = time.monotonic() + 0.012 * (round_ % 5)
        last = round_ == 24  # on a busy machine all others may have come before the first task
        while time.monotonic() < end or (last and not journal.exists()):
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
    assert bench.ends()[TASK].seen is Seen.FINISHED
    assert Reader(backend._ledger).read() == [], "another shim took its place"
    bench.seen.clear()
    backend.submit([bench.job("true", "next")])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[AttemptId("next", 1)].seen is Seen.FINISHED


def test_a_shim_told_to_end_starts_nothing_more(bench: Bench) -> None:
    backend = bench.start(bench.job("sleep 1"))
    first = backend._ledger
    os.kill(shim_of(backend), signal.SIGTERM)
    bench.wait(backend, lambda: backend._ledger != first)
    reader = Reader(first)
    reader.read()
    assert reader.closed
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[TASK].seen is Seen.FINISHED


def test_what_ended_before_the_shim_was_killed_is_not_seen_again(bench: Bench) -> None:
    backend = bench.backend()
    backend.submit([bench.job("true", f"t{i}") for i in range(20)])
    bench.wait(backend, lambda: len(bench.ends()) == 20)
    os.kill(shim_of(backend), signal.SIGKILL)
    backend._process.wait(10)
    bench.seen.clear()
    backend.submit([bench.job("true", "next")])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert {seen.attempt.task for seen in bench.seen} == {"next"}


@pytest.mark.parametrize("noticed", [True, False])
def test_orphans_can_be_cancelled(bench: Bench, noticed: bool) -> None:
    backend = bench.start(bench.job("sleep 100 & echo $! > child; sleep 100"))
    child = bench.folder / "task" / "child"
    bench.wait(backend, lambda: child.exists() and child.read_text().strip() != "")
    os.kill(shim_of(backend), signal.SIGKILL)
    if noticed:
        first = backend._ledger
        bench.wait(backend, lambda: backend._ledger != first)
    else:
        backend._process.wait(10)
    backend.cancel([TASK])
    bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is Seen.CANCELLED
    bench.wait(backend, lambda: host.process_start(int(child.read_text())) is None, 5)


def test_orphans_keep_their_time_limit(bench: Bench) -> None:
    backend = bench.start(bench.job("trap '' TERM; sleep 100 & sleep 100; sleep 100", limit=1))
    os.kill(shim_of(backend), signal.SIGKILL)
    bench.wait(backend, lambda: bool(bench.ends()), 6)
    assert bench.ends()[TASK].seen is Seen.TIMED_OUT


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="has no /proc")
def test_orphans_are_not_ended_by_setting_the_clock(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = bench.start(bench.job("sleep 1", limit=60))
    os.kill(shim_of(backend), signal.SIGKILL)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[TASK].seen is Seen.LOST


# ---- a conductor that is killed


def test_a_conductor_killed_leaves_its_tasks_to_the_shim(bench: Bench) -> None:
    bench.job("sleep 1; exit 3", "fails")
    bench.job("sleep 1", "works")
    prefix = bench.folder / "theirs"
    with drive(
        "backend = LocalBackend(sys.argv[1])\n"
        "backend.submit([job(sys.argv[2], t) for t in ('fails', 'works')])\n"
        "wait(backend, Seen.STARTED, 2)\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n",
        prefix,
        bench.folder,
    ) as conductor:
        assert conductor.stdout is not None
        assert conductor.stdout.readline() == "started\n"
        os.killpg(conductor.pid, signal.SIGKILL)  # its whole group: the shim is in another
    reader = Reader(f"{prefix}-1.jsonl")
    ends = [AttemptId("fails", 1), AttemptId("works", 1)]
    backend = successor(bench, [f"{prefix}-1.jsonl"], *ends)
    reader.read()
    assert reader.closed
    assert [seen.seen for seen in bench.seen] == [Seen.STARTED, Seen.STARTED]
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert [bench.ends()[attempt].exit_code for attempt in ends] == [3, 0]
    assert reader.opened is not None
    bench.wait(backend, lambda: reader.opened is None or not reader.opened.lives())


@pytest.mark.parametrize("seed", range(12))
def test_a_conductor_killed_at_any_moment_loses_and_repeats_nothing(
    bench: Bench, seed: int
) -> None:
    journal = bench.folder / "journal"
    journal.touch()
    tasks = [f"t{i}" for i in range(20)]
    for task in tasks:
        bench.job(f"sleep 0.0{seed % 4}; echo {task} >> ../journal", task)
    prefix = bench.folder / "theirs"
    with drive(
        "backend = LocalBackend(sys.argv[1])\n"
        "print('there', flush=True)\n"
        "backend.submit([job(sys.argv[2], f't{i}') for i in range(20)])\n"
        "wait(backend, Seen.FINISHED, 20)\n"
        "time.sleep(60)\n",
        prefix,
        bench.folder,
    ) as conductor:
        assert conductor.stdout is not None
        conductor.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.08))
        os.kill(conductor.pid, signal.SIGKILL)
    ledgers = [str(path) for path in bench.folder.glob("theirs-*.jsonl")]
    attempts = {AttemptId(task, 1) for task in tasks}
    backend = successor(bench, ledgers)
    backend.recover(attempts - bench.ends().keys())
    bench.wait(backend, lambda: attempts == bench.ends().keys())
    finished = {a.task for a, end in bench.ends().items() if end.seen is Seen.FINISHED}
    others = {end.seen for end in bench.ends().values()} - {Seen.FINISHED}
    assert others <= {Seen.NEVER_STARTED}
    assert sorted(journal.read_text().split()) == sorted(finished)


def test_attempts_of_which_there_is_no_ledger_never_started(bench: Bench) -> None:
    backend = successor(bench, [], TASK)
    bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is Seen.NEVER_STARTED


def test_attempts_that_had_been_seen_to_run_are_lost_with_their_ledger(bench: Bench) -> None:
    backend = successor(bench, [])
    backend.recover([TASK, AttemptId("other", 1)], started=[TASK])
    bench.wait(backend, lambda: len(bench.ends()) == 2, 5)
    assert bench.ends()[TASK].seen is Seen.LOST
    assert bench.ends()[AttemptId("other", 1)].seen is Seen.NEVER_STARTED


def test_the_shim_enforces_time_limits_without_a_conductor(bench: Bench) -> None:
    _, ledgers = abandoned(bench, bench.job("sleep 100", limit=0.5))
    backend = successor(bench, ledgers, TASK)
    bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is Seen.TIMED_OUT


def test_a_successors_cancel_leaves_nothing_of_the_group(bench: Bench) -> None:
    stubborn = "(trap '' TERM; echo $BASHPID > child; while :; do sleep 0.2; done) &"
    old, ledgers = abandoned(bench, bench.job(f"{stubborn} sleep 100"))
    child = bench.folder / "task" / "child"
    while not child.exists() or not child.read_text().strip():
        time.sleep(0.01)
    backend = successor(bench, ledgers, TASK)
    backend.cancel([TASK, TASK])
    backend.cancel([TASK, AttemptId("unknown", 1)])
    bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is Seen.CANCELLED
    bench.wait(backend, lambda: host.process_start(int(child.read_text())) is None, 5)
    old._process.wait(10)


# ---- ledgers of other machines and boots


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that is none of our tasks."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process.pid
        process.kill()


def ledger_of(folder: Path, pid: int, monkeypatch: pytest.MonkeyPatch, **facts: str) -> str:
    """A ledger of a shim that was killed while a task ran as ``pid``, and of a machine of which
    ``facts`` were true.
    """
    path = str(folder / "theirs-1.jsonl")
    with monkeypatch.context() as patch:
        for name, value in facts.items():
            patch.setattr(host, name, lambda value=value: value)
        ledger = Ledger(path)
    ledger.write("start", "task", 1, pid, host.process_start(pid), 5.0, None)
    os.close(ledger._file)
    return path


def test_what_ran_when_the_machine_went_down_is_lost(
    bench: Bench, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger_of(bench.folder, sleeper, monkeypatch, boot_id="another")
    monkeypatch.setattr(host, "booted", lambda: time.time() + 5)
    backend = successor(bench, [path], TASK, AttemptId("other", 1))
    backend.cancel([TASK])
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert [seen.seen for seen in bench.seen] == [Seen.STARTED, Seen.NODE_LOST, Seen.NEVER_STARTED]
    assert host.process_start(sleeper), "a process of this boot has nothing to do with it"
    bench.seen.clear()


def test_another_host_is_named(bench: Bench, sleeper: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ledger_of(bench.folder, sleeper, monkeypatch, hostname="elsewhere")
    with open(path, "a") as file:
        file.write('["closed"]\n')  # its conductor is gone, its tasks are not
    with pytest.raises(BackendError, match=r"on elsewhere$"):
        successor(bench, [path], TASK)


def test_another_machine_of_this_name_is_told_from_an_earlier_boot(
    bench: Bench, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "booted", lambda: time.time() - 3600)
    path = ledger_of(bench.folder, sleeper, monkeypatch, boot_id="another")
    with pytest.raises(BackendError, match=f"on {host.hostname()}$"):
        successor(bench, [path], TASK)


def test_what_runs_elsewhere_is_given_up_by_force(
    bench: Bench, sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger_of(bench.folder, sleeper, monkeypatch, hostname="elsewhere")
    backend = bench.backend([path])
    assert [seen.seen for seen in backend.recorded(force=True)] == [Seen.STARTED, Seen.LOST]


# ---- killed between an intent and the record of the start


KILLED = """\
import os, signal
spawn = os.posix_spawn
def posix_spawn(*arguments, **more):
    pid = spawn(*arguments, **more)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.kill(os.getpid(), signal.SIGKILL)
os.posix_spawn = posix_spawn
from maestro.adapters.shim import main
"""
"""A shim that is killed when its task has ended, and before it could take note of either."""


def test_a_shim_killed_when_one_could_not_be_started_and_another_is_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(monkeypatch, POISED)
    jobs = [bench.job("true"), bench.job("true", "last")]
    shutil.rmtree(bench.folder / "task")
    backend = bench.backend()
    backend.submit(jobs)
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert bench.ends()[TASK].seen in (Seen.REFUSED, Seen.NEVER_STARTED)
    assert bench.ends()[AttemptId("last", 1)].seen is Seen.NEVER_STARTED


def test_a_shim_waits_until_it_can_record_that_a_task_never_began(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(monkeypatch, FULL)
    job = bench.job("true")
    shutil.rmtree(bench.folder / "task")
    backend = bench.backend()
    backend.submit([job])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[TASK].seen is Seen.REFUSED
    backend._hang_up()
    with pytest.raises(subprocess.TimeoutExpired):
        backend._process.wait(0.3)
    (bench.folder / "room").touch()
    backend._process.wait(5)
    assert Void(*TASK) in Reader(backend._ledger).read()


def test_a_shim_killed_while_it_waits_for_a_script_that_is_being_written(bench: Bench) -> None:
    job = bench.job("touch ran")
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    with open(job.script, "a"):
        backend.submit([job])
        reader = Reader(backend._ledger)
        while not reader.read():
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(shim_of(backend), signal.SIGKILL)
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[TASK].seen is Seen.NEVER_STARTED
    assert not (bench.folder / "task" / "ran").exists()


FULL = """\
import errno, os
from maestro.adapters.ledger import Ledger
append = Ledger.append
def full(self, lines):
    room = os.path.join(os.path.dirname(self._path), "room")
    if lines[0].startswith(b'["void"') and not os.path.exists(room):
        raise OSError(errno.ENOSPC, "full", self._path)
    append(self, lines)
Ledger.append = full
from maestro.adapters.shim import main
"""
"""A shim whose disk has no room to record that a task could not be started."""


POISED = """\
import os, signal
from maestro.adapters.spawn import Spawner
poise = Spawner.poise
def dying(self, task, number):
    poise(self, task, number)
    if task == "last":
        os.kill(os.getpid(), signal.SIGKILL)
Spawner.poise = dying
from maestro.adapters.shim import main
"""
"""A shim that is killed when ``last`` is the next to begin, and before that is recorded."""


class Intended:
    """The ledger of a shim that was killed before it could record the start of a task."""

    def __init__(self, folder: Path) -> None:
        workspace = folder / "a task"
        workspace.mkdir()
        self.output = str(workspace / "task")
        self.files = [Path(f"{self.output}.attempt-1{ending}") for ending in (".out", ".err")]
        with subprocess.Popen(["true"], start_new_session=True) as gone:
            pass
        self.path = str(folder / "theirs-1.jsonl")
        self.next = Path(next_of(self.path))
        self.next.write_text('["task", 1]\n["a much longer name", 12]\n')
        ledger = Ledger(self.path)
        ledger.write("intent", "task", 1, self.output, None)
        os.close(ledger._file)
        text = Path(self.path).read_text()
        Path(self.path).write_text(text.replace(f'"open", {os.getpid()}', f'"open", {gone.pid}'))

    def run(self, command: str) -> subprocess.Popen[bytes]:
        """The task's process, as the shim starts it; the caller ends it."""
        self.next.write_text("")
        with open(self.files[0], "xb") as out, open(self.files[1], "xb") as err:
            return subprocess.Popen(
                ["/bin/sh", "-c", command], stdout=out, stderr=err, start_new_session=True,
                cwd=os.path.dirname(self.output),
            )  # fmt: skip


@pytest.fixture
def intended(bench: Bench) -> Intended:
    return Intended(bench.folder)


def ends_as(bench: Bench, intended: Intended, seen: Seen) -> None:
    backend = successor(bench, [intended.path], TASK)
    bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is seen


def test_what_was_next_to_begin_never_did(bench: Bench, intended: Intended) -> None:
    intended.files[0].touch()  # it had come so far
    ends_as(bench, intended, Seen.NEVER_STARTED)


@pytest.mark.parametrize("begins", ["true", "rm -f task.attempt-*", "rm -rf ../*task"])
def test_what_was_no_longer_next_did_begin(
    bench: Bench, intended: Intended, begins: str
) -> None:
    intended.run(begins).wait()
    ends_as(bench, intended, Seen.LOST)


@pytest.mark.parametrize("lines", [[], ['["other", 1]\n'], ['["task", 2]\n']])
def test_when_another_is_next_it_did_begin(
    bench: Bench, intended: Intended, lines: list[str]
) -> None:
    intended.next.unlink()
    for line in lines:
        intended.next.write_text(line)
    ends_as(bench, intended, Seen.LOST)


def test_a_shim_killed_when_its_task_had_removed_its_output(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(monkeypatch, KILLED)
    backend = bench.backend()
    backend.submit([bench.job("rm -f task.attempt-*; touch ran")])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert (bench.folder / "task" / "ran").exists()
    assert bench.ends()[TASK].seen is Seen.LOST


def test_what_the_shim_gave_up_never_began(bench: Bench, intended: Intended) -> None:
    intended.run("true").wait()
    with open(intended.path, "a") as file:
        file.write('["void", "task", 1]\n')
    ends_as(bench, intended, Seen.NEVER_STARTED)


def test_after_a_reboot_no_file_tells_that_it_never_began(
    bench: Bench, intended: Intended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "boot_id", lambda: "another")
    monkeypatch.setattr(host, "booted", lambda: time.time() + 5)
    ends_as(bench, intended, Seen.NODE_LOST)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="has no /proc")
@pytest.mark.parametrize(
    "begins",
    [
        "", "exec > elsewhere; ", "exec 2> elsewhere; ", "rm -f task.attempt-*; ",
        "exec >&-; ", "exec 2>&-; ",
    ],
)  # fmt: skip
def test_what_runs_is_found_and_awaited(bench: Bench, intended: Intended, begins: str) -> None:
    with intended.run(f"{begins}touch on; sleep 5") as process:
        while not Path(intended.output).with_name("on").exists():
            assert process.poll() is None
            time.sleep(0.01)
        backend = successor(bench, [intended.path], TASK)
        assert bench.pids() == [process.pid]
        time.sleep(0.3)
        assert backend.observe() == []
        backend.cancel([TASK])
        process.wait(5)
        bench.wait(backend, lambda: bool(bench.ends()), 5)
    assert bench.ends()[TASK].seen is Seen.CANCELLED


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="has no /proc")
@pytest.mark.parametrize("left", [0, 1])
def test_without_descriptors_nothing_is_concluded(intended: Intended, left: int) -> None:
    program = "import sys; open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", f"{program}  # maestro.adapters.shim", intended.path]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        former = Former(intended.path)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                former.observe()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not former.settled
        process.communicate()
    former.observe()
    assert former.settled
    assert former.known == set()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="has no /proc")
@pytest.mark.parametrize("place", ["here", "moved", "by another name"])
def test_a_process_that_is_on_its_way_is_waited_for(
    bench: Bench, intended: Intended, place: str
) -> None:
    """As one that the shim had made, and that is still the next to begin."""
    program = (
        "import sys, time; next, ledger = (open(path, 'r+') for path in sys.argv[1:3]); "
        "print(flush=True); time.sleep(0.7); next.truncate(0)  # maestro.adapters.shim"
    )
    words = [sys.executable, "-c", program, str(intended.next), intended.path]
    begin = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        folder = Path(intended.path).parent
        if place != "here":
            other = folder.with_name("other")
            other.symlink_to(folder) if place == "by another name" else folder.rename(other)
            intended.path = str(other / Path(intended.path).name)
            bench.folder = other
        ends_as(bench, intended, Seen.LOST)
    assert time.monotonic() - begin >= 0.7


def test_somebody_who_reads_the_ledger_is_not_waited_for(bench: Bench, intended: Intended) -> None:
    with subprocess.Popen(["tail", "-f", intended.path], stdout=subprocess.DEVNULL) as reader:
        ends_as(bench, intended, Seen.NEVER_STARTED)
        reader.kill()
