"""Running tasks through a batch scheduler: one backend for all of them, whatever the codec.

It runs the codec's commands, beside the loop: submissions, and one question a poll about all jobs
together. What has become of them is found out by `Findings`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from maestro.adapters.base import Health, Job
from maestro.adapters.codec import Answer, Facts, Scheduler
from maestro.adapters.commands import Commands
from maestro.adapters.findings import Findings
from maestro.adapters.flights import Flight, Flights, member
from maestro.adapters.jobrecords import JobRecords
from maestro.adapters.pace import Limits, Pace
from maestro.adapters.parcels import array, parcels, single
from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.errors import BackendError

__all__ = ["BatchBackend"]

log = logging.getLogger(__name__)

CHUNK = 500
"""Jobs that one command line names at most, to end them."""

MOST_MISSING = 5000
"""Missing jobs that one poll looks into, and asks the scheduler's history for."""


class BatchBackend:
    """Runs jobs through ``codec``'s scheduler.

    ``records`` is where jobs write of themselves, ``study`` what their tags name, and ``key`` tells
    what the records of an attempt are called; ``since`` is when the study began. With ``arrays``,
    jobs that are alike go out together, where the scheduler has arrays.
    """

    def __init__(
        self,
        codec: Scheduler,
        records: JobRecords,
        study: str,
        key: Callable[[AttemptId], str],
        *,
        throttle: int = 0,
        arrays: bool = False,
        limits: Limits | None = None,
        since: float = 0.0,
    ) -> None:
        self.health = Health()
        self._codec = codec
        self._records = records
        self._key = key
        self._throttle = throttle
        self._arrays = arrays and bool(codec.array_variables)
        self._limits = limits or Limits()
        self._commands = Commands()
        self._flights = Flights()
        self._findings = Findings(codec, records, self._flights, study, self._limits, since)
        self._waiting: list[Job] = []  # until the facts are known
        self._facts: Facts | None = None
        self._unsure = False  # about the facts: to be asked for again when the scheduler answers
        self._largest = 1  # array; less than the scheduler takes after one filled a limit
        self._polling = False
        self._polls = 0  # that have ended, one way or other
        self._pace = Pace(self._limits)
        self._look_due = 0.0
        self._ask_for_facts()

    # ---- the protocol --------------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job]) -> None:
        """Submit ``jobs``, in their order but a few at a time."""
        if self._facts is None:
            self._waiting += jobs
            return
        self._records.prepare(self._key(job.attempt) for job in jobs)
        for parcel in parcels(self._codec, jobs, self._largest):
            self._send(parcel, self._facts)

    @property
    def ahead(self) -> int:
        """None: jobs wait at the scheduler."""
        return 0

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """End ``attempts``. What is being submitted is ended once its job is known."""
        ended = set(attempts)
        for job in self._waiting:
            if job.attempt in ended:
                self._findings.news.append(Observation(job.attempt, Seen.CANCELLED, time.time()))
        self._waiting = [job for job in self._waiting if job.attempt not in ended]
        flights = [flight for a in attempts if (flight := self._flights.of(a)) is not None]
        for flight in flights:
            flight.cancelled = True
        self._end_jobs(flights)
        if flights:
            self._pace.hurry()

    def observe(self) -> list[Observation]:
        """What commands have answered, and jobs have written."""
        self._commands.collect()
        now = time.monotonic()
        if self._flights and now >= self._look_due:
            self._findings.look()
            spent = time.monotonic() - now
            self._look_due = now + max(self._limits.look, 20 * spent)
        if self._flights and not self._polling and now >= self._pace.due:
            self._poll(now)
        news, self._findings.news = self._findings.news, []
        return news

    def heed(self, sleeptime: float, throttle: int) -> None:
        """Heed other settings; arrays that are in flight are told theirs."""
        self._pace.change(sleeptime)
        if throttle != self._throttle:
            self._throttle = throttle
            for job in self._flights.arrays:
                self._limit(job)

    def fileno(self) -> int:
        """Readable when a command has answered."""
        return self._commands.fileno()

    def timeout(self) -> float | None:
        """Seconds until jobs or the scheduler are to be looked at again."""
        if self._findings.news:
            return 0.0
        if not self._flights:
            return None
        due = self._look_due if self._polling else min(self._look_due, self._pace.due)
        return max(0.0, due - time.monotonic())

    def close(self) -> None:
        """Let what is being submitted end, and leave the jobs alone."""
        self._commands.close(self._limits.closing)

    def recover(self, attempts: Mapping[AttemptId, str | None]) -> None:
        """Take over ``attempts``, which an earlier conductor submitted, each with its job where
        that is recorded: `observe` tells what becomes of them.
        """
        keys = {self._key(attempt): attempt for attempt in attempts}
        self._records.prepare(keys)
        members: dict[str, tuple[str, int]] = {}
        for name, own in self._records.arrays():
            members.update((key, (name, index)) for index, key in enumerate(own))
        for key, attempt in keys.items():
            name, index = members.get(key, (key, None))
            flight = Flight(attempt, key, self._findings.tag(name), index)
            self._flights.add(flight)
            job = attempts[attempt]
            if job is None:
                flight.doubt(time.monotonic())
            else:
                self._flights.name(flight, job)
        self._pace.hurry()
        self._pace.due = 0.0

    @property
    def surveyed(self) -> bool:
        """Whether the scheduler has told what it knows of all jobs, or has not answered."""
        return not self._flights or self._polls > 0

    # ---- submitting ----------------------------------------------------------------------------

    def _ask_for_facts(self) -> None:
        probe = self._codec.probe()
        if probe is None:
            self._facts = Facts()
        else:
            self._commands.start(probe, self._learn)

    def _learn(self, answer: Answer) -> None:
        self._unsure = answer.code != 0
        if self._unsure and self._facts is None:
            log.warning("%s cannot be asked for its limits: %s", self._codec.title, answer.said)
        self._facts = self._codec.facts(answer)
        self._largest = self._facts.largest if self._arrays else 1
        jobs, self._waiting = self._waiting, []
        self.submit(jobs)

    def _send(self, jobs: Sequence[Job], facts: Facts) -> None:
        """Submit ``jobs`` by one command."""
        keys = [self._key(job.attempt) for job in jobs]
        together = len(jobs) > 1
        name = f"{keys[0]}+{len(keys)}" if together else keys[0]
        tag = self._findings.tag(name)
        flights = [
            Flight(job.attempt, key, tag, index if together else None)
            for index, (job, key) in enumerate(zip(jobs, keys, strict=True))
        ]
        for flight in flights:
            self._flights.add(flight)
        if together:
            members = list(zip(keys, jobs, strict=True))
            made = array(self._codec, self._records, members, name, tag, self._throttle)
        else:
            made = single(self._codec, self._records, jobs[0], keys[0], tag)
        then = partial(self._sent, flights, self._throttle)
        self._commands.start(self._codec.submission(made, facts), then)

    def _sent(self, flights: Sequence[Flight], throttle: int, answer: Answer) -> None:
        """The scheduler has answered a submission of ``flights``, made under ``throttle``."""
        try:
            crowded = len(self._flights) > 1  # an array may fill a limit by itself
            job = self._codec.accepted(answer, crowded=crowded)
        except BackendError as error:
            self._refused(flights, answer, error)
            return
        if job is None:
            self._doubt(flights, answer)
            return
        self.health = Health(answered=time.time())
        if self._arrays and self._facts is not None and len(flights) >= self._largest:
            self._largest = min(2 * self._largest, self._facts.largest)
        for flight in flights:
            own = job if flight.index is None else member(job, flight.index)
            self._findings.accept(flight, own)
        if len(flights) > 1 and throttle != self._throttle:
            self._limit(job)
        self._end_jobs([flight for flight in flights if flight.cancelled])

    def _refused(self, flights: Sequence[Flight], answer: Answer, error: BackendError) -> None:
        """A refusal is believed when the command was neither killed nor content."""
        sure = answer.code is not None and answer.code > 0
        if sure and self._findings.refuse(flights, str(error), transient=error.transient):
            if error.transient and len(flights) > 1:
                self._largest = max(1, min(self._largest, len(flights)) // 2)
        else:
            self._doubt(flights, answer)

    def _doubt(self, flights: Sequence[Flight], answer: Answer) -> None:
        trouble = f"{self._codec.title}: a submission is in doubt: {answer.said}"
        log.warning("%s", trouble)
        self.health = replace(self.health, trouble=trouble)
        for flight in flights:
            flight.doubt(time.monotonic())
        self._pace.hurry()

    # ---- asking the scheduler ------------------------------------------------------------------

    def _poll(self, now: float) -> None:
        self._polling = True
        command = self._codec.queue(self._flights.jobs)
        known = frozenset(f.attempt for f in self._flights if f.job is not None or f.doubtful)
        self._commands.start(command, partial(self._listed, now, known))

    def _listed(self, asked: float, known: frozenset[AttemptId], answer: Answer) -> None:
        """The queue has answered what was ``asked`` when ``known`` were in flight; the history is
        asked for those of them that it does not list.
        """
        try:
            sightings = self._codec.sightings(answer)
        except BackendError as error:
            self._unreachable(str(error))
            return
        if self.health.trouble:
            log.info("%s answers again", self._codec.title)
        self.health = Health(answered=time.time())
        if self._unsure:
            self._unsure = False
            self._ask_for_facts()
        missing = self._findings.listed(sightings, known)
        del missing[MOST_MISSING:]  # for later polls: nothing is given up that was not asked for
        jobs = [flight.job for flight in missing if flight.job is not None]
        command = self._codec.history(jobs) if jobs else None
        if command is None:
            self._end_poll(asked, missing)
        else:
            self._commands.start(command, partial(self._recalled, asked, missing))

    def _recalled(self, asked: float, missing: Sequence[Flight], answer: Answer) -> None:
        if answer.code != 0:
            log.debug("%s has no history: %s", self._codec.title, answer.said)
        self._end_poll(asked, self._findings.recalled(self._codec.recalled(answer), missing))

    def _end_poll(self, asked: float, unknown: Sequence[Flight]) -> None:
        """A poll ends."""
        self._findings.give_up(asked, unknown)
        self._polling = False
        self._polls += 1
        self._end_jobs([flight for flight in self._flights if flight.cancelled])
        waits = any(flight.cancelled or flight.doubtful for flight in self._flights)
        self._pace.answered(waits=waits)

    def _unreachable(self, why: str) -> None:
        """Jobs are assumed to be well."""
        trouble = f"{self._codec.title} does not answer: {why}"
        if not self.health.trouble:
            log.warning("%s", trouble)
        self.health = replace(self.health, trouble=trouble)
        self._polling = False
        self._polls += 1
        self._pace.failed()

    def _end_jobs(self, flights: Sequence[Flight]) -> None:
        jobs = [flight.job for flight in flights if flight.job is not None]
        for first in range(0, len(jobs), CHUNK):
            self._commands.start(self._codec.cancel(jobs[first : first + CHUNK]), self._done)

    def _limit(self, array: str) -> None:
        if command := self._codec.throttle(array, self._throttle):
            self._commands.start(command, self._done)

    def _done(self, answer: Answer) -> None:
        """What has failed is tried again at the next poll, where it matters."""
        if answer.code != 0:
            log.debug("%s: %s", self._codec.title, answer.said)
