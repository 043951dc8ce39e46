"""What we have decided about a task, what can happen to it, and the one transition table."""

from __future__ import annotations

from enum import Enum

from maestro.errors import IllegalTransition

__all__ = ["ACTIVE", "ENDED", "FAILED", "TABLE", "Event", "Outcome", "State", "transition"]


class State(Enum):
    """The state of a task; the value is the name that people see."""

    INITIALIZED = "INITIALIZED"
    SUBMITTING = "SUBMITTING"
    """Intended: recorded, and not yet known to the backend."""
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    UNKNOWN = "UNKNOWN"
    """Nothing is known of its job at present. Never the end of a task."""
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    TIMEDOUT = "TIMEDOUT"
    HWFAILURE = "HWFAILURE"
    CANCELLED = "CANCELLED"
    INCOMPLETE = "INCOMPLETE"
    """It can never run, because a parent failed."""
    DRYRUN = "DRYRUN"

    @property
    def shown(self) -> str:
        """The name that people see: an intent looks like PENDING to them."""
        return "PENDING" if self is State.SUBMITTING else self.value


ACTIVE = frozenset({State.SUBMITTING, State.PENDING, State.RUNNING, State.UNKNOWN})
"""An attempt is in flight."""

FAILED = frozenset({State.FAILED, State.TIMEDOUT, State.HWFAILURE})
"""It ended, was not cancelled, and has not done what it should."""

ENDED = frozenset(State) - ACTIVE - {State.INITIALIZED}
"""Nothing more will happen to it, unless it is run again."""


class Event(Enum):
    """What can happen to a task."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    TIME_OUT = "time out"
    BREAK = "break"
    """Its machine failed, or how it ended can no longer be known."""
    VANISH = "vanish"
    """Its backend does not know its job at present."""
    WITHDRAW = "withdraw"
    """The attempt did not take place: the task goes back to wait for another."""
    RETRY = "retry"
    """The attempt has ended, and the task goes back to wait for another."""
    BLOCK = "block"
    CANCEL = "cancel"
    REHEARSE = "rehearse"
    RERUN = "rerun"
    """People want it run again, whatever became of it."""


class Outcome(Enum):
    """How a study ended; the value is the exit status that says so."""

    FINISHED = 0
    FAILURE = 2
    CANCELLED = 3


def _rows() -> dict[tuple[State, Event], State]:
    s, e = State, Event
    rows = {
        (s.INITIALIZED, e.SUBMIT): s.SUBMITTING,
        (s.INITIALIZED, e.BLOCK): s.INCOMPLETE,
        (s.INITIALIZED, e.CANCEL): s.CANCELLED,
        (s.INITIALIZED, e.REHEARSE): s.DRYRUN,
        (s.SUBMITTING, e.ACCEPT): s.PENDING,
        (s.SUBMITTING, e.START): s.RUNNING,
        (s.SUBMITTING, e.VANISH): s.UNKNOWN,
        (s.PENDING, e.ACCEPT): s.PENDING,  # why it waits is known, or has changed
        (s.PENDING, e.START): s.RUNNING,
        (s.PENDING, e.VANISH): s.UNKNOWN,
        (s.RUNNING, e.ACCEPT): s.PENDING,  # a scheduler took it back into its queue
        (s.RUNNING, e.VANISH): s.UNKNOWN,
        (s.UNKNOWN, e.ACCEPT): s.PENDING,
        (s.UNKNOWN, e.START): s.RUNNING,
        # further attempts, which policy bounds
        (s.TIMEDOUT, e.RETRY): s.INITIALIZED,
        (s.HWFAILURE, e.RETRY): s.INITIALIZED,
    }
    # A job may skip states: nobody need have seen it run to see it end. And a scheduler may call
    # running what it is still preparing, and then never starts.
    for state in ACTIVE:
        rows |= {
            (state, e.FINISH): s.FINISHED,
            (state, e.FAIL): s.FAILED,
            (state, e.TIME_OUT): s.TIMEDOUT,
            (state, e.BREAK): s.HWFAILURE,
            (state, e.CANCEL): s.CANCELLED,
            (state, e.WITHDRAW): s.INITIALIZED,
        }
    rows |= {(state, e.RERUN): s.INITIALIZED for state in State if state not in ACTIVE}
    del rows[s.INITIALIZED, e.RERUN]
    return rows


TABLE: dict[tuple[State, Event], State] = _rows()
"""Every state and event that go together, with the state that follows."""


def transition(state: State, event: Event) -> State:
    """The state that follows ``event`` in ``state``.

    Raises
    ------
    IllegalTransition
        The two do not go together.
    """
    try:
        return TABLE[state, event]
    except KeyError:
        raise IllegalTransition(f"{event.name} in state {state.name}") from None
