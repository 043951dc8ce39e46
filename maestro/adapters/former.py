"""Tasks of a shim that is not ours: what its ledger tells of them, and whether they still run."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import replace

from maestro.adapters import host
from maestro.adapters.records import End, Reader, Start, ended, started
from maestro.adapters.shim import GRACE
from maestro.engine.observations import AttemptId, Observation, Seen

__all__ = ["Former"]


class Former:
    """The tasks in the ledger ``path``: `observe` tells what became of them.

    ``known`` are the attempts that were started, ``running`` those of them that have not ended.
    """

    def __init__(self, path: str) -> None:
        self._reader = Reader(path)
        self._shim_lives = True
        self._forsaken = False
        # Those that we asked to end: as what that counts, and when it is time to kill.
        self._ending: dict[AttemptId, tuple[Seen, float]] = {}
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
        if opened is None or self._forsaken or not opened.away():
            return None
        return opened.host if self.running or not self._reader.closed else None

    def forsake(self) -> None:
        """Wait no longer for what this host cannot see: nobody will know how that ended."""
        self._forsaken = True

    def close(self) -> None:
        """Have its shim start nothing more, though its conductor may live."""
        opened = self._reader.opened
        if opened is not None and opened.lives():
            for number in (signal.SIGTERM, signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(opened.pid, number)

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
        if not lives and not self.elsewhere:
            observations += self._orphans()
            self._enforce()
        self._kill_late()
        return observations

    def cancel(self, attempt: AttemptId) -> None:
        """End a running task: TERM to its whole group, and KILL after a grace."""
        self._end(attempt, Seen.CANCELLED)

    def _end(self, attempt: AttemptId, seen: Seen) -> None:
        record = self.running[attempt]
        if attempt in self._ending or not self._lives(record):
            return
        self._ending[attempt] = (seen, time.monotonic() + GRACE)
        _signal(record.pid, signal.SIGTERM)
        _signal(record.pid, signal.SIGCONT)

    def _take(self, record: Start | End) -> Observation:
        attempt = AttemptId(record.task, record.number)
        if isinstance(record, Start):
            self.known.add(attempt)
            self.running[attempt] = record
            return started(record)
        start = self.running.pop(attempt, None)
        seen = ended(record)
        if start is None or attempt not in self._ending:
            return seen
        why, _ = self._ending.pop(attempt)
        _sweep(start.pid)
        return replace(seen, seen=why, detail="")

    def _orphans(self) -> list[Observation]:
        """Tasks whose shim is gone are awaited; how they ended cannot be known, but that of those
        that ran when the machine went down none has ended.
        """
        observations = []
        for attempt, record in list(self.running.items()):
            if self._lives(record):
                continue
            del self.running[attempt]
            if attempt in self._ending:
                seen, _ = self._ending.pop(attempt)
                _sweep(record.pid)
                observations.append(Observation(attempt, seen, time.time()))
            else:
                seen, detail = self._fate()
                observations.append(Observation(attempt, seen, time.time(), detail=detail))
        return observations

    def _fate(self) -> tuple[Seen, str]:
        """What became of a task that no longer runs, and did not come to its end."""
        opened = self._reader.opened
        if opened is None or opened.here():
            return Seen.LOST, "nobody was there to see how it ended"
        if opened.away():
            return Seen.LOST, f"it was left running on {opened.host}"
        return Seen.NODE_LOST, "the machine went down while it ran"

    def _enforce(self) -> None:
        """End the orphans that have run for as long as they may."""
        now = time.time()
        for attempt, record in self.running.items():
            if record.limit is not None and now >= record.time + record.limit:
                self._end(attempt, Seen.TIMED_OUT)

    def _kill_late(self) -> None:
        """Kill what was asked to end, and has not within its time."""
        now = time.monotonic()
        for attempt, (_, deadline) in self._ending.items():
            if now >= deadline and self._lives(self.running[attempt]):
                _signal(self.running[attempt].pid, signal.SIGKILL)

    def _lives(self, record: Start) -> bool:
        opened = self._reader.opened
        return (
            opened is not None
            and opened.here()
            and record.start is not None
            and host.process_start(record.pid) == record.start
        )


def _sweep(group: int) -> None:
    """Kill what a task that was asked to end has left of its group. The group's id is nobody
    else's as long as any of it is left; where none is, a process that has that id by now is spared.
    """
    if host.process_start(group) is None:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
