"""Schedulers whose commands lie every other time: nothing is lost, and nothing runs twice.
``tools/faults/torment.py`` does the same for as long as one likes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster import slurm
from tests.faults import scenes
from tests.faults.liar import KINDS
from tests.faults.trial import Trials

MANY = 4
"""Studies by whose end every lie has surely been told; mostly it is one."""


def conducted(folder: Path, name: str) -> Trials:
    """Studies that have been conducted on the scene ``name``, until it had told every lie."""
    honest = scenes.scene(name, folder / "scene")
    trials = Trials(folder, scenes.lying(honest, folder / "lies", seed=1))
    for _ in range(MANY):
        trials.conducted(1)
        if told(trials) == set(KINDS):
            break
    return trials


def told(trials: Trials) -> set[str]:
    return {lie.split()[0] for lie in trials.scene.lies}


def untouched(trials: Trials) -> None:
    """Every lie has been told, and has done no harm."""
    tally = trials.tally
    assert (tally.lost, tally.twice, tally.wrong) == (0, 0, []), "\n".join(tally.wrong)
    assert told(trials) == set(KINDS)


def test_stand_ins(tmp_path: Path) -> None:
    """They mostly make one wait, so all at a time."""
    names = ("arrays", "lsf", "flux")
    with ThreadPoolExecutor() as pool:
        for trials in pool.map(lambda name: conducted(tmp_path / name, name), names):
            untouched(trials)


@pytest.mark.slurm
def test_the_real_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm.running(monkeypatch)
    untouched(conducted(tmp_path, "slurm-arrays"))
