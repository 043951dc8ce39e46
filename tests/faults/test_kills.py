"""Kill -9 anywhere: nothing is lost, and nothing runs twice. ``tools/faults/torment.py`` does the
same for as long as one likes.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.faults import scenes
from tests.faults.audit import JOURNAL, Tally, audit
from tests.faults.points import points
from tests.faults.trial import FAILS, Trials

KILLS = 10
"""At random moments, on each scene."""

REAL = pytest.mark.slurm


@pytest.fixture
def trials(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trials:
    """On the scene that is the parameter."""
    if request.param.startswith("slurm"):
        slurm.running(monkeypatch)
    return Trials(tmp_path, scenes.scene(request.param, tmp_path / "scene"), seed=1)


def on(*names: str) -> pytest.MarkDecorator:
    """A test runs on these scenes."""
    marked = [pytest.param(n, marks=[REAL] if n.startswith("slurm") else []) for n in names]
    return pytest.mark.parametrize("trials", marked, indirect=True)


def untouched(tally: Tally) -> None:
    """Nothing has been lost, run twice, or gone wrong otherwise."""
    assert (tally.lost, tally.twice, tally.wrong) == (0, 0, []), "\n".join(tally.wrong)


@on("local", "arrays", "slurm", "slurm-arrays")
def test_at_random_moments(trials: Trials) -> None:
    trials.kills(KILLS)
    untouched(trials.tally)
    assert trials.tally.kills.total() >= KILLS


@on("local", "arrays")
def test_at_every_point_between_intent_and_record(trials: Trials) -> None:
    """Who conducts dies there, or the shim, and is followed by another who dies at the next."""
    missed = trials.points(points(scheduled=trials.scene.scheduled))
    untouched(trials.tally)
    assert missed == []


@on("local")
def test_the_proof_can_fail(trials: Trials) -> None:
    """A line too many, a line too few, one of another job, and a state that is not right."""
    trial = trials.new()
    trial.finish()
    untouched(trials.tally)
    journal = trial.out / JOURNAL
    whole = journal.read_text()
    lines = whole.splitlines(keepends=True)

    def found() -> tuple[int, int, int]:
        tally = Tally()
        audit(trial.out, FAILS, set(), tally)
        return tally.lost, tally.twice, len(tally.wrong)

    journal.write_text(whole + lines[3])
    assert found() == (0, 1, 1)
    journal.write_text(whole.replace(lines[3], ""))
    assert found() == (1, 0, 1)
    journal.write_text(whole.replace(lines[3], lines[3].replace(" ", " 9")))
    assert found() == (0, 0, 1)
    journal.write_text(whole)
    with sqlite3.connect(trial.out / ".maestro" / "study.sqlite") as db:
        db.execute("UPDATE task SET state = 'HWFAILURE' WHERE name = 'last_N.1'")
    db.close()
    assert found() == (0, 0, 1)
