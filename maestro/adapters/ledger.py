"""The record of one shim's life: what it started and how that ended, in a file of JSON lines.

``["open", pid, start, boot, host, time]``       the shim itself
``["start", task, number, pid, start, time]``    written before the task's script may run
``["end", task, number, exit code, time, seconds, killed]``
``["closed"]``                                   nothing more will be started

``start`` is what `maestro.adapters.host.process_start` gives, times are seconds since the epoch,
``killed`` is null, "cancel" or "timeout": why the shim ended the task.
"""

from __future__ import annotations

import errno
import json
import os
import time
from typing import Any, NamedTuple

from maestro.adapters import host

__all__ = ["End", "Ledger", "Open", "Reader", "Start"]


class Open(NamedTuple):
    """The shim whose ledger it is."""

    pid: int
    start: str | None
    boot: str
    host: str
    time: float

    def here(self) -> bool:
        """Whether it was started on this host since it was booted."""
        return self.host == host.hostname() and self.boot == host.boot_id()

    def lives(self) -> bool:
        """Whether it still runs, on this host."""
        return self.here() and self.start == host.process_start(self.pid)


class Start(NamedTuple):
    """A task's attempt was about to start as process ``pid``, the leader of a group of its own."""

    task: str
    number: int
    pid: int
    start: str | None
    time: float


class End(NamedTuple):
    """An attempt ended, ``seconds`` after its start; signal n is exit code 128 + n."""

    task: str
    number: int
    exit_code: int
    time: float
    seconds: float
    killed: str | None


Record = Open | Start | End
_KINDS: dict[str, type[Open] | type[Start] | type[End]] = {"open": Open, "start": Start, "end": End}


class Ledger:
    """Writes the ledger ``path``, which must not exist."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(path, flags, 0o600)
        self._mend = b""  # ends a line that was cut short, so that it spoils no other
        pid = os.getpid()
        start = host.process_start(pid)
        self.write(Open(pid, start, host.boot_id(), host.hostname(), time.time()))

    def write(self, record: Record) -> None:
        """Append ``record`` at once.

        Raises
        ------
        OSError
            It could not be written whole.
        """
        self._append([type(record).__name__.lower(), *record])

    def close(self) -> None:
        """Record that nothing more will be started. What runs can still end."""
        self._append(["closed"])

    def _append(self, values: list[Any]) -> None:
        line = self._mend + json.dumps(values).encode() + b"\n"
        self._mend = b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError(errno.ENOSPC, "the ledger could not be written whole")
        self._mend = b""


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

    def read(self) -> list[Start | End]:
        """The records since the last call. A line that is not yet whole is left for the next."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole, newline, _ = text.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        records: list[Start | End] = []
        for line in whole.splitlines():
            try:
                kind, *values = json.loads(line)
            except ValueError:
                continue  # torn by a full disk: the record was not counted as written
            if kind == "closed":
                self.closed = True
            elif kind == "open":
                self.opened = Open(*values)
            else:
                record = _KINDS[kind](*values)
                assert not isinstance(record, Open)
                records.append(record)
        return records
