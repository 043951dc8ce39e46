"""What a study remembers: one SQLite file in the study directory, with one writer.

Rollback journal, not WAL, which network file systems cannot have. Readers take what they need in
one short transaction; the writer waits for them. Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import quote

from maestro.adapters.base import Health
from maestro.engine import Change, Event, Outcome, Record, State
from maestro.errors import StudyError
from maestro.spec.model import Parameter

__all__ = ["FILE", "HIDDEN", "Holder", "Settings", "Store", "StudyInfo", "TaskRow"]

HIDDEN = ".maestro"
"""The directory, inside the study's, of what is Maestro's own."""

FILE = f"{HIDDEN}/study.sqlite"
VERSION = 1
PATIENCE = 60.0
"""Seconds that the writer waits for readers, and a reader for the writer."""

_SCHEMA = """
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parameter (
    position INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL,
    "values" TEXT NOT NULL, labels TEXT NOT NULL);
CREATE TABLE task (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step TEXT NOT NULL, workspace TEXT NOT NULL,
    params TEXT NOT NULL, state TEXT NOT NULL, number INTEGER NOT NULL DEFAULT 0,
    restarts INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0, job TEXT, submitted REAL, started REAL, ended REAL,
    seconds REAL, exit_code INTEGER, detail TEXT);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL, number INTEGER NOT NULL, time REAL NOT NULL,
    event TEXT NOT NULL, state TEXT NOT NULL, job TEXT, exit_code INTEGER, detail TEXT);
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, counter INTEGER NOT NULL,
    host TEXT, boot TEXT, pid INTEGER, start TEXT);
INSERT INTO lease (one, epoch, counter) VALUES (1, 0, 0);
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a study is conducted: the options of ``maestro run``. ``sleeptime`` is in seconds;
    ``scripts`` is the directory for scripts where it is not the workspaces (``--usetmp``).
    """

    throttle: int = 0
    rlimit: int = 1
    attempts: int = 1
    sleeptime: float = 60
    hashws: bool = False
    dry: bool = False
    scripts: str | None = None


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """One study: what it was made from and when.

    ``specification`` and ``generator`` name the copies in the study directory; ``directory``,
    ``specroot`` and ``cwd`` are what they were when the study was made; ``outcome`` is empty until
    the study has ended, and ``cancelling`` says that it is being cancelled. ``identity`` is what a
    scheduler's jobs are marked with; ``trouble`` says what is wrong with the scheduler, empty while
    it answers, and ``answered`` when it last did.
    """

    name: str
    description: str
    directory: str
    specification: str
    specroot: str
    cwd: str
    created: float
    settings: Settings = Settings()
    generator: str | None = None
    outcome: str = ""
    cancelling: bool = False
    version: str = ""
    identity: str = ""
    trouble: str = ""
    answered: float | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as the store knows it; times in seconds since the epoch, ``seconds`` of run time.

    ``params`` is the JSON object of its parameters; ``number`` counts its attempts.
    """

    id: int
    name: str
    step: str
    workspace: str
    params: str
    state: str
    number: int = 0
    restarts: int = 0
    job: str | None = None
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    exit_code: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the lease, if any does: ``start`` and ``boot`` tell it from a later
    process with the same id; ``counter`` moves as long as it lives.
    """

    epoch: int
    counter: int
    host: str | None = None
    boot: str | None = None
    pid: int | None = None
    start: str | None = None


_TASK_COLUMNS = ", ".join(f.name for f in fields(TaskRow))


class Store:
    """The store of the study in ``directory``. Make one with `create` or `open`."""

    def __init__(self, connection: sqlite3.Connection, directory: str) -> None:
        self._db = connection
        self.directory = directory

    @classmethod
    def create(
        cls,
        directory: str,
        info: StudyInfo,
        parameters: Sequence[Parameter],
        tasks: Iterable[tuple[str, str, str, str]],
    ) -> Store:
        """Make the store of a new study; ``tasks`` are (name, step, workspace, params) in order.

        Raises
        ------
        StudyError
            It cannot be written.
        """
        path = os.path.join(directory, FILE)
        with _told(directory):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            store = cls(_connect(path), directory)
            # Nothing is lost if this one transaction is: the study would not exist.
            store._db.executescript(f"PRAGMA user_version = {VERSION};{_SCHEMA}")
            with store._transaction():
                store._db.executemany(
                    "INSERT INTO parameter VALUES (?, ?, ?, ?, ?)",
                    (
                        (i, p.name, p.title, json.dumps(p.values), json.dumps(p.labels))
                        for i, p in enumerate(parameters)
                    ),
                )
                store._db.executemany(
                    "INSERT INTO task (id, name, step, workspace, params, state) "
                    "VALUES (?, ?, ?, ?, ?, 'INITIALIZED')",
                    ((i, *task) for i, task in enumerate(tasks)),
                )
                store._set(_flat(info))
            return store

    @classmethod
    def open(cls, directory: str, *, write: bool = False) -> Store:
        """Open the store of an existing study, by default to read.

        Raises
        ------
        StudyError
            There is no study, or its store is damaged or of a later version.
        """
        path = os.path.join(directory, FILE)
        if not os.path.isdir(directory):
            raise StudyError(f"{directory} does not exist, or is no directory")
        if not os.path.isfile(path):
            raise StudyError(f"{directory} is not a study directory (it has no {FILE})")
        with _told(directory):
            store = cls(_connect(path, write=write), directory)
            try:
                found = store._db.execute("PRAGMA user_version").fetchone()[0]
            except BaseException:
                store.close()
                raise
        if found != VERSION:
            store.close()
            raise StudyError(
                f"{directory} was made by another version of Maestro: its store has version "
                f"{found}, and this program reads {VERSION}"
            )
        return store

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ---- reading -------------------------------------------------------------------------------

    def info(self) -> StudyInfo:
        """What the study was made from."""
        with _told(self.directory):
            rows = dict(self._db.execute("SELECT key, value FROM study"))
        values = {key: json.loads(value) for key, value in rows.items()}
        settings = Settings(**{f.name: values.pop(f.name) for f in fields(Settings)})
        return StudyInfo(**values, settings=settings)

    def parameters(self) -> tuple[Parameter, ...]:
        """The combinations, as parameters with their values."""
        with _told(self.directory):
            rows = self._db.execute(
                'SELECT name, "values", labels, title FROM parameter ORDER BY position'
            ).fetchall()
        return tuple(
            Parameter(name, tuple(json.loads(values)), tuple(json.loads(labels)), title)
            for name, values, labels, title in rows
        )

    def tasks(self) -> list[TaskRow]:
        """Every task, in the order of the graph."""
        with _told(self.directory):
            rows = self._db.execute(f"SELECT {_TASK_COLUMNS} FROM task ORDER BY id").fetchall()
        return [TaskRow(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Number of tasks by state."""
        with _told(self.directory):
            return dict(self._db.execute("SELECT state, count(*) FROM task GROUP BY state"))

    def jobs(self) -> dict[str, str]:
        """The job of every task that has one, as last recorded."""
        with _told(self.directory):
            return dict(self._db.execute("SELECT name, job FROM task WHERE job IS NOT NULL"))

    def records(self) -> list[Record]:
        """The tasks that have left INITIALIZED, or been tried."""
        with _told(self.directory):
            rows = self._db.execute(
                "SELECT name, state, number, restarts, refusals, losses FROM task "
                "WHERE state != 'INITIALIZED' OR number > 0 ORDER BY id"
            ).fetchall()
        return [Record(name, State[state], *rest) for name, state, *rest in rows]

    def holder(self) -> Holder:
        """Who holds the lease."""
        with _told(self.directory):
            row = self._db.execute("SELECT epoch, counter, host, boot, pid, start FROM lease")
            return Holder(*row.fetchone())

    # ---- writing -------------------------------------------------------------------------------

    def take_lease(self, seen: Holder, new: Holder) -> bool:
        """Make ``new`` the holder, unless somebody came between since ``seen`` was read."""
        with _told(self.directory), self._transaction():
            done = self._db.execute(
                "UPDATE lease SET epoch = ?, counter = counter + 1, host = ?, boot = ?, pid = ?, "
                "start = ? WHERE epoch = ? AND counter = ?",
                (new.epoch, new.host, new.boot, new.pid, new.start, seen.epoch, seen.counter),
            )
            return done.rowcount == 1

    def release_lease(self, epoch: int) -> None:
        """Give up the lease of ``epoch``, if it still is held."""
        with _told(self.directory), self._transaction():
            self._db.execute(
                "UPDATE lease SET host = NULL, boot = NULL, pid = NULL, start = NULL "
                "WHERE epoch = ?",
                (epoch,),
            )

    def commit(
        self,
        epoch: int,
        changes: Sequence[tuple[int, Change]] = (),
        settings: Settings | None = None,
        outcome: Outcome | None = None,
        cancelling: bool = False,
        health: Health | None = None,
    ) -> None:
        """Record what happened, in one transaction, as the holder of ``epoch``; ``changes`` come
        with the ids of their tasks.

        Raises
        ------
        StudyError
            Another conductor has taken the study over, or it cannot be written.
        """
        with _told(self.directory), self._transaction():
            mine = self._db.execute(
                "UPDATE lease SET counter = counter + 1 WHERE epoch = ?", (epoch,)
            )
            if mine.rowcount != 1:
                raise StudyError(f"another conductor has taken over {self.directory}")
            self._db.executemany(_EVENT, (_event(i, change) for i, change in changes))
            self._db.executemany(_UPDATE, (_update(i, change) for i, change in changes))
            if settings is not None:
                self._set(asdict(settings))
            if outcome is not None:
                self._set({"outcome": outcome.name})
            if cancelling:
                self._set({"cancelling": True})
            if health is not None:
                self._set(asdict(health))

    def _set(self, values: dict[str, Any]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO study VALUES (?, ?)",
            ((key, json.dumps(value)) for key, value in values.items()),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled it back already
                self._db.execute("ROLLBACK")
            raise


_EVENT = (
    "INSERT INTO event (task, number, time, event, state, job, exit_code, detail) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

_UPDATE = (
    "UPDATE task SET state = ?, number = ?, restarts = ?, refusals = ?, losses = ?, "
    "job = CASE WHEN ? THEN NULL ELSE coalesce(?, job) END, submitted = coalesce(submitted, ?), "
    "started = coalesce(started, ?), ended = ?, "
    "seconds = coalesce(?, ? - started), exit_code = ?, detail = ? WHERE id = ?"
)

_ENDED = frozenset(
    {Event.FINISH, Event.FAIL, Event.TIME_OUT, Event.BREAK, Event.CANCEL, Event.REHEARSE}
)


def _seen(change: Change) -> tuple[float, str | None, int | None, str]:
    """When it happened, and the job, exit code and sentence that came with it."""
    seen = change.observation
    if seen is None:
        return change.time, None, None, change.detail
    return seen.time, seen.job, seen.exit_code, seen.detail or change.detail


def _event(task: int, change: Change) -> tuple[Any, ...]:
    time, job, exit_code, detail = _seen(change)
    return (
        task, change.number, time, change.event.name, change.state.name, job, exit_code,
        detail or None,
    )  # fmt: skip


def _update(task: int, change: Change) -> tuple[Any, ...]:
    time, job, exit_code, detail = _seen(change)
    submitted = change.event is Event.SUBMIT
    ended = time if change.event in _ENDED else None
    # After a restart the run time counts from the first start, as people know it.
    duration = change.observation.duration if change.observation and not change.restarts else None
    return (
        change.state.name, change.number, change.restarts, change.refusals, change.losses,
        submitted, job,  # an attempt has no job of an earlier one
        time if submitted else None,
        time if change.event is Event.START else None,
        ended, duration, ended, exit_code, detail or None, task,
    )  # fmt: skip


def _flat(info: StudyInfo) -> dict[str, Any]:
    """The fields of ``info`` and of its settings, by name."""
    values = asdict(info)
    settings: dict[str, Any] = values.pop("settings")
    return values | settings


def _connect(path: str, *, write: bool = True) -> sqlite3.Connection:
    # A reader may have to roll back what a killed conductor left half written: where it can, it
    # opens the file to write, and writes nothing else.
    mode = "rw" if write or os.access(path, os.W_OK) else "ro"
    uri = f"file:{quote(path)}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENCE)
    if not write:
        db.execute("PRAGMA query_only = 1")
    else:
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("PRAGMA synchronous = NORMAL")
    return db


@contextmanager
def _told(directory: str) -> Iterator[None]:
    """Say in a sentence what SQLite or the file system has against the store."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StudyError(f"the store of {directory} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StudyError(f"the store of {directory} is damaged: {error}") from error
    except OSError as error:
        raise StudyError(f"the store of {directory} cannot be made: {error}") from error
