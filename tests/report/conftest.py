"""Studies made through the real store and driven by hand through the real engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro.conductor.lease import Lease
from maestro.conductor.store import Store, StudyInfo
from maestro.conductor.study import task_columns
from maestro.engine import AttemptId, Demand, Engine, Observation, Policy, Seen
from maestro.graph import expand, tasks
from maestro.spec.model import Dependency, Parameter, Specification, Step

AWKWARD = "[red]x[/red], \x1b[31m☃"


class Played:
    """A study of a step ``sim`` with a parameter, and a step ``all`` that waits for it."""

    def __init__(
        self,
        folder: Path,
        values: tuple[object, ...] = (1, 2, AWKWARD),
        labels: tuple[str, ...] = (),
    ) -> None:
        labels = labels or tuple(f"A.{i}" for i in range(len(values)))
        column = Parameter("A", values, labels, "A")
        steps = (
            Step("sim", "d", "echo $(A)"),
            Step("all", "d", "true", depends=(Dependency("sim", funnel=True),)),
        )
        self.spec = Specification("played", "d", steps, (column,))
        self.graph = expand(self.spec)
        self.directory = str(folder)
        info = StudyInfo("played", "d", self.directory, "s.yaml", "/", "/", time.time())
        rows = (task_columns(node, task) for node, task in tasks(self.graph))
        Store.create(self.directory, info, self.spec.parameters, rows).close()
        self.engine = Engine(self.graph, Policy(slots=99), lambda task: Demand(local=True))
        self.at = 1_000_000.0

    def see(self, task: str, seen: Seen, number: int = 1, **more: object) -> None:
        """Something is seen of an attempt of the task, ten seconds after what came before."""
        self.engine.decide(self.at)
        self.at += 10
        attempt = AttemptId(task, number)
        self.engine.observe(Observation(attempt, seen, self.at, **more), self.at)

    def save(self) -> None:
        """Record it all, as a conductor does."""
        store = Store.open(self.directory, write=True)
        lease = Lease(store)
        ids = {node: i for i, node in enumerate(self.graph)}
        changes = [(ids[change.task], change) for change in self.engine.drain()]
        store.commit(lease.epoch, changes, outcome=self.engine.outcome)
        lease.release()
        store.close()


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """``sim_A.0`` finished, ``sim_A.1`` failed, ``sim_A.2`` runs."""
    study = Played(tmp_path)
    study.see("sim_A.0", Seen.STARTED, job="11")
    study.see("sim_A.1", Seen.STARTED, job="12")
    study.see("sim_A.0", Seen.FINISHED, exit_code=0, duration=9.0)
    study.see("sim_A.1", Seen.FAILED, exit_code=3, duration=9.0, detail="exit code 3")
    study.see("sim_A.2", Seen.STARTED, job="13")
    study.save()
    return study


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
