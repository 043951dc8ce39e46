"""How things look to people: states, with a symbol beside every colour, and values in one line."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from maestro.engine import State
from maestro.errors import visible

__all__ = ["counts_text", "one_line", "style", "symbol", "width"]

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


def symbol(state: str, encoding: str | None) -> str:
    """The symbol of ``state`` on a stream with ``encoding``."""
    rich, plain, _ = _BY_NAME.get(state, _STRANGE)
    try:
        rich.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain
    return rich


def style(state: str) -> str:
    """The colour of ``state``."""
    return _BY_NAME.get(state, _STRANGE)[2]


def counts_text(counts: Mapping[str, int], encoding: str | None) -> str:
    """``counts`` by state in one line, in a fixed order."""
    total = sum(counts.values())
    known = [state for state in _BY_NAME if counts.get(state)]
    strange = sorted(counts.keys() - _BY_NAME.keys())
    parts = [f"{symbol(s, encoding)} {counts[s]} {one_line(s)}" for s in known + strange]
    return f"{total} task{'s' * (total != 1)}: {', '.join(parts)}"


def one_line(text: str) -> str:
    """``text`` as it can stand in a line: control characters, line ends and tabs are shown."""
    if text.isprintable():
        return text
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def width(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    return len(text) if text.isascii() else cell_len(text)
