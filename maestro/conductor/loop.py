"""The loop: observe, decide, record, act, until a study has ended.

One thread. It sleeps until something has happened, and wakes a few times a second to see whether
people have left a request.
"""

from __future__ import annotations

import errno
import logging
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from maestro.adapters.base import Backend, Health, Job
from maestro.conductor import requests, snapshot
from maestro.conductor.lease import HEARTBEAT, Lease
from maestro.conductor.recovery import Recovered
from maestro.conductor.store import Store
from maestro.conductor.study import Study, told
from maestro.conductor.workspace import Writer
from maestro.engine import (
    AttemptId,
    Change,
    Engine,
    Observation,
    Outcome,
    Seen,
    State,
    Submit,
)
from maestro.errors import StudyError

__all__ = ["Conductor", "Watcher"]

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between two looks for requests."""

COMMIT = 0.1
"""Seconds that what happened to local tasks may wait to be recorded together: their ledger has it
already.
"""

SNAPSHOT = 1.0
"""Seconds between two writings of ``status.csv``, at least."""

_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE})
"""What the file system says when no other task would fare better."""


class Watcher(Protocol):
    """Somebody who wants to see what happens while it happens."""

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        """``changes`` have happened; ``engine`` tells how things stand."""

    def heard(self, health: Health) -> None:
        """The scheduler has stopped answering, or answers again."""


class Conductor:
    """Conducts one study, whose lease it holds, until it ends or `stop` is asked for.

    ``backends`` are by whether they run local tasks; ``recovered`` says what was found of a study
    that had been conducted before.
    """

    def __init__(
        self,
        study: Study,
        store: Store,
        lease: Lease,
        engine: Engine,
        backends: Mapping[bool, Backend],
        writer: Writer,
        watcher: Watcher | None = None,
    ) -> None:
        self.study = study
        self.engine = engine
        self.settings = study.info.settings
        self._store = store
        self._lease = lease
        self._backends = backends
        self._health = Health()
        self._writer = writer
        self.watcher = watcher
        self.recovered: Recovered | None = None
        self._ids = store.ids()
        self._unrecorded: list[Change] = []
        self._recorded_at = 0.0
        self._snapshot_due = 0.0
        self._stale = True
        self._look_due = 0.0
        self._asked_to_cancel = study.info.cancelling
        self._asked_to_stop = False

    def cancel(self) -> None:
        """Ask for the study to be cancelled. Safe in a signal handler."""
        self._asked_to_cancel = True

    def stop(self) -> None:
        """Ask the conductor to leave, and what runs to go on. Safe in a signal handler."""
        self._asked_to_stop = True

    def run(self) -> Outcome | None:
        """Conduct the study; how it ended, or None when asked to stop before that.

        Raises
        ------
        StudyError
            The study cannot be conducted further here: another conductor took it over, or the
            file system refuses. What runs goes on, and the study can be taken up again.
        """
        with told(self.study.directory):
            while self.engine.outcome is None and not self._asked_to_stop:
                self._turn()
                if self.engine.outcome is None:
                    self._sleep()
            self._take_note()
            self._record(force=True)
        return self.engine.outcome

    # ---- one turn ------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._heed_requests()
        now = time.time()
        for backend in self._backends.values():
            for observation in backend.observe():
                self.engine.observe(observation, now)
        self._submit(self.engine.decide(now))
        self._take_note()
        self._record()

    def _heed_requests(self) -> None:
        if self._asked_to_cancel and not self.engine.cancelling:
            self._cancel()
        if time.monotonic() < self._look_due:
            return
        self._look_due = time.monotonic() + TICK
        for path, request in requests.pending(self.study.directory):
            if request.cancel:
                self._asked_to_cancel = True
                if not self.engine.cancelling:
                    self._cancel()
            self._change_settings(request)
            self._record(force=True)
            requests.discard(path)

    def _cancel(self) -> None:
        log.info("the study is being cancelled")
        self._store.commit(self._lease.epoch, cancelling=True)
        attempts = self.engine.cancel(time.time())
        for backend in self._backends.values():
            backend.cancel(attempts)
        self._take_note()

    def _change_settings(self, request: requests.Request) -> None:
        values = {
            name: value
            for name in requests.LIMITS
            if (value := getattr(request, name)) is not None
        }
        if not values:
            return
        log.info("settings changed: %s", ", ".join(f"{k} is {v}" for k, v in values.items()))
        self.settings = replace(self.settings, **values)
        self.engine.policy = replace(
            self.engine.policy,
            throttle=self.settings.throttle,
            rlimit=self.settings.rlimit,
            attempts=self.settings.attempts,
        )
        for backend in self._backends.values():
            backend.heed(self.settings.sleeptime, self.settings.throttle)
        self._store.commit(self._lease.epoch, settings=self.settings)

    def _submit(self, submissions: Sequence[Submit]) -> None:
        if not submissions:
            return
        if not all(submission.local for submission in submissions):
            self._take_note()
            self._record(force=True)
        elif not self._store.holds(self._lease.epoch):
            raise StudyError(f"another conductor has taken over {self.study.directory}")
        jobs: dict[bool, list[Job]] = {local: [] for local in self._backends}
        for submission in submissions:
            try:
                job = self._writer.job(submission.attempt, restart=submission.restart)
            except OSError as error:
                self._refuse(submission.attempt, error)
            else:
                jobs[submission.local].append(job)
        for local, backend in self._backends.items():
            backend.submit(jobs[local])

    def _refuse(self, attempt: AttemptId, error: OSError) -> None:
        """The workspace or script of ``attempt`` cannot be written."""
        if error.errno in _HOPELESS:
            raise error
        now = time.time()
        detail = f"{error.filename}: {error.strerror}"
        self.engine.observe(Observation(attempt, Seen.REFUSED, now, detail=detail), now)

    def _take_note(self) -> None:
        changes = self.engine.drain()
        if not changes:
            return
        self._unrecorded += changes
        self._stale = True
        for change in changes:
            _log_change(change)
        self._show(lambda watcher: watcher.saw(changes, self.engine))

    def _show(self, what: Callable[[Watcher], None]) -> None:
        if self.watcher is not None:
            try:
                what(self.watcher)
            except BrokenPipeError:  # nobody watches any more; the study goes on
                self.watcher = None

    def _record(self, *, force: bool = False) -> None:
        """Commit what is unrecorded, when it is due, and give a sign of life."""
        now = time.monotonic()
        waited = now - self._recorded_at
        batch = self._backends.get(False)
        health = batch.health if batch is not None else Health()
        due = waited >= (COMMIT if self._unrecorded else HEARTBEAT)
        outcome = self.engine.outcome
        troubled = health.trouble != self._health.trouble
        if troubled:
            self._show(lambda watcher: watcher.heard(health))
        if due or force or outcome is not None or troubled:
            changes = [(self._ids[change.task], change) for change in self._unrecorded]
            news = None if health == self._health else health
            self._store.commit(self._lease.epoch, changes, outcome=outcome, health=news)
            self._health = health
            self._unrecorded.clear()
            self._recorded_at = now
        if (self._stale and now >= self._snapshot_due) or outcome is not None:
            self._write_snapshot(now)

    def _write_snapshot(self, now: float) -> None:
        """Write ``status.csv``, and never spend more than a twentieth of the time on it."""
        try:
            snapshot.write(self.study.directory, self._store.tasks(), time.time())
        except OSError as error:
            log.warning("%s cannot be written: %s", snapshot.FILE, error.strerror)
        spent = time.monotonic() - now
        self._snapshot_due = now + max(SNAPSHOT, 20 * spent)
        self._stale = bool(self._unrecorded)

    def _sleep(self) -> None:
        waits = [TICK]
        if self._unrecorded:
            waits.append(max(0.0, self._recorded_at + COMMIT - time.monotonic()))
        backends = list(self._backends.values())
        for wait in (self.engine.hold(time.time()), *(b.timeout() for b in backends)):
            if wait is not None:
                waits.append(max(0.0, wait))
        poll = select.poll()  # unlike select, it takes descriptors above 1023
        for backend in backends:
            poll.register(backend, select.POLLIN)
        poll.poll(1000 * min(waits))


def _log_change(change: Change) -> None:
    seen = change.observation
    said = (seen.detail if seen else "") or change.detail
    job = f" (job {seen.job})" if seen and seen.job else ""
    level = logging.DEBUG if change.state is State.SUBMITTING else logging.INFO
    if change.state in (State.FAILED, State.TIMEDOUT, State.HWFAILURE):
        level = logging.WARNING
    log.log(level, "%s: %s%s%s", change.task, change.state.shown, job, f": {said}" if said else "")
