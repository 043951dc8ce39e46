"""A store is made anew: what is told of a task, from whatever is left of it."""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro.adapters.base import Job
from maestro.adapters.jobrecords import JobRecords
from maestro.adapters.slurm import SlurmCodec
from maestro.conductor import recipe
from maestro.conductor.retelling import Glance, Past, records, retell
from maestro.conductor.store import FILE, Holder, Settings, Store, StudyInfo
from maestro.conductor.study import Study
from maestro.conductor.traces import job_traces, queue_traces
from maestro.engine import AttemptId, Change, Event, Observation, Outcome, Policy, Seen, State
from maestro.graph import expand
from maestro.spec import load
from maestro.spec.model import Batch
from tests.conductor.test_store import INFO, PARAMETERS, TASKS

SPEC = """
description: {name: s, description: s}
study:
- name: plain
  description: has no restart
  run: {cmd: "true"}
- name: again
  description: has one
  run: {cmd: "true", restart: "true"}
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("spec") / "s.yaml"
    path.write_text(SPEC)
    return expand(load(str(path)), ())


JOBS = {1: "71", 2: "72", 3: "73"}


def seen(number: int, *what: Seen, code: int | None = None) -> list[Observation]:
    """What was seen of an attempt; the job is known from its start on."""
    job = None if what[:1] == (Seen.NEVER_STARTED,) else JOBS[number]
    return [
        Observation(
            AttemptId("again", number), one, 10.0 * number + place,
            job=job, exit_code=code, transient=True,
        )
        for place, one in enumerate(what)
    ]  # fmt: skip


RUNS = (Seen.STARTED,)
ENDED = (Seen.STARTED, Seen.FAILED)
DONE = (Seen.STARTED, Seen.FINISHED)
GONE = (Seen.NEVER_STARTED,)

CASES = {
    "it runs": (Past(0, {1: seen(1, *RUNS)}), ("RUNNING", 1, 0, "71")),
    "it has ended": (Past(0, {1: seen(1, *DONE)}), ("FINISHED", 1, 0, "71")),
    "it was about to be submitted": (Past(0, {1: []}), ("SUBMITTING", 1, 0, None)),
    "it was given up": (Past(0, {1: seen(1, *GONE)}), ("INITIALIZED", 1, 0, None)),
    "it was given up for good": (
        Past(0, {1: seen(1, *GONE)}, Glance("FAILED")), ("FAILED", 1, 0, None),
    ),
    "it was given up, and another waits": (
        Past(0, {1: seen(1, *GONE)}, Glance("PENDING", "72"), local=False), ("PENDING", 2, 0, "72"),
    ),
    "it was given up, and the look is of before": (
        Past(0, {1: seen(1, *GONE)}, Glance("PENDING")), ("INITIALIZED", 1, 0, None),
    ),
    "a signal ended it, and people know why": (
        Past(0, {1: seen(1, *ENDED, code=143)}, Glance("CANCELLED", "71")),
        ("CANCELLED", 1, 0, "71"),
    ),
    "people know better than an exit code of 0": (
        Past(0, {1: seen(1, *DONE)}, Glance("HWFAILURE", "71")), ("HWFAILURE", 1, 0, "71"),
    ),
    "an exit code is known better than to people": (
        Past(0, {1: seen(1, *DONE)}, Glance("FAILED", "71")), ("FINISHED", 1, 0, "71"),
    ),
    "nobody has recorded its end but the snapshot": (
        Past(0, {1: seen(1, *RUNS)}, Glance("HWFAILURE", "71")), ("HWFAILURE", 1, 0, "71"),
    ),
    "it ran out of time, and waits for its restart": (
        Past(0, {1: seen(1, *RUNS)}, Glance("INITIALIZED", "71")), ("INITIALIZED", 1, 1, "71"),
    ),
    "its restart runs": (
        Past(0, {1: seen(1, *RUNS), 2: seen(2, *RUNS)}), ("RUNNING", 2, 1, "72"),
    ),
    "the look is of before its restart": (
        Past(0, {1: seen(1, *RUNS), 2: seen(2, *RUNS)}, Glance("TIMEDOUT", "71")),
        ("RUNNING", 2, 1, "72"),
    ),
    "the look is of a job that nobody knows": (
        Past(0, {1: seen(1, *RUNS)}, Glance("CANCELLED", "99")), ("RUNNING", 1, 0, "71"),
    ),
    "a member of an array was cancelled before it ran": (
        Past(0, {1: []}, Glance("CANCELLED", "7_2")), ("CANCELLED", 1, 0, "7_2"),
    ),
    "only the snapshot knows that it has ended": (
        Past(0, {}, Glance("FINISHED", "71")), ("FINISHED", 1, 0, "71"),
    ),
    "only the snapshot knows that it was refused": (
        Past(0, {}, Glance("FAILED")), ("FAILED", 1, 0, None),
    ),
    "only the snapshot knows that it waits": (
        Past(0, {}, Glance("PENDING", "71"), local=False), ("PENDING", 1, 0, "71"),
    ),
    "only the snapshot knows that it runs": (
        Past(0, {}, Glance("RUNNING", "71"), local=False), ("RUNNING", 1, 0, "71"),
    ),
    "only the snapshot knows that it runs here": (
        Past(0, {}, Glance("RUNNING", "71")), ("HWFAILURE", 1, 0, "71"),
    ),
    "it was cancelled before its turn": (
        Past(0, {}, Glance("CANCELLED")), ("CANCELLED", 0, 0, None),
    ),
    "it can never run": (Past(0, {}, Glance("INCOMPLETE")), None),
    "it waits for its turn": (Past(0, {}, Glance("INITIALIZED")), None),
    "it is to be run again": (Past(1, {1: seen(1, *ENDED)}), ("INITIALIZED", 1, 0, None)),
    "the look is of before it was to be run again": (
        Past(1, {1: seen(1, *ENDED)}, Glance("FAILED", "71")), ("INITIALIZED", 1, 0, None),
    ),
    "it is to be run again, and little is left": (
        Past(2, {1: seen(1, *ENDED)}), ("INITIALIZED", 2, 0, None),
    ),
    "it is to be run again, and nothing is left": (Past(3), ("INITIALIZED", 3, 0, None)),
    "it runs again": (
        Past(1, {1: seen(1, *RUNS), 2: seen(2, *RUNS)}), ("RUNNING", 2, 0, "72"),
    ),
    "it waits again, as people can see": (
        Past(1, {1: seen(1, *ENDED)}, Glance("PENDING", "72"), local=False),
        ("PENDING", 2, 0, "72"),
    ),
    "it was cancelled when it was to run again": (
        Past(1, {1: seen(1, *DONE)}, Glance("CANCELLED")), ("CANCELLED", 1, 0, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_told_of_a_task(graph, name: str) -> None:
    past, expected = CASES[name]
    changes = retell(graph, Policy(rlimit=3), {"again": past}, 1.0)
    if expected is None:
        assert changes == []
        return
    (record,) = records(changes)
    job = None
    for change in changes:  # as the store keeps it
        if change.event in (Event.SUBMIT, Event.RERUN):
            job = None
        if change.observation is not None:
            job = change.observation.job or job
    assert (record.state.name, record.number, record.restarts, job) == expected


SEEN = st.lists(st.sampled_from(Seen), max_size=3)
STATES = st.sampled_from([state.value for state in State])


@given(
    kept=st.integers(0, 3),
    attempts=st.dictionaries(st.integers(1, 4), SEEN, max_size=4),
    state=STATES | st.just("whatever"),
    job=st.sampled_from([None, "71", "72", "9"]),
    local=st.booleans(),
)
def test_whatever_is_left_of_a_task_makes_a_history(
    graph, kept: int, attempts: dict[int, list[Seen]], state: str, job: str | None, local: bool
) -> None:
    """And the numbers of its attempts never come again."""
    lives = {
        number: [
            Observation(AttemptId("again", number), one, float(place), job=JOBS.get(number))
            for place, one in enumerate(what)
        ]
        for number, what in attempts.items()
    }
    past = Past(kept, lives, Glance(state, job), local=local)
    changes = retell(graph, Policy(), {"again": past}, 1.0)
    numbers = [change.number for change in changes]
    assert numbers == sorted(numbers)
    assert max(numbers, default=0) >= max([kept, *attempts])
    assert [change.time for change in changes] == sorted(change.time for change in changes)


# ---- the recipe ------------------------------------------------------------------------------


def held(store: Store) -> int:
    seen = store.holder()
    assert store.take_lease(seen, Holder(seen.epoch + 1, 0, "host", "boot", 1, "start"))
    return seen.epoch + 1


def test_the_recipe_is_kept_up_to_date(tmp_path: Path) -> None:
    directory = str(tmp_path)
    store = Store.create(directory, INFO, PARAMETERS, TASKS)
    assert stat.S_IMODE(os.stat(tmp_path / recipe.FILE).st_mode) == 0o600
    assert recipe.read(directory) == recipe.Recipe(INFO, PARAMETERS)
    epoch = held(store)
    store.commit(epoch, settings=Settings(throttle=7), cancelling=True)
    found = recipe.read(directory)
    assert found.info == replace(INFO, settings=Settings(throttle=7), cancelling=True)
    assert found.epoch == epoch
    store.commit(epoch, outcome=Outcome.CANCELLED)
    assert recipe.read(directory).info.outcome == "CANCELLED"
    submit = Change("one", Event.SUBMIT, State.SUBMITTING, 1, 0, 5.0)
    fail = Change("one", Event.FAIL, State.FAILED, 1, 0, 6.0)
    again = Change("one", Event.RERUN, State.INITIALIZED, 1, 0, 7.0)
    store.commit(epoch, [(0, submit), (0, fail)])
    tasks = [("new", "new", "new", "{}"), TASKS[0]]
    store.reopen(epoch, [again], store.info(), PARAMETERS[:1], tasks)
    found = recipe.read(directory)
    assert found.info == replace(INFO, settings=Settings(throttle=7))
    assert found.parameters == PARAMETERS[:1]
    assert found.ids == {"new": 2, "one": 0}
    assert found.kept == {"one": 1}
    assert found.retired == ((1, "two_a", 0),)
    assert found.reopened > 0
    store.identify(epoch, "/elsewhere", "mark")
    assert recipe.read(directory).info.directory == "/elsewhere"
    store.close()


def test_a_study_of_an_earlier_version_gets_a_recipe(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir()
    db = sqlite3.connect(tmp_path / FILE)
    db.executescript((Path(__file__).parent / "version-1.sql").read_text())
    db.close()
    store = Store.open(str(tmp_path), write=True)
    store.upgrade()
    found = recipe.read(str(tmp_path))
    assert found.info == store.info()
    assert found.parameters == store.parameters()
    store.close()


# ---- jobs ------------------------------------------------------------------------------------


def test_arrays_in_the_queue_of_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that wait are found by the list that was written for their array."""
    info = StudyInfo("s", "", str(tmp_path), "s.yaml", "", "", 1.0, identity="abc")
    study = Study(str(tmp_path), info, None, None)
    jobs = JobRecords(str(tmp_path / ".maestro" / "jobs"))
    names = {0: "a", 1: "b", 2: "c", 3: "d"}
    keys = ["0.1", "1.1", "2.1"]
    jobs.prepare([*keys, "3.2"])
    members = [(key, Job(AttemptId(names[i], 1), "s", "d", "o")) for i, key in enumerate(keys)]
    jobs.write_members("0.1+3", members)
    (tmp_path / ".maestro" / "jobs" / "0" / "0.1.start").write_text("7_0 here 12 100.5\n")
    (tmp_path / ".maestro" / "jobs" / "0" / "0.1.end").write_text("3 0 101.5\n")
    (tmp_path / ".maestro" / "jobs" / "0" / "9.1.start").write_text("7_0 here 12 100.5\n")
    assert jobs.claim("3.1")
    squeue = tmp_path / "squeue"
    lines = [
        ("7_0", "COMPLETED", "768", "None", "100", "101", "maestro:abc:0.1+3"),
        ("7_1", "RUNNING", "0", "None", "105", "N/A", "maestro:abc:0.1+3"),
        ("7_2", "PENDING", "0", "Resources", "N/A", "N/A", "maestro:abc:0.1+3"),
        ("8", "PENDING", "0", "Priority", "N/A", "N/A", "maestro:abc:3.2"),
        ("9", "RUNNING", "0", "None", "105", "N/A", "maestro:other:3.1"),
        ("10", "RUNNING", "0", "None", "105", "N/A", "maestro:abc:77.1"),
        ("11", "RUNNING", "0", "None", "105", "N/A", ""),
    ]
    text = "\n".join("|".join(f"{field:<20}" for field in line) for line in lines)
    for name in ("squeue", "sbatch", "scancel"):
        squeue.with_name(name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        squeue.with_name(name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    codec = SlurmCodec(Batch("slurm"))
    told = job_traces(str(tmp_path), names, codec)
    assert {attempt: [one.seen for one in what] for attempt, what in told.items()} == {
        ("a", 1): [Seen.STARTED, Seen.FAILED],
        ("b", 1): [],
        ("c", 1): [],
        ("d", 1): [Seen.NEVER_STARTED],
    }
    assert [one.job for one in told[AttemptId("a", 1)]] == ["7_0", "7_0"]
    found = queue_traces(study, names, codec, ())
    assert {attempt: [(one.seen, one.job) for one in what] for attempt, what in found.items()} == {
        ("a", 1): [(Seen.ACCEPTED, "7_0")],
        ("b", 1): [(Seen.STARTED, "7_1")],
        ("c", 1): [(Seen.ACCEPTED, "7_2")],
        ("d", 2): [(Seen.ACCEPTED, "8")],
    }
