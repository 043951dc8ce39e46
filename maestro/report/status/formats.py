"""How studies stand, for other programs: JSON by ``status.schema.json``, and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from maestro.conductor import snapshot
from maestro.report import table
from maestro.report.status.request import STATES, Request
from maestro.report.status.standing import Row, Standing, folder_of
from maestro.report.tabular import csv_lines, timeless
from maestro.report.writing import note
from maestro.spec.values import jsonable

__all__ = ["content"]

COLUMNS = ("directory", *table.COLUMNS)
"""What every row of CSV has beside the parameters, which stand after the step."""

LACKING = f"what {snapshot.FILE} does not tell is missing (parameters, attempts, exit codes)"


def content(found: Iterable[Standing], request: Request) -> Iterator[bytes]:
    """How the studies ``found`` stand, as ``request`` has it."""
    if request.form == "json":
        return _json(found, tasks=not request.summary)
    return csv_lines((_summary if request.summary else _tasks)(found, request.header))


# ---- JSON --------------------------------------------------------------------------------------


def _json(found: Iterable[Standing], *, tasks: bool) -> Iterator[bytes]:
    """One document, of which never more is held than a study."""
    before = b'{"studies": ['
    for seen in found:
        head = json.dumps(_study(seen)).removesuffix("}")
        yield before + b"\n" + head.encode()
        before = b","
        if tasks:
            yield b', "tasks": ['
            yield from _joined(_task(name, step, params, rest) for name, step, params, rest in
                               _measured(seen))  # fmt: skip
            yield b"\n]"
        yield b"}"
    yield (b"\n" if before == b"," else before) + b"]}\n"


def _joined(values: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    before = b"\n"
    for value in values:
        yield before + json.dumps(value).encode()
        before = b",\n"


def _study(seen: Standing) -> dict[str, Any]:
    info = seen.info
    answered = table.utc(info.answered) if info else None
    return {
        "study": seen.study.name,
        "directory": seen.study.directory,
        "source": seen.study.source,
        "why_not_store": seen.study.why_not_store,
        "created": timeless(table.utc(info.created)) if info else None,
        "outcome": (info.outcome or None) if info else None,
        "conductor": seen.conductor,
        "cancelling": info.cancelling if info else None,
        "trouble": (info.trouble or None) if info else None,
        "answered": timeless(answered),
        "total": seen.total,
        "states": seen.states,
        "steps": [
            {"step": step, "tasks": counts.total(), "states": counts}
            for step, counts in seen.steps.items()
        ],
    }


def _task(
    name: str, step: str, params: Mapping[str, Any] | None, rest: Mapping[str, Any]
) -> dict[str, Any]:
    values = None if params is None else {key: jsonable(value) for key, value in params.items()}
    times = {key: timeless(value) for key, value in rest.items()}
    return {"task": name, "step": step, "parameters": values, **times}


# ---- CSV ---------------------------------------------------------------------------------------


def _tasks(found: Iterable[Standing], header: bool) -> Iterator[Iterable[Any]]:
    """A row for each task; all rows have all parameters of all studies."""
    seen = list(found)
    used = (one.tasks.parameters() for one in seen if one.tasks is not None)
    names = list(dict.fromkeys(name for several in used for name in several))
    if header:
        first, second, third, *others = COLUMNS
        yield first, second, third, *(table.column_of(name, COLUMNS) for name in names), *others
    for one in seen:
        if one.info is None:
            note(f"{one.study.directory}: {LACKING}: {one.study.why_not_store}")
        for name, step, params, rest in _measured(one):
            values = [params.get(key) for key in names] if params else [None] * len(names)
            yield one.study.directory, name, step, *values, *rest.values()


def _summary(found: Iterable[Standing], header: bool) -> Iterator[Iterable[Any]]:
    """A row for each step, with a column for every state that there can be."""
    if header:
        yield "directory", "step", "tasks", *STATES
    for seen in found:
        for step, counts in seen.steps.items():
            numbers = (counts[state] for state in STATES)
            yield seen.study.directory, step, counts.total(), *numbers


# ---- both --------------------------------------------------------------------------------------


def _measured(
    seen: Standing,
) -> Iterator[tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any]]]:
    """Name, step, parameters (None: not known) and the rest of `table.COLUMNS` of each task."""
    for task in seen.tasks or ():
        yield task.name, task.step, json.loads(task.params), table.measured(task)
    for row in seen.texts:
        yield row[snapshot.NAME], folder_of(row), None, _told(row)


def _told(row: Row) -> dict[str, Any]:
    """What a row of ``status.csv`` tells, as `table.measured` has it."""
    texts = dict(zip(snapshot.COLUMNS, row, strict=True))
    times = {
        key: table.utc(snapshot.time_of(texts[name]))
        for key, name in (
            ("submitted", "Submit Time"), ("started", "Start Time"), ("ended", "End Time"),
        )
    }  # fmt: skip
    restarts = texts["Number Restarts"]
    return dict.fromkeys(table.COLUMNS[2:]) | times | {
        "state": texts["State"],
        "run_seconds": snapshot.seconds_of(texts["Run Time"]),
        "restarts": int(restarts) if restarts.isdecimal() else None,
        "job": None if texts["Job ID"] == snapshot.UNKNOWN else texts["Job ID"],
        "workspace": texts["Workspace"],
    }  # fmt: skip
