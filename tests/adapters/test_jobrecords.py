"""What jobs write of themselves: finding it, and giving up attempts that have written nothing."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maestro.adapters import jobrecords
from maestro.adapters.jobrecords import JobRecords, JobStart, shard
from tests.conftest import eventually

KEY = "0.1"


@pytest.fixture
def records(tmp_path: Path) -> JobRecords:
    made = JobRecords(str(tmp_path))
    made.prepare([KEY])
    return made


def test_a_claim_that_the_disk_has_no_room_for_is_none(records: JobRecords) -> None:
    """An empty record would be that of a job which has just begun, and nobody would run it."""
    program = (
        "import sys; from maestro.adapters.jobrecords import JobRecords; "
        f"JobRecords(sys.argv[1]).claim('{KEY}')"
    )
    full = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # noqa: E731
    words = [sys.executable, "-B", "-c", program, records.folder]
    done = subprocess.run(words, preexec_fn=full, capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr
    assert records.start(KEY) is None
    assert records.claim(KEY)


@pytest.mark.parametrize("links", [True, False])
def test_who_comes_first_has_it(
    records: JobRecords, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On file systems without hard links too."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    assert records.claim(KEY)
    assert records.claim(KEY), "whoever claims again has it still"
    Path(f"{records.path('1.1')}.start").touch()
    assert records.start("1.1") == JobStart()
    assert not records.claim("1.1")


def test_a_change_within_the_tick_of_a_clock_that_lags(
    records: JobRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory has the time of its server, which may be minutes behind, and be coarse."""
    monkeypatch.setattr(jobrecords, "SETTLED", 0.2)
    watched = {shard(KEY): [KEY]}
    then = time.time() - 1000

    def write(kind: str) -> None:
        Path(f"{records.path(KEY)}.{kind}").touch()
        os.utime(os.path.dirname(records.path(KEY)), (then, then))

    write("start")
    assert list(records.news(watched)) == ["0.1.start"]
    write("end")
    assert list(records.news(watched)) == ["0.1.start", "0.1.end"]
    eventually(lambda: not list(records.news(watched)))  # until its time changes
