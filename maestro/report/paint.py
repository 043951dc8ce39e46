"""Texts in the colours of a terminal, and in lines that fit it."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import chop_cells
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

from maestro.report.look import width

__all__ = ["Paint", "folded", "painter", "plain"]

Paint = Callable[[str, str], str]
"""A text and the name of a style, to the text in that style."""


def plain(text: str, _: str) -> str:
    """A `Paint` that leaves the text as it is."""
    return text


def painter(console: Console) -> Paint:
    """What paints texts for ``console``, as far as that shows colours."""
    name = None if console.no_color else console.color_system
    if name is None:
        return plain
    system = COLOR_SYSTEMS[name]
    styles: dict[str, Style] = {}

    def paint(text: str, look: str) -> str:
        if look not in styles:
            styles[look] = Style.parse(look)
        return styles[look].render(text, color_system=system)

    return paint


def folded(text: str, room: int | None) -> list[str]:
    """``text`` in pieces that fit the room."""
    if room is None or width(text) <= room:
        return [text]
    return list(chop_cells(text, max(room, 2)))  # the widest characters take two
