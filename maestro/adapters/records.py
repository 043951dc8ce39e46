"""Reading ledgers (see `maestro.adapters.ledger`), and what their records tell."""

from __future__ import annotations

import json
from typing import NamedTuple

from maestro.adapters import host
from maestro.adapters.base import explained
from maestro.engine.observations import AttemptId, Observation, Seen

__all__ = ["End", "Open", "Reader", "Start", "Void", "ended", "opened", "started"]

SLACK = 60.0
"""Seconds by which clocks are set while a machine runs."""


class Open(NamedTuple):
    """The shim whose ledger it is."""

    pid: int
    start: str | None
    boot: str
    host: str
    time: float

    def here(self) -> bool:
        """Whether it was started on this host since that was booted."""
        return self.host == host.hostname() and self.boot == host.boot_id()

    def away(self) -> bool:
        """Whether it was started on another machine, though that may have the name of this one."""
        if self.host != host.hostname():
            return True
        return self.boot != host.boot_id() and self.time > host.booted() + SLACK

    def lives(self) -> bool:
        """Whether it still runs, on this host."""
        return self.here() and self.start == host.process_start(self.pid)


class Start(NamedTuple):
    """An attempt was about to run as process ``pid``, the leader of a group of its own, for
    ``limit`` seconds at most (None: no limit).
    """

    task: str
    number: int
    pid: int
    start: str | None
    time: float
    limit: float | None = None


class End(NamedTuple):
    """An attempt ended, ``seconds`` after its start."""

    task: str
    number: int
    exit_code: int
    time: float
    seconds: float
    killed: str | None


class Void(NamedTuple):
    """An attempt whose start was recorded did not run after all, and never will."""

    task: str
    number: int


class Reader:
    """Reads the ledger ``path`` as far as it is written, and on at each call.

    ``opened`` is None until its first record is there; ``closed`` says that nothing more will be
    started in it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset = 0
        self.opened: Open | None = None
        self.closed = False

    def read(self) -> list[Start | End | Void]:
        """The records since the last call. A line that is not yet whole is left for the next."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole, newline, _ = text.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        records: list[Start | End | Void] = []
        for line in whole.splitlines():
            try:
                kind, *values = json.loads(line)
            except ValueError:
                continue  # cut short by a full disk: it never counted as written
            if kind == "start":
                records.append(Start(*values))
            elif kind == "end":
                records.append(End(*values))
            elif kind == "void":
                records.append(Void(*values))
            elif kind == "open":
                self.opened = Open(*values)
            elif kind == "closed":
                self.closed = True
        return records


def opened(path: str) -> Open | None:
    """The shim whose ledger ``path`` is, by its first record alone; None where that cannot be told.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with open(path, "rb") as file:
        try:
            kind, *values = json.loads(file.readline())
            return Open(*values) if kind == "open" else None
        except (ValueError, TypeError):
            return None


def started(record: Start) -> Observation:
    """What a start record tells."""
    attempt = AttemptId(record.task, record.number)
    return Observation(attempt, Seen.STARTED, record.time, job=str(record.pid))


_KILLED = {"cancel": Seen.CANCELLED, "timeout": Seen.TIMED_OUT}


def ended(record: End) -> Observation:
    """What an end record tells."""
    if record.killed:
        seen, detail = _KILLED[record.killed], ""
    elif record.exit_code:
        seen, detail = Seen.FAILED, explained(record.exit_code)
    else:
        seen, detail = Seen.FINISHED, ""
    return Observation(
        AttemptId(record.task, record.number),
        seen,
        record.time,
        exit_code=record.exit_code,
        duration=record.seconds,
        detail=detail,
    )
