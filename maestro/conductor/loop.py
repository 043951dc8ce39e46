"""The loop: observe, decide, record, act, until a study has ended.

One thread. It sleeps until something has happened, and wakes a few times a second to see whether
people have left a request.
"""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from maestro.adapters.base import HOPELESS, Backend, Job
from maestro.conductor import requests, snapshot
from maestro.conductor.lease import Lease
from maestro.conductor.recorder import Recorder
from maestro.conductor.recovery import Recovered
from maestro.conductor.store import Store, StoreHeld
from maestro.conductor.study import Study, told
from maestro.conductor.workspace import Writer
from maestro.engine import (
    FAILED,
    AttemptId,
    Change,
    Engine,
    Observation,
    Outcome,
    Seen,
    State,
    Submit,
)

__all__ = ["Conductor", "Watcher"]

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between two looks for requests."""

SNAPSHOT = 1.0
"""Seconds between two writings of ``status.csv``, at least."""


class Watcher(Protocol):
    """Somebody who wants to see what happens while it happens."""

    def saw(self, changes: Sequence[Change], engine: Engine) -> None:
        """``changes`` have happened; ``engine`` tells how things stand."""

    def heard(self, text: str) -> None:
        """Something has come up, or is over, that is no task's: a sentence."""


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
        self._backends = backends
        self._recorder = Recorder(store, lease.epoch, self._tell)
        self._trouble = ""
        self._writer = writer
        self.watcher = watcher
        self.recovered: Recovered | None = None
        self._intended: dict[bool, list[Submit]] = {local: [] for local in backends}
        self._saw_jobs = False in backends  # since all was recorded last
        self._heeded: list[str] = []  # requests, to be discarded once that is recorded
        self._snapshot_due = time.monotonic() + SNAPSHOT  # there is one
        self._stale = True
        self._unwritten = ""  # why status.csv is not what it should be
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
        self._store.be_quick()
        with told(self.study.directory):
            while not (self._recorder.ended or self._asked_to_stop):
                self._turn()
                if not self._recorder.ended:
                    self._sleep()
            if not self._recorder.ended:
                self._record(at_once=True)
        return self.engine.outcome if self._recorder.ended else None

    # ---- one turn ------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._heed_requests()
        now = time.time()
        for local, backend in self._backends.items():
            for observation in backend.observe():
                self.engine.observe(observation, now)
                self._saw_jobs |= not local
        self.engine.ahead = self._backends[True].ahead
        self._submit(self.engine.decide(now))
        self._record()

    def _heed_requests(self) -> None:
        if time.monotonic() >= self._look_due:
            self._look_due = time.monotonic() + TICK
            for path, request in requests.pending(self.study.directory):
                if path not in self._heeded:
                    self._heeded.append(path)
                    self._asked_to_cancel |= request.cancel
                    self._change_settings(request)
        if self._asked_to_cancel and not self.engine.cancelling:
            self._cancel()
        if self._heeded and self._record(at_once=True):
            for path in self._heeded:
                requests.discard(path)
            self._heeded.clear()

    def _cancel(self) -> None:
        """Cancel the study, once it is recorded that this is to be done."""
        self._recorder.cancelling = True
        if not self._record(at_once=True):
            return
        log.info("the study is being cancelled")
        now = time.time()
        attempts = self.engine.cancel(now)
        for intended in self._intended.values():
            for submission in intended:
                self.engine.observe(Observation(submission.attempt, Seen.CANCELLED, now), now)
            intended.clear()
        for backend in self._backends.values():
            backend.cancel(attempts)

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
        for local, backend in self._backends.items():
            throttled = not local or self.engine.policy.throttles_local
            backend.heed(self.settings.sleeptime, self.settings.throttle if throttled else 0)
        self._recorder.settings = self.settings

    def _submit(self, submissions: Sequence[Submit]) -> None:
        for submission in submissions:
            self._intended[submission.local].append(submission)
        for local, intended in self._intended.items():
            if intended and self._may_submit(local=local):
                self._backends[local].submit(list(self._jobs(intended)))
                intended.clear()

    def _may_submit(self, *, local: bool) -> bool:
        """Whether the study still is ours, and what a scheduler is to be sent is recorded; local
        tasks have a ledger, which does not tell of the jobs that they waited for.
        """
        if local and not self._saw_jobs:
            return self._recorder.holds()
        return self._record(at_once=True)

    def _jobs(self, submissions: Sequence[Submit]) -> Iterator[Job]:
        for submission in submissions:
            try:
                job = self._writer.job(submission.attempt, restart=submission.restart)
                yield replace(job, slots=submission.slots)
            except OSError as error:
                self._refuse(submission.attempt, error)

    def _refuse(self, attempt: AttemptId, error: OSError) -> None:
        """The workspace or script of ``attempt`` cannot be written."""
        if error.errno in HOPELESS or not os.access(self.study.directory, os.W_OK):
            raise error
        now = time.time()
        detail = f"{error.filename}: {error.strerror}"
        self.engine.observe(Observation(attempt, Seen.REFUSED, now, detail=detail), now)

    def _take_note(self) -> None:
        changes = self.engine.drain()
        if not changes:
            return
        self._recorder.note(changes)
        self._stale = True
        for change in changes:
            _log_change(change)
        self._show(lambda watcher: watcher.saw(changes, self.engine))

    def _show(self, what: Callable[[Watcher], None]) -> None:
        if self.watcher is not None:
            try:
                what(self.watcher)
            except OSError:  # nobody can watch any more; the study goes on
                self.watcher = None

    def _tell(self, text: str) -> None:
        self._show(lambda watcher: watcher.heard(text))

    def _record(self, *, at_once: bool = False) -> bool:
        """Record what is due; whether everything that has happened has been recorded now."""
        self._take_note()
        if batch := self._backends.get(False):
            self._recorder.health = batch.health
            if batch.health.trouble != self._trouble:
                self._trouble = batch.health.trouble
                self._tell(self._trouble or "The scheduler answers again.")
        recorded = self._recorder.record(self.engine.outcome, at_once=at_once)
        self._saw_jobs &= not recorded
        now = time.monotonic()
        if (self._stale and now >= self._snapshot_due) or self._recorder.ended:
            self._write_snapshot(now)
        return recorded

    def _write_snapshot(self, now: float) -> None:
        """Write ``status.csv``, and never spend more than a twentieth of the time on it."""
        try:
            snapshot.write(self.study.directory, self._store.tasks(), time.time())
            self._stale = self._recorder.behind
            self._unwritten = ""
        except OSError as error:
            why = f"{snapshot.FILE} cannot be written: {error.strerror}"
            if why != self._unwritten:
                log.warning("%s", why)
                self._tell(why)
            self._unwritten = why
        except StoreHeld as error:
            log.debug("%s is not written: %s", snapshot.FILE, error)
        spent = time.monotonic() - now
        self._snapshot_due = now + max(SNAPSHOT, 20 * spent)

    def _sleep(self) -> None:
        waits = [TICK]
        if (wait := self._recorder.wait()) is not None:
            waits.append(wait)
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
    job = f" (job {seen.job})" if seen and seen.job else ""
    why = f": {change.reason}" if change.reason else ""
    level = logging.DEBUG if change.state is State.SUBMITTING else logging.INFO
    if change.state in FAILED:
        level = logging.WARNING
    log.log(level, "%s: %s%s%s", change.task, change.state.shown, job, why)
