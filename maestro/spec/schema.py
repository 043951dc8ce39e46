"""The JSON Schema of a study specification, and its errors as sentences for people."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from maestro.errors import Problem
from maestro.spec.reader import Document, Path
from maestro.spec.values import items, mapping, nearest, shown, text_of

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["known_keys", "load_schema", "schema_problems", "unknown_key", "where"]

_HOMES = (
    ("run", "'run' of a step"),
    ("batch", "'batch'"),
    ("env", "'env'"),
    ("step", "a step of 'study'"),
)
"""Sections by their names in the schema, in which a key out of place is looked for."""


@functools.cache
def load_schema() -> Mapping[str, Any]:
    """The schema, read from the package ``maestro_schemas``."""
    folder = importlib.resources.files("maestro_schemas")
    text = folder.joinpath("study.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def known_keys(section: str = "") -> list[str]:
    """The keys of ``section``, a definition of the schema (``run``, ``batch``), or of the top."""
    schema = load_schema()
    found = schema["$defs"][section] if section else schema
    return list(found["properties"])


def schema_problems(document: Document) -> list[Problem]:
    """What the schema finds wrong with the data of ``document``."""
    problems: list[Problem] = []
    for error in _validator().iter_errors(document.data):
        problems += _translate(document, error)
    return problems


def where(data: Any, path: Path) -> str:
    """``path`` as people call it: ``step 'run-sim'``, ``'env.variables'``."""
    match path:
        case ():
            return "the specification"
        case ("study", int(i), *_):
            steps = items(mapping(data).get("study"))
            name = text_of(mapping(steps[i]).get("name")) if i < len(steps) else ""
            return f"step '{name}'" if name else f"step {i + 1}"
        case ("global.parameters", str(name), *_):
            return f"parameter '{name}'"
        case ("env", "dependencies", str(kind), int(i), *_):
            found = items(mapping(mapping(mapping(data)["env"])["dependencies"])[kind])[i]
            name = text_of(mapping(found).get("name"))
            return f"{kind.rstrip('s')} dependency '{name}'" if name else f"'{kind}' entry {i + 1}"
        case _:
            return f"'{'.'.join(map(str, path))}'"


def unknown_key(key: str, place: str, known: list[str], here: str) -> str:
    """A sentence on the unknown ``key`` in ``place``, whose section in the schema is ``here``."""
    sentence = f"unknown key '{key}' in {place}"
    for section, name in _HOMES:
        if section != here and key in known_keys(section):
            return f"{sentence}; '{key}' belongs under {name}"
    if key in known_keys():
        return f"{sentence}; '{key}' belongs at the top level"
    if here == "env" and key in ("paths", "git"):
        return f"{sentence}; '{key}' belongs under 'dependencies'"
    hint = nearest(key, known)
    if not hint and len(known) < 8:
        hint = f"; known are {', '.join(known)}"
    return sentence + hint


@functools.cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load_schema())


def _translate(document: Document, error: ValidationError) -> Iterator[Problem]:
    """One error of the schema as problems of ours."""
    path: Path = tuple(error.absolute_path)
    data, instance = document.data, error.instance
    schema: Any = error.schema
    place = where(data, path)
    match error.validator:
        case "required":
            for key in schema["required"]:
                if key not in mapping(instance):
                    yield _missing(document, path, key)
        case "additionalProperties":
            known = list(schema["properties"])
            for key in mapping(instance):
                if key not in known:
                    message = unknown_key(key, place, known, _section(path))
                    yield Problem("unknown-key", message, document.where_key((*path, key)))
        case "minLength" if "propertyNames" in error.absolute_schema_path:
            at = document.where_key((*path, ""))
            yield Problem("wrong-value", f"{_subject(data, path)} has an entry without a name", at)
        case "uniqueItems":
            yield from _twice(document, path, items(instance))
        case _:
            accepted = schema["x-accepts"]
            message = f"{_subject(data, path)} must be {accepted}, not {shown(instance)}"
            if isinstance(instance, str) and instance.isdigit():
                message += "; take away the quotes"
            yield Problem("wrong-value", message, document.where(path))


def _missing(document: Document, path: Path, key: str) -> Problem:
    """The required ``key`` is missing; it may be there under another name."""
    message = f"{where(document.data, path)} lacks the key '{key}'"
    if not path:
        message = f"the specification lacks the section '{key}'"
    elif path[-1] == "run":
        message += " under 'run'"
    return Problem("missing-key", message, document.where(path))


def _twice(document: Document, path: Path, entries: list[Any]) -> Iterator[Problem]:
    for i, entry in enumerate(entries):
        if entry in entries[:i]:
            message = f"{where(document.data, path)} names {shown(entry)} twice in '{path[-1]}'"
            yield Problem("duplicate-dependency", message, document.where((*path, i)))


def _subject(data: Any, path: Path) -> str:
    """What a value is called: ``'procs' in step 'run-sim'``."""
    match path:
        case ():
            return "the specification"
        case ("study", int()) | ("global.parameters", str()):
            return where(data, path)
        case ("env", "dependencies", _, int()):
            return where(data, path)
        case (*parent, int(i)):
            return f"entry {i + 1} of {_subject(data, tuple(parent))}"
        case (str(key),):
            return f"'{key}'"
        case (*parent, key):
            above = tuple(parent)
            if above[-1:] == ("run",):
                above = above[:-1]
            return f"'{key}' in {where(data, above)}"
    return where(data, path)


def _section(path: Path) -> str:
    """The definition in the schema that describes the mapping at ``path``."""
    match path:
        case ("study", _):
            return "step"
        case ("study", _, "collect", _):
            return "collect"
        case ("study", _, "run"):
            return "run"
        case ("env",):
            return "env"
    return ""
