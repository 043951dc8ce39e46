"""The transition table: every row by name, and nothing beside it."""

from __future__ import annotations

import itertools

import pytest

from maestro.engine import ACTIVE, TABLE, Event, State, transition
from maestro.errors import IllegalTransition

ROWS = """
    INITIALIZED  SUBMIT    SUBMITTING
    INITIALIZED  BLOCK     INCOMPLETE
    INITIALIZED  CANCEL    CANCELLED
    INITIALIZED  REHEARSE  DRYRUN
    SUBMITTING   ACCEPT    PENDING
    SUBMITTING   START     RUNNING
    SUBMITTING   VANISH    UNKNOWN
    SUBMITTING   WITHDRAW  INITIALIZED
    SUBMITTING   FINISH    FINISHED
    SUBMITTING   FAIL      FAILED
    SUBMITTING   TIME_OUT  TIMEDOUT
    SUBMITTING   BREAK     HWFAILURE
    SUBMITTING   CANCEL    CANCELLED
    PENDING      START     RUNNING
    PENDING      VANISH    UNKNOWN
    PENDING      WITHDRAW  INITIALIZED
    PENDING      FINISH    FINISHED
    PENDING      FAIL      FAILED
    PENDING      TIME_OUT  TIMEDOUT
    PENDING      BREAK     HWFAILURE
    PENDING      CANCEL    CANCELLED
    PENDING      ACCEPT    PENDING
    RUNNING      ACCEPT    PENDING
    RUNNING      VANISH    UNKNOWN
    RUNNING      WITHDRAW  INITIALIZED
    RUNNING      FINISH    FINISHED
    RUNNING      FAIL      FAILED
    RUNNING      TIME_OUT  TIMEDOUT
    RUNNING      BREAK     HWFAILURE
    RUNNING      CANCEL    CANCELLED
    UNKNOWN      ACCEPT    PENDING
    UNKNOWN      START     RUNNING
    UNKNOWN      WITHDRAW  INITIALIZED
    UNKNOWN      FINISH    FINISHED
    UNKNOWN      FAIL      FAILED
    UNKNOWN      TIME_OUT  TIMEDOUT
    UNKNOWN      BREAK     HWFAILURE
    UNKNOWN      CANCEL    CANCELLED
    TIMEDOUT     RETRY     INITIALIZED
    HWFAILURE    RETRY     INITIALIZED
    FINISHED     RERUN     INITIALIZED
    FAILED       RERUN     INITIALIZED
    TIMEDOUT     RERUN     INITIALIZED
    HWFAILURE    RERUN     INITIALIZED
    CANCELLED    RERUN     INITIALIZED
    INCOMPLETE   RERUN     INITIALIZED
    DRYRUN       RERUN     INITIALIZED
"""
EXPECTED = {
    (State[state], Event[event]): State[then]
    for state, event, then in map(str.split, ROWS.strip().splitlines())
}


@pytest.mark.parametrize(("pair", "then"), EXPECTED.items(), ids=str)
def test_every_row(pair: tuple[State, Event], then: State) -> None:
    assert transition(*pair) is then


def test_every_other_pair_is_illegal() -> None:
    absent = set(itertools.product(State, Event)) - set(EXPECTED)
    assert absent
    for state, event in absent:
        with pytest.raises(IllegalTransition, match=rf"{event.name} in state {state.name}"):
            transition(state, event)


def test_the_table_is_complete() -> None:
    assert TABLE == EXPECTED


def test_states_bear_the_names_that_people_know() -> None:
    assert {state.value for state in State} == {
        "INITIALIZED", "PENDING", "RUNNING", "FINISHED", "FAILED", "TIMEDOUT", "HWFAILURE",
        "CANCELLED", "UNKNOWN", "DRYRUN", "SUBMITTING", "INCOMPLETE",
    }  # fmt: skip
    assert all(state.name == state.value for state in State)
    assert {s for s in State if s.shown != s.value} == {State.SUBMITTING}
    assert State.SUBMITTING.shown == "PENDING"


def test_every_state_can_be_reached_and_no_active_one_is_an_end() -> None:
    reached, found = {State.INITIALIZED}, {State.INITIALIZED}
    while found:
        found = {then for (state, _), then in TABLE.items() if state in found} - reached
        reached |= found
    assert reached == set(State)
    assert not any(state in ACTIVE for state in set(State) - {state for state, _ in TABLE})
