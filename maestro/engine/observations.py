"""What can be seen of an attempt, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

__all__ = ["AttemptId", "Observation", "Seen"]


class AttemptId(NamedTuple):
    """One submission of one task: the ``number``-th, counted from 1."""

    task: str
    number: int


class Seen(Enum):
    """What can be seen of an attempt."""

    ACCEPTED = "accepted"
    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    MISSING = "missing"
    """Its backend does not know it at present (UNKNOWN), and not yet for long enough to give it
    up.
    """
    LOST = "lost"
    """It started, and how it ended can no longer be known (HWFAILURE)."""
    NODE_LOST = "node lost"
    """The scheduler confirms that its node failed (HWFAILURE): it may be submitted again."""
    NEVER_STARTED = "never started"
    """Proven never to have run: it may be submitted again."""
    REFUSED = "refused"
    """The submission was not accepted."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a backend reports now about one attempt.

    ``time`` is seconds since the epoch (UTC) of the thing seen; ``job`` the backend's identifier
    (a process id, a job id); ``exit_code`` as a shell shows it (128 + n for signal n);
    ``duration`` the seconds between start and end by a monotonic clock, where that is known;
    ``detail`` a sentence for people. ``transient`` says of an attempt that was refused or never
    started that the task is not to blame: it is tried again, and this one does not count.
    """

    attempt: AttemptId
    seen: Seen
    time: float
    job: str | None = None
    exit_code: int | None = None
    duration: float | None = None
    transient: bool = False
    detail: str = ""
