"""The tables of a store, what makes those of earlier versions today's, and the rows of changes."""

from __future__ import annotations

import sqlite3
from typing import Any

from maestro.engine import Change, Event, State

__all__ = [
    "ATTEMPTS",
    "EVENT",
    "INSERT",
    "REPLACE",
    "RESET",
    "SCHEMA",
    "SOUND",
    "UPDATE",
    "UPGRADES",
    "VERSION",
    "event_row",
    "reset_row",
    "update_row",
]

VERSION = 2

SCHEMA = """
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE parameter (
    position INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL,
    "values" TEXT NOT NULL, labels TEXT NOT NULL);
CREATE TABLE task (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step TEXT NOT NULL, workspace TEXT NOT NULL,
    params TEXT NOT NULL, state TEXT NOT NULL, number INTEGER NOT NULL DEFAULT 0,
    restarts INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0, job TEXT, submitted REAL, started REAL, ended REAL,
    seconds REAL, exit_code INTEGER, detail TEXT,
    position INTEGER NOT NULL, kept INTEGER NOT NULL DEFAULT 0);
CREATE TABLE retired (id INTEGER PRIMARY KEY, name TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, task INTEGER NOT NULL, number INTEGER NOT NULL, time REAL NOT NULL,
    event TEXT NOT NULL, state TEXT NOT NULL, job TEXT, exit_code INTEGER, detail TEXT);
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, counter INTEGER NOT NULL,
    host TEXT, boot TEXT, pid INTEGER, start TEXT);
INSERT INTO lease (one, epoch, counter) VALUES (1, 0, 0);
"""

UPGRADES = {
    1: (
        "ALTER TABLE task ADD COLUMN position INTEGER NOT NULL DEFAULT 0",
        "UPDATE task SET position = id",
        "ALTER TABLE task ADD COLUMN kept INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE retired "
        "(id INTEGER PRIMARY KEY, name TEXT NOT NULL, number INTEGER NOT NULL)",
    ),
}
"""What makes each earlier version the one after it."""

INSERT = (
    "INSERT INTO task (id, name, step, workspace, params, position, state, number, kept) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'INITIALIZED', ?7, ?7)"
)

REPLACE = "UPDATE task SET step = ?, workspace = ?, params = ?, position = ? WHERE id = ?"

_NUMBERS = ("submitted", "started", "ended", "seconds")
_TEXTS = ("job", "detail")
# Python's JSON has numbers that SQLite's has not.
_JSON = "(json_valid(params) OR json_valid(replace(replace(params, 'NaN', '0'), 'Infinity', '0')))"

SOUND = " AND ".join([
    f"state IN ({', '.join(repr(state.value) for state in State)})",
    "typeof(name) = 'text' AND typeof(step) = 'text' AND typeof(workspace) = 'text'",
    "typeof(number) = 'integer' AND typeof(restarts) = 'integer'",
    *(f"typeof({column}) IN ('real', 'null')" for column in _NUMBERS),
    *(f"typeof({column}) IN ('text', 'null')" for column in _TEXTS),
    "typeof(exit_code) IN ('integer', 'null')",
    _JSON if sqlite3.sqlite_version_info >= (3, 38) else "typeof(params) = 'text'",
])  # fmt: skip
"""Whether a task's row can have been written so."""

EVENT = (
    "INSERT INTO event (task, number, time, event, state, job, exit_code, detail) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)

UPDATE = (
    "UPDATE task SET state = ?, number = ?, restarts = ?, refusals = ?, losses = ?, "
    "job = CASE WHEN ? THEN NULL ELSE coalesce(?, job) END, submitted = coalesce(submitted, ?), "
    "started = coalesce(started, ?), ended = ?, "
    "seconds = coalesce(?, max(0, ? - started)), exit_code = ?, detail = ? WHERE id = ?"
)

RESET = (
    "UPDATE task SET state = ?, number = ?, restarts = 0, refusals = 0, losses = 0, job = NULL, "
    "submitted = NULL, started = NULL, ended = NULL, seconds = NULL, exit_code = NULL, "
    "detail = NULL, kept = number WHERE id = ?"
)

_ENDED = frozenset(
    {Event.FINISH, Event.FAIL, Event.TIME_OUT, Event.BREAK, Event.CANCEL, Event.REHEARSE}
)

ATTEMPTS = """
SELECT task.name, attempt.number, attempt.submitted, attempt.started, last.time, last.state,
    attempt.job, last.exit_code, last.detail
FROM (
    SELECT task, number, max(job) AS job,
        min(CASE event WHEN 'SUBMIT' THEN time END) AS submitted,
        min(CASE event WHEN 'START' THEN time END) AS started,
        min(CASE WHEN event IN ('FINISH', 'FAIL', 'TIME_OUT', 'BREAK', 'CANCEL', 'WITHDRAW')
            THEN id END) AS last
    FROM event GROUP BY task, number HAVING submitted IS NOT NULL
) AS attempt
JOIN task ON task.id = attempt.task LEFT JOIN event AS last ON last.id = attempt.last
"""
"""What ended an attempt is the first that could: a task that waits for another may be cancelled."""


def _seen(change: Change) -> tuple[float, str | None, int | None, str]:
    """When it happened, and the job, exit code and sentence that came with it."""
    seen = change.observation
    if seen is None:
        return change.time, None, None, change.reason
    return seen.time, seen.job, seen.exit_code, change.reason


def event_row(task: int, change: Change) -> tuple[Any, ...]:
    """The values for `EVENT`."""
    time, job, exit_code, detail = _seen(change)
    return (
        task, change.number, time, change.event.name, change.state.name, job, exit_code,
        detail or None,
    )  # fmt: skip


def update_row(task: int, change: Change) -> tuple[Any, ...]:
    """The values for `UPDATE`."""
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


def reset_row(task: int, change: Change) -> tuple[Any, ...]:
    """The values for `RESET`."""
    return change.state.name, change.number, task
