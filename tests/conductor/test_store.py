"""The store: what goes in comes out, one writer at a time, and plain words when it cannot."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from maestro.conductor.store import (
    FILE,
    AttemptRow,
    Holder,
    Settings,
    Store,
    StoreDamaged,
    StudyInfo,
)
from maestro.engine import AttemptId, Change, Event, Observation, Outcome, Record, Seen, State
from maestro.errors import StudyError
from maestro.report.status.tables import show
from maestro.spec.model import Parameter

INFO = StudyInfo(
    name="a study",
    description="of 'everything'",
    directory="/somewhere",
    specification="a.yaml",
    specroot="/root",
    cwd="/cwd",
    created=1.5,
    settings=Settings(throttle=3, hashws=True, scripts="/tmp/x"),
)
PARAMETERS = (
    Parameter("SIZE", (1, 2.5, "x", None, True), ("a", "b", "c", "d", "e"), "the size"),
    Parameter("Größe", ("é", "\n", "'", '"', "\\"), ("1", "2", "3", "4", "5"), "Größe"),
)
TASKS = [("one", "one", "one", "{}"), ("two_a", "two", "two/a", '{"SIZE": 1}')]


@pytest.fixture
def store(tmp_path: Path):
    made = Store.create(str(tmp_path), INFO, PARAMETERS, TASKS)
    yield made
    made.close()


def held(store: Store) -> int:
    seen = store.holder()
    assert store.take_lease(seen, Holder(seen.epoch + 1, 0, "host", "boot", 1, "start"))
    return seen.epoch + 1


def change(event: Event, state: State, time: float, seen: Observation | None = None) -> Change:
    return Change("one", event, state, 1, 0, time, seen)


def test_a_new_study_is_read_back_as_it_was(store: Store) -> None:
    assert store.info() == INFO
    assert store.parameters() == PARAMETERS
    rows = store.tasks()
    assert [(r.name, r.step, r.workspace, r.params) for r in rows] == TASKS
    assert {r.state for r in rows} == {"INITIALIZED"}
    assert store.records() == []


def test_numbers_without_end_are_no_damage(tmp_path: Path) -> None:
    values = (math.inf, -math.inf, math.nan, "NaN", 'a "Infinity" \\')
    columns = [(str(i), "s", str(i), json.dumps({"A": value})) for i, value in enumerate(values)]
    store = Store.create(str(tmp_path), INFO, (), columns)
    read = [json.loads(row.params)["A"] for row in store.tasks()]
    store.close()
    assert list(map(repr, read)) == list(map(repr, values))


def test_only_the_owner_may_read_it(store: Store) -> None:
    path = os.path.join(store.directory, FILE)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


def test_an_attempt_from_intent_to_end(store: Store) -> None:
    epoch = held(store)
    attempt = AttemptId("one", 1)
    started = Observation(attempt, Seen.STARTED, 11.0, job="77")
    ended = Observation(attempt, Seen.FAILED, 15.0, exit_code=3, duration=4.25, detail="why")
    store.commit(epoch, [(0, change(Event.SUBMIT, State.SUBMITTING, 10.0))])
    assert store.records() == [Record("one", State.SUBMITTING, 1, 0)]
    store.commit(
        epoch,
        [
            (0, change(Event.START, State.RUNNING, 11.5, started)),
            (0, change(Event.FAIL, State.FAILED, 15.5, ended)),
        ],
    )
    row = store.tasks()[0]
    assert (row.state, row.job, row.exit_code, row.detail) == ("FAILED", "77", 3, "why")
    assert (row.submitted, row.started, row.ended, row.seconds) == (10.0, 11.0, 15.0, 4.25)
    assert store.counts() == {"FAILED": 1, "INITIALIZED": 1}


def test_a_commit_of_a_lost_lease_changes_nothing(store: Store) -> None:
    old = held(store)
    held(store)
    with pytest.raises(StudyError, match="taken over"):
        store.commit(old, [(0, change(Event.SUBMIT, State.SUBMITTING, 1.0))])
    assert store.records() == []


def test_a_lease_that_moved_meanwhile_is_not_taken(store: Store) -> None:
    seen = store.holder()
    held(store)
    assert not store.take_lease(seen, Holder(1, 0, "other"))


def test_settings_and_outcome_are_recorded(store: Store) -> None:
    epoch = held(store)
    store.commit(epoch, settings=Settings(throttle=0), outcome=Outcome.CANCELLED)
    assert store.info().settings == Settings(throttle=0)
    assert store.info().outcome == "CANCELLED"


def test_the_writer_waits_for_a_reader(store: Store, tmp_path: Path) -> None:
    epoch = held(store)
    reader = sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM task").fetchone()
    timer = threading.Timer(0.3, lambda: reader.execute("COMMIT"))
    timer.start()
    store.commit(epoch, [(0, change(Event.SUBMIT, State.SUBMITTING, 1.0))])
    timer.join()
    reader.close()
    assert len(store.records()) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "damaged: it is not there"),
        (lambda path: path.write_bytes(b"not a database, by any means" * 99), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
    ],
)
def test_what_is_no_store_is_told_in_a_sentence(tmp_path: Path, spoil, message: str) -> None:
    Store.create(str(tmp_path), INFO, (), []).close()
    spoil(tmp_path / FILE)
    with pytest.raises(StudyError, match=message):
        Store.open(str(tmp_path)).tasks()


def spoil_bytes(path: Path, random: Random) -> None:
    """Change some bytes of one page, or take some away at the end."""
    text = bytearray(path.read_bytes())
    if random.random() < 0.1:
        del text[random.randrange(len(text)) :]
    else:
        page = 4096 * random.randrange(len(text) // 4096)
        for _ in range(random.choice((1, 10, 1000))):
            text[page + random.randrange(4096)] = random.randrange(256)
    path.write_bytes(text)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_has_happened_to_a_store_is_told_in_a_sentence(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or cannot be noticed: it is no traceback in any case, and no command that hangs."""
    made = Store.create(str(tmp_path), INFO, PARAMETERS, TASKS)
    epoch = held(made)
    seen = Observation(AttemptId("one", 1), Seen.STARTED, 11.0, job="77")
    made.commit(epoch, [(0, change(Event.SUBMIT, State.SUBMITTING, 10.0))])
    made.commit(epoch, [(0, change(Event.START, State.RUNNING, 11.0, seen))])
    made.close()
    path = tmp_path / FILE
    sound = path.read_bytes()
    random = Random(seed)
    noticed = 0
    for _ in range(100):
        path.write_bytes(sound)
        spoil_bytes(path, random)
        show([str(tmp_path)])
        error = capsys.readouterr().err
        noticed += "is damaged" in error
        assert error.count("\n") <= 1
        try:
            store = Store.open(str(tmp_path), write=True)
            try:
                store.check()
                store.commit(epoch, [(0, change(Event.FINISH, State.FINISHED, 12.0))])
            finally:
                store.close()
        except StudyError:
            pass
    assert noticed > 20


def test_a_store_that_is_taken_away_is_missed_at_the_next_commit(store: Store) -> None:
    epoch = held(store)
    path = os.path.join(store.directory, FILE)
    os.rename(path, f"{path}.away")
    with pytest.raises(StoreDamaged, match="is damaged: it is not the file that it was"):
        store.commit(epoch, outcome=Outcome.FINISHED)
    shutil.copy(f"{path}.away", path)
    with pytest.raises(StoreDamaged, match="maestro resume"):
        store.commit(epoch, outcome=Outcome.FINISHED)


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Store.create(str(tmp_path), INFO, (), []).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(StudyError, match="version 999"):
        Store.open(str(tmp_path))


def test_a_reader_cannot_write(store: Store) -> None:
    reader = Store.open(store.directory)
    with pytest.raises(StudyError, match="readonly"):
        held(reader)
    reader.close()


def test_a_writer_killed_amid_a_commit_leaves_a_store_that_can_be_read(tmp_path: Path) -> None:
    Store.create(str(tmp_path), INFO, (), TASKS).close()
    program = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode = TRUNCATE')\n"
        "db.execute('PRAGMA cache_size = 1')\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "db.execute(\"UPDATE task SET state = 'HALF'\")\n"
        "db.executemany('INSERT INTO event (task, number, time, event, state, detail)'\n"
        "    \" VALUES (0, 0, 0, 'x', 'x', ?)\", (('x' * 5000,) for _ in range(200)))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / FILE)], check=False)
    assert (tmp_path / f"{FILE}-journal").stat().st_size > 0, "the journal is hot"
    store = Store.open(str(tmp_path))
    assert store.counts() == {"INITIALIZED": 2}
    store.close()


def test_a_full_disk_is_named(store: Store) -> None:
    epoch = held(store)
    with store._db.reading() as db:
        db.execute("PRAGMA max_page_count = 1")
    long = Observation(AttemptId("one", 1), Seen.FAILED, 1.0, detail="x" * 500_000)
    with pytest.raises(StudyError, match="full"):
        store.commit(epoch, [(0, change(Event.FAIL, State.FAILED, 1.0, long))])
    assert store.records() == []


def old_study(folder: Path) -> None:
    """The store of a study whose conductor, of the first version, was killed."""
    (folder / FILE).parent.mkdir()
    db = sqlite3.connect(folder / FILE)
    db.executescript((Path(__file__).parent / "version-1.sql").read_text())
    db.close()


def test_a_store_of_the_first_version_is_read_as_it_is(tmp_path: Path) -> None:
    old_study(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    reader = Store.open(str(tmp_path))
    assert [task.state for task in reader.tasks()][:3] == ["FINISHED", "FAILED", "FINISHED"]
    assert len(reader.records()) == len(reader.ids()) == 7
    assert [a.task for a in reader.attempts()] == [t.name for t in reader.tasks() if t.number]
    assert reader.info().arguments == ()
    reader.close()
    assert (tmp_path / FILE).read_bytes() == before


def test_a_store_of_the_first_version_is_upgraded_by_who_conducts_it(tmp_path: Path) -> None:
    old_study(tmp_path)
    store = Store.open(str(tmp_path), write=True)
    tasks, ids = store.tasks(), store.ids()
    epoch = held(store)
    store.upgrade()
    assert store.tasks() == tasks
    assert store.ids() == ids
    change = Change("work_N.2", Event.RERUN, State.INITIALIZED, 1, 0, 5.0, detail="it failed")
    store.reopen(epoch, [change])
    store.close()
    again = Store.open(str(tmp_path))
    assert again.kept() == {"work_N.2": 1}
    task = again.tasks()[1]
    assert (task.state, task.number, task.job, task.exit_code) == ("INITIALIZED", 1, None, None)
    again.close()


def test_another_specification_leaves_tasks_their_ids(store: Store) -> None:
    epoch = held(store)
    info = replace(INFO, specification="b.yaml", outcome="FAILURE")
    tasks = [("new", "new", "new", "{}"), ("two_a", "two", "two/A", '{"SIZE": 2}')]
    store.reopen(epoch, [], info, PARAMETERS[:1], tasks)
    assert [(t.name, t.step, t.workspace, t.params) for t in store.tasks()] == tasks
    assert store.ids() == {"new": 2, "two_a": 1}
    assert store.parameters() == PARAMETERS[:1]
    assert store.info() == replace(info, outcome="")
    store.reopen(epoch, [], info, PARAMETERS[:1], [*tasks, ("newer", "newer", "newer", "{}")])
    assert store.ids() == {"new": 2, "two_a": 1, "newer": 3}


def test_a_task_that_is_made_again_goes_on_counting(store: Store) -> None:
    epoch = held(store)
    ended = Change("two_a", Event.FINISH, State.FINISHED, 4, 0, 9.0)
    store.commit(epoch, [(1, ended)])
    store.reopen(epoch, [], INFO, PARAMETERS, TASKS[:1])
    assert store.ids() == {"one": 0}
    store.reopen(epoch, [], INFO, PARAMETERS, [*TASKS[:1], ("new", "new", "new", "{}")])
    store.reopen(epoch, [], INFO, PARAMETERS, TASKS[::-1])
    assert store.ids() == {"two_a": 1, "one": 0}
    assert store.records() == [Record("two_a", State.INITIALIZED, 4, 0)]
    assert store.kept() == {"two_a": 4}


def test_the_lease_tells_whether_it_still_is_held(store: Store) -> None:
    epoch = held(store)
    assert store.holds(epoch)
    held(store)
    assert not store.holds(epoch)


def test_attempts_are_what_became_of_each_submission(store: Store) -> None:
    """Whatever happens to a task between its attempts is part of none."""
    epoch = held(store)

    def happen(number: int, event: Event, state: State, time: float, **more: object) -> None:
        seen = Observation(AttemptId("one", number), Seen.STARTED, time, **more)
        store.commit(epoch, [(0, Change("one", event, state, number, 0, time, seen))])

    s, e = State, Event
    happen(1, e.SUBMIT, s.SUBMITTING, 1)
    happen(1, e.WITHDRAW, s.INITIALIZED, 2, detail="refused")
    happen(2, e.SUBMIT, s.SUBMITTING, 3)
    happen(2, e.ACCEPT, s.PENDING, 4, job="7")
    happen(2, e.START, s.RUNNING, 5, job="7")
    happen(2, e.ACCEPT, s.PENDING, 6, job="7")
    happen(2, e.START, s.RUNNING, 7, job="7")
    happen(2, e.TIME_OUT, s.TIMEDOUT, 9, exit_code=1)
    happen(2, e.RETRY, s.INITIALIZED, 9)
    happen(2, e.CANCEL, s.CANCELLED, 10)
    happen(2, e.RERUN, s.INITIALIZED, 11)
    happen(3, e.SUBMIT, s.SUBMITTING, 12)
    store.commit(epoch, [(1, Change("two_a", e.CANCEL, s.CANCELLED, 0, 0, 9.0))])
    assert store.attempts() == [
        AttemptRow("one", 1, 1, None, 2, "INITIALIZED", None, None, "refused"),
        AttemptRow("one", 2, 3, 5, 9, "TIMEDOUT", "7", 1),
        AttemptRow("one", 3, 12),
    ]
