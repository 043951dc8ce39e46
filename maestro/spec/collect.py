"""What a step declares to be collected from the workspaces of its tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from maestro.errors import Problem
from maestro.spec.model import Collect
from maestro.spec.reader import Document, Path
from maestro.spec.values import entries, mapping, nearest, text_of

__all__ = ["build_collect", "collect_problems"]

_FORMS = ("json", "csv", "match")


def build_collect(value: Any, apply: Callable[[str], str]) -> tuple[Collect, ...]:
    """The entries of ``collect``, as far as they can be made out; ``apply`` puts the environment
    into the names of files. What a pattern holds is never a token.
    """
    return tuple(
        _entry(form, entry, apply)
        for _, entry in entries(value)
        for form in _FORMS
        if text_of(entry.get(form))
    )


def _entry(form: str, entry: Mapping[str, Any], apply: Callable[[str], str]) -> Collect:
    is_match = form == "match"
    columns = mapping(entry.get("columns")).items()
    return Collect(
        form,
        apply(text_of(entry.get("file" if is_match else form))),
        text_of(entry.get("match")) if is_match else "",
        tuple((name, str(kind)) for name, kind in columns),
    )


def collect_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with the entries of ``collect`` in ``document``, beside their shape."""
    for i, step in entries(mapping(document.data).get("study")):
        for j, entry in entries(step.get("collect")):
            path: Path = ("study", i, "collect", j)
            what = f"entry {j + 1} of 'collect' in step '{text_of(step.get('name'))}'"
            yield from _problems(document, path, what, entry)


def _problems(
    document: Document, path: Path, what: str, entry: Mapping[str, Any]
) -> Iterator[Problem]:
    forms = [form for form in _FORMS if form in entry]
    if len(forms) != 1:
        has = " and ".join(f"'{form}'" for form in forms) or "none of them"
        message = f"{what} must have one of 'json', 'csv' and 'match'; it has {has}"
        yield Problem("collect-form", message, document.where(path))
        return
    if "file" in entry and forms != ["match"]:
        message = f"{what} has 'file', which is for 'match'; the file stands behind '{forms[0]}'"
        yield Problem("collect-form", message, document.where_key((*path, "file")))
    if pattern := text_of(entry.get("match")):
        yield from _pattern_problems(document, path, pattern, mapping(entry.get("columns")))


def _pattern_problems(
    document: Document, path: Path, pattern: str, columns: Mapping[str, Any]
) -> Iterator[Problem]:
    at = document.where((*path, "match"))
    try:
        groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError) as error:
        message = f"'match' is no regular expression: {error}"
        yield Problem("collect-pattern", message, at)
        return
    if not groups:
        message = "'match' names no column; give the value a name, as in 'error = (?P<error>\\S+)'"
        yield Problem("collect-pattern", message, at)
        return
    for name in columns:
        if name not in groups:
            message = f"'match' has no group named '{name}'{nearest(name, groups)}"
            where = document.where_key((*path, "columns", name))
            yield Problem("collect-pattern", message, where)
