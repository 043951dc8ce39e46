"""File systems that cannot lock files: whole studies all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro.conductor.locks import LockFile
from maestro.conductor.store import FILE
from tests.conftest import Shell, eventually
from tests.faults.test_held import amid_a_commit

SLOW = """
    description: {name: slow, description: Tasks that wait}
    study:
    - name: work
      description: work
      run:
        cmd: |
          echo $(N) >> '$(OUTPUT_PATH)/runs'
          until [ -e '$(OUTPUT_PATH)/go' ]; do sleep .05; done
    - name: after
      description: after
      run: {cmd: "echo after >> '$(OUTPUT_PATH)/runs'", depends: [work_*]}
    global.parameters:
      N: {values: [1, 2], label: N.%%}
"""


@pytest.fixture(scope="session")
def library(preloaded: Callable[[str], Path]) -> Path:
    return preloaded("nolocks.c")


@pytest.fixture
def lockless(shell: Shell, library: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose programs find that no file can be locked."""
    monkeypatch.setenv("LD_PRELOAD", str(library))
    shell.write("slow.yaml", SLOW)
    return shell


def started(shell: Shell) -> subprocess.Popen[str]:
    """A conductor of which both first tasks run."""
    process = shell.start("maestro", "run", "-y", "-fg", "-o", "out", "slow.yaml")
    eventually(lambda: "2 RUNNING" in shell("maestro", "status", "out", code=None).stdout)
    return process


def runs(shell: Shell) -> list[str]:
    return sorted((shell.folder / "out" / "runs").read_text().split())


def test_a_study_to_its_end(lockless: Shell) -> None:
    process = started(lockless)
    assert (lockless.folder / "out" / ".maestro" / "locks").read_text() == "lock file\n"
    done = lockless("maestro", "status", "out")
    assert "Conducted by process" in done.stdout
    assert "status.csv" not in done.stdout
    refused = lockless("conductor", "out", code=1)
    assert "being conducted by process" in refused.stderr
    (lockless.folder / "out" / "go").touch()
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 0, text
    assert runs(lockless) == ["1", "2", "after"]
    assert not (lockless.folder / "out" / f"{FILE}.lock").exists()


def test_a_cancelled_study(lockless: Shell) -> None:
    process = started(lockless)
    lockless("maestro", "cancel", "-y", "out")
    process.communicate(timeout=20)
    assert process.returncode == 3
    assert set(lockless.states("out").values()) == {"CANCELLED"}


def test_a_killed_conductor(lockless: Shell) -> None:
    process = started(lockless)
    process.kill()
    process.communicate()
    (lockless.folder / "out" / "go").touch()
    lockless("conductor", "out")
    assert runs(lockless) == ["1", "2", "after"]
    assert set(lockless.states("out").values()) == {"FINISHED"}


def test_a_conductor_killed_amid_a_commit(lockless: Shell) -> None:
    """What it has left half written is undone, under the lock that it has left behind."""
    amid_a_commit(lockless, signal.SIGKILL).communicate()
    assert (lockless.folder / "out" / f"{FILE}.lock").exists()
    done = lockless("maestro", "status", "out")
    assert "81 tasks" in done.stdout
    assert "From status.csv" not in done.stdout
    lockless("conductor", "out")
    assert runs(lockless) == sorted([*map(str, range(80)), "last"])
    assert set(lockless.states("out").values()) == {"FINISHED"}


@pytest.mark.long
def test_a_conductor_stopped_amid_a_commit_keeps_its_lock(lockless: Shell) -> None:
    process = amid_a_commit(lockless, signal.SIGSTOP)
    done = lockless("maestro", "status", "out")
    assert "From status.csv, as it was last written" in done.stdout
    assert f"is in use by process {process.pid} on " in done.stdout
    process.send_signal(signal.SIGCONT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert set(lockless.states("out").values()) == {"FINISHED"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_who_cannot_make_the_lock_file_sees_the_snapshot(lockless: Shell) -> None:
    (lockless.folder / "out").parent.chmod(0o755)
    lockless("maestro", "run", "--dry", "-o", "out", "slow.yaml")
    out = lockless.folder / "out"
    for path in (out / ".maestro").rglob("*"):
        path.chmod(0o755)
    folder = out / ".maestro"
    while folder.stat().st_mode & 0o777 == 0o700 or folder != folder.parent:
        folder.chmod(folder.stat().st_mode | 0o755)
        folder = folder.parent
    program = (
        "import os, sys; from maestro.report.status.tables import show; "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(show(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", program, str(out)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 tasks: ✎ 3 DRYRUN" in done.stdout
    assert "From status.csv, as it was last written" in done.stdout


@pytest.mark.long
def test_a_study_that_was_made_where_files_can_be_locked(
    shell: Shell, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken up once nobody has given a sign of life for long enough."""
    shell.write("slow.yaml", SLOW)
    process = started(shell)
    with monkeypatch.context() as lockless:
        lockless.setenv("LD_PRELOAD", str(library))
        refused = shell("conductor", "out", code=1)
        assert "is in use by a program on another host" in refused.stderr
    assert (shell.folder / "out" / ".maestro" / "locks").read_text() == "posix\n"
    process.kill()
    process.communicate()
    (shell.folder / "out" / "go").touch()
    monkeypatch.setenv("LD_PRELOAD", str(library))
    shell("conductor", "out")
    assert runs(shell) == ["1", "2", "after"]


# ---- the lock file


def test_only_one_has_it(tmp_path: Path) -> None:
    one, other = (LockFile(str(tmp_path / "lock")) for _ in range(2))
    assert one.take(0)
    assert not other.take(0.05)
    assert one.held()
    assert not other.held()
    other.drop()
    assert one.held()
    one.drop()
    assert other.take(0)


def test_many_processes_exclude_one_another(tmp_path: Path) -> None:
    """Some of them are killed while they have it; what they count up is never counted twice."""
    program = (
        "import os, sys, random; from maestro.conductor.locks import LockFile\n"
        "lock = LockFile('lock')\n"
        "for _ in range(int(sys.argv[1])):\n"
        "    assert lock.take(60)\n"
        "    number = int(open('count').read())\n"
        "    open('count', 'w').write(str(number + 1)); open('log', 'a').write(f'{number}\\n')\n"
        "    if sys.argv[2] == 'killed' and number % 5 == 4: os.kill(os.getpid(), 9)\n"
        "    lock.drop()\n"
    )
    (tmp_path / "count").write_text("0")
    processes = [
        subprocess.Popen([sys.executable, "-c", program, "40", kind], cwd=tmp_path)
        for kind in ("killed", "spared", "killed", "spared")
    ]
    codes = [process.wait(timeout=60) for process in processes]
    assert codes.count(-9) > 0
    numbers = list(map(int, (tmp_path / "log").read_text().split()))
    assert numbers == list(range(int((tmp_path / "count").read_text())))
    assert len(numbers) >= 80


def test_that_of_a_process_elsewhere_is_broken_when_it_does_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    lock = LockFile(str(path))
    for text in ('["elsewhere", "boot", 1, "start", "mark"]', "", "[1]"):
        path.write_text(text)
        assert not lock.take(0.05), "it may be held"
    assert lock.owner() is None
    monkeypatch.setattr("maestro.conductor.locks.STALE", 0.3)
    assert lock.take(5)
    assert list(tmp_path.iterdir()) == [path]
