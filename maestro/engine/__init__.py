"""Decisions: what has been seen goes in, what to do comes out. Nothing here touches the world."""

from maestro.engine.engine import Engine
from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.engine.rerun import Again, again
from maestro.engine.states import ACTIVE, ENDED, FAILED, TABLE, Event, Outcome, State, transition
from maestro.engine.values import Change, Demand, Policy, Record, Submit

__all__ = [
    "ACTIVE",
    "ENDED",
    "FAILED",
    "TABLE",
    "Again",
    "AttemptId",
    "Change",
    "Demand",
    "Engine",
    "Event",
    "Observation",
    "Outcome",
    "Policy",
    "Record",
    "Seen",
    "State",
    "Submit",
    "again",
    "transition",
]
