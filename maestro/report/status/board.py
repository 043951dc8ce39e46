"""What a screen shows of a study that is watched: its lines, at one moment, for any size."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import set_cell_size

from maestro.conductor import snapshot
from maestro.conductor.store import StudyInfo, TaskRow
from maestro.engine import ACTIVE, ENDED, FAILED, State
from maestro.report.look import (
    amount,
    few_digits,
    in_order,
    one_line,
    shortened,
    shown,
    style,
    symbol,
    width,
)
from maestro.report.paint import folded
from maestro.report.status.course import WINDOW, Course
from maestro.report.status.standing import ending, queued
from maestro.spec.values import plural

__all__ = ["KEYS", "VIEWS", "Board", "Line", "View"]

Line = list[tuple[str, str]]
"""Texts with their styles."""

KEYS = {"s": "steps", "r": "running", "w": "waiting", "f": "failed", "a": "all tasks", "q": "quit"}

VIEWS = {
    "r": frozenset({State.RUNNING, State.UNKNOWN}),
    "w": frozenset({State.INITIALIZED, State.SUBMITTING, State.PENDING}),
    "f": FAILED,
    "a": frozenset(State),
}
"""The states of the tasks that are shown by key; by ``s``, steps are."""

_BARS = (
    (frozenset({State.FINISHED, State.DRYRUN}), "━", "=", "green"),
    (FAILED, "╳", "x", "red"),
    (frozenset({State.INCOMPLETE, State.CANCELLED}), "╌", "-", "yellow"),
    (frozenset({State.RUNNING, State.UNKNOWN}), "╸", ">", "cyan"),
)
"""What a bar is made of: states, with the characters and the colour for them."""

NAME = 30
"""Columns that the name of a step takes at most."""

LEAST = 8
"""Columns that a bar, and a name, have at least where there are any to have."""

BAR = 40
"""Columns that a bar takes at most."""

STATE, TOOK = 12, 9
"""Columns of a state and a time, with the gaps before them."""

NARROW = 60
"""Columns from which on there is room for the names of states."""

REASONS = 3
"""How many of a scheduler's are shown, at most."""


@dataclass(slots=True)
class View:
    """What people have chosen to see, by ``key``, from line ``top`` on: steps, or tasks. ``states``
    are those that were asked for from the start (none: any).
    """

    key: str = "s"
    top: int = 0
    states: Collection[State] = field(default_factory=frozenset)

    @property
    def wanted(self) -> Collection[State]:
        """The states of the tasks to show."""
        return self.states if self.key == "a" and self.states else VIEWS[self.key]


@dataclass(frozen=True, slots=True)
class Board:
    """A study as it was seen at the time ``at``, to be shown at ``now`` on a stream with
    ``encoding``. ``total`` counts all its tasks, where ``course`` has those that were chosen.
    """

    directory: str
    info: StudyInfo
    conductor: str | None
    course: Course
    total: int
    at: float
    now: float
    trouble: str | None
    encoding: str | None

    def lines(
        self, view: View, rows: Sequence[TaskRow], size: int, room: int, columns: int
    ) -> list[Line]:
        """The lines of a screen of ``columns``, of which ``room`` are for steps, or for ``rows``:
        those of the ``size`` tasks in the view that it has room for.
        """
        head, foot = self.head(columns), self.foot(view, columns)
        if view.key == "s":
            steps = self._steps(columns)
            size = len(steps)
            body = steps[view.top : view.top + room]
        else:
            nothing = "they cannot be read at present" if size else "none"
            body = self._tasks(rows, columns) or [[(nothing, "dim")]]
        body += [[] for _ in range(room - len(body))]
        return [*head, *body, [(_hidden(view.top, room, size), "dim")], *foot]

    def head(self, columns: int) -> list[Line]:
        """What study it is, and who conducts it."""
        begun, info = self.course.begun, self.info
        until = self.course.last if info.outcome else self.now
        lasted = "" if begun is None or until is None else amount(round(max(0.0, until - begun)))
        title = one_line(f"{info.name}: {self.directory}")
        gap = columns - width(title) - width(lasted)
        line: Line = [(set_cell_size(title, max(0, columns - width(lasted) - 1)), "bold")]
        line = [(title, "bold"), (" " * gap, "")] if gap > 0 else [*line, (" ", "")]
        said, look = self._standing()
        return [[*line, (lasted, "")], *_parts(said, look, columns)]

    def foot(self, view: View, columns: int) -> list[Line]:
        """The tasks by state, the pace, what there is to say of the scheduler, and the keys."""
        pace, end = self._pace()
        paces = [f"{pace}; {end}"] if end and width(pace + end) + 2 <= columns else [pace, end]
        told = list(self._scheduler())
        if self.trouble is not None:
            ago = amount(round(self.now - self.at))
            told.append(one_line(f"as it was {ago} ago: {self.trouble}"))
        lines = self._counts(view.states, columns)
        for text, look in [*((text, "") for text in paces), *((text, "yellow") for text in told)]:
            lines += _parts(text, look, columns)
        return [*lines, self._keys(view, columns)]

    def _keys(self, view: View, columns: int) -> Line:
        """The keys with what they show; where that is too much, only what is shown."""
        names = dict(KEYS)
        if view.states:
            names["a"] = ", ".join(dict.fromkeys(s.shown for s in State if s in view.states))
        if sum(map(width, names.values())) + 4 * len(names) > columns:
            names = {key: name if key in (view.key, "q") else "" for key, name in names.items()}
        line: Line = []
        for key, name in names.items():
            look = "bold" if key == view.key else ""
            line += [(f" {key} ", "reverse"), (f"{name} " if name else "", look)]
        return line

    def _standing(self) -> tuple[str, str]:
        said = one_line(next(ending(self.directory, self.info, self.conductor)))
        if self.info.outcome:
            return said, "bold"
        return said, "yellow" if self.conductor is None else ""

    def _counts(self, states: Collection[State], columns: int) -> list[Line]:
        """The tasks in ``states`` (none: any), as the status that is left behind counts them, by
        state, in as many lines as that takes; on a narrow screen in one, without the names.
        """
        counts = shown(self.course.counted(states))
        count = counts.total()
        chosen = f"{count} of {plural(self.total, 'task')}"
        text = plural(count, "task") if count == self.total else chosen
        text += ":" if count else ""
        lines: list[Line] = [[(text, "")]]
        used = width(text)
        for state in in_order(counts):
            name = f" {state}" if columns >= NARROW else ""
            text = f"  {symbol(state, self.encoding)} {counts[state]}{name}"
            if used + width(text) > columns and name:
                lines.append([])
                used = 0
            lines[-1].append((text, style(state)))
            used += width(text)
        return lines

    def _pace(self) -> tuple[str, str]:
        """How fast it is, and when it will have ended."""
        if self.course.begun is None:
            return "No task has run yet", ""
        rate = 60 * self.course.rate(self.now)
        span = amount(round(min(WINDOW, max(1.0, self.now - self.course.begun))))
        pace = f"{few_digits(rate)} tasks/min in the last {span}"
        if self.conductor is None:
            return pace, ""
        found = self.course.expected(self.now)
        some = ", ".join(map(one_line, found.unmeasured[:2]))
        some += ", ..." if len(found.unmeasured) > 2 else ""
        if found.seconds is None:
            return pace, "end unknown" + f": none of {some} has finished" * bool(some)
        rest = f"in {amount(round(found.seconds))}, {_clock(self.now + found.seconds, self.now)}"
        return pace, f"end {rest}" + f", and what {some} will take" * bool(some)

    def _scheduler(self) -> list[str]:
        info = self.info
        if info.outcome or self.conductor is None:
            return []
        lines = [one_line(text) for text in queued(self.course.reasons, REASONS)]
        if info.answered is not None:
            ago = amount(round(max(0.0, self.now - info.answered)))
            lines.append(f"The scheduler last answered {ago} ago")
        if info.trouble:
            lines.append(one_line(f"{info.trouble}; jobs are taken to be well"))
        return lines

    # ---- steps and tasks ----------------------------------------------------------------------

    def _steps(self, columns: int) -> list[Line]:
        """A line for each step: those with something to come first."""
        found = {one_line(step): counts for step, counts in self.course.steps.items()}
        steps = dict(sorted(found.items(), key=lambda item: _left(item[1]) == 0))
        rests = {step: self._rest(counts) for step, counts in steps.items()}
        digits = max((len(str(counts.total())) for counts in steps.values()), default=1)
        name = min(NAME, max(map(width, steps), default=0), max(LEAST, columns // 3))
        rest = max((sum(width(text) for text, _ in line) for line in rests.values()), default=0)
        room = columns - name - 2 * digits - 6
        bar = min(BAR, max(room - rest, min(LEAST, room)))
        lines = []
        for step, counts in steps.items():
            total, state = counts.total(), _leading(counts)
            lines.append([
                (f"{symbol(state, self.encoding)} ", style(state)),
                (self._fitted(step, name) + " ", ""), *self._bar(counts, bar),
                (f" {total - _left(counts):{digits}}/{total:<{digits}} ", ""), *rests[step],
            ])  # fmt: skip
        return lines

    def _rest(self, counts: Mapping[State, int]) -> Line:
        """What is in flight, and what went wrong."""
        line: Line = []
        by_name = shown(counts)
        for state in in_order(by_name):
            if state not in ("INITIALIZED", "FINISHED"):
                line.append((f" {symbol(state, self.encoding)} {by_name[state]}", style(state)))
        return line

    def _bar(self, counts: Mapping[State, int], columns: int) -> Line:
        """Each kind of state by its share, and every one that there is with a character."""
        if columns < len(_BARS) + 1:
            return []
        plain = symbol("FINISHED", self.encoding).isascii()
        parts = [
            (sum(counts.get(state, 0) for state in states), ascii_mark if plain else mark, look)
            for states, mark, ascii_mark, look in _BARS
        ]
        total = sum(counts.values())
        parts.append((total - sum(part[0] for part in parts), "." if plain else "·", "dim"))
        sizes = [max(1, part[0] * columns // total) if part[0] else 0 for part in parts]
        sizes[sizes.index(max(sizes))] += columns - sum(sizes)
        return [
            (mark * size, look) for (_, mark, look), size in zip(parts, sizes, strict=True) if size
        ]

    def _tasks(self, rows: Sequence[TaskRow], columns: int) -> list[Line]:
        """A line for each task. Names have the room that there is, but for a third of it where
        there are details.
        """
        details = [f"  {one_line(row.detail)}" if row.detail else "" for row in rows]
        room = columns - 2 - STATE - TOOK
        said = min(max(map(width, details), default=0), room // 3)
        longest = max((width(one_line(row.name)) for row in rows), default=0)
        name = min(longest, max(LEAST, room - said))
        return [
            [*self._task(row, name), (detail, "")]
            for row, detail in zip(rows, details, strict=True)
        ]

    def _task(self, row: TaskRow, name: int) -> Line:
        state = State(row.state)
        took = self._took(row, state)
        return [
            (f"{symbol(state.shown, self.encoding)} ", style(state.shown)),
            (self._fitted(one_line(row.name), name), ""),
            (f" {state.shown}".ljust(STATE), style(state.shown)),
            (f" {took}".rjust(TOOK), ""),
        ]

    def _fitted(self, name: str, columns: int) -> str:
        return set_cell_size(shortened(name, columns, self.encoding), columns)

    def _took(self, row: TaskRow, state: State) -> str:
        if row.seconds is not None and state not in ACTIVE:
            return amount(row.seconds)
        since = row.started if state is State.RUNNING else row.submitted
        if since is None or state not in ACTIVE:
            return ""
        return amount(round(max(0.0, self.now - since)))


def _parts(text: str, look: str, columns: int) -> list[Line]:
    """``text`` in as many lines as it takes, folded at spaces; none where there is none."""
    lines: list[str] = []
    for word in filter(None, text.split(" ")):
        if lines and width(f"{lines[-1]} {word}") <= columns:
            lines[-1] += f" {word}"
        else:
            lines += folded(word, columns)
    return [[(line, look)] for line in lines]


def _left(counts: Mapping[State, int]) -> int:
    """How many tasks have yet to end."""
    return sum(count for state, count in counts.items() if state not in ENDED)


def _leading(counts: Mapping[State, int]) -> str:
    """The state whose symbol stands for all of these tasks."""
    queued = {State.SUBMITTING, State.PENDING}
    for states in (VIEWS["r"], FAILED, queued, {State.INITIALIZED}):
        for state in State:
            if state in states and counts.get(state):
                return state.shown
    return next((state.shown for state in reversed(State) if counts.get(state)), "FINISHED")


def _hidden(top: int, room: int, size: int) -> str:
    """How much there is above and below."""
    below = max(0, size - top - room)
    return "   ".join([*[f"{top} more above"] * (top > 0), *[f"{below} more below"] * (below > 0)])


def _clock(end: float, now: float) -> str:
    """The moment ``end``, as one says it at ``now``."""
    text = snapshot.time_text(end)
    day, clock = text.split()
    far = end - now > 86400
    if far:
        return f"{day} {clock[:5]}"
    return f"{clock if end - now < 600 else clock[:5]}" + (
        "" if day == time.strftime("%Y-%m-%d", time.localtime(now)) else f" on {day}"
    )
