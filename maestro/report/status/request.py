"""What ``maestro status`` is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maestro.engine import State
from maestro.errors import UsageError
from maestro.spec.values import nearest

__all__ = ["PLAIN", "STATES", "Request", "Selection", "states_named"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks: those of one of ``steps``, whose parameters meet the condition ``where``, and
    that are in one of ``states`` as people know them. What is empty chooses all.
    """

    steps: tuple[str, ...] = ()
    where: str | None = None
    states: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.steps or self.where is not None or self.states)


@dataclass(frozen=True, slots=True)
class Request:
    """How tasks are shown: each in a ``layout``, or only how many by state (``summary``); as text
    or in the ``form`` of other programs; with or without what stands around (``header``).
    """

    selection: Selection = Selection()
    layout: str = "flat"
    form: str = "text"
    summary: bool = False
    header: bool = True
    theme: bool = True
    pager: bool = True


PLAIN = Request()
"""All tasks, in a table."""

STATES = tuple(dict.fromkeys(state.shown for state in State))
"""The states that a task can be in, as people know them."""


def states_named(texts: Iterable[str]) -> tuple[str, ...]:
    """The states in ``texts``, one or several with commas between, in capitals or not.

    Raises
    ------
    UsageError
        There is no such state.
    """
    words = [word.strip() for text in texts for word in text.split(",")]
    for word in words:
        if word.upper() not in STATES:
            raise UsageError(
                f"there is no state '{word}'{nearest(word, STATES)} (there are {', '.join(STATES)})"
            )
    return tuple(dict.fromkeys(word.upper() for word in words))
