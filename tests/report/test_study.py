"""``open_study``: a view that looks anew each time, and never writes."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import maestro
from maestro.conductor import snapshot
from maestro.conductor.store import Store, StoreHeld, TaskRow
from maestro.engine import Outcome, Seen
from maestro.errors import StudyError
from maestro.report.reasons import Reasons
from tests.cli.test_run import FAN
from tests.conftest import Shell
from tests.report.conftest import Played

SPEC = """
description: {name: played, description: d}
study:
- {name: sim, description: d, run: {cmd: echo $(A)}}
- {name: all, description: d, run: {cmd: "true", depends: [sim_*]}}
"""


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


def test_times_are_as_of_the_moment_that_was_seen(played: Played) -> None:
    study = maestro.open_study(played.directory)
    before = time.time()
    view = study.view()
    assert view is not None
    assert before <= view.now <= time.time()
    row = next(row for row in view.tasks if row.name == "sim_A.2")
    assert row.started is not None
    reasons = Reasons(study, replace(view, now=row.started + 0.25), "utf-8")
    assert next(reasons.reasons(row)).endswith(", for 0.25 s")


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


def test_its_source_is_the_store(played: Played) -> None:
    study = maestro.open_study(played.directory)
    assert study.source == ".maestro/study.sqlite"
    assert study.why_not_store is None
    assert study.name == "played"


def test_a_directory_of_the_peer_is_seen_by_its_snapshot(tmp_path: Path) -> None:
    row = TaskRow(0, "a", "a", "a", "{}", "FINISHED")
    snapshot.write(str(tmp_path), [row], 0.0)
    study = maestro.open_study(str(tmp_path))
    assert study.source == "status.csv"
    assert study.states() == {"a": "FINISHED"}
    assert study.counts() == {"FINISHED": 1}
    assert study.why_not_store == "there is no .maestro/study.sqlite here"
    for ask in (study.tasks, lambda: study.outcome, lambda: study.conducted_by):
        with pytest.raises(StudyError, match="there is no"):
            ask()


def test_a_table_of_something_else_is_no_study(tmp_path: Path) -> None:
    for text in ("", "a,b\n1,2\n", "\0", '"' * 200_000):
        (tmp_path / "status.csv").write_text(text)
        with pytest.raises(StudyError, match="is not a study directory"):
            maestro.open_study(str(tmp_path))


def test_the_graph_is_expanded_from_what_is_stored(played: Played) -> None:
    Path(played.directory, "s.yaml").write_text(SPEC)
    study = maestro.open_study(played.directory)
    assert list(study.graph) == list(study.states())
    assert study.graph is study.graph


def test_the_graph_is_another_after_another_specification(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    study = maestro.open_study(str(shell.folder / "out"))
    assert len(study.graph) == 7
    shell.write("fan.yaml", FAN.replace("[1, 2, 3]", "[1, 2, 3, 4]"))
    shell("maestro", "rerun", "--spec", "fan.yaml", "-y", "-fg", "out")
    assert "say_N.4" in study.graph
    history = study.history()
    assert list(history.graph) == [task.name for task in history.tasks]
    assert {a.task for a in history.attempts} == set(study.graph)


def test_a_history_is_of_one_moment(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded between reading the tasks and the attempts has to wait."""
    Path(played.directory, "s.yaml").write_text(SPEC)
    read, refused = Store.tasks, []

    def tasks(store: Store) -> list[TaskRow]:
        found = read(store)
        with closing(Store.open(played.directory, write=True)) as other:
            try:
                other.commit(other.holder().epoch, patience=0)
            except StoreHeld as error:
                refused.append(error)
        return found

    monkeypatch.setattr(Store, "tasks", tasks)
    history = maestro.open_study(played.directory).history()
    assert (len(history.tasks), len(history.attempts), len(refused)) == (4, 3, 1)
