"""``maestro why``: of one task all that is known, of several what they have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from maestro.conductor.store import TaskRow
from maestro.engine import FAILED, State
from maestro.errors import StudyError, UsageError
from maestro.report.analysis import failures
from maestro.report.analysis_text import failed_lines
from maestro.report.failure import cause, last_words
from maestro.report.look import command, counts_text, one_line, shown
from maestro.report.outputs import script_name
from maestro.report.reasons import Reasons
from maestro.report.study import Study, View, open_study
from maestro.spec.values import nearest

__all__ = ["why"]

GROUPS = 10
"""Causes and reasons that are told of, at most."""

READ = 1000
"""Failures whose output is looked at, to tell what they have in common."""

_FAILED = frozenset(state.value for state in FAILED)
_TOLD = _FAILED | {State.FINISHED.value}
"""What the store calls these: to make a `State` for each of 100,000 tasks takes a while."""


def why(directory: str, name: str | None, encoding: str | None) -> Iterator[str]:
    """Why the task called ``name`` has not run, or has failed; or the tasks of the step of that
    name, or all of the study in ``directory``; with what to type next.

    Raises
    ------
    StudyError
        The study cannot be read.
    UsageError
        It has neither.
    """
    study = open_study(directory)
    view = study.view()
    if view is None:
        raise StudyError(str(study.why_not_store))
    reasons = Reasons(study, view, encoding)
    rows = [row for row in view.tasks if name in (None, row.name)]
    if not rows:
        rows = [row for row in view.tasks if row.step == name]
    if not rows:
        names = {row.step for row in view.tasks} | {row.name for row in view.tasks}
        near = nearest(str(name), names)
        raise UsageError(f"{study.name} has no task and no step '{name}'{near}")
    if name is not None and len(rows) == 1:
        yield from reasons.told(rows[0])
    else:
        counts = Counter(row.state for row in rows)
        found = counts_text(shown({State(s): n for s, n in counts.items()}), encoding)
        yield one_line(f"{study.name if name is None else name}: {found}")
        yield from _failed(study, view, reasons, rows)
        yield from _others(reasons, rows)
    yield from _next(directory, view, rows)


# ---- several tasks -------------------------------------------------------------------------------


def _failed(
    study: Study, view: View, reasons: Reasons, rows: Sequence[TaskRow]
) -> Iterator[str]:
    failed = [row for row in rows if row.state in _FAILED]
    if not failed:
        return
    found = failures(reasons.graph, rows)
    yield from failed_lines(found, "")
    some = f" (of the first {READ})" if len(failed) > READ else ""
    yield from ("", f"By cause{some}")
    groups: dict[tuple[str, ...], list[tuple[TaskRow, str]]] = {}
    for row in failed[:READ]:
        _, words = last_words(study.directory, view.info, row, 1)
        said = words[-1] if words else ""
        name = script_name(row, hashed=view.info.settings.hashws)
        groups.setdefault(_kind(row, name, said), []).append((row, said))
    most = sorted(groups.values(), key=len, reverse=True)
    for group in most[:GROUPS]:
        row, said = group[0]
        yield one_line(f"{len(group):6}  {cause(row)}")
        if said:
            yield one_line(f"        {said}")
        yield one_line(f"        in {row.name}")
    yield from _more(most)


def _kind(row: TaskRow, name: str, said: str) -> tuple[str, ...]:
    """What failures have in common that are alike: numbers and names are each task's own."""
    for own in (row.workspace, name):
        said = said.replace(own, "")
    return row.step, row.state, re.sub(r"\d+", "0", cause(row)), re.sub(r"\d+", "0", said)


def _others(reasons: Reasons, rows: Iterable[TaskRow]) -> Iterator[str]:
    """Why the rest has not finished."""
    groups: dict[tuple[object, ...], list[TaskRow]] = {}
    for row in rows:
        if row.state in _TOLD:
            continue
        apart: object = row.detail
        if row.state == State.INITIALIZED.value:
            apart = reasons.ready(row)
        elif row.state == State.INCOMPLETE.value:
            apart = None
        groups.setdefault((row.step, row.state, apart), []).append(row)
    if not groups:
        return
    yield from ("", "Not finished")
    most = sorted(groups.values(), key=len, reverse=True)
    for group in most[:GROUPS]:
        row = group[0]
        such = "as " if len(group) > 1 else ""
        yield one_line(f"{len(group):6}  {State(row.state).shown}")
        yield one_line(f"        {such}{row.name}: it {next(reasons.reasons(row))}")
    yield from _more(most)


def _more(groups: Sequence[object]) -> Iterator[str]:
    if len(groups) > GROUPS:
        yield f"        and {len(groups) - GROUPS} more kinds"


# ---- what to do ----------------------------------------------------------------------------------


def _next(directory: str, view: View, rows: Sequence[TaskRow]) -> Iterator[str]:
    """The commands to type next."""
    states = set(map(State, {row.state for row in rows}))
    failed = [row.name for row in rows if row.state in _FAILED]

    yield ""
    if len(rows) > 1 and failed:
        yield f"More of one:      {command('why', directory, failed[0])}"
    elif len(rows) == 1 and rows[0].job is not None:
        follow = ["-f"] if states == {State.RUNNING} else []
        yield f"What it printed:  {command('logs', *follow, directory, rows[0].name)}"
    if view.conductor is None and not view.info.outcome:
        yield f"Nobody conducts the study. To go on: {command('resume', directory)}"
    elif failed or states & {State.INCOMPLETE, State.CANCELLED}:
        when = "" if view.info.outcome else " (once the study has ended)"
        yield f"To run it again:  {command('rerun', '--failed', directory)}{when}"
    else:
        yield f"How all stands:   {command('status', directory)}"
