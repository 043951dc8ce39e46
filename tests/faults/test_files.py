"""Full disks, directories that cannot be written, and what vanishes: real ones."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from maestro.adapters import host
from maestro.adapters.records import Reader, Start
from tests.conftest import Shell, eventually
from tests.faults.lines import Lines

PAGE = 4096

AGAIN = "the study can be taken up again"


class Disk:
    """A file system of one megabyte in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filler = folder / "filler"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
        if subprocess.run(words, capture_output=True).returncode != 0:
            pytest.skip("mounting a file system needs root")

    def fill(self) -> None:
        """Leave no room."""
        with open(self.filler, "wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(PAGE)):
                pass

    def free(self) -> None:
        """Leave room again."""
        self.filler.unlink()

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.folder)], check=True)

    def release(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.release()


@pytest.fixture
def out(disk: Disk) -> Path:
    return disk.folder / "out"


def say(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    """It ended with an error, in one sentence that holds ``texts``, after another, if any, that its
    log is not whole.
    """
    assert done.returncode == 1, done.stdout
    *log, sentence = done.stderr.splitlines()
    assert [text for text in log if ".log cannot be written" not in text] == []
    assert len(log) <= 1
    for text in texts:
        assert text in sentence


def each_says(shell: Shell, out: Path, why: str) -> None:
    """Whatever would conduct the study says in the same words that its directory cannot be
    written, ``why``, and what to do.
    """
    sentence = f"error: {out} cannot be written: {why} {AGAIN}: maestro resume {out}\n"
    for words in (
        ("conductor", out),
        ("maestro", "resume", "-y", out),
        ("maestro", "resume", "-y", "-fg", out),
        ("maestro", "rerun", "--step", "first", "-y", out),
        ("maestro", "rerun", "--step", "first", "-y", "-fg", out),
    ):
        done = shell(*words, code=1)
        assert (words, done.stderr) == (words, sentence)


# ---- full disks


def test_a_study_is_not_made_on_a_full_disk(
    shell: Shell, lines: Lines, disk: Disk, out: Path
) -> None:
    disk.fill()
    done = shell("maestro", "run", "-y", "-fg", "-o", out, "lines.yaml", code=1)
    say(done, str(out), "No space left")
    assert not out.exists()
    disk.free()
    shell("maestro", "run", "-y", "-fg", "-o", out, "lines.yaml")
    lines.check(out)


def test_a_study_is_not_launched_on_a_full_disk(
    shell: Shell, lines: Lines, disk: Disk, out: Path
) -> None:
    shell("maestro", "run", "-n", "-o", out, "lines.yaml")
    disk.fill()
    each_says(shell, out, "No space left on device; make room, and")
    shell("maestro", "status", out)
    disk.free()
    shell("conductor", out)
    lines.check(out)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_why_a_conductor_did_not_start_is_heard_where_it_cannot_be_written(
    shell: Shell, lines: Lines
) -> None:
    shell("maestro", "run", "-n", "-o", "out", "lines.yaml")
    (shell.folder / "out" / "lines.txt").symlink_to("/dev/full")
    stored = shell.folder / "out" / ".maestro" / "specification.yaml"
    stored.write_text("study: none")
    done = shell("maestro", "resume", "-y", "out", code=1)
    assert f"error: {stored}:1" in done.stderr


def filling(disk: Disk, pages: int) -> str:
    """What the first task does before its line, once: fill the disk but for some pages."""
    once = disk.folder.parent / "filled"
    return (
        f"if mkdir '{once}' 2> /dev/null; then cat /dev/zero 2> /dev/null > '{disk.filler}'; "
        f"truncate -s -{pages * PAGE} '{disk.filler}'; fi; "
    )


@pytest.mark.parametrize(
    "pages",
    [0, 3, 6, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2, 4, 5, *range(7, 14)))],
)
def test_a_disk_that_fills_up_stops_the_conductor_and_loses_nothing(
    shell: Shell, disk: Disk, out: Path, pages: int
) -> None:
    lines = Lines(shell, pause=filling(disk, pages))
    done = shell("maestro", "run", "-y", "-fg", "-t", "1", "-o", out, "lines.yaml", code=None)
    if done.returncode or pages < 7:
        say(done, str(out), "make room", AGAIN)
    disk.free()
    shell("conductor", out)
    lines.check(out)


def test_tasks_that_fill_the_disk_fail_and_can_be_run_again(
    shell: Shell, disk: Disk, out: Path
) -> None:
    mended = shell.folder / "mended"
    lines = Lines(shell, pause=f"[ -e '{mended}' ] || head -c 1M /dev/zero || exit 9; ")
    done = shell("maestro", "run", "-y", "-fg", "-o", out, "lines.yaml", code=None)
    assert done.returncode in (1, 2), "of some tasks it could be recorded that they failed"
    mended.touch()
    for output in out.glob("first/*/*.out"):
        output.write_bytes(b"")
    if done.returncode == 1:
        *others, sentence = done.stderr.splitlines()
        assert str(out) in sentence
        assert AGAIN in sentence
        assert all("/logs/" in other for other in others), "the log may be the first to say so"
        shell("conductor", out, code=2)
    shell("maestro", "rerun", "-y", "-fg", "--failed", out)
    lines.check(out)


def test_a_study_goes_on_where_its_log_finds_no_room(
    shell: Shell, lines: Lines, disk: Disk
) -> None:
    disk.fill()
    log = disk.folder / "log"
    done = shell("maestro", "-l", log, "run", "-y", "-fg", "-o", "out", "lines.yaml")
    lines.check("out")
    (sentence,) = done.stderr.splitlines()
    assert str(log) in sentence
    assert "No space left" in sentence
    assert log.read_text() == ""


def test_a_log_that_cannot_be_opened_is_named(shell: Shell, lines: Lines) -> None:
    log = shell.folder / "missing" / "log"
    done = shell("maestro", "-l", log, "run", "-y", "-fg", "-o", "out", "lines.yaml", code=1)
    say(done, str(log))
    say(shell("conductor", "-l", log, "out", code=1), str(log), "-l FILE")
    done = shell("maestro", "-l", log, "resume", "-y", "out", code=1)
    assert str(log) in done.stderr
    shell("conductor", "-l", "another.log", "out")
    lines.check("out")
    assert "FINISHED" in (shell.folder / "another.log").read_text()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_a_study_goes_on_where_nobody_can_be_told(shell: Shell, lines: Lines) -> None:
    command = shell.command("maestro", "run", "-y", "-fg", "-o", "out", "lines.yaml")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=shell.folder, stdout=full, stderr=full, timeout=60)
    assert done.returncode == 0
    lines.check("out")


# ---- what cannot be written


def unprivileged(shell: Shell, *words: object, code: int) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody whom the modes of files hold back, as they do not root."""
    command = shell.command(*map(str, words))
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv, or a user that is not root")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(
        command, cwd=shell.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize(
    ("place", "mode"),
    [("", 0o555), (".maestro", 0o500), (".maestro/study.sqlite", 0o400), ("logs", 0o555)],
)
def test_what_cannot_be_written_is_named(
    shell: Shell, lines: Lines, place: str, mode: int
) -> None:
    shell("maestro", "run", "-n", "-o", "out", "lines.yaml")
    path = shell.folder / "out" / place
    before = path.stat().st_mode
    path.chmod(mode)
    say(unprivileged(shell, "conductor", "out", code=1), str(shell.folder / "out"))
    unprivileged(shell, "maestro", "status", "out", code=0)
    path.chmod(before)
    unprivileged(shell, "conductor", "out", code=0)
    lines.check("out")


def test_a_directory_that_cannot_be_written_holds_no_study(shell: Shell, lines: Lines) -> None:
    folder = shell.folder / "theirs"
    folder.mkdir(mode=0o555)
    done = unprivileged(shell, "maestro", "run", "-y", "-o", "theirs/out", "lines.yaml", code=1)
    say(done, "theirs/out", "Permission denied")
    assert list(folder.iterdir()) == []


def test_a_disk_that_has_become_read_only(
    shell: Shell, lines: Lines, disk: Disk, out: Path
) -> None:
    shell("maestro", "run", "-n", "-o", out, "lines.yaml")
    disk.remount("ro")
    each_says(shell, out, "Read-only file system; make it writable, and")
    say(shell("maestro", "cancel", "-y", out, code=1), str(out), "Read-only")
    shell("maestro", "status", out)
    disk.remount("rw")
    shell("conductor", out)
    lines.check(out)


# ---- what cannot be run


def test_a_shell_that_is_missing(shell: Shell, lines: Lines) -> None:
    missing = shell.folder.parent / "sh"  # no space in its path
    with open(lines.spec, "a") as file:
        file.write(f"\nbatch: {{type: local, shell: '{missing}'}}\n")
    done = shell("maestro", "run", "-y", "-fg", "-o", "out", "lines.yaml", code=2)
    assert "the interpreter in its first line: No such file or directory" in done.stdout
    assert shell.states("out")["last"] == "INCOMPLETE"
    missing.symlink_to("/bin/sh")
    shell("maestro", "rerun", "-y", "-fg", "--failed", "out")
    lines.check("out")


def test_a_file_system_that_runs_no_programs(
    shell: Shell, lines: Lines, disk: Disk, out: Path
) -> None:
    disk.remount("noexec")
    done = shell("maestro", "run", "-y", "-fg", "-o", out, "lines.yaml", code=2)
    assert ".sh cannot be run: Permission denied" in done.stdout
    disk.remount("exec")
    shell("maestro", "rerun", "-y", "-fg", "--failed", out)
    lines.check(out)


# ---- what vanishes


class LedgerFile(NamedTuple):
    """A ledger: its file, and the processes of the shim and of the tasks."""

    path: Path
    shim: int
    tasks: list[int]


class Running:
    """A conductor whose first tasks wait for ``gate``."""

    def __init__(self, shell: Shell) -> None:
        self.gate = shell.folder / "gate"
        begun = shell.folder / "begun"
        waiting = f"echo >> '{begun}'; until [ -e '{self.gate}' ]; do sleep 0.05; done; "
        self.lines = Lines(shell, pause=waiting)
        self.out = shell.folder / "out"
        with open(self.lines.spec, "a") as file:
            file.write("\nbatch: {type: local, procs: 4}\n")
        words = ("run", "-y", "-fg", "-t", "2", "-o", "out", "lines.yaml")
        self.process = shell.start("maestro", *words)
        eventually(lambda: begun.exists() and begun.read_text() == "\n\n")

    def ledger(self) -> LedgerFile:
        """What its shim has written."""
        (path,) = (self.out / ".maestro").glob("ledger-*.jsonl")
        reader = Reader(str(path))
        starts = [record.pid for record in reader.read() if isinstance(record, Start)]
        assert reader.opened is not None
        return LedgerFile(path, reader.opened.pid, starts)

    def end(self, *texts: str) -> None:
        """It ends with an error that says ``texts``."""
        printed, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 1, printed
        sentence = printed.splitlines()[-1]
        assert sentence.startswith("error: "), printed
        for text in texts:
            assert text in sentence
        assert "Traceback" not in printed


@pytest.fixture
def running(shell: Shell) -> Iterator[Running]:
    running = Running(shell)
    yield running
    running.gate.touch()
    running.process.kill()
    running.process.communicate()


def test_a_workspace_that_vanishes_under_its_task(running: Running) -> None:
    shutil.rmtree(running.out / "first" / "N.0")
    running.gate.touch()
    printed, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 0, printed
    running.lines.check("out")


def test_a_workspace_that_vanishes_before_its_task_starts(shell: Shell, running: Running) -> None:
    shim = running.ledger().shim
    os.kill(shim, signal.SIGSTOP)
    try:
        running.gate.touch()
        shell("maestro", "update", "--throttle", "3", "out")
        eventually((running.out / "first" / "N.2" / "first_N.2.sh").exists)
        shutil.rmtree(running.out / "first" / "N.2")
    finally:
        os.kill(shim, signal.SIGCONT)
    printed, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 2, printed
    assert "first/N.2/first_N.2.attempt-1.out: No such file or directory" in printed
    shell("maestro", "rerun", "-y", "-fg", "--failed", "out")
    running.lines.check("out")


@pytest.mark.parametrize("back", [True, False])
def test_a_study_directory_that_is_moved_while_it_is_conducted(
    shell: Shell, running: Running, back: bool
) -> None:
    moved = running.out.rename(shell.folder / "moved")
    running.gate.touch()
    running.end(str(running.out), "moved or removed", AGAIN)
    assert not running.out.exists(), "nothing is made anew"
    if back:
        moved = moved.rename(running.out)
    shell("conductor", moved)
    running.lines.check(moved)


def test_a_study_directory_that_is_removed_while_it_is_conducted(
    shell: Shell, running: Running
) -> None:
    shutil.rmtree(running.out)
    running.end(str(running.out), "moved or removed")
    running.gate.touch()
    assert not running.out.exists()
    say(shell("conductor", "out", code=1), str(running.out), "does not exist")


def test_the_store_moved_away_while_a_study_is_conducted(shell: Shell, running: Running) -> None:
    hidden = running.out / ".maestro"
    hidden.rename(shell.folder / "hidden")
    running.gate.touch()
    running.end(str(running.out), "moved or removed", AGAIN)
    say(shell("conductor", "out", code=1), "is not a study directory")
    (shell.folder / "hidden").rename(hidden)
    shell("conductor", "out")
    running.lines.check("out")


def test_a_ledger_that_lost_its_end_with_the_power(shell: Shell, running: Running) -> None:
    eventually(lambda: shell.states("out")["first_N.1"] == "RUNNING")
    ledger = running.ledger()
    processes = [running.process.pid, ledger.shim, *ledger.tasks]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    running.process.wait()
    eventually(lambda: not any(map(host.process_start, processes)))
    ledger.path.write_text("")
    running.gate.touch()
    shell("conductor", "out", code=2)
    states = shell.states("out")
    assert (states["first_N.0"], states["first_N.1"]) == ("HWFAILURE", "HWFAILURE")
    assert running.lines.written() == ["first.2", "second.2"], "nobody knows whether they ran"


def test_a_specification_that_is_gone(shell: Shell, lines: Lines) -> None:
    shell("maestro", "run", "-n", "-o", "out", "lines.yaml")
    stored = shell.folder / "out" / ".maestro" / "specification.yaml"
    stored.rename(shell.folder / "away")
    people = shell.folder / "out" / "lines.yaml"
    people.rename(shell.folder / "aside")
    say(shell("conductor", "out", code=1), str(people), "No such file")
    (shell.folder / "aside").rename(people)
    shell("conductor", "out")
    lines.check("out")


REPLACING = r"""
description: {name: odd, description: What stands where files of a task are looked for}
study:
- name: s
  description: d
  run:
    cmd: |
      while [ ! -e s.$$.err ]; do sleep 0.01; done
      rm s.$$.err s.sh
      for file in s.$$.err s.sh; do MAKE $file; done
      exit 1
- name: ended
  description: d
  run:
    cmd: |
      MAKE r.json
  collect: [{json: r.json}]
"""

MAKES = {
    "pipe": "mkfifo",
    "directory": "mkdir",
    "device": "ln -s /dev/zero",
    "socket": f"{sys.executable} -c 'import socket, sys; "
    "socket.socket(socket.AF_UNIX).bind(sys.argv[1])'",
}


@pytest.mark.parametrize("kind", MAKES)
def test_what_is_no_file_is_not_read(shell: Shell, kind: str) -> None:
    """Nobody waits at a pipe that a task has put in the place of its own files."""
    shell.write("s.yaml", REPLACING.replace("MAKE", MAKES[kind]))

    def said(*arguments: str, code: int = 0) -> str:
        done = shell("maestro", *arguments, code=code, timeout=30)
        return done.stdout + done.stderr

    assert ".err: is no regular file" in said("run", "-y", "-fg", "-o", "out", "s.yaml", code=2)
    assert ".err: is no regular file" in said("why", "out", "s")
    if kind == "pipe":  # the page takes long, and is made of the same words as the rest
        assert ".err: is no regular file" in said("report", "-o", "-", "out")
    assert said("logs", "out", "s").endswith(".err <==\nis no regular file\n")
    assert ".err <==\nis no regular file\nnote: " in said("logs", "-f", "out", "s")
    assert "r.json: is no regular file" in said("results", "out")


def test_a_script_is_not_written_to_a_pipe(shell: Shell) -> None:
    """Nor does a conductor wait at one."""
    shell.write(
        "s.yaml",
        """\
        description: {name: odd, description: d}
        study:
        - {name: a, description: d, run: {cmd: mkdir ../b; mkfifo ../b/b.sh}}
        - {name: b, description: d, run: {cmd: "true", depends: [a]}}
        """,
    )
    done = shell("maestro", "run", "-y", "-fg", "-o", "out", "s.yaml", code=2, timeout=30)
    assert "b.sh" in done.stdout
    assert "is no regular file" in done.stdout
