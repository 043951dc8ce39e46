"""What a measurement has found: rows of the table, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Curve", "Figure", "Row", "at_most", "quicker", "within"]

@dataclass(frozen=True)
class Row:
    """One comparison, or, with nothing to compare with (``other`` is empty), one amount. ``goal``
    is in words, and empty where there is none.
    """

    what: str
    ours: float
    unit: str
    other: str = ""
    theirs: float = 0.0
    goal: str = ""
    met: bool | None = None
    quicker: bool = False
    """Whether the ratio is told as how many times as fast we are."""

    @property
    def ratio(self) -> str:
        """In words."""
        if not self.other:
            return ""
        if self.quicker:
            return f"{amount(self.theirs / self.ours)} × as fast"
        return f"{amount(self.ours / self.theirs)} ×"


def at_most(
    what: str, ours: float, other: str, theirs: float, bound: float | None = None, unit: str = "s"
) -> Row:
    """Ours is to be at most ``bound`` times theirs."""
    goal = "" if bound is None else f"at most {bound:g} ×"
    met = None if bound is None else ours <= bound * theirs
    return Row(what, ours, unit, other, theirs, goal, met)


def quicker(what: str, ours: float, other: str, theirs: float, bound: float = 1.0) -> Row:
    """We are to be at least ``bound`` times as fast."""
    goal = f"at least {bound:g} × as fast" if bound != 1 else "faster"
    return Row(what, ours, "s", other, theirs, goal, theirs >= bound * ours, quicker=True)


def within(what: str, ours: float, unit: str, bound: float) -> Row:
    """Ours is to be at most ``bound``."""
    return Row(what, ours, unit, goal=f"at most {bound:g} {unit}".strip(), met=ours <= bound)


class Curve(NamedTuple):
    """Points (size, amount) by contestant, for a plot; ``caption`` says what it shows."""

    file: str
    caption: str
    x: str
    y: str
    points: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Figure:
    """What was found of one thing."""

    title: str
    what: str
    """What was done, in sentences."""
    rows: Sequence[Row] = ()
    curves: Sequence[Curve] = ()
    skipped: str = ""
    """Why there are no rows."""
    failed: bool = False


def amount(value: float) -> str:
    """Three digits that tell something."""
    if value == 0:
        return "0"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")
