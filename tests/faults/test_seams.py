"""Calls on a study's files that fail, one after the other: the study can be taken up again."""

from __future__ import annotations

import errno
import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import Shell
from tests.faults.conftest import FOREVER, Call, FileFaults
from tests.faults.lines import Lines

ALL = "open read write sync truncate rename mkdir unlink"

SEAMS = {
    "store": ("*/study.sqlite", "open read write sync"),
    "journal": ("*/study.sqlite-journal", "open read write sync truncate"),
    "kind of locks": ("*/.maestro/locks", "open read"),
    "lock": ("*/conductor.lock", "open"),
    "recipe": ("*/.maestro/study.json*", "open write sync rename"),
    "specification": ("*/specification.yaml", "open read"),
    "workspaces": ("*/out/[!.]*", "mkdir"),
    "scripts": ("*.sh", "open write"),
    "snapshot": ("*status.csv*", "open write rename"),
    "log": ("*/logs/*", "write"),
    "log file": ("*/logs/*", "open"),
    "ledger": ("*/ledger-*.jsonl", "open write"),
    "next to begin": ("*/ledger-*.next", "open write unlink"),
    "complaints": ("*/ledger-*.err", "open"),
    "output": ("*.attempt-*", "open"),
    "output's name": ("*.[oe][ur][tr]", "rename"),
    "probe": ("*/.maestro/[#t]* (deleted)", "write"),
}
"""What is written and read while a study is conducted: the files, and the calls."""

FOR_PEOPLE = ("snapshot", "log")
"""What a study goes on without."""

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.ESTALE, errno.EROFS)


class Bench:
    """A study that has been made and not launched, and is put back as it was for every fault."""

    def __init__(self, folder: Path, library: Path) -> None:
        (folder / "a folder").mkdir()
        self.shell = Shell(folder / "a folder")
        self.faults = FileFaults(library, folder)
        self.lines = Lines(self.shell)
        self.out = self.shell.folder / "out"
        self._made = folder / "made"
        making = self.faults.environment(f"{self.out}*", ALL, count=0)
        self.shell("maestro", "run", "-n", "-o", "out", "lines.yaml", env=making)
        self.making = self.faults.calls()
        shutil.copytree(self.out, self._made)
        conducting = self.faults.environment(f"{self.out}/*", ALL, count=0)
        self.shell("conductor", "out", env=conducting)
        self.conducting = self.faults.calls()
        self.lines.check("out")

    def clear(self) -> None:
        """No study, and no lines."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.lines.path.unlink(missing_ok=True)

    def made(self) -> None:
        """The study as it was made."""
        self.clear()
        shutil.copytree(self._made, self.out)

    def strike(
        self, path: str, calls: str, error: int, first: int, count: int
    ) -> CompletedProcess[str]:
        """Conduct it while calls fail, mend that, and take it up again: every task's line must
        stand exactly once. Returns how it went while they failed.
        """
        self.made()
        failing = self.faults.environment(path, calls, error, first, count)
        done = self.shell("conductor", "out", code=None, env=failing)
        assert any(call.failed for call in self.faults.calls()), "nothing failed"
        self.faults.mend()
        assert done.returncode in (0, 1), (done.stdout, done.stderr)
        if done.returncode == 1 or done.stderr:
            check_sentence(done, self.out)
        self.shell("conductor", "out")
        self.lines.check("out")
        for complaints in (self.out / ".maestro").glob("ledger-*.err"):
            assert complaints.read_text() == ""
        return done


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, fault_library: Path) -> Bench:
    return Bench(tmp_path_factory.mktemp("seams"), fault_library)


def check_sentence(done: CompletedProcess[str], out: Path) -> None:
    """One plain sentence, which names a file of the study."""
    (sentence,) = done.stderr.splitlines()
    assert str(out) in sentence
    assert "[Errno" not in sentence


def most(calls: list[Call], path: str, names: str) -> int:
    """The most of the calls ``names`` on ``path`` that one process made."""
    by_process = Counter(
        call.pid for call in calls if call.name in names.split() and fnmatchcase(call.path, path)
    )
    return max(by_process.values())


def test_the_seams_are_all_that_is_written(bench: Bench) -> None:
    written = {
        call.path for call in bench.conducting if call.name not in ("open", "read", "unlink")
    }
    missed = {
        path for path in written if not any(fnmatchcase(path, seam) for seam, _ in SEAMS.values())
    }
    # That a directory cannot be synchronised, SQLite takes as the file system's own business.
    assert missed == {str(bench.out / ".maestro")}


@pytest.mark.parametrize("seam", SEAMS)
def test_what_fails_and_is_mended_loses_and_repeats_nothing(bench: Bench, seam: str) -> None:
    path, calls = SEAMS[seam]
    total = most(bench.conducting, path, calls)
    place = list(SEAMS).index(seam)
    first, count = (1, FOREVER) if place % 2 else (1 + total * 2 // 3, 1)
    done = bench.strike(path, calls, ERRORS[place % len(ERRORS)], min(first, total), count)
    assert done.returncode == 0 or seam not in FOR_PEOPLE


@pytest.mark.long
@pytest.mark.parametrize("seam", SEAMS)
def test_every_call_that_fails(bench: Bench, seam: str) -> None:
    path, calls = SEAMS[seam]
    errors = itertools.cycle(ERRORS)
    total = most(bench.conducting, path, calls)
    for first in range(1, total + 1):
        for count in (1, FOREVER):
            done = bench.strike(path, calls, next(errors), first, count)
            assert done.returncode == 0 or seam not in FOR_PEOPLE
    print(f"{seam}: {2 * total} faults")


# ---- making a study


def places(calls: list[Call]) -> Iterator[tuple[str, str, int]]:
    """Every call that makes a study: path, name, and its number among those of its kind."""
    for (path, name), total in sorted(Counter((c.path, c.name) for c in calls).items()):
        for number in range(1, total + 1):
            yield path, name, number


def strike_making(bench: Bench, path: str, name: str, number: int, error: int) -> None:
    """A study that cannot be made leaves nothing behind."""
    bench.clear()
    failing = bench.faults.environment(path, name, error, number)
    done = bench.shell("maestro", "run", "-n", "-o", "out", "lines.yaml", code=None, env=failing)
    bench.faults.mend()
    if done.returncode:
        check_sentence(done, bench.out)
        assert sorted(path.name for path in bench.shell.folder.iterdir()) == ["lines.yaml"]
    else:  # a directory that cannot be synchronised
        bench.shell("conductor", "out")
        bench.lines.check("out")


def test_what_cannot_be_made_leaves_nothing_behind(bench: Bench) -> None:
    last = {path: (path, name, number) for path, name, number in places(bench.making)}
    errors = itertools.cycle(ERRORS)
    for path, name, number in list(last.values())[::2]:
        strike_making(bench, path, name, number, next(errors))


@pytest.mark.long
def test_every_call_that_makes_a_study(bench: Bench) -> None:
    errors = itertools.cycle(ERRORS)
    everything = list(places(bench.making))
    for path, name, number in everything:
        strike_making(bench, path, name, number, next(errors))
    print(f"making: {len(everything)} faults")
