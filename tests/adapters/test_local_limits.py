"""The machine has nothing left, or one of two is slower than the other."""

from __future__ import annotations

import errno
import os
import resource
import signal
import time

import pytest
from adapter_bench import Bench, doctor, shim_of

from maestro.adapters import local
from maestro.adapters.local import LocalBackend
from maestro.adapters.records import Reader, Start
from maestro.engine import AttemptId, Seen
from maestro.errors import BackendError

TASK = AttemptId("task", 1)

limits = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")


def full_disk(backend: LocalBackend, room: int) -> int:
    """Let the shim's ledger grow by ``room`` bytes at most; its size when it has."""
    size = os.path.getsize(backend._ledger) + room
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(shim_of(backend), resource.RLIMIT_FSIZE, (size, hard))
    return size


def mended(backend: LocalBackend) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(shim_of(backend), resource.RLIMIT_FSIZE, (hard, hard))


@limits
def test_no_descriptors_left_is_a_reason_to_wait(bench: Bench) -> None:
    """What is needed to tell a process from a later one is waited for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    resource.prlimit(shim_of(backend), resource.RLIMIT_NOFILE, (7, hard))
    backend.submit([bench.job("sleep 0.5")])
    time.sleep(0.2)
    assert backend.observe() == []
    resource.prlimit(shim_of(backend), resource.RLIMIT_NOFILE, (soft, hard))
    bench.wait(backend, lambda: bool(bench.ends()))
    (start,) = (r for r in Reader(backend._ledger).read() if isinstance(r, Start))
    assert start.start is not None


# Root has no limit: its shim is somebody else's for the first attempt.
LIMITED = """\
import os, resource
from maestro.adapters import shim
class Limited(shim.Shim):
    def _start(self, request):
        user = os.geteuid()
        resource.setrlimit(resource.RLIMIT_NPROC, (0 if request["run"][1] == 1 else hard, hard))
        if user == 0 and request["run"][1] == 1:
            os.setresuid(65534, 65534, 0)
        super()._start(request)
        os.seteuid(user)
        os.setresuid(user, user, user)
soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
shim.Shim = Limited
from maestro.adapters.shim import main
"""


@limits
def test_no_processes_left_is_a_reason_to_wait(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(monkeypatch, LIMITED)
    monkeypatch.setattr(local, "_FLAGS", ("-B",))
    backend = bench.backend()
    backend.submit([bench.job("true")])
    bench.wait(backend, lambda: bool(bench.ends()))
    end = bench.ends()[TASK]
    assert (end.seen, end.transient) == (Seen.REFUSED, True), end
    assert {path.name for path in (bench.folder / "task").iterdir()} == {"script.sh"}
    bench.seen.clear()
    backend.submit([bench.job("true", number=2)])
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[AttemptId("task", 2)].seen is Seen.FINISHED


@pytest.mark.parametrize("ending", [".err", "-1.jsonl"])
def test_a_shim_without_its_files_says_why(bench: Bench, ending: str) -> None:
    (bench.folder / f"ledger-0{ending}").mkdir()
    with pytest.raises(BackendError, match=f"no tasks can be started: .*{ending}: ") as caught:
        bench.wait(bench.backend(), bool)
    assert caught.value.number in (errno.EISDIR, errno.EEXIST)


@limits
@pytest.mark.parametrize("room", [0, 10])
def test_what_cannot_be_recorded_is_not_run(bench: Bench, room: int) -> None:
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    full_disk(backend, room)
    backend.submit([bench.job("touch ran")])
    with pytest.raises(BackendError, match=r"no tasks can be started: .*ledger") as caught:
        bench.wait(backend, lambda: bool(bench.ends()))
    assert backend._ledger in str(caught.value)
    assert {path.name for path in (bench.folder / "task").iterdir()} == {"script.sh"}
    mended(backend)
    backend.submit([bench.job("touch ran", number=2)])
    bench.wait(backend, lambda: bool(bench.ends()))
    starts = [record for record in Reader(backend._ledger).read() if record.number == 1]
    assert starts == []
    assert (bench.folder / "task" / "ran").exists()


@limits
@pytest.mark.parametrize("room", [0, 10])
def test_ends_are_recorded_when_there_is_room_again(bench: Bench, room: int) -> None:
    backend = bench.start(bench.job("sleep 0.5; exit 3"))
    size = full_disk(backend, room)
    backend._hang_up()
    time.sleep(0.8)
    assert os.path.getsize(backend._ledger) == size
    assert backend._process.poll() is None, "it waits for room"
    mended(backend)
    assert backend._process.wait(10) == 0
    reader = Reader(backend._ledger)
    ends = {record.task: record for record in reader.read() if hasattr(record, "exit_code")}
    assert ends["task"].exit_code == 3
    assert reader.closed


def test_a_ledger_that_cannot_be_made(bench: Bench) -> None:
    with pytest.raises(BackendError, match="No such file") as caught:
        LocalBackend(str(bench.folder / "missing" / "ledger"))
    assert not caught.value.transient
    (bench.folder / "ledger-0-1.jsonl").touch()
    backend = bench.backend()
    backend.submit([bench.job("true")])
    with pytest.raises(BackendError, match=r"ledger-0-1\.jsonl: File exists"):
        bench.wait(backend, lambda: False)
    assert (bench.folder / "ledger-0.err").read_text() == ""


def test_a_shim_that_is_slow_holds_nobody_up(bench: Bench) -> None:
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    os.kill(shim_of(backend), signal.SIGSTOP)
    job = bench.job("true")
    (bench.folder / "task" / "script.sh").unlink()
    (bench.folder / "task").rmdir()
    jobs = [
        type(job)(AttemptId(f"t{i}", 1), job.script, job.directory, job.output) for i in range(3000)
    ]
    begin = time.monotonic()
    backend.submit(jobs)
    backend.cancel([job.attempt for job in jobs])
    assert backend.observe() == []
    assert time.monotonic() - begin < 1
    assert backend._outgoing, "more than the pipe takes"
    os.kill(shim_of(backend), signal.SIGCONT)
    bench.wait(backend, lambda: len(bench.ends()) == len(jobs))
    assert {end.seen for end in bench.ends().values()} == {Seen.REFUSED}


def test_a_conductor_that_is_slow_holds_no_task_up(bench: Bench) -> None:
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    job = bench.job("touch done")
    missing = str(bench.folder / "missing" / "task")
    refused = [
        type(job)(AttemptId(f"t{i}", 1), job.script, job.directory, missing) for i in range(1500)
    ]
    end = time.monotonic() + 20
    backend.submit([*refused, job])
    while not (bench.folder / "task" / "done").exists():
        assert time.monotonic() < end
        backend.submit([])
        time.sleep(0.01)
    bench.wait(backend, lambda: len(bench.ends()) == 1501)
    assert bench.ends()[TASK].seen is Seen.FINISHED
