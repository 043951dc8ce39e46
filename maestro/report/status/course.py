"""How a study gets on: counted, timed and extrapolated from what has happened to its tasks.

Times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from maestro.conductor.store import Happening
from maestro.engine import ACTIVE, ENDED, FAILED, State

__all__ = ["WINDOW", "Course", "Expected", "Sketch"]

WINDOW = 300.0
"""Seconds of the past that say how fast a study is now."""

LULL = 30.0
"""Seconds with nothing in flight after which what came before says nothing any more."""


class Sketch(NamedTuple):
    """What is known of a task at first: these fields of its `TaskRow`."""

    id: int
    step: str
    state: State
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """The ``seconds`` until a study ends, None while nothing says so. ``unmeasured`` are the steps
    with tasks to come of which none has finished yet: they come on top.
    """

    seconds: float | None
    unmeasured: list[str]


class Course:
    """How the tasks of a study, as they were at first, and all that has happened since, stand.

    ``steps`` counts the tasks of each by state, ``begun`` is when the first was submitted, and
    ``last`` when the last one ended.
    """

    def __init__(self, tasks: Iterable[Sketch], now: float) -> None:
        self.steps: defaultdict[str, Counter[State]] = defaultdict(Counter)
        self.begun: float | None = None
        self.last: float | None = None
        self._tasks: dict[int, tuple[str, State]] = {}
        self._kinds: dict[tuple[str, State], tuple[str, State]] = {}  # one of each will do
        self._running: dict[int, float] = {}
        self._reasons: dict[int, str] = {}
        self._measured: dict[str, tuple[int, float]] = {}
        self._ends: deque[tuple[float, float]] = deque()
        flights = []
        for task in tasks:
            self._enter(task)
            if task.submitted is not None:
                flights.append((task.submitted, now if task.ended is None else task.ended))
        self._ends = deque(sorted(end for end in self._ends if end[0] > now - WINDOW))
        self._since = _unbroken(flights)
        if flights:
            self.begun = min(flights)[0]

    def __contains__(self, task: int) -> bool:
        return task in self._tasks

    def state(self, task: int) -> State:
        """The state of the task with this id."""
        return self._tasks[task][1]

    @property
    def counts(self) -> Counter[State]:
        """Number of tasks by state."""
        return sum(self.steps.values(), Counter())

    def counted(self, states: Collection[State]) -> Counter[State]:
        """`counts` of the tasks in ``states`` (none: any)."""
        counts = self.counts
        return Counter({s: n for s, n in counts.items() if s in states}) if states else counts

    @property
    def reasons(self) -> Counter[str]:
        """Number of tasks in a scheduler's queue by what it says of them."""
        return Counter(self._reasons.values())

    def tasks(self, states: Collection[State]) -> list[int]:
        """The ids of the tasks in one of ``states``, in the order of the graph."""
        return [own for own, (_, state) in self._tasks.items() if state in states]

    def take(self, seen: Happening) -> None:
        """Something has happened to one of the tasks."""
        step, before = self._tasks[seen.task]
        self.steps[step][before] -= 1
        self.steps[step][seen.state] += 1
        self._place(seen.task, step, seen.state)
        self._running.pop(seen.task, None)
        self._reasons.pop(seen.task, None)
        if seen.state is State.RUNNING:
            self._running[seen.task] = seen.time
        elif seen.state is State.PENDING and seen.detail:
            self._reasons[seen.task] = seen.detail
        elif seen.state is State.SUBMITTING:
            self._submitted(seen.time)
        elif seen.state in ENDED:
            self._end(step, seen.state, seen.time, seen.seconds)

    def rate(self, now: float) -> float:
        """Tasks that ended in a second, of late."""
        self._forget(now)
        return len(self._ends) / self._span(now)

    def parallel(self, now: float) -> float:
        """How many tasks ran at the same time, on average, of late."""
        self._forget(now)
        first = now - self._span(now)
        busy = sum(end - max(first, end - ran) for end, ran in self._ends)
        busy += sum(now - max(first, start) for start in self._running.values() if start < now)
        return busy / self._span(now)

    def expected(self, now: float) -> Expected:
        """When it will have ended: what the tasks that are left take by the mean of their step, so
        many at a time as ran of late; and not before the longest of them can end.
        """
        left = {step: sum(counts[state] for state in counts.keys() - ENDED)
                for step, counts in self.steps.items()}  # fmt: skip
        means = self._means(now)
        steps = [step for step, count in left.items() if count]
        unmeasured = [step for step in steps if step not in means]
        rests = []
        for task, start in self._running.items():
            step = self._tasks[task][0]
            if step in means:
                left[step] -= 1
                rests.append(max(0.0, means[step] - (now - start)))
        waiting = [(left[step], means[step]) for step in steps if step in means and left[step]]
        work = sum(rests) + sum(count * mean for count, mean in waiting)
        longest = max([*rests, *(mean for _, mean in waiting)], default=0.0)
        parallel = self.parallel(now)
        if len(unmeasured) == len(steps) or (work and not parallel):
            return Expected(None, unmeasured)
        return Expected(max(longest, work / parallel if work else 0.0), unmeasured)

    def _means(self, now: float) -> dict[str, float]:
        """Seconds that a task takes, by step. The short ones have ended first: what runs for longer
        than those took counts, too, as if it ended now.
        """
        sums = dict(self._measured)
        for task, start in self._running.items():
            step, ran = self._tasks[task][0], now - start
            if step in sums and ran * self._measured[step][0] > self._measured[step][1]:
                count, total = sums[step]
                sums[step] = count + 1, total + ran
        return {step: total / count for step, (count, total) in sums.items()}

    def _enter(self, task: Sketch) -> None:
        self.steps[task.step][task.state] += 1
        self._place(task.id, task.step, task.state)
        if task.state is State.RUNNING and task.started is not None:
            self._running[task.id] = task.started
        elif task.state is State.PENDING and task.detail:
            self._reasons[task.id] = task.detail
        elif task.state in ENDED and task.ended is not None:
            self._end(task.step, task.state, task.ended, task.seconds)

    def _place(self, task: int, step: str, state: State) -> None:
        kind = step, state
        self._tasks[task] = self._kinds.setdefault(kind, kind)

    def _end(self, step: str, state: State, time: float, seconds: float | None) -> None:
        self.last = max(self.last or 0.0, time)
        if state is State.FINISHED or state in FAILED:
            self._ends.append((time, seconds or 0.0))
        if state is State.FINISHED and seconds is not None:
            count, total = self._measured.get(step, (0, 0.0))
            self._measured[step] = count + 1, total + seconds

    def _submitted(self, time: float) -> None:
        """A task has been, which may end a lull."""
        if self.begun is None:
            self.begun = self._since = time
        flying = sum(counts[state] for counts in self.steps.values() for state in ACTIVE)
        if flying == 1 and time - (self.last or 0.0) > LULL:
            self._since = time

    def _span(self, now: float) -> float:
        """Seconds of the past that count."""
        return min(WINDOW, max(1.0, now - (self._since or now)))

    def _forget(self, now: float) -> None:
        while self._ends and self._ends[0][0] < now - self._span(now):
            self._ends.popleft()


def _unbroken(flights: list[tuple[float, float]]) -> float | None:
    """Since when there has always been one of ``flights`` (begin, end), but for short breaks."""
    since, reached = None, float("-inf")
    for begin, end in sorted(flights):
        if begin > reached + LULL:
            since = begin
        reached = max(reached, end)
    return since
