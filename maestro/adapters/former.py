"""Tasks of a shim that is not ours: what its ledger tells of them, and whether they still run."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from maestro.adapters import host
from maestro.adapters.records import End, Reader, Start, ended, started
from maestro.adapters.shim import GRACE
from maestro.engine.observations import AttemptId, Observation, Seen

__all__ = ["Former"]


class Former:
    """The tasks in the ledger ``path``: `observe` tells what became of them."""

    def __init__(self, path: str) -> None:
        self._reader = Reader(path)
        self._shim_lives = True
        self._cancelled: dict[AttemptId, float] = {}
        self.known: set[AttemptId] = set()
        self.running: dict[AttemptId, Start] = {}

    @property
    def settled(self) -> bool:
        """Whether nothing more will be started."""
        return self._reader.closed or not self._shim_lives

    @property
    def elsewhere(self) -> str | None:
        """The other host that tasks may still run on, where this one cannot see them."""
        opened = self._reader.opened
        if opened is None or opened.host == host.hostname():
            return None
        return opened.host if self.running or not self._reader.closed else None

    def observe(self) -> list[Observation]:
        """What has happened since the last call, in order."""
        # Asked before reading: a shim that is gone by now has written all that it ever will.
        opened = self._reader.opened
        lives = opened is not None and opened.lives()
        observations = [self._take(record) for record in self._reader.read()]
        if opened is None:
            opened = self._reader.opened
            lives = opened is not None and opened.lives()
        self._shim_lives = lives
        if not lives:
            observations += self._orphans()
        self._kill_late()
        return observations

    def cancel(self, attempt: AttemptId) -> None:
        """End a running task."""
        self._cancelled[attempt] = time.monotonic() + GRACE
        self._signal(self.running[attempt], signal.SIGTERM)
        self._signal(self.running[attempt], signal.SIGCONT)

    def _take(self, record: Start | End) -> Observation:
        attempt = AttemptId(record.task, record.number)
        if isinstance(record, Start):
            self.known.add(attempt)
            self.running[attempt] = record
            return started(record)
        self.running.pop(attempt, None)
        seen = ended(record)
        if attempt in self._cancelled:
            del self._cancelled[attempt]
            return Observation(attempt, Seen.CANCELLED, seen.time, duration=seen.duration)
        return seen

    def _orphans(self) -> list[Observation]:
        """Tasks whose shim is gone are awaited; how they ended cannot be known."""
        observations = []
        for attempt, record in list(self.running.items()):
            if self._lives(record):
                continue
            del self.running[attempt]
            if self._cancelled.pop(attempt, None) is not None:
                observations.append(Observation(attempt, Seen.CANCELLED, time.time()))
            else:
                detail = "nobody was there to see how it ended"
                observations.append(Observation(attempt, Seen.LOST, time.time(), detail=detail))
        return observations

    def _kill_late(self) -> None:
        """Kill what was asked to end, and has not within its time."""
        now = time.monotonic()
        for attempt, deadline in self._cancelled.items():
            if now >= deadline and attempt in self.running:
                self._signal(self.running[attempt], signal.SIGKILL)

    def _lives(self, record: Start) -> bool:
        opened = self._reader.opened
        return (
            opened is not None
            and opened.here()
            and record.start is not None
            and host.process_start(record.pid) == record.start
        )

    def _signal(self, record: Start, number: int) -> None:
        if self._lives(record):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(record.pid, number)
