"""How states look: a colour, and beside every colour a symbol."""

from __future__ import annotations

from collections.abc import Mapping

from maestro.engine import State

__all__ = ["counts_text", "style", "symbol"]

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


def symbol(state: str, encoding: str | None) -> str:
    """The symbol of ``state`` on a stream with ``encoding``."""
    rich, plain, _ = _BY_NAME[state]
    try:
        rich.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return plain
    return rich


def style(state: str) -> str:
    """The colour of ``state``."""
    return _BY_NAME[state][2]


def counts_text(counts: Mapping[str, int], encoding: str | None) -> str:
    """``counts`` by state in one line, in a fixed order."""
    total = sum(counts.values())
    parts = [
        f"{symbol(state, encoding)} {counts[state]} {state}"
        for state in _BY_NAME
        if counts.get(state)
    ]
    return f"{total} task{'s' * (total != 1)}: {', '.join(parts)}"
