"""``open_study``: a view that looks anew each time, and never writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import maestro
from maestro.engine import Outcome, Seen
from maestro.errors import StudyError
from tests.report.conftest import Played


def test_what_it_shows(played: Played) -> None:
    study = maestro.open_study(played.directory)
    assert study.states() == {
        "sim_A.0": "FINISHED", "sim_A.1": "FAILED", "sim_A.2": "RUNNING", "all": "INCOMPLETE",
    }  # fmt: skip
    assert study.counts() == {"FINISHED": 1, "FAILED": 1, "RUNNING": 1, "INCOMPLETE": 1}
    assert study.outcome is None
    assert study.conducted_by is None


def test_it_is_live(played: Played) -> None:
    study = maestro.open_study(played.directory)
    played.see("sim_A.2", Seen.FINISHED, exit_code=0)
    played.save()
    assert study.states()["sim_A.2"] == "FINISHED"
    assert study.outcome is Outcome.FAILURE


def test_it_writes_nothing(played: Played) -> None:
    def files() -> dict[str, tuple[int, int]]:
        found = {}
        for root, _, names in os.walk(played.directory):
            for name in names:
                status = os.stat(os.path.join(root, name))
                found[os.path.join(root, name)] = (status.st_size, status.st_mtime_ns)
        return found

    before = files()
    study = maestro.open_study(played.directory)
    study.tasks()
    study.counts()
    assert study.conducted_by is None
    assert files() == before


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_what_is_no_study(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(StudyError):
        maestro.open_study(str(tmp_path / name))
