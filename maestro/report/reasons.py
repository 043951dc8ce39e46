"""Why a task stands where it does: what it waits for, what blocks it, or how it failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import networkx as nx

from maestro.conductor.limits import demand_of, procs_of, slots_of
from maestro.conductor.store import TaskRow
from maestro.engine import ACTIVE, FAILED, Demand, State
from maestro.errors import StudyError
from maestro.graph import task_of
from maestro.report.failure import cause, failure
from maestro.report.look import amount, command, one_line, symbol
from maestro.report.study import Study, View
from maestro.spec.model import Resources, Specification
from maestro.spec.resources import resolve_resources
from maestro.spec.values import plural

__all__ = ["Reasons"]

FEW = 5
"""Tasks that are named where there are many."""

LINES, COMMANDS = 20, 10
"""Lines of output and of commands that are shown of a failure."""


class Reasons:
    """What there is to say of the tasks of ``study`` as ``view`` has them, in symbols that a stream
    with ``encoding`` can show.
    """

    def __init__(self, study: Study, view: View, encoding: str | None) -> None:
        self._study = study
        self._info = view.info
        self._now = view.now
        self._conducted = view.conductor is not None
        self._here = view.here
        self._encoding = encoding
        self._rows = {row.name: row for row in view.tasks}

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The graph of these tasks."""
        graph = self._study.graph
        if set(graph) != self._rows.keys():
            raise StudyError("the study has just been given other tasks; ask again")
        return graph

    @cached_property
    def _in_flight(self) -> list[Demand]:
        """What the tasks take that are."""
        active = {state.value for state in ACTIVE}
        return [self._demand(row.name) for row in self._rows.values() if row.state in active]

    @cached_property
    def _spec(self) -> Specification:
        return self._study.specification

    def told(self, row: TaskRow) -> Iterator[str]:
        """All about one task."""
        if State(row.state) in FAILED:
            yield from self._failure(row)
            if limit := self._limits(row):
                yield f"  {limit}"
            return
        yield one_line(f"{row.name} {State(row.state).shown}")
        first, *rest = self.reasons(row)
        yield one_line(f"  It {first}")
        yield from (f"  {one_line(line)}" for line in rest)
        if row.state == State.INCOMPLETE.value and (culprits := self.culprits(row)):
            yield ""
            yield from self._failure(culprits[0])

    def reasons(self, row: TaskRow) -> Iterator[str]:
        """Why a task that has not failed stands where it does: what 'it' does, and details."""
        state = State(row.state)
        if state is State.INITIALIZED:
            yield from self._waiting(row)
        elif state is State.INCOMPLETE:
            yield from self._blocked(row)
        elif state is State.CANCELLED:
            when = "before it was submitted" if row.submitted is None else "while it was in flight"
            yield f"was cancelled {when}: {row.detail or 'the study was cancelled'}"
        elif state is State.DRYRUN:
            yield "was written only: this is a dry run"
        elif state is State.FINISHED:
            took = "" if row.seconds is None else f", after {amount(row.seconds)}"
            yield f"has finished{took}"
        else:
            yield from self._flying(row, state)

    def ready(self, row: TaskRow) -> bool:
        """Whether all parents of the task have finished."""
        return not any(self._unfinished(row.name))

    def culprits(self, row: TaskRow) -> list[TaskRow]:
        """The failures that keep a task from ever running, nearest first."""
        return [found for found in self._above(row.name) if State(found.state) in FAILED]

    # ---- how -----------------------------------------------------------------------------------

    def _failure(self, row: TaskRow) -> Iterator[str]:
        directory = self._study.directory
        return failure(directory, self._info, row, lines=LINES, commands=COMMANDS)

    def _limits(self, row: TaskRow) -> str:
        """What was granted to a task that ran out of time."""
        if row.state != State.TIMEDOUT.value:
            return ""
        limit = self._resources(row.name).walltime
        time_limit = "" if limit is None else f"Its walltime is {limit}. "
        most = self._info.settings.rlimit or "any number"
        return one_line(f"{time_limit}It was restarted {row.restarts} times, of {most} (-r).")

    def _waiting(self, row: TaskRow) -> Iterator[str]:
        if unfinished := list(self._unfinished(row.name)):
            of = self.graph.in_degree(row.name)
            yield f"waits for {len(unfinished)} of {plural(of, 'parent')} to finish"
            yield from self._named(unfinished)
            roots = [task for task in self._above(row.name) if self.ready(task)]
            if not any(map(self.ready, unfinished)):
                yield "which in turn wait for"
                yield from self._named(roots)
        elif not self._conducted:
            yield "is ready to run, but nobody conducts the study"
        elif row.detail:
            yield f"is to be submitted again: {row.detail}"
        else:
            yield from self._crowded(row)

    def _crowded(self, row: TaskRow) -> Iterator[str]:
        """Why a task that is ready is not submitted."""
        own = self._demand(row.name)
        flying = self._in_flight
        all_local = self._spec.batch.type == "local"
        counted = [demand for demand in flying if all_local or not demand.local]
        throttle = self._info.settings.throttle
        # How many cores another host has is not known here.
        slots = slots_of(self._spec) if self._here else procs_of(self._spec)
        local = [demand.slots for demand in flying if demand.local]
        if throttle and (all_local or not own.local) and len(counted) >= throttle:
            yield f"is ready; the throttle is {throttle}, and {len(counted)} are in flight"
            update = command("update", "--throttle", "N", self._study.directory)
            yield f"  To change that: {update}"
        elif slots and own.local and local and sum(local) + own.slots > slots:
            takes = f"{plural(own.slots, 'core')} of {slots}"
            yield f"is ready; it takes {takes}, and has its turn after {len(local)} in flight"
        elif not own.local and self._info.trouble:
            yield f"is ready to be submitted: {self._info.trouble}"
        else:
            yield f"is ready, and has its turn after {len(flying)} that are in flight"

    def _flying(self, row: TaskRow, state: State) -> Iterator[str]:
        job = f" as job {row.job}" if row.job else ""
        if state is State.RUNNING:
            yield f"runs{job}, {self._since(row.started)}"
        elif state is State.UNKNOWN:
            yield f"was submitted{job}; {row.detail or 'its scheduler does not know it at present'}"
        elif state is State.SUBMITTING and self._demand(row.name).local:
            yield f"is in line, {self._since(row.submitted)}, for {self._awaited()}"
        elif state is State.SUBMITTING:
            yield f"is being submitted, {self._since(row.submitted)}"
        elif row.detail:
            yield f"waits in the queue{job}, {self._since(row.submitted)}: {row.detail}"
        else:
            since = self._since(row.submitted)
            yield f"waits in the queue{job}, {since}, for free nodes or its turn"
        if self._info.trouble:
            yield self._info.trouble

    def _awaited(self) -> str:
        """What local tasks wait for that are submitted: more are than the throttle lets run, once
        that was lowered.
        """
        throttle, flying = self._info.settings.throttle, self._in_flight
        if throttle and self._spec.batch.type == "local" and len(flying) > throttle:
            return f"its turn: the throttle is {throttle}, and {len(flying)} are in flight"
        return "cores that others take"

    def _since(self, moment: float | None) -> str:
        return "for a while" if moment is None else f"for {amount(max(0.0, self._now - moment))}"

    def _blocked(self, row: TaskRow) -> Iterator[str]:
        culprits = self.culprits(row)
        if not culprits:
            yield f"can never run: {row.detail}"
            return
        yield f"can never run: {plural(len(culprits), 'task')} that it depends on failed"
        for culprit in culprits[:FEW]:
            mark = symbol(culprit.state, self._encoding)
            yield f"  {mark} {culprit.state:9}  {culprit.name}: {cause(culprit)}"
            if way := self._way(culprit.name, row.name):
                yield f"               by way of {', '.join(way)}"
        yield from _more(culprits)

    def _named(self, rows: Sequence[TaskRow]) -> Iterator[str]:
        """The first of ``rows``, what is in flight before what waits."""
        moving = sorted(rows, key=lambda row: row.state == State.INITIALIZED.value)
        for row in moving[:FEW]:
            shown = State(row.state).shown
            yield f"  {symbol(shown, self._encoding)} {shown:11}  {row.name}"
        yield from _more(rows)

    # ---- the graph -----------------------------------------------------------------------------

    def _unfinished(self, name: str) -> Iterator[TaskRow]:
        parents = (self._rows[parent] for parent in self.graph.predecessors(name))
        return (row for row in parents if row.state != State.FINISHED.value)

    def _above(self, name: str) -> list[TaskRow]:
        """The ancestors that have not finished, nearest first."""
        found: dict[str, TaskRow] = {}
        level: Iterable[str] = [name]
        while level:
            above = {row.name: row for child in level for row in self._unfinished(child)}
            level = [parent for parent in above if parent not in found]
            found |= above
        return list(found.values())

    def _way(self, above: str, below: str) -> list[str]:
        """The tasks between the two, on a shortest way."""
        return list(nx.shortest_path(self.graph, above, below))[1:-1]

    def _resources(self, name: str) -> Resources:
        task = task_of(self.graph, name)
        return resolve_resources(self._spec, task.step, task.combination)

    def _demand(self, name: str) -> Demand:
        return demand_of(self._spec, self._resources(name))


def _more(rows: Sequence[TaskRow]) -> Iterator[str]:
    if len(rows) > FEW:
        yield f"  and {len(rows) - FEW} more"
