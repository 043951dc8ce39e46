"""The tasks of a store at one moment, chosen in several ways."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from maestro.conductor.frozen import COLUMNS, FrozenTasks


def test_what_is_chosen_stays_so_whatever_else_is() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE TABLE task ({COLUMNS})")
        for n in range(1, 5):
            db.execute(
                "INSERT INTO task (id, name, step, params, state) VALUES (?, ?, 's', ?, 'DRYRUN')",
                (n, f"s_{n}", f'{{"N": {n}}}'),
            )
        every = FrozenTasks("study", db, "id")
        some = every.chosen((), (), lambda values: values["N"] != 2)
        few = some.chosen((), (), lambda values: values["N"] != 3)
        other = every.chosen((), (), lambda values: values["N"] == 2)
        names = [[task.name for task in tasks] for tasks in (some, few, other)]
        assert names == [["s_1", "s_3", "s_4"], ["s_1", "s_4"], ["s_2"]]
