"""What tasks have left behind, as their step declares it, in columns of one type each."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from maestro.conductor.files import regular
from maestro.graph import Task
from maestro.report.outputs import newest
from maestro.spec.model import Collect
from maestro.spec.tokens import apply_combination

__all__ = ["Unreadable", "collected", "unified"]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[ed][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.IGNORECASE
)
_PADDED = re.compile(r"[+-]?0[0-9]")
"""What begins so may be a number, and is more likely the name of one."""

_TRUTHS = {"true": True, "false": False}


class Unreadable(Exception):
    """A sentence on what cannot be collected."""


class _Spelled(str):
    """A text from a file that knows no types: it may stand for a number."""

    __slots__ = ()


def collected(
    entry: Collect, task: Task, script: str, study: str
) -> tuple[dict[str, Any], list[str]]:
    """What ``entry`` finds of ``task``, by column, and a sentence on each declared column that it
    does not find, or not of its type. ``script`` is the name of the task's script without ending,
    ``study`` the study directory.

    Raises
    ------
    Unreadable
        The file, or what is looked for in it, is not there.
    """
    name = entry.file or "its output"
    path = _path(entry, task, script, study)
    try:
        with open(
            path, encoding="utf-8-sig", errors="replace", newline="", opener=regular
        ) as file:
            values = _READERS[entry.form](file, entry)
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror}") from None
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None
    if not entry.columns:
        return values, []
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for column, kind in entry.columns:
        try:
            found[column] = _declared(values, column, kind)
        except Unreadable as error:
            wrong.append(f"{name}: {error}")
    return found, wrong


def _path(entry: Collect, task: Task, script: str, study: str) -> str:
    folder = os.path.join(study, task.workspace)
    if entry.file:
        text = entry.file.replace("$(OUTPUT_PATH)", study)
        return os.path.join(folder, apply_combination(text, task.combination))
    found = newest(folder, script, ".out")
    if found is None:
        raise Unreadable("there is no output")
    return found


# ---- reading -----------------------------------------------------------------------------------


def _json(file: Any, entry: Collect) -> dict[str, Any]:
    try:
        data = json.load(file)
        if not isinstance(data, dict):
            raise Unreadable("there is no JSON object")
        return dict(_flat(data))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"this is not JSON: {error}") from None


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", entry) for inner, entry in _flat(value))
        else:
            yield name, json.dumps(value) if isinstance(value, list) else value


def _csv(file: Any, entry: Collect) -> dict[str, Any]:
    head = file.readline()
    separator = next((sign for sign in ",;\t" if sign in head), ",")
    last: Sequence[str] = ()
    try:
        (names,) = csv.reader([head], delimiter=separator, skipinitialspace=True) if head else [()]
        for row in csv.reader(file, delimiter=separator, skipinitialspace=True):
            last = row or last
    except csv.Error as error:
        raise Unreadable(f"this is not CSV: {error}") from None
    if not last:
        raise Unreadable("there is no line below the one of column names")
    if len(last) != len(names):
        raise Unreadable(f"the last line has {len(last)} columns, and {len(names)} have a name")
    values: dict[str, Any] = {}
    for name, text in zip(map(str.strip, names), map(str.strip, last), strict=True):
        if name in values:
            raise Unreadable(f"two columns are called '{name}'")
        if name:  # a separator at the end makes one without
            values[name] = _Spelled(text) if text else None
    return values


def _match(file: Any, entry: Collect) -> dict[str, Any]:
    pattern = re.compile(entry.pattern)
    last = None
    for line in file:
        last = pattern.search(line.rstrip("\r\n")) or last
    if last is None:
        raise Unreadable("'match' is found nowhere in it")
    return {
        name: None if text is None else _Spelled(text) for name, text in last.groupdict().items()
    }


_READERS: dict[str, Callable[[Any, Collect], dict[str, Any]]] = {
    "json": _json,
    "csv": _csv,
    "match": _match,
}


# ---- types -------------------------------------------------------------------------------------


def _declared(values: Mapping[str, Any], column: str, kind: str) -> Any:
    if column not in values:
        raise Unreadable(f"there is no '{column}'")
    value = values[column]
    try:
        return None if value is None else _AS[kind](value)
    except (KeyError, ValueError, OverflowError):
        shown = str(value) if len(str(value)) <= 40 else f"{str(value)[:37]}..."
        raise Unreadable(f"'{column}' is no {kind}: {shown}") from None


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    if isinstance(value, str) and not _INTEGER.fullmatch(value.strip()):
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    if not isinstance(value, str):
        return float(value)
    if not _NUMBER.fullmatch(value.strip()):
        raise ValueError
    return float(value.strip().lower().replace("d", "e"))  # as Fortran writes it


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUTHS[str(value).strip().lower()]


_AS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": str,
}


def unified(values: Sequence[Any]) -> list[Any]:
    """``values`` of one column as they all can be: truth values, whole numbers, numbers, or texts;
    None is of any type. Only what comes from a file without types is read as anything else than
    what it is.
    """
    types: dict[type, list[Any]] = defaultdict(list)
    for value in values:
        types[type(value)].append(value)
    kinds = types.keys() - {type(None)}
    if _Spelled in kinds:
        padded = any(map(_PADDED.match, types[_Spelled]))
        for kind in () if padded else (_integer, _number, _boolean):
            try:
                read = {text: kind(text) for text in types[_Spelled]}
            except (KeyError, ValueError):
                continue
            return unified([read[v] if type(v) is _Spelled else v for v in values])
        kinds = (kinds - {_Spelled}) | {str}
    if kinds == {int, float}:
        return [value if value is None else float(value) for value in values]
    if len(kinds) > 1 or kinds == {str}:
        return [value if value is None else str(value) for value in values]
    return list(values)
