"""How things look to people: states, with a symbol beside every colour, and values in one line."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size

from maestro.engine import Change, State
from maestro.errors import visible
from maestro.spec.values import plural

__all__ = [
    "amount", "command", "counts_text", "few_digits", "fill", "in_order", "ink", "one_line",
    "said", "shortened", "shown", "style", "symbol", "width",
]  # fmt: skip

_LOOKS = {
    State.INITIALIZED: ("·", ".", "dim"),
    State.PENDING: ("○", "o", "yellow"),
    State.RUNNING: ("▶", ">", "cyan"),
    State.UNKNOWN: ("?", "?", "magenta"),
    State.FINISHED: ("✓", "+", "green"),
    State.FAILED: ("✗", "x", "red"),
    State.TIMEDOUT: ("✗", "x", "red"),
    State.HWFAILURE: ("✗", "x", "red"),
    State.INCOMPLETE: ("–", "-", "yellow"),
    State.CANCELLED: ("–", "-", "yellow"),
    State.DRYRUN: ("✎", "d", "blue"),
}
_BY_NAME = {state.value: look for state, look in _LOOKS.items()}
"""By the name people see: symbol, the same in ASCII, and style."""

_STRANGE = ("?", "?", "magenta")
"""For a state that is none of ours: a ``status.csv`` can hold any text."""

_FILLS = {
    "dim": "#f0f0f0",
    "yellow": "#fdf1c4",
    "cyan": "#cdeefb",
    "magenta": "#f3dcf5",
    "green": "#d6f2d3",
    "red": "#fbd3cf",
    "blue": "#dbe4fb",
}
"""By style: the same colour below dark text."""

_INKS = {
    "dim": "#8a8a8a",
    "yellow": "#b58500",
    "cyan": "#0d87ab",
    "magenta": "#a03ab3",
    "green": "#2e8b3d",
    "red": "#cc3023",
    "blue": "#4a68c8",
}
"""By style: the same colour for text and bars on a white page."""


def symbol(state: str, encoding: str | None) -> str:
    """The symbol of ``state`` on a stream with ``encoding``."""
    rich, plain, _ = _BY_NAME.get(state, _STRANGE)
    return _either(rich, plain, encoding)


def _either(rich: str, plain: str, encoding: str | None) -> str:
    """``rich`` where a stream with ``encoding`` can show it, else ``plain``."""
    try:
        rich.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain
    return rich


def style(state: str) -> str:
    """The colour of ``state``."""
    return _BY_NAME.get(state, _STRANGE)[2]


def fill(state: str) -> str:
    """The colour of ``state`` below dark text, as ``#rrggbb``."""
    return _FILLS[style(state)]


def ink(state: str) -> str:
    """The colour of ``state`` on a white page, as ``#rrggbb``."""
    return _INKS[style(state)]


def in_order(counts: Mapping[str, int]) -> list[str]:
    """The states of which there are any in ``counts``, always in the same order."""
    known = [state for state in _BY_NAME if counts.get(state)]
    return known + sorted(counts.keys() - _BY_NAME.keys())


def shown(counts: Mapping[State, int]) -> Counter[str]:
    """``counts`` by the names of states that people know."""
    found: Counter[str] = Counter()
    for state, count in counts.items():
        found[state.shown] += count
    return found


def counts_text(counts: Mapping[str, int], encoding: str | None, total: int | None = None) -> str:
    """``counts`` by state in one line, in a fixed order; they are of so many in ``total``."""
    parts = [f"{symbol(s, encoding)} {counts[s]} {one_line(s)}" for s in in_order(counts)]
    count = sum(counts.values())
    tasks = plural(count, "task") if total is None else f"{count} of {plural(total, 'task')}"
    return f"{tasks}: {', '.join(parts)}" if parts else tasks


def amount(value: float, unit: str = "seconds") -> str:
    """``value`` seconds, or whatever ``unit`` it has, in a few characters."""
    if unit != "seconds":
        return f"{value:.1f}".removesuffix(".0")
    if value < 59.95:
        return f"{few_digits(value)} s" if value < 10 else f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02d}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {seconds:02d}s"


def few_digits(value: float) -> str:
    """``value``, not negative, in three digits that count, never as a power of ten."""
    text = f"{round(value, 4):.3g}"
    return f"{float(text):,.0f}" if value >= 100 else text


def shortened(text: str, columns: int, encoding: str | None) -> str:
    """``text``, without its middle where it takes more than ``columns``: names differ at their
    ends.
    """
    if width(text) <= columns:
        return text
    mark = _either("…", "...", encoding)
    first = max(0, columns - width(mark)) // 2
    last = max(0, columns - width(mark) - first)
    return set_cell_size(text, first) + mark + set_cell_size(text[::-1], last)[::-1]


def one_line(text: str) -> str:
    """``text`` as it can stand in a line: control characters, line ends and tabs are shown."""
    if text.isprintable():
        return text
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def said(change: Change) -> str:
    """What has happened to a task."""
    text = f"{change.task} {change.state.shown}"
    return one_line(f"{text}: {change.reason}" if change.reason else text)


def command(*words: str) -> str:
    """The command line ``maestro`` with these ``words``, to be typed."""
    return one_line(shlex.join(["maestro", *words]))


def width(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return len(text) if text.isascii() else cell_len(text)
