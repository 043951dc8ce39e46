"""What a study remembers, read.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

from maestro.conductor import recipe
from maestro.conductor.database import FILE, HIDDEN, READING, TURN, Database, StoreDamaged
from maestro.conductor.frozen import COLUMNS, FrozenTasks, census
from maestro.conductor.schema import ATTEMPTS, SOUND, VERSION
from maestro.conductor.values import AttemptRow, Happening, Holder, StudyInfo, TaskRow
from maestro.engine import Record, State
from maestro.errors import StudyError
from maestro.spec.model import Parameter

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["StoreReader"]


class StoreReader:
    """What there is to read in the store of the study in ``directory``. Make one with `open`."""

    def __init__(self, directory: str, *, write: bool, patience: float = READING) -> None:
        self.directory = directory
        self._db = Database(directory, write=write, patience=patience)
        self._version = VERSION

    @classmethod
    def open(
        cls, directory: str, *, write: bool = False, patience: float = READING
    ) -> Self:
        """Open the store of an existing study, by default to read. One of an earlier version can
        be read, and leased; `upgrade` makes it this version's. Reading waits for other programs
        ``patience`` seconds.

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
        store = cls(directory, write=write, patience=patience)
        try:
            store._version = store._find_version()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def file(self) -> object:
        """What tells the file from any other that comes to have its name."""
        return self._db.file

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
            order = self._sound_order(db)
            rows = db.execute(f"SELECT {COLUMNS} FROM task ORDER BY {order}")
            return list(map(TaskRow._make, rows))

    def frozen(self) -> FrozenTasks:
        """Every task as it stands now, in the order of the graph; the store is not needed for
        them any more.
        """
        with self._understood() as db:
            order = self._sound_order(db)
            db.execute("SELECT count(*) FROM task")  # it goes another way, which may be damaged
            return FrozenTasks(self.directory, self._db.copy(), order)

    def task(self, name: str) -> TaskRow | None:
        """The task called ``name``, if there is one."""
        with self._understood() as db:
            sql = f"SELECT {SOUND}, {COLUMNS} FROM task WHERE name = ?"
            sound, *row = db.execute(sql, (name,)).fetchone() or (True,)
            if not sound:
                raise ValueError("tasks: 1")
            return TaskRow(*row) if row else None

    def tasks_with(self, ids: Sequence[int]) -> list[TaskRow]:
        """The tasks with these ``ids``, a few, in their order."""
        marks = ", ".join("?" * len(ids))
        with self._understood() as db:
            rows = db.execute(f"SELECT {COLUMNS} FROM task WHERE id IN ({marks})", ids)
            found = {row[0]: TaskRow._make(row) for row in rows}
        return [found[own] for own in ids if own in found]

    def last_event(self) -> int:
        """The number of the last thing that happened to a task, 0 before the first."""
        with self._understood() as db:
            last: int = db.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0]
            return last

    def happened(self, after: int) -> list[Happening]:
        """What has happened after the event with this number, oldest first, to the tasks that
        there are now.
        """
        with self._understood() as db:
            rows = db.execute(
                "SELECT event.id, task.id, task.name, event.time, event.state, event.detail, "
                "task.seconds FROM event JOIN task ON task.id = event.task WHERE event.id > ? "
                "ORDER BY event.id",
                (after,),
            )
            return [
                Happening(number, own, name, time, State(state), detail or "", seconds)
                for number, own, name, time, state, detail, seconds in rows
            ]

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

    def census(self) -> dict[str, Counter[State]]:
        """Number of tasks of each step by state, steps in the order of the graph."""
        with self._understood() as db:
            return census(db.execute(
                "SELECT step, state, count(*) FROM task GROUP BY step, state "
                f"ORDER BY min({self._order})"
            ))  # fmt: skip

    def waiting(self) -> Counter[str]:
        """Number of tasks in a scheduler's queue by what it says of them."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT detail, count(*) FROM task WHERE state = 'PENDING' AND detail != '' "
                "GROUP BY detail"
            )
            return Counter(dict(rows.fetchall()))

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

    def _sound_order(self, db: sqlite3.Cursor) -> str:
        """The column that tasks are in order by, after a look at whether all make sense."""
        (spoilt,) = db.execute(f"SELECT count(*) FROM task WHERE NOT ({SOUND})").fetchone()
        if spoilt:
            raise ValueError(f"tasks: {spoilt}")
        # To have them sorted takes as long as to read them, and hardly ever is needed.
        moved = f"SELECT EXISTS (SELECT 1 FROM task WHERE {self._order} != id)"
        return self._order if db.execute(moved).fetchone()[0] else "id"

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


def _no_study(directory: str) -> str:
    """What to say of a directory without a store, and without what that could be made from."""
    with suppress(OSError):
        for name in os.listdir(os.path.join(directory, HIDDEN)):
            if name.startswith(("specification", "ledger-")):
                return (
                    f"{directory} has lost its store, {FILE}, which cannot be made anew without "
                    f"{recipe.FILE}; {recipe.REMEDY}"
                )
    below = shlex.join(["maestro", "list", directory])
    return f"{directory} is not a study directory (it has no {FILE}); those below: {below}"
