"""What a study remembers: one SQLite file in the study directory, with one writer.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, fields
from itertools import groupby
from types import MappingProxyType
from typing import Any

from maestro.adapters.base import Health
from maestro.conductor import recipe
from maestro.conductor.database import (
    FILE,
    HIDDEN,
    TURN,
    Database,
    StoreDamaged,
    StoreHeld,
)
from maestro.conductor.schema import (
    ATTEMPTS,
    EVENT,
    INSERT,
    REPLACE,
    RESET,
    SCHEMA,
    SOUND,
    UPDATE,
    UPGRADES,
    VERSION,
    event_row,
    reset_row,
    update_row,
)
from maestro.conductor.values import AttemptRow, Holder, Settings, StudyInfo, TaskRow
from maestro.engine import Change, Event, Outcome, Record, State
from maestro.errors import StudyError
from maestro.spec.model import Parameter

__all__ = [
    "FILE",
    "HIDDEN",
    "AttemptRow",
    "Holder",
    "Settings",
    "Store",
    "StoreDamaged",
    "StoreHeld",
    "StudyInfo",
    "TaskRow",
]

LEAVING = 3.0
"""Seconds that other programs are waited for to give up the lease: once its holder has ended, it is
stale without that.
"""

_TASK_COLUMNS = ", ".join(f.name for f in fields(TaskRow))


class Store:
    """The store of the study in ``directory``. Make one with `create` or `open`."""

    def __init__(self, directory: str, *, write: bool) -> None:
        self.directory = directory
        self._db = Database(directory, write=write)
        self._version = VERSION

    @classmethod
    def create(
        cls,
        directory: str,
        info: StudyInfo,
        parameters: Sequence[Parameter],
        tasks: Iterable[tuple[str, str, str, str]],
        *,
        ids: Mapping[str, int] = MappingProxyType({}),
        kept: Mapping[str, int] = MappingProxyType({}),
        retired: Iterable[tuple[int, str, int]] = (),
    ) -> Store:
        """Make the store of a study; ``tasks`` are (name, step, workspace, params) in order. In a
        study that there has been, tasks may have other ``ids`` than their positions, and attempts
        from before they were run again (as `kept` tells), and some are ``retired`` (id, name,
        number of attempts).

        Raises
        ------
        StudyError
            It cannot be written.
        """
        Database.make(directory)
        store = cls(directory, write=True)
        with store._db.writing() as db:
            for statement in SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            _add_parameters(db, parameters)
            db.executemany(
                INSERT,
                (
                    (ids.get(task[0], position), *task, position, kept.get(task[0], 0))
                    for position, task in enumerate(tasks)
                ),
            )
            db.executemany("INSERT INTO retired VALUES (?, ?, ?)", retired)
            _set(db, info.flat())
            store._keep_recipe(db)
        return store

    @classmethod
    def open(cls, directory: str, *, write: bool = False) -> Store:
        """Open the store of an existing study, by default to read. One of an earlier version can
        be read, and leased; `upgrade` makes it this version's.

        Raises
        ------
        StudyError
            There is no study, or its store is damaged or of a later version.
        """
        if not os.path.isdir(directory):
            raise StudyError(f"{directory} does not exist, or is no directory")
        if not os.path.isfile(os.path.join(directory, FILE)):
            if os.path.isfile(os.path.join(directory, recipe.FILE)):
                raise StoreDamaged(directory, "it is not there")
            raise StudyError(_no_study(directory))
        store = cls(directory, write=write)
        try:
            store._version = store._find_version()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ---- reading -------------------------------------------------------------------------------

    def info(self) -> StudyInfo:
        """What the study was made from."""
        with self._understood() as db:
            rows = dict(db.execute("SELECT key, value FROM study"))
            return StudyInfo.from_flat({key: json.loads(value) for key, value in rows.items()})

    def parameters(self) -> tuple[Parameter, ...]:
        """The combinations, as parameters with their values."""
        with self._understood() as db:
            rows = db.execute(
                'SELECT name, "values", labels, title FROM parameter ORDER BY position'
            )
            return tuple(
                Parameter(name, tuple(json.loads(values)), tuple(json.loads(labels)), title)
                for name, values, labels, title in rows
            )

    def tasks(self) -> list[TaskRow]:
        """Every task, in the order of the graph."""
        with self._understood() as db:
            (spoilt,) = db.execute(f"SELECT count(*) FROM task WHERE NOT ({SOUND})").fetchone()
            if spoilt:
                raise ValueError(f"tasks: {spoilt}")
            rows = db.execute(f"SELECT {_TASK_COLUMNS} FROM task ORDER BY {self._order}")
            return [TaskRow(*row) for row in rows]

    def attempts(self) -> list[AttemptRow]:
        """Every attempt of every task, in the order of the graph, oldest first."""
        with self._understood() as db:
            rows = db.execute(f"{ATTEMPTS} ORDER BY task.{self._order}, attempt.number")
            return [AttemptRow(*row) for row in rows]

    def ids(self) -> dict[str, int]:
        """The id of every task, in the order of the graph."""
        with self._db.reading() as db:
            return dict(db.execute(f"SELECT name, id FROM task ORDER BY {self._order}"))

    def kept(self) -> dict[str, int]:
        """How many attempts the tasks that have been run again had had before."""
        with self._db.reading() as db:
            return dict(db.execute("SELECT name, kept FROM task WHERE kept > 0"))

    def counts(self) -> dict[str, int]:
        """Number of tasks by state."""
        with self._db.reading() as db:
            return dict(db.execute("SELECT state, count(*) FROM task GROUP BY state"))

    def jobs(self) -> dict[str, str]:
        """The job of every task that has one, as last recorded."""
        with self._db.reading() as db:
            return dict(db.execute("SELECT name, job FROM task WHERE job IS NOT NULL"))

    def records(self) -> list[Record]:
        """The tasks that have left INITIALIZED, or been tried."""
        with self._understood() as db:
            rows = db.execute(
                "SELECT name, state, number, restarts, refusals, losses FROM task "
                f"WHERE state != 'INITIALIZED' OR number > 0 ORDER BY {self._order}"
            )
            return [Record(name, State[state], *rest) for name, state, *rest in rows]

    def holder(self) -> Holder:
        """Who holds the lease."""
        with self._understood() as db:
            row = db.execute("SELECT epoch, counter, host, boot, pid, start FROM lease")
            return Holder(*row.fetchone())

    def check(self) -> None:
        """See whether the store is what has been written, as far as that shows.

        Raises
        ------
        StoreDamaged
            It is not.
        """
        with self._understood() as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise ValueError(found)
            for read in (self.info, self.parameters, self.tasks, self.records, self.holder):
                read()

    @contextmanager
    def _understood(self) -> Iterator[sqlite3.Cursor]:
        """A cursor to read with; what makes no sense has been damaged."""
        with self._db.reading() as db:
            try:
                yield db
            except (KeyError, TypeError, ValueError) as error:
                raise StoreDamaged(self.directory, f"it makes no sense ({error})") from error

    def moment(self) -> AbstractContextManager[object]:
        """What is read inside belongs together: nothing is written meanwhile."""
        return self._db.reading()

    def be_quick(self) -> None:
        """From now on, reading waits for other programs no longer than recording does."""
        self._db.patience = TURN

    @property
    def _order(self) -> str:
        return "position" if self._version > 1 else "id"

    def _find_version(self) -> int:
        with self._db.reading() as db:
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if version < 1:
            raise StoreDamaged(self.directory, "it holds no study, or was never finished")
        if version > VERSION:
            raise StudyError(
                f"{self.directory} was made by a later version of Maestro: its store has version "
                f"{version}, and this program knows those up to {VERSION}; use that version"
            )
        return version

    # ---- writing -------------------------------------------------------------------------------

    def upgrade(self) -> None:
        """Make a store of an earlier version this version's, and a recipe that was lost anew. Only
        who conducts the study may.
        """
        if self._version == VERSION and recipe.is_sound(self.directory):
            return
        with self._db.writing(math.inf) as db:
            for version in range(self._version, VERSION):
                for statement in UPGRADES[version]:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
            self._version = VERSION
            self._keep_recipe(db)

    def take_lease(self, seen: Holder, new: Holder) -> bool:
        """Make ``new`` the holder, unless somebody came between since ``seen`` was read."""
        with self._db.writing(math.inf) as db:
            done = db.execute(
                "UPDATE lease SET epoch = ?, counter = counter + 1, host = ?, boot = ?, pid = ?, "
                "start = ? WHERE epoch = ? AND counter = ?",
                (new.epoch, new.host, new.boot, new.pid, new.start, seen.epoch, seen.counter),
            )
            return done.rowcount == 1

    def release_lease(self, epoch: int) -> None:
        """Give up the lease of ``epoch``, if it still is held."""
        with self._db.writing(LEAVING) as db:
            db.execute(
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
        patience: float = math.inf,
    ) -> None:
        """Record what happened, in one transaction, as the holder of ``epoch``; ``changes`` come
        with the ids of their tasks. Other programs are waited for at least ``patience`` seconds.

        Raises
        ------
        StoreHeld
            They have not let go: nothing is recorded.
        StudyError
            Another conductor has taken the study over, or it cannot be written.
        """
        with self._recording(epoch, patience) as db:
            _note(db, changes)
            if settings is not None:
                _set(db, asdict(settings))
            if outcome is not None:
                _set(db, {"outcome": outcome.name})
            if cancelling:
                _set(db, {"cancelling": True})
            if health is not None:
                _set(db, asdict(health))
            if settings is not None or outcome is not None or cancelling:
                self._keep_recipe(db)

    def reopen(
        self,
        epoch: int,
        changes: Sequence[Change] = (),
        info: StudyInfo | None = None,
        parameters: Sequence[Parameter] = (),
        tasks: Iterable[tuple[str, str, str, str]] = (),
    ) -> None:
        """Let a study that may have ended go on, after ``changes`` that have it do so. Where
        ``info`` is given, it is another specification's now, with these ``parameters`` and
        ``tasks`` (as for `create`); tasks that keep their names keep their ids.

        Raises
        ------
        StudyError
            Another conductor has taken the study over, or it cannot be written.
        """
        with self._recording(epoch) as db:
            if info is not None:
                _set(db, info.flat())
                db.execute("DELETE FROM parameter")
                _add_parameters(db, parameters)
                self._replace_tasks(db, tasks)
            ids = self.ids()
            _note(db, [(ids[change.task], change) for change in changes])
            _set(db, {"outcome": "", "cancelling": False})
            self._keep_recipe(db, reopened=time.time())

    def holds(self, epoch: int) -> bool:
        """Whether the lease still is that of ``epoch``."""
        return self.holder().epoch == epoch

    def identify(
        self,
        epoch: int,
        directory: str,
        identity: str,
        changes: Sequence[tuple[int, Change]] = (),
    ) -> None:
        """The study is in ``directory`` now, its jobs are marked with ``identity``, and
        ``changes`` came of that.
        """
        with self._recording(epoch) as db:
            _note(db, changes)
            _set(db, {"directory": directory, "identity": identity})
            self._keep_recipe(db)

    def _keep_recipe(self, db: sqlite3.Cursor, reopened: float = 0.0) -> None:
        """Write down what the study is made of from now on."""
        ids = self.ids()
        if list(ids.values()) == list(range(len(ids))):
            ids = {}
        recipe.write(
            self.directory,
            recipe.Recipe(
                self.info(),
                self.parameters(),
                ids,
                self.kept(),
                tuple(db.execute("SELECT id, name, number FROM retired")),
                self.holder().epoch,
                reopened,
            ),
        )

    def _replace_tasks(
        self, db: sqlite3.Cursor, tasks: Iterable[tuple[str, str, str, str]]
    ) -> None:
        """Tasks that are no longer made retire; one that is made again has its id and the number of
        its attempts from then: what those have recorded is theirs.
        """
        known = self.ids()
        retired = {
            name: (own, number)
            for own, name, number in db.execute("SELECT id, name, number FROM retired")
        }
        highest = max([*known.values(), *(own for own, _ in retired.values())], default=-1)
        for position, (name, *columns) in enumerate(tasks):
            if (own := known.pop(name, None)) is not None:
                db.execute(REPLACE, (*columns, position, own))
                continue
            new, number = retired.get(name, (highest + 1, 0))
            highest = max(highest, new)
            db.execute(INSERT, (new, name, *columns, position, number))
            db.execute("DELETE FROM retired WHERE id = ?", (new,))
        gone = [(own,) for own in known.values()]
        db.executemany("INSERT INTO retired SELECT id, name, number FROM task WHERE id = ?", gone)
        db.executemany("DELETE FROM task WHERE id = ?", gone)

    @contextmanager
    def _recording(self, epoch: int, patience: float = math.inf) -> Iterator[sqlite3.Cursor]:
        """A transaction of the holder of ``epoch``."""
        with self._db.writing(patience) as db:
            mine = db.execute(
                "UPDATE lease SET counter = counter + 1 WHERE epoch = ?", (epoch,)
            )
            if mine.rowcount != 1:
                raise StudyError(f"another conductor has taken over {self.directory}")
            yield db


def _no_study(directory: str) -> str:
    """What to say of a directory without a store, and without what that could be made from."""
    with suppress(OSError):
        for name in os.listdir(os.path.join(directory, HIDDEN)):
            if name.startswith(("specification", "ledger-")):
                return (
                    f"{directory} has lost its store, {FILE}, which cannot be made anew without "
                    f"{recipe.FILE}; {recipe.REMEDY}"
                )
    return f"{directory} is not a study directory (it has no {FILE})"


def _note(db: sqlite3.Cursor, changes: Sequence[tuple[int, Change]]) -> None:
    db.executemany(EVENT, (event_row(i, change) for i, change in changes))
    for reset, group in groupby(changes, lambda entry: entry[1].event is Event.RERUN):
        statement, row = (RESET, reset_row) if reset else (UPDATE, update_row)
        db.executemany(statement, (row(i, change) for i, change in group))


def _add_parameters(db: sqlite3.Cursor, parameters: Sequence[Parameter]) -> None:
    db.executemany(
        "INSERT INTO parameter VALUES (?, ?, ?, ?, ?)",
        (
            (i, p.name, p.title, json.dumps(p.values), json.dumps(p.labels))
            for i, p in enumerate(parameters)
        ),
    )


def _set(db: sqlite3.Cursor, values: dict[str, Any]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO study VALUES (?, ?)",
        ((key, json.dumps(value)) for key, value in values.items()),
    )
