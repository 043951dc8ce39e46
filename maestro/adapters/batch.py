"""Running tasks through a batch scheduler: one backend for all of them, whatever the codec.

Three things tell what became of a job. Its own records (`JobRecords`) tell at once that it has
started and, where no signal came between, how it has ended. The scheduler, asked once a poll about
all jobs together, tells the rest, and outranks a record of success. What neither knows of is
missing, and after a grace it is given up: never while it may still run.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from maestro.adapters.base import Health, Job
from maestro.adapters.codec import Answer, Facts, Scheduler, Sighting
from maestro.adapters.commands import Commands
from maestro.adapters.flights import Flight, Flights
from maestro.adapters.jobrecords import REFUSED, JobEnd, JobRecords, JobStart
from maestro.adapters.parcels import array, parcels, single
from maestro.adapters.records import explained
from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.errors import BackendError

__all__ = ["BatchBackend", "Limits"]

log = logging.getLogger(__name__)

CHUNK = 500
"""Jobs that one command line names at most, to end them."""

REMEMBERED = 5000
"""Missing jobs that one poll looks into, and asks the scheduler's history for."""

_ENDS = frozenset({
    Seen.FINISHED, Seen.FAILED, Seen.TIMED_OUT, Seen.CANCELLED, Seen.LOST, Seen.NODE_LOST,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: between two polls (``sleeptime``, and never less than ``least``; from ``hurry`` on
    while somebody waits for an answer), between two looks at records, that a job may be
    ``missing``, that a submission may be in ``doubt``, between polls of a scheduler that does not
    answer, at most (``backoff``), and for commands to end when the backend is closed.
    """

    sleeptime: float = 60.0
    least: float = 0.5
    hurry: float = 1.0
    look: float = 0.25
    missing: float = 300.0
    doubt: float = 30.0
    backoff: float = 600.0
    closing: float = 10.0


class BatchBackend:
    """Runs jobs through ``codec``'s scheduler.

    ``records`` is where jobs write of themselves, ``study`` what their tags name, and ``key`` tells
    what the records of an attempt are called. With ``arrays``, jobs that are alike go out together,
    where the scheduler has arrays.
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
    ) -> None:
        self.health = Health()
        self._codec = codec
        self._records = records
        self._study = study
        self._key = key
        self._throttle = throttle
        self._arrays = arrays and bool(codec.array_variables)
        self._limits = limits or Limits()
        self._commands = Commands()
        self._flights = Flights()
        self._news: list[Observation] = []
        self._waiting: list[Job] = []  # until the facts are known
        self._facts: Facts | None = None
        self._largest = 1  # array; less than the scheduler takes after one filled a limit
        self._polling = False
        self._hurried = 0.0  # the wait between polls while somebody waits; 0: nobody does
        self._failures = 0
        self._poll_due = time.monotonic() + self._interval()
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

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """End ``attempts``. What is being submitted is ended once its job is known."""
        ended = set(attempts)
        for job in self._waiting:
            if job.attempt in ended:
                self._news.append(Observation(job.attempt, Seen.CANCELLED, time.time()))
        self._waiting = [job for job in self._waiting if job.attempt not in ended]
        flights = [flight for a in attempts if (flight := self._flights.of(a)) is not None]
        for flight in flights:
            flight.cancelled = True
        self._end_jobs(flights)
        if flights:
            self._hurry()

    def observe(self) -> list[Observation]:
        """What commands have answered, and jobs have written."""
        self._commands.collect()
        now = time.monotonic()
        if self._flights and now >= self._look_due:
            self._look()
            spent = time.monotonic() - now
            self._look_due = now + max(self._limits.look, 20 * spent)
        if self._flights and not self._polling and now >= self._poll_due:
            self._poll(now)
        news, self._news = self._news, []
        return news

    def pace(self, sleeptime: float, throttle: int) -> None:
        """Heed other settings; arrays that are in flight are told theirs."""
        self._limits = replace(self._limits, sleeptime=sleeptime)
        self._poll_due = min(self._poll_due, time.monotonic() + self._interval())
        if throttle != self._throttle:
            self._throttle = throttle
            for job in self._flights.arrays:
                self._limit(job)

    def fileno(self) -> int:
        """Readable when a command has answered."""
        return self._commands.fileno()

    def timeout(self) -> float | None:
        """Seconds until jobs or the scheduler are to be looked at again."""
        if self._news:
            return 0.0
        if not self._flights:
            return None
        due = self._look_due if self._polling else min(self._look_due, self._poll_due)
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
            flight = Flight(attempt, key, self._tag(name), index)
            self._flights.add(flight)
            job = attempts[attempt]
            if job is None:
                flight.doubt(time.monotonic())
            else:
                self._flights.name(flight, job)
        self._hurry()
        self._poll_due = 0.0

    # ---- submitting ----------------------------------------------------------------------------

    def _ask_for_facts(self) -> None:
        probe = self._codec.probe()
        if probe is None:
            self._facts = Facts()
        else:
            self._commands.start(probe, self._learn)

    def _learn(self, answer: Answer) -> None:
        if answer.code != 0:
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
        tag = self._tag(name)
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
            own = job if flight.index is None else self._codec.member(job, flight.index)
            self._accept(flight, own)
        if len(flights) > 1 and throttle != self._throttle:
            self._limit(job)
        self._end_jobs([flight for flight in flights if flight.cancelled])

    def _refused(self, flights: Sequence[Flight], answer: Answer, error: BackendError) -> None:
        """None of ``flights`` will ever run, whatever the scheduler has made of their submission:
        another attempt may follow. If one does run, none was refused.
        """
        sure = answer.code is not None and answer.code > 0  # it was neither killed nor content
        if sure and all(self._records.claim(flight.key) for flight in flights):
            if error.transient and len(flights) > 1:
                self._largest = max(1, min(self._largest, len(flights)) // 2)
            for flight in flights:
                self._finish(flight, Seen.REFUSED, detail=str(error), transient=error.transient)
        else:
            self._doubt(flights, answer)

    def _doubt(self, flights: Sequence[Flight], answer: Answer) -> None:
        log.warning("%s: a submission is in doubt: %s", self._codec.title, answer.said)
        for flight in flights:
            flight.doubt(time.monotonic())
        self._hurry()

    def _accept(self, flight: Flight, job: str) -> None:
        self._flights.name(flight, job)
        self._say(flight, Seen.ACCEPTED)
        self._take_start(flight)  # it may have written before anybody looked for it
        self._take_end(flight)

    # ---- looking at records --------------------------------------------------------------------

    def _look(self) -> None:
        """Take in what jobs have written of themselves since the last look."""
        watched: dict[str, list[str]] = {}
        for flight in self._flights:
            if flight.job is not None or flight.doubtful:
                watched.setdefault(self._records.shard(flight.key), []).append(flight.key)
        for name in self._records.news(watched):
            key, _, kind = name.rpartition(".")
            found = self._flights.by_key(key)
            if found is not None and kind == "start":
                self._take_start(found)
            elif found is not None:
                self._take_end(found)

    def _take_start(self, flight: Flight) -> None:
        if flight.started:
            return
        start = self._start(flight)
        if start is not None and start.time is not None:
            flight.started = True
            if flight.job is None and start.job:
                self._flights.name(flight, start.job)
            self._say(flight, Seen.STARTED, at=start.time)

    def _start(self, flight: Flight) -> JobStart | None:
        """Its start record, with the job as the scheduler's commands know it, if it is known."""
        start = self._records.start(flight.key)
        if start is None or not start.job:
            return start
        return replace(start, job="" if start.job == "-" else self._codec.known_as(start.job))

    def _take_end(self, flight: Flight) -> None:
        """A script that ended undisturbed has ended as its exit code says."""
        if flight.end is None and flight in self._flights:
            flight.end = self._records.end(flight.key)
            if flight.end is not None and not flight.end.signal:
                self._end_by_record(flight, flight.end)

    def _end_by_record(self, flight: Flight, end: JobEnd) -> None:
        seen = Seen.FAILED if end.code else Seen.FINISHED
        detail = explained(end.code) if end.code else ""
        self._finish(flight, seen, at=end.time, code=end.code, detail=detail)

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
        self._failures = 0
        listed: set[AttemptId] = set()
        rests: dict[str, Sighting] = {}
        for sighting in sightings:
            flight = self._flights.by_job(sighting.job) or self._recognised(sighting)
            if not self._is_ours(sighting):
                continue
            if flight is not None:
                listed.add(flight.attempt)
                self._judge(flight, sighting)
            elif sighting.seen in _ENDS:
                rests[sighting.job] = sighting
        missing = [f for f in self._flights if f.attempt in known and f.attempt not in listed]
        missing = [flight for flight in missing if not self._ended_unstarted(flight, rests)]
        del missing[REMEMBERED:]  # for later polls: nothing is given up that was not asked for
        jobs = [flight.job for flight in missing if flight.job is not None]
        command = self._codec.history(jobs) if jobs else None
        if command is None:
            self._give_up(asked, missing)
        else:
            self._commands.start(command, partial(self._recalled, asked, missing))

    def _recalled(self, asked: float, missing: Sequence[Flight], answer: Answer) -> None:
        if answer.code != 0:
            log.debug("%s has no history: %s", self._codec.title, answer.said)
        found: set[AttemptId] = set()
        for sighting in self._codec.recalled(answer):
            flight = self._flights.by_job(sighting.job)
            if flight is not None and sighting.seen in _ENDS:
                # Of jobs that have not ended the history knows less than the queue does.
                found.add(flight.attempt)
                self._judge(flight, sighting)
        self._give_up(asked, [flight for flight in missing if flight.attempt not in found])

    def _ended_unstarted(self, flight: Flight, rests: Mapping[str, Sighting]) -> bool:
        """Whether it ended with the members of its array that never started: together they are
        listed under the array's own id.
        """
        rest = rests.get(flight.array)
        if rest is None or self._records.start(flight.key) is not None:
            return False
        self._judge(flight, rest)
        return True

    def _is_ours(self, sighting: Sighting) -> bool:
        """Whether a job whose id is one of ours is ours: ids come again when a scheduler is reset.
        Its tag may be missing, or cut short.
        """
        ours = self._tag("")
        return sighting.tag.startswith(ours) or ours.startswith(sighting.tag)

    def _recognised(self, sighting: Sighting) -> Flight | None:
        """The flight whose submission was in doubt, and is found by its tag."""
        _, underscore, index = sighting.job.rpartition("_")
        member = int(index) if underscore and index.isdecimal() else None
        flight = self._flights.by_tag(sighting.tag, member)
        if flight is None or not flight.doubtful:
            return None
        self._accept(flight, sighting.job)
        return flight

    def _judge(self, flight: Flight, sighting: Sighting) -> None:
        """Take in what the scheduler says of a job, beside what the job itself has written."""
        flight.since = None
        if flight not in self._flights:
            return
        if sighting.seen not in _ENDS:
            if sighting.seen is not Seen.ACCEPTED or flight.seen is not Seen.STARTED:
                self._say(flight, sighting.seen, at=sighting.started, detail=sighting.detail)
            return
        start = self._start(flight)
        if start is not None and start.job not in ("", flight.job):
            # Another job runs the attempt: an earlier submission had been accepted after all.
            self._flights.name(flight, start.job)
            self._say(flight, Seen.STARTED, at=start.time)
            return
        self._conclude(flight, sighting, started=start is not None)

    def _conclude(self, flight: Flight, sighting: Sighting, *, started: bool) -> None:
        """The scheduler says that the job has ended."""
        end = flight.end or self._records.end(flight.key)
        seen, code, detail = sighting.seen, sighting.exit_code, sighting.detail
        refused = seen is Seen.FAILED and code == REFUSED and (end is None or end.code != REFUSED)
        if end is not None and not end.signal and (refused or seen is not Seen.FAILED):
            self._end_by_record(flight, end)  # the script had ended before anything befell its job
            return
        untouched = not started and end is None and seen in (Seen.FINISHED, Seen.FAILED)
        untouched = untouched and self._records.claim(flight.key)
        if untouched and (refused or seen is Seen.FINISHED):
            detail = f"job {flight.job} has ended without running it"
            self._finish(flight, Seen.NEVER_STARTED, detail=detail)
            return
        if refused:
            seen, detail = Seen.LOST, "its job was started twice, and the second time refused"
        elif seen in (Seen.FINISHED, Seen.FAILED) and end is not None and end.code:
            seen, code = Seen.FAILED, end.code
        if seen is Seen.FAILED and code and not detail:
            detail = explained(code) + (", before its script was started" if untouched else "")
        at = end.time if end is not None else sighting.ended
        self._finish(flight, seen, at=at, code=code, detail=detail)

    def _give_up(self, asked: float, missing: Sequence[Flight]) -> None:
        """Neither the queue nor the history knows of ``missing``; a poll ends here."""
        for flight in missing:
            if flight not in self._flights:
                continue
            self._take_start(flight)
            end = flight.end or self._records.end(flight.key)
            if end is not None and not end.signal:
                self._end_by_record(flight, end)
            elif flight.since is None:
                flight.since = asked
                detail = f"{self._codec.title} does not know job {flight.job} at present"
                self._say(flight, Seen.MISSING, detail=detail)
            else:
                in_doubt = flight.job is None and not flight.started
                grace = self._limits.doubt if in_doubt else self._limits.missing
                if asked - flight.since < grace:
                    continue
                if end is not None:  # a signal ended it, and nobody will say why it was sent
                    self._end_by_record(flight, end)
                else:
                    self._claim(flight)
        self._polling = False
        self._end_jobs([flight for flight in self._flights if flight.cancelled])
        waits = any(flight.cancelled or flight.doubtful for flight in self._flights)
        self._hurried = 2 * self._hurried if waits else 0.0
        self._poll_due = time.monotonic() + self._interval()

    def _claim(self, flight: Flight) -> None:
        """Its time is over: it never ran and never will, or nobody knows how it ended."""
        if self._records.claim(flight.key):
            in_doubt = flight.job is None
            detail = "its submission got lost" if in_doubt else f"job {flight.job} got lost"
            self._finish(flight, Seen.NEVER_STARTED, detail=detail, transient=in_doubt)
        else:
            detail = f"{self._codec.title} has lost its job, and how it ended is not recorded"
            self._finish(flight, Seen.LOST, detail=detail)

    def _unreachable(self, why: str) -> None:
        """Jobs are assumed to be well. The wait grows, and no two conductors' waits are alike."""
        trouble = f"{self._codec.title} does not answer: {why}"
        if not self.health.trouble:
            log.warning("%s", trouble)
        self.health = replace(self.health, trouble=trouble)
        wait = max(self._interval(), 5.0) * 2 ** min(self._failures, 10)
        self._failures += 1
        self._polling = False
        wait = min(wait, self._limits.backoff) * random.uniform(0.5, 1.0)
        self._poll_due = time.monotonic() + wait

    def _interval(self) -> float:
        wait = max(self._limits.sleeptime, self._limits.least)
        return min(wait, self._hurried) if self._hurried else wait

    def _hurry(self) -> None:
        """Somebody waits for what the scheduler will say: ask soon, and then less and less."""
        self._hurried = self._limits.hurry
        if not self.health.trouble:
            self._poll_due = min(self._poll_due, time.monotonic() + self._hurried)

    def _end_jobs(self, flights: Sequence[Flight]) -> None:
        jobs = [flight.job for flight in flights if flight.job is not None]
        for first in range(0, len(jobs), CHUNK):
            self._commands.start(self._codec.cancel(jobs[first : first + CHUNK]), self._told)

    def _limit(self, array: str) -> None:
        if command := self._codec.throttle(array, self._throttle):
            self._commands.start(command, self._told)

    def _told(self, answer: Answer) -> None:
        """What has failed is tried again at the next poll, where it matters."""
        if answer.code != 0:
            log.debug("%s: %s", self._codec.title, answer.said)

    # ---- telling -------------------------------------------------------------------------------

    def _tag(self, name: str) -> str:
        return f"maestro:{self._study}:{name}"

    def _say(
        self, flight: Flight, seen: Seen, *, at: float | None = None, detail: str = ""
    ) -> None:
        """``seen`` is how it stands, which is told when it is new."""
        if flight.seen is not seen:
            flight.seen = seen
            when = time.time() if at is None else at
            self._news.append(
                Observation(flight.attempt, seen, when, job=flight.job, detail=detail)
            )

    def _finish(
        self,
        flight: Flight,
        seen: Seen,
        *,
        at: float | None = None,
        code: int | None = None,
        detail: str = "",
        transient: bool = False,
    ) -> None:
        """``seen`` is how it ended. Nothing more will be told of it."""
        start = self._records.start(flight.key) if seen in _ENDS else None
        timed = at is not None and start is not None and start.time is not None
        self._news.append(
            Observation(
                flight.attempt,
                seen,
                time.time() if at is None else at,
                job=flight.job,
                exit_code=code,
                duration=max(0.0, at - start.time) if timed else None,  # type: ignore[operator,union-attr]
                transient=transient,
                detail=detail,
            )
        )
        self._flights.remove(flight)
