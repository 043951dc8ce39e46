"""What every way of running tasks has in common: jobs in, observations out.

A `Backend` is driven by one loop thread: no method may block it. What it has to report waits
behind `Backend.fileno`, which becomes readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

__all__ = ["AttemptId", "Backend", "Job", "Observation", "Seen"]


class AttemptId(NamedTuple):
    """One submission of one task: the ``number``-th, counted from 1."""

    task: str
    number: int


@dataclass(frozen=True, slots=True)
class Job:
    """What a backend needs to run one attempt.

    ``output`` is the path, without extension, that the attempt's ``.out`` and ``.err`` belong to.
    ``time_limit`` is in seconds, None for no limit.
    """

    attempt: AttemptId
    script: str
    directory: str
    output: str
    time_limit: float | None = None


class Seen(Enum):
    """What can be seen of an attempt."""

    ACCEPTED = "accepted"
    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    LOST = "lost"
    """It started, and how it ended can no longer be known (HWFAILURE)."""
    NEVER_STARTED = "never started"
    """Proven never to have run: it may be submitted again."""
    REFUSED = "refused"
    """The submission was not accepted; ``transient`` says whether to try it again."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a backend reports now about one attempt.

    ``time`` is seconds since the epoch (UTC) of the thing seen; ``job`` the backend's identifier
    (a process id, a job id); ``exit_code`` as a shell shows it (128 + n for signal n);
    ``duration`` the seconds between start and end by a monotonic clock, where that is known;
    ``detail`` a sentence for people.
    """

    attempt: AttemptId
    seen: Seen
    time: float
    job: str | None = None
    exit_code: int | None = None
    duration: float | None = None
    transient: bool = False
    detail: str = ""


class Backend(Protocol):
    """Runs jobs and reports what it sees of them."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Ask for ``jobs`` to be run; what becomes of it is observed later."""

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Ask for ``attempts`` to be ended; unknown or ended ones are ignored."""

    def observe(self) -> list[Observation]:
        """Everything seen since the last call, in order; empty when there is nothing."""

    def fileno(self) -> int:
        """A descriptor that is readable when `observe` has something to give."""

    def close(self) -> None:
        """Stop listening. What runs goes on running."""
