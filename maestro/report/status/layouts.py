"""The layouts of ``maestro status``: rows of texts in, lines out.

``room`` is the width of a terminal. There, what is long goes on in further lines; without one, in a
pipe or a file, every value stays whole, so that it can be searched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from maestro.conductor.snapshot import COLUMNS, STATE
from maestro.report.look import one_line, style, width
from maestro.report.paint import Paint, folded
from maestro.report.status.standing import Row

__all__ = ["GAP", "LEAST", "flat", "legacy", "narrow"]

GAP = "  "

LONG = tuple(COLUMNS.index(name) for name in ("Step Name", "Workspace", "Params"))
"""Columns that may be folded."""

LEAST = 16
"""Columns of a terminal that one of them gets at least."""

LEFT = ("State", "Job ID", "Run Time", "Elapsed Time")
RIGHT = ("Submit Time", "Start Time", "End Time", "Number Restarts")
VALUES = 16
"""Columns for the values of `LEFT`."""

PAIRED = 74
"""From this width on, `LEFT` and `RIGHT` stand side by side."""

SMALL = 40
"""Up to this width, a value stands below its name."""


# ---- legacy and flat ---------------------------------------------------------------------------


def legacy(rows: Iterable[Row], widths: Sequence[int], *, header: bool = True) -> Iterator[str]:
    """A plain table; the columns are at least as wide as ``widths``, but for their headings."""
    widths = [max(*pair) for pair in zip(widths, (len(name) + 2 for name in COLUMNS), strict=True)]
    form = _form(widths)
    if header:
        yield _line(form, widths, COLUMNS, COLUMNS[STATE].ljust(widths[STATE]))
        yield GAP.join("-" * most for most in widths)
    for row in rows:
        yield _line(form, widths, row, row[STATE].ljust(widths[STATE]))


def flat(
    rows: Iterable[Row],
    widths: Sequence[int],
    paint: Paint,
    room: int | None,
    *,
    header: bool = True,
) -> Iterator[str]:
    """A line for each task, in columns of ``widths``; nothing is cut."""
    widths = [max(*pair) for pair in zip(widths, map(len, COLUMNS), strict=True)]
    whole = widths.copy()
    if room is not None:
        _squeeze(widths, room)
    form = _form(widths)
    states = {"": " " * widths[STATE]}
    if header:
        yield paint(_line(form, widths, COLUMNS, "State".ljust(widths[STATE])), "bold")
    for row in rows:
        if (name := row[STATE]) not in states:
            states[name] = paint(name.ljust(widths[STATE]), style(name))
        for part in [row] if widths == whole else _parts(row, widths):
            yield _line(form, widths, part, states[part[STATE]])


def _form(widths: Sequence[int]) -> str:
    # One format for all rows: of 100,000 rows, hardly any holds a character that is wide.
    return GAP.join("%s" if i == STATE else f"%-{most}s" for i, most in enumerate(widths))


def _squeeze(widths: list[int], room: int) -> None:
    """Make the long columns so narrow that the table fits the room, or, where it cannot, that the
    state is still to be seen.
    """
    gaps = len(GAP) * (len(widths) - 1)
    over = sum(widths) + gaps - room
    if over <= 0:
        return
    share = (sum(widths[i] for i in LONG) - over) // len(LONG)
    if share >= LEAST:
        folded = LONG
    else:
        folded = tuple(i for i in LONG if i < STATE)
        others = sum(most for i, most in enumerate(widths[: STATE + 1]) if i not in folded)
        share = max(LEAST, (room - others - len(GAP) * STATE - 1) // len(folded))
    for i in folded:
        widths[i] = min(widths[i], max(share, len(COLUMNS[i])))


def _parts(row: Row, widths: Sequence[int]) -> Iterator[Row]:
    """``row`` in as many rows as it takes when no cell is wider than its column."""
    cells = [folded(cell, most) for cell, most in zip(row, widths, strict=True)]
    return zip_longest(*cells, fillvalue="")


def _line(form: str, widths: Sequence[int], row: Row, state: str) -> str:
    """A row in columns of ``widths``, with its state as ``state`` shows it."""
    cells = [*row[:STATE], state, *row[STATE + 1 :]]
    if "".join(row).isascii():
        return (form % tuple(cells)).rstrip()
    gaps = [" " * (most - width(cell)) for cell, most in zip(row, widths, strict=True)]
    gaps[STATE] = ""  # it is padded already, inside its colour
    return GAP.join(cell + gap for cell, gap in zip(cells, gaps, strict=True)).rstrip()


# ---- narrow ------------------------------------------------------------------------------------


def narrow(
    rows: Iterable[Row], params: Iterable[Mapping[str, object]], paint: Paint, room: int | None
) -> Iterator[str]:
    """A block of lines for each task, with a line for each of its parameters."""
    for row, values in zip_longest(rows, params):
        fields = dict(zip(COLUMNS, row, strict=True))
        yield ""
        for part in folded(fields["Step Name"], room):
            yield paint(part, "bold")
        yield from _field("Workspace", fields["Workspace"], room)
        if room is None or room >= PAIRED:
            yield from _pairs(fields, paint)
        else:
            yield from _field("State", fields["State"], room, paint)
            for name in LEFT[1:] + RIGHT:
                yield from _field(name, fields[name], room)
        yield from _parameters(fields["Params"], values, room)
    yield ""


def _pairs(fields: Mapping[str, str], paint: Paint) -> Iterator[str]:
    for left, right in zip(LEFT, RIGHT, strict=True):
        value = fields[left]
        gap = " " * (VALUES - width(value))
        if left == "State":
            value = paint(value, style(value))
        yield f"  {left:<15}  {value}{gap}  {right:<15}  {fields[right]}"


def _field(name: str, value: str, room: int | None, paint: Paint | None = None) -> Iterator[str]:
    """``name`` and ``value``; with ``paint``, the value is a state."""
    head = f"  {name:<15}  "
    if room is not None and room <= SMALL:
        yield f"  {name}"
        head = "    "
    for part in folded(value, None if room is None else room - len(head)):
        yield head + (paint(part, style(value)) if paint else part)
        head = " " * len(head)


def _parameters(text: str, values: Mapping[str, object] | None, room: int | None) -> Iterator[str]:
    """The parameters with their values aligned; the text as it is where no more is known."""
    if values is None:
        lines = [text] if text else []
    else:
        shown = {one_line(name): one_line(str(value)) for name, value in values.items()}
        most = max(map(width, shown), default=0)
        lines = [f"{name}{' ' * (most - width(name))}  {value}" for name, value in shown.items()]
    title = "Params"
    for line in lines:
        yield from _field(title, line, room)
        title = ""
