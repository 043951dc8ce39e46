"""The attempts that a scheduler has in hand, by everything they can be found by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from maestro.adapters.jobrecords import JobEnd, shard
from maestro.engine.observations import AttemptId, Seen

__all__ = ["Flight", "Flights", "member", "parts"]


def member(array: str, index: int) -> str:
    """The id of a member of ``array``."""
    return f"{array}_{index}"


def parts(job: str) -> tuple[str, int | None]:
    """The array, and the index in it, of a ``job`` that is a member; else itself, and None."""
    array, _, index = job.rpartition("_")
    return (array, int(index)) if array and index.isdecimal() else (job, None)


@dataclass(slots=True)
class Flight:
    """An attempt in flight. ``key`` names its records, ``tag`` its submission, and ``index`` its
    place in that, where it is an array. ``job`` is None until it is known; then ``doubtful`` says
    whether the submission may have failed. ``since`` is when it went missing, or in doubt, by the
    monotonic clock; ``seen`` and ``detail`` what was last told of it, ``started`` whether its start
    record has been taken in, and ``end`` a record that did not tell all.
    """

    attempt: AttemptId
    key: str
    tag: str
    index: int | None = None
    job: str | None = None
    doubtful: bool = False
    seen: Seen | None = None
    detail: str = ""
    started: bool = False
    end: JobEnd | None = None
    since: float | None = None
    cancelled: bool = False

    @property
    def runs(self) -> bool:
        """Whether its records say that it has started, and not that it has ended."""
        return self.started and self.end is None

    @property
    def array(self) -> str:
        """The array that its job is a member of; empty where it is none."""
        if self.job is None or self.index is None:
            return ""
        array, index = parts(self.job)
        return "" if index is None else array

    def doubt(self, now: float) -> None:
        """Its submission may or may not have been accepted."""
        self.doubtful = True
        self.since = now


class Flights:
    """All flights, each under its attempt, key, tag, and job."""

    def __init__(self) -> None:
        self._flights: dict[AttemptId, Flight] = {}
        self._shards: dict[int, dict[str, Flight]] = {}
        self._tags: dict[tuple[str, int | None], Flight] = {}
        self._jobs: dict[str, Flight] = {}
        self._arrays: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(self._flights.values())

    def __contains__(self, flight: Flight) -> bool:
        return self._flights.get(flight.attempt) is flight

    @property
    def jobs(self) -> list[str]:
        """All jobs that are known."""
        return list(self._jobs)

    @property
    def arrays(self) -> list[str]:
        """The arrays of which members are in flight."""
        return list(self._arrays)

    @property
    def shards(self) -> Mapping[int, Mapping[str, Flight]]:
        """All flights by the shards that their records are in, and by key."""
        return self._shards

    def of(self, attempt: AttemptId) -> Flight | None:
        """The flight of ``attempt``."""
        return self._flights.get(attempt)

    def by_key(self, key: str) -> Flight | None:
        """The flight whose records are named ``key``."""
        return self._shards.get(shard(key), {}).get(key)

    def by_job(self, job: str) -> Flight | None:
        """The flight that is ``job``."""
        return self._jobs.get(job)

    def by_tag(self, tag: str, index: int | None) -> Flight | None:
        """The flight that is member ``index`` of the submission ``tag``."""
        return self._tags.get((tag, index))

    def add(self, flight: Flight) -> None:
        """Follow ``flight`` from now on."""
        self._flights[flight.attempt] = flight
        self._shards.setdefault(shard(flight.key), {})[flight.key] = flight
        self._tags[flight.tag, flight.index] = flight

    def name(self, flight: Flight, job: str) -> None:
        """``flight`` is known to be ``job``, from now on."""
        self._unname(flight)
        flight.job, flight.doubtful, flight.since = job, False, None
        self._jobs[job] = flight
        if array := flight.array:
            self._arrays[array] = self._arrays.get(array, 0) + 1

    def remove(self, flight: Flight) -> None:
        """Follow ``flight`` no more."""
        self._unname(flight)
        del self._flights[flight.attempt], self._tags[flight.tag, flight.index]
        own = shard(flight.key)
        del self._shards[own][flight.key]
        if not self._shards[own]:
            del self._shards[own]

    def _unname(self, flight: Flight) -> None:
        if flight.job is None:
            return
        if self._jobs.get(flight.job) is flight:  # ids come again when a scheduler is reset
            del self._jobs[flight.job]
        if array := flight.array:
            self._arrays[array] -= 1
            if not self._arrays[array]:
                del self._arrays[array]
