"""Tasks of a shim that is not ours: what its ledger tells of them, and whether they still run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import replace

from maestro.adapters import host, shim, spawn
from maestro.adapters.records import End, Intent, Reader, Start, ended, started
from maestro.engine.observations import AttemptId, Observation, Seen

__all__ = ["Former"]


class Former:
    """The tasks in the ledger ``path``: `observe` tells what became of them.

    ``known`` are the attempts that were started, ``running`` those of them that have not ended.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader = Reader(path)
        self._note = f"{path}.forsaken"
        self._shim_lives = True
        # Those that we asked to end: as what that counts, and when it is time to kill.
        self._ending: dict[AttemptId, tuple[Seen, float]] = {}
        self._intents: dict[AttemptId, Intent] = {}  # of which no start is recorded
        self.known: set[AttemptId] = set()
        self.running: dict[AttemptId, Start] = {}

    @property
    def settled(self) -> bool:
        """Whether nothing more will be started."""
        return self._reader.closed or not (self._shim_lives or self._intents)

    @property
    def elsewhere(self) -> str | None:
        """The other host that tasks may still run on, where this one cannot see them."""
        opened = self._reader.opened
        if opened is None or not opened.away() or os.path.exists(self._note):
            return None
        return opened.host if self.running or not self._reader.closed else None

    def forsake(self) -> None:
        """Wait no longer, nor ever again, for what runs `elsewhere`: nobody will know how that
        ended.
        """
        with open(self._note, "wb"):
            pass

    def close(self) -> None:
        """Have its shim start nothing more, though its conductor may live."""
        opened = self._reader.opened
        if opened is not None and opened.lives():
            for number in (signal.SIGTERM, signal.SIGCONT):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(opened.pid, number)

    def observe(self) -> list[Observation]:
        """What has happened since the last call, in order."""
        observations = self._read() if self._reader.opened is None else []
        # Asked before reading: who is gone by now has written all that they ever will.
        opened = self._reader.opened
        self._shim_lives = opened is not None and opened.lives()
        watched = {} if self._shim_lives else self.running
        gone = [attempt for attempt, record in watched.items() if not self._lives(record)]
        observations += self._read()
        if not self._shim_lives and not self.elsewhere:
            observations += self._orphans(gone)
            observations += self._adopted()
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
        self._ending[attempt] = (seen, time.monotonic() + shim.GRACE)
        _signal(record.pid, signal.SIGTERM)
        _signal(record.pid, signal.SIGCONT)

    def _read(self) -> list[Observation]:
        observations = []
        for record in self._reader.read():
            attempt = AttemptId(record.task, record.number)
            if isinstance(record, Intent):
                self._intents[attempt] = record
                continue
            self._intents.pop(attempt, None)
            if isinstance(record, Start):
                observations.append(self._began(record))
            elif isinstance(record, End) and (start := self.running.pop(attempt, None)) is not None:
                observations.append(self._end_of(start, record))
        return observations

    def _began(self, start: Start) -> Observation:
        attempt = AttemptId(start.task, start.number)
        self.known.add(attempt)
        self.running[attempt] = start
        return started(start)

    def _end_of(self, start: Start, record: End) -> Observation:
        why, _ = self._ending.pop(AttemptId(start.task, start.number), (None, 0.0))
        if why is None:
            return ended(record)
        _sweep(start.pid)
        return replace(ended(record), seen=why, detail="")

    def _adopted(self) -> list[Observation]:
        """Attempts that began, though their shim was killed before it could record that."""
        # A process of the shim's own is on its way to become a task's, as long as there is one.
        if not self._intents or host.process_with(shim.__name__, self._path) is not None:
            return []
        starts = [self._start_of(intent) for intent in self._intents.values()]
        self._intents.clear()
        return [self._began(start) for start in starts if start]

    def _start_of(self, intent: Intent) -> Start | None:
        """What the shim would have recorded of an attempt; None where that never began."""
        opened = self._reader.opened
        pid = 0
        if opened is not None and opened.here():  # else a file may be lost, or not be seen yet
            if self._next() == (intent.task, intent.number):
                return None
            pid = host.process_writing(spawn.drafts(intent.output, intent.number)) or 0
        start = host.process_start(pid) if pid else None
        return Start(intent.task, intent.number, pid, start, time.time(), intent.limit)

    def _next(self) -> tuple[str, int] | None:
        """The attempt that was yet to begin, when there was one."""
        try:
            with open(spawn.next_of(self._path), "rb") as file:
                task, number = json.loads(file.readline())
        except (FileNotFoundError, ValueError):
            return None
        return task, number

    def _orphans(self, gone: Iterable[AttemptId]) -> list[Observation]:
        """Tasks whose shim is gone are awaited. How those that are ``gone`` ended, where that is
        not written, cannot be known, but that of those that ran when the machine went down none
        has ended.
        """
        observations = []
        for attempt in gone:
            record = self.running.pop(attempt, None)
            if record is None:
                continue
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
        for attempt, record in self.running.items():
            if record.limit is not None:
                ran = host.elapsed(record.start) if record.start else None
                if (time.time() - record.time if ran is None else ran) >= record.limit:
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
