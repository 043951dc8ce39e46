"""What goes into the engine and what comes out of it, beside observations."""

from __future__ import annotations

from dataclasses import dataclass

from maestro.engine.observations import AttemptId, Observation
from maestro.engine.states import Event, State

__all__ = ["Change", "Demand", "Policy", "Record", "Submit"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a task takes while it is in flight: a scheduler's job, or slots of this machine."""

    local: bool
    slots: int = 1

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise ValueError(f"a task takes at least one slot, not {self.slots}")


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of a study; 0 means no limit for ``throttle`` and ``rlimit``.

    ``slots`` is what the machine offers to local tasks; ``throttles_local`` says whether they
    count as jobs in flight; ``attempts`` bounds how often a submission may be refused, and
    ``losses`` how often a task is submitted again because its job never started or its node was
    lost. At most ``window`` submissions (0: any number) wait for a scheduler's answer: what is
    intended is recorded before, and a conductor that has lost its study must not go on submitting.
    """

    throttle: int = 0
    rlimit: int = 1
    attempts: int = 1
    slots: int = 1
    throttles_local: bool = True
    losses: int = 3
    window: int = 0

    def __post_init__(self) -> None:
        least = {"throttle": 0, "rlimit": 0, "attempts": 1, "slots": 1, "losses": 0, "window": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be {bound} or more, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Submit:
    """Submit this attempt, by the task's restart script where ``restart`` says so; a ``local`` one
    takes ``slots`` of this machine.
    """

    attempt: AttemptId
    restart: bool
    local: bool
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Change:
    """An event happened to a task, which is in ``state`` since; ``detail`` is for people.

    ``number``, ``restarts``, ``refusals`` and ``losses`` are those of the task since then, as in
    `Record`.
    """

    task: str
    event: Event
    state: State
    number: int
    restarts: int
    time: float
    observation: Observation | None = None
    detail: str = ""
    refusals: int = 0
    losses: int = 0

    @property
    def reason(self) -> str:
        """Why, for people: what was seen tells more than what was made of it."""
        return (self.observation.detail if self.observation else "") or self.detail


@dataclass(frozen=True, slots=True)
class Record:
    """What a store remembers of a task that something has happened to: its latest `Change`.

    ``number`` counts its attempts, ``restarts`` the timeouts that a restart followed, ``refusals``
    the submissions refused since the last of them, ``losses`` the jobs that were lost.
    """

    task: str
    state: State
    number: int
    restarts: int
    refusals: int = 0
    losses: int = 0
