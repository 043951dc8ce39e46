"""What every way of running tasks has in common: jobs in, observations out.

A `Backend` is driven by one loop thread: no method may block it. What it has to report waits
behind `Backend.fileno`, which becomes readable.
"""

from __future__ import annotations

import contextlib
import errno
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from maestro.engine.observations import AttemptId, Observation
from maestro.spec.model import Resources

__all__ = ["HOPELESS", "TRANSIENT", "Backend", "Health", "Job", "explained"]

TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""What the machine says when it has nothing left to start a process with, for now."""

HOPELESS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE,
        errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT,
    }
)  # fmt: skip
"""What the file system says when no other task would fare better."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a backend needs to run one attempt.

    ``output`` is the path, without extension, that the attempt's ``.out`` and ``.err`` belong to.
    ``time_limit`` is in seconds, None for no limit, ``slots`` what a local job takes of the
    machine. ``step`` is what the job is one of,
    ``resources`` what it asks for, and ``directives`` what its script says of that to a scheduler.
    """

    attempt: AttemptId
    script: str
    directory: str
    output: str
    time_limit: float | None = None
    slots: int = 1
    step: str = ""
    resources: Resources = Resources()
    directives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """How a backend gets on with its scheduler: ``trouble`` is a sentence, empty when it answers;
    ``answered`` is when it last did, in seconds since the epoch.
    """

    trouble: str = ""
    answered: float | None = None


class Backend(Protocol):
    """Runs jobs and reports what it sees of them."""

    health: Health

    @property
    def ahead(self) -> int:
        """Slots' worth of jobs that it has wait at present, beyond those that can run: the next one
        starts without anybody being asked.
        """

    def submit(self, jobs: Sequence[Job]) -> None:
        """Ask for ``jobs`` to be run; what becomes of it is observed later."""

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Ask for ``attempts`` to be ended; unknown or ended ones are ignored."""

    def observe(self) -> list[Observation]:
        """Everything seen since the last call, in order; empty when there is nothing. The same
        thing may be seen twice.

        Raises
        ------
        BackendError
            Nothing can be run any more. What runs goes on.
        """

    def heed(self, sleeptime: float, throttle: int) -> None:
        """Heed other settings from now on: seconds between two questions to a scheduler, and most
        jobs in flight.
        """

    def fileno(self) -> int:
        """A descriptor that is readable when `observe` has something to give."""

    def timeout(self) -> float | None:
        """Seconds after which `observe` wants to be called whatever `fileno` says, or None."""

    def close(self) -> None:
        """Stop listening. What runs goes on running."""


def explained(code: int) -> str:
    """An exit code other than 0, in words."""
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(code - 128).name}"
    return f"exit code {code}"
