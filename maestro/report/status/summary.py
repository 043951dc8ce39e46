"""How many tasks of each step are in which state, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from maestro.report.look import in_order, one_line, style, symbol, width
from maestro.report.paint import Paint, folded
from maestro.report.status.layouts import GAP, LEAST

__all__ = ["summary"]

DONE = "Done"


def summary(
    steps: Mapping[str, Counter[str]], paint: Paint, room: int | None, encoding: str | None
) -> Iterator[str]:
    """A line for each of ``steps``: how many tasks it has, how many of them have finished, and how
    many are in each state of which there are any, below its name or, where a terminal has too
    little ``room`` for that, its symbol.
    """
    states = in_order(sum(steps.values(), Counter()))
    most = max((counts.total() for counts in steps.values()), default=0)
    tasks = max(len("Tasks"), len(str(most)))
    names = {one_line(step): counts for step, counts in steps.items()}
    step = max(map(width, ["Step", *names]))
    heads = [f"{symbol(state, encoding)} {one_line(state)}" for state in states]
    if room is not None:
        around = tasks + len(DONE) + len(GAP) * (len(states) + 2)
        if min(step, LEAST) + around + sum(map(width, heads)) > room:
            heads = [symbol(state, encoding) for state in states]
        columns = sum(max(width(head), len(str(most))) for head in heads)
        step = max(min(step, room - around - columns), len("Step"))
    sizes = [max(width(head), len(str(most))) for head in heads]
    line = [_left("Step", step), "Tasks".rjust(tasks), DONE]
    yield GAP.join([*(paint(text, "bold") for text in line), *(
        " " * (size - width(head)) + paint(head, style(state))
        for head, state, size in zip(heads, states, sizes, strict=True)
    )])  # fmt: skip
    for name, counts in names.items():
        first, *more = folded(name, step if room is not None else None)
        done = f"{100 * counts['FINISHED'] // counts.total()}%"
        numbers = [
            paint(f"{counts[state]:{size}}", style(state) if counts[state] else "dim")
            for state, size in zip(states, sizes, strict=True)
        ]
        line = [_left(first, step), f"{counts.total():{tasks}}", done.rjust(len(DONE))]
        yield GAP.join(line + numbers)
        yield from more


def _left(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
