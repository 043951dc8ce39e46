"""What has become of jobs: from what they write of themselves, and what their scheduler says.

Their own records (`JobRecords`) tell at once that a job has started and, where no signal came
between, how it has ended. The scheduler tells the rest, and outranks a record of success. What
neither knows of is missing, and after a grace it is given up: never while it may still run.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from maestro.adapters.base import explained
from maestro.adapters.codec import TAGS, Scheduler, Sighting
from maestro.adapters.flights import Flight, Flights, parts
from maestro.adapters.jobrecords import TURNED_AWAY, JobEnd, JobRecords, JobStart
from maestro.adapters.pace import Limits
from maestro.engine.observations import AttemptId, Observation, Seen

__all__ = ["Findings"]

ENDS = frozenset({
    Seen.FINISHED, Seen.FAILED, Seen.TIMED_OUT, Seen.CANCELLED, Seen.LOST, Seen.NODE_LOST,
})  # fmt: skip

CLOCKS = 3600.0
"""Seconds by which the clocks of a scheduler and of the conductor may differ."""


class Findings:
    """What is found out about ``flights``, which leave when they have ended; ``news`` are the
    observations that nobody has taken yet, and what ended before ``since`` was not this study's.
    Nothing here runs a command.
    """

    def __init__(
        self,
        codec: Scheduler,
        records: JobRecords,
        flights: Flights,
        study: str,
        limits: Limits,
        since: float = 0.0,
    ) -> None:
        self.news: list[Observation] = []
        self._tags: set[str] = set()  # that the queue told of, when it was last asked
        self._codec = codec
        self._records = records
        self._flights = flights
        self._study = study
        self._limits = limits
        self._since = since - CLOCKS

    def tag(self, name: str) -> str:
        """What the submission called ``name`` is found by."""
        return f"{TAGS}{self._study}:{name}"

    # ---- submissions ---------------------------------------------------------------------------

    def accept(self, flight: Flight, job: str) -> None:
        """Its submission was accepted, and it is ``job``."""
        self._flights.name(flight, job)
        self._say(flight, Seen.ACCEPTED)
        self._take_start(flight)  # it may have written before anybody looked for it
        self._take_end(flight)

    def refuse(self, flights: Sequence[Flight], detail: str, *, transient: bool) -> bool:
        """Whether none of ``flights`` will ever run, whatever the scheduler has made of their
        submission, so that another may follow. If one does run, none was refused.
        """
        if not all(self._records.claim(flight.key) for flight in flights):
            return False
        for flight in flights:
            self._finish(flight, Seen.REFUSED, detail=detail, transient=transient)
        return True

    # ---- records -------------------------------------------------------------------------------

    def look(self) -> None:
        """Take in what jobs have written of themselves since the last look."""
        for name in self._records.news(self._flights.shards):
            key, _, kind = name.rpartition(".")
            found = self._flights.by_key(key)
            if found is None or (found.job is None and not found.doubtful):
                continue  # it has ended by now, or its submission has yet to be answered
            if kind == "start":
                self._take_start(found)
            else:
                self._take_end(found)

    def _take_start(self, flight: Flight) -> None:
        if flight.started:
            return
        start = self._start(flight)
        if start is not None and start.time is not None:
            flight.started = True
            if start.job not in ("", flight.job):  # who runs it knows best which job it is
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
        self._take_start(flight)  # the queue may tell of the end before anybody has looked
        seen = Seen.FAILED if end.code else Seen.FINISHED
        detail = explained(end.code) if end.code else ""
        self._finish(flight, seen, at=end.time, code=end.code, detail=detail)

    # ---- the scheduler -------------------------------------------------------------------------

    def listed(
        self, sightings: Sequence[Sighting], known: Collection[AttemptId]
    ) -> list[Flight]:
        """Take in what the queue lists; those of ``known`` that it does not."""
        found: set[AttemptId] = set()
        self._tags = {sighting.tag for sighting in sightings}
        for sighting in sightings:
            flight = self._flights.by_job(sighting.job) or self._recognised(sighting)
            if flight is not None and self._is_ours(sighting):
                found.add(flight.attempt)
                self._judge(flight, sighting)
        return [f for f in self._flights if f.attempt in known and f.attempt not in found]

    def recalled(
        self, sightings: Iterable[Sighting], missing: Iterable[Flight]
    ) -> list[Flight]:
        """Take in what the history says of jobs that have ended: of others it knows less than the
        queue does. Those of ``missing`` that it does not know.
        """
        found: set[AttemptId] = set()
        for sighting in sightings:
            if sighting.ended is not None and sighting.ended < self._since:
                continue  # ids come again when a scheduler is reset
            flight = self._flights.by_job(sighting.job)
            if flight is not None and sighting.seen in ENDS:
                found.add(flight.attempt)
                self._judge(flight, sighting)
            elif flight is not None and sighting.seen is Seen.STARTED and flight.runs:
                found.add(flight.attempt)  # it may run on, so it is not given up
                self._say(flight, Seen.MISSING, detail="its queue does not list it, and it may run")
        return [flight for flight in missing if flight.attempt not in found]

    def _is_ours(self, sighting: Sighting) -> bool:
        """Whether a job whose id is one of ours is ours: ids come again when a scheduler is reset.
        Its tag may be missing, or cut short.
        """
        ours = self.tag("")
        return sighting.tag.startswith(ours) or ours.startswith(sighting.tag)

    def _recognised(self, sighting: Sighting) -> Flight | None:
        """The flight whose submission was in doubt, and is found by its tag."""
        _, index = parts(sighting.job)
        flight = self._flights.by_tag(sighting.tag, index)
        if flight is None or not flight.doubtful:
            return None
        self.accept(flight, sighting.job)
        return flight

    def _judge(self, flight: Flight, sighting: Sighting) -> None:
        """Take in what the scheduler says of a job, beside what the job itself has written."""
        flight.since = None
        if flight not in self._flights:
            return
        if sighting.seen not in ENDS:
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
        turned_away = seen is Seen.FAILED and code == TURNED_AWAY
        turned_away = turned_away and (end is None or end.code != TURNED_AWAY)
        if end is not None and not end.signal and (turned_away or seen is not Seen.FAILED):
            self._end_by_record(flight, end)  # the script had ended before anything befell its job
            return
        untouched = not started and end is None and seen is not Seen.CANCELLED
        untouched = untouched and self._records.claim(flight.key)  # nor will it run beside another
        if untouched and (turned_away or seen is Seen.FINISHED):
            detail = f"job {flight.job} has ended without running it"
            self._finish(flight, Seen.NEVER_STARTED, detail=detail)
            return
        if turned_away:
            seen, detail = Seen.LOST, "its job was started twice, and the second time refused"
        elif seen is Seen.FAILED and flight.cancelled and started and (end is None or end.signal):
            seen = Seen.CANCELLED  # as was asked for; not every scheduler tells why it ended a job
        elif seen in (Seen.FINISHED, Seen.FAILED) and end is not None and end.code:
            seen, code = Seen.FAILED, end.code
        if seen is Seen.FAILED and code and not detail:
            detail = explained(code) + (", before its script was started" if untouched else "")
        at = end.time if end is not None else sighting.ended
        self._finish(flight, seen, at=at, code=code, detail=detail)

    def give_up(self, asked: float, unknown: Iterable[Flight]) -> None:
        """Neither the queue nor the history knew of ``unknown`` when they were ``asked``."""
        for flight in unknown:
            if flight not in self._flights:
                continue
            self._take_start(flight)
            end = flight.end or self._records.end(flight.key)
            if end is not None and not end.signal:
                self._end_by_record(flight, end)
            elif end is None and self._is_withdrawn(flight):
                self._finish(flight, Seen.CANCELLED, detail="cancelled before it was started")
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

    def _is_withdrawn(self, flight: Flight) -> bool:
        """Whether a missing job has been cancelled before it was started: by us, or as a member of
        an array that its scheduler still knows. Of such jobs not every scheduler keeps a trace. If
        so, it never will run.
        """
        if flight.started or flight.job is None:
            return False
        removed = flight.since is not None and flight.index is not None and flight.tag in self._tags
        return (flight.cancelled or removed) and self._records.claim(flight.key)

    def _claim(self, flight: Flight) -> None:
        """Its time is over: it never ran and never will, or nobody knows how it ended."""
        if self._records.claim(flight.key):
            in_doubt = flight.job is None
            detail = "its submission got lost" if in_doubt else f"job {flight.job} got lost"
            self._finish(flight, Seen.NEVER_STARTED, detail=detail, transient=in_doubt)
        else:
            detail = f"{self._codec.title} has lost its job, and how it ended is not recorded"
            self._finish(flight, Seen.LOST, detail=detail)

    def _say(
        self, flight: Flight, seen: Seen, *, at: float | None = None, detail: str = ""
    ) -> None:
        """``seen`` is how it stands, which is told when it, or the reason for it, is new."""
        if flight.seen is not seen or (detail and flight.detail != detail):
            flight.seen, flight.detail = seen, detail
            when = time.time() if at is None else at
            self.news.append(
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
        start = self._records.start(flight.key) if seen in ENDS else None
        duration = None
        if at is not None and start is not None and start.time is not None:
            duration = max(0.0, at - start.time)
        self.news.append(
            Observation(
                flight.attempt,
                seen,
                time.time() if at is None else at,
                job=flight.job,
                exit_code=code,
                duration=duration,
                transient=transient,
                detail=detail,
            )
        )
        self._flights.remove(flight)
