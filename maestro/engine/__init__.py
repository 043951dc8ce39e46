"""Decisions: what has been seen goes in, what to do comes out. Nothing here touches the world."""

from maestro.engine.engine import Change, Demand, Engine, Policy, Record, Submit
from maestro.engine.observations import AttemptId, Observation, Seen
from maestro.engine.states import TABLE, Event, Outcome, State, transition

__all__ = [
    "TABLE",
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
    "transition",
]
