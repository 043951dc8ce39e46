"""Local tasks are real processes under a real shim, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import time

import pytest
from adapter_bench import Bench, doctor, drive

from maestro.adapters import host
from maestro.engine import AttemptId, Seen


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


def test_a_script_that_is_still_open_to_write(bench: Bench) -> None:
    """As it is for a moment in a process that its writer has just started."""
    job = bench.job("echo done")
    backend = bench.backend()
    with open(job.script, "a"):
        backend.submit([job])
        bench.wait(backend, lambda: backend._opened)
        time.sleep(0.3)
        assert backend.observe() == []
    bench.wait(backend, lambda: bool(bench.ends()))
    assert bench.ends()[job.attempt].seen is Seen.FINISHED


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


def signals(mask: str) -> set[int]:
    """Those of a mask that anybody can send; two more are the C library's own."""
    return {number for number in signal.valid_signals() if int(mask, 16) >> number - 1 & 1}


def test_signals_have_their_usual_meaning_in_a_task(bench: Bench) -> None:
    bench.run(bench.job("cat /proc/self/status"))
    lines = bench.text("task", ".out").splitlines()
    masks = dict(line.split() for line in lines if line.startswith(("SigIgn", "SigBlk", "SigCgt")))
    assert [signals(mask) for mask in masks.values()] == [set(), set(), set()]


def test_a_task_has_the_environment_of_its_conductor(bench: Bench) -> None:
    bench.job("cat /proc/$$/environ > environment")
    odd = {
        "PYTHONPATH": "/nowhere",
        "PYTHONUTF8": "0",
        "ODD": "line\nbreak = \udcff ü",
        "LANG": "C",
    }
    with drive(
        "backend = LocalBackend(sys.argv[1])\n"
        "backend.submit([job(sys.argv[2], 'task')])\n"
        "wait(backend, Seen.FINISHED)\n"
        "backend.close()\n"
        "sys.stdout.buffer.write(open('/proc/self/environ', 'rb').read())\n",
        bench.folder / "theirs",
        bench.folder,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **odd},
    ) as conductor:
        given = conductor.communicate(timeout=20)[0]
    assert "ODD=line\nbreak" in given
    seen = (bench.folder / "task" / "environment").read_text(errors="surrogateescape")
    assert sorted(seen.split("\0")) == sorted(given.split("\0"))


def test_signals_that_the_conductor_ignores_or_blocks(bench: Bench) -> None:
    bench.job("cat /proc/self/status")
    with drive(
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])\n"
        "backend = LocalBackend(sys.argv[1])\n"
        "backend.submit([job(sys.argv[2], 'task')])\n"
        "wait(backend, Seen.FINISHED)\n"
        "backend.close()\n",
        bench.folder / "theirs",
        bench.folder,
        before=["/bin/sh", "-c", 'trap \'\' INT QUIT HUP; exec "$0" "$@"'],
    ) as conductor:
        assert conductor.wait(20) == 0
    lines = bench.text("task", ".out").splitlines()
    masks = dict(line.split() for line in lines if line.startswith(("SigIgn", "SigBlk")))
    assert [signals(mask) for mask in masks.values()] == [set(), set()]


def test_an_interrupt_from_the_keyboard_reaches_no_task(bench: Bench) -> None:
    bench.job("sleep 0.5")
    with drive(
        "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))\n"
        "backend = LocalBackend(sys.argv[1])\n"
        "backend.submit([job(sys.argv[2], 'task')])\n"
        "wait(backend, Seen.STARTED)\n"
        "print('started', flush=True)\n"
        "print(wait(backend, Seen.FINISHED)[-1].exit_code)\n"
        "backend.close()\n",
        bench.folder / "theirs",
        bench.folder,
    ) as conductor:
        assert conductor.stdout is not None
        assert conductor.stdout.readline() == "started\n"
        os.killpg(conductor.pid, signal.SIGINT)
        assert conductor.stdout.read() == "interrupted\n0\n"


MET = """\
from maestro.adapters import spawn
rename = spawn.rename
def meeting(output, pid, number):
    for rest in ".out", ".err", "-4.err":
        with open(f"{output}.{pid}{rest}", "x") as file:
            file.write("old")
    rename(output, pid, number)
spawn.rename = meeting
from maestro.adapters.shim import main
"""
"""A shim that finds output of processes with the ids of its own."""


def test_output_of_a_process_with_the_same_id_is_not_overwritten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(monkeypatch, MET)
    bench.run(bench.job("echo new; echo bad >&2", number=4))
    name = f"task.{bench.pids()[0]}"
    assert {path.name: path.read_text() for path in (bench.folder / "task").glob("task.*")} == {
        f"{name}.out": "old", f"{name}.err": "old", f"{name}-4.err": "old",
        f"{name}-5.out": "new\n", f"{name}-5.err": "bad\n",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a\nb", "-rf", "ü\udcff", '%s $HOME `id` \\ "', "x" * 200])
def test_paths_with_anything_in_them(bench: Bench, name: str) -> None:
    (end,) = bench.run(bench.job('test "$(basename "$PWD"x)" = "${0%/*}" ; echo here', name))
    assert end.seen is Seen.FINISHED
    assert bench.text(name, ".out") == "here\n"


def test_what_an_attempt_that_never_ran_left_is_replaced(bench: Bench) -> None:
    job = bench.job("echo new")
    draft = bench.folder / "task" / "task.attempt-1.out"
    elsewhere = bench.folder / "elsewhere"
    elsewhere.write_text("old")
    draft.symlink_to(elsewhere)
    bench.run(job)
    assert elsewhere.read_text() == "old"
    assert bench.text("task", ".out") == "new\n"


def test_a_directory_that_went_away(bench: Bench) -> None:
    job = bench.job("true")
    gone = str(bench.folder / "gone")
    (end,) = bench.run(type(job)(job.attempt, job.script, gone, job.output))
    assert (end.seen, end.exit_code) == (Seen.FAILED, 127)
    assert f"{gone}: No such file" in bench.text("task", ".err")


def test_files_of_the_shims_own_that_went_away(bench: Bench) -> None:
    backend = bench.backend()
    bench.wait(backend, lambda: backend._opened)
    os.unlink(f"{backend._ledger}.next")
    backend.submit([bench.job("true", f"t{i}") for i in range(2)])
    bench.wait(backend, lambda: len(bench.ends()) == 2)
    assert {end.seen for end in bench.ends().values()} == {Seen.FINISHED}


def test_cancel_of_tasks_that_have_hardly_started(bench: Bench) -> None:
    backend = bench.backend()
    for i in range(30):
        begin = time.monotonic()
        backend.submit([bench.job("sleep 100", f"t{i}")])
        backend.cancel([AttemptId(f"t{i}", 1)])
        bench.wait(backend, lambda wanted=i + 1: len(bench.ends()) == wanted, 5)
        assert time.monotonic() - begin < 1, "TERM got lost"
    assert {end.seen for end in bench.ends().values()} == {Seen.CANCELLED}
