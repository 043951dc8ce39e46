"""What a study remembers: one SQLite file in the study directory, with one writer.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import json
import math
import shlex
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from types import MappingProxyType
from typing import Any

from maestro.adapters.base import Health
from maestro.conductor import recipe
from maestro.conductor.database import FILE, HIDDEN, Database, StoreDamaged, StoreHeld
from maestro.conductor.reading import StoreReader
from maestro.conductor.schema import (
    EVENT,
    INSERT,
    REPLACE,
    RESET,
    SCHEMA,
    UPDATE,
    UPGRADES,
    VERSION,
    event_row,
    reset_row,
    update_row,
)
from maestro.conductor.values import AttemptRow, Happening, Holder, Settings, StudyInfo, TaskRow
from maestro.engine import Change, Event, Outcome
from maestro.errors import StudyError
from maestro.spec.model import Parameter

__all__ = [
    "FILE",
    "HIDDEN",
    "AttemptRow",
    "Happening",
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


class Store(StoreReader):
    """The store of the study in ``directory``. Make one with `create` or `open`."""

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
                raise taken_over(self.directory)
            yield db


def taken_over(directory: str) -> StudyError:
    """That the study in ``directory`` is another conductor's by now."""
    status = shlex.join(["maestro", "status", directory])
    return StudyError(f"another conductor has taken over {directory}; how it stands: {status}")


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
