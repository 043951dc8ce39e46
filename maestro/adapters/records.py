"""Reading ledgers (see `maestro.adapters.ledger`), and what their records tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from maestro.adapters import host
from maestro.adapters.base import explained
from maestro.engine.observations import AttemptId, Observation, Seen

__all__ = [
    "End", "Intent", "Open", "Reader", "Record", "Start", "Void", "ended", "opened", "started",
]  # fmt: skip


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


class Intent(NamedTuple):
    """An attempt is about to be started, with its output at ``output`` (as `Job` has it), for
    ``limit`` seconds at most (None: no limit).
    """

    task: str
    number: int
    output: str
    limit: float | None = None


class Start(NamedTuple):
    """An attempt runs as process ``pid``, the leader of a group of its own, for ``limit`` seconds
    at most (None: no limit). ``pid`` is 0 where nobody had seen it before it was gone.
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
    """An attempt that was about to be started could not be, and never will."""

    task: str
    number: int


Record = Intent | Start | End | Void

_KINDS: dict[str, Callable[..., Record]] = {
    "intent": Intent, "start": Start, "end": End, "void": Void,
}  # fmt: skip


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

    def read(self) -> list[Record]:
        """The records since the last call. A line that is not yet whole is left for the next."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole, newline, _ = text.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        records: list[Record] = []
        for line in whole.splitlines():
            try:
                kind, *values = json.loads(line)
            except ValueError:
                continue  # cut short by a full disk: it never counted as written
            if kind in _KINDS:
                records.append(_KINDS[kind](*values))
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
    job = str(record.pid) if record.pid else None
    return Observation(attempt, Seen.STARTED, record.time, job=job)


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
