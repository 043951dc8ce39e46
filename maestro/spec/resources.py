"""What a step asks of the machine: from YAML, through tokens, to numbers; and walltimes."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from maestro.errors import Position, Problem, SpecError
from maestro.spec.model import Combination, Options, Resources, Specification, Step
from maestro.spec.tokens import apply_combination, launcher_calls
from maestro.spec.values import as_options, option_texts, replaced

__all__ = [
    "build_resources",
    "check_launchers",
    "resolve_resources",
    "resource_problems",
    "walltime_seconds",
]

KEYS: Mapping[str, str] = {
    field.name: field.name.replace("_", " ")
    for field in fields(Resources)
    if not field.name.startswith("exclusive") and not field.name.endswith("_args")
}
"""The YAML key of each field; ``exclusive`` has two fields, and further options are mappings."""

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_PRIORITIES = frozenset({"held", "minimal", "low", "medium", "high", "expedite", "expedited"})
_UNLIMITED = frozenset({"inf", ".inf", "infinite", "infinity", "unlimited"})
_NUMBER = re.compile(r"\d+(\.\d*)?", re.ASCII)


def build_resources(run: Mapping[str, Any], apply: Callable[[str], str]) -> Resources:
    """The resource keys of the section ``run``, ``apply`` put to each text."""

    def ready(value: Any) -> Any:
        if isinstance(value, str):
            return apply(value)
        return value if isinstance(value, (int, float)) else None

    chosen = {name: ready(run.get(key)) for name, key in KEYS.items()}
    exclusive = run.get("exclusive")
    if not isinstance(exclusive, dict):
        exclusive = {"allocation": exclusive}
    return Resources(
        **chosen,
        exclusive_allocation=ready(exclusive.get("allocation")),
        exclusive_launcher=ready(exclusive.get("launcher")),
        allocation_args=replaced(as_options(run.get("allocation_args")), apply),
        launcher_args=replaced(as_options(run.get("launcher_args")), apply),
    )


def resolve_resources(spec: Specification, step: Step, combination: Combination) -> Resources:
    """The resources of ``step`` for ``combination``, each field of the type that `Resources` gives.

    Raises
    ------
    SpecError
        A value is of the wrong type or out of range, or a token in it was not replaced.
    """
    try:
        return _checked(_apply(step.resources, combination))
    except ValueError:
        found = resource_problems(spec, step, combination)
        raise SpecError(p for p in found if p.severity == "error") from None


def resource_problems(spec: Specification, step: Step, combination: Combination) -> list[Problem]:
    """What is wrong with the resources of ``step`` for ``combination``.

    A token that nothing replaces has the code ``unresolved-token``.
    """
    applied = _apply(step.resources, combination)
    problems = _walltime_problems(spec, step, applied)
    try:
        _checked(applied)
    except ValueError:
        problems += _value_problems(spec, step, applied)
    return problems


def _value_problems(spec: Specification, step: Step, applied: Resources) -> list[Problem]:
    """The fields of ``applied``, resources of ``step``, that are not what they must be."""
    problems = []
    for name, check in _CHECKS.items():
        value = getattr(applied, name)
        try:
            check(value)
        except ValueError as error:
            written = getattr(step.resources, name)
            source = "" if value == written else f" (from {written})"
            key = _key(name)
            if isinstance(value, str) and "$(" in value:
                code = "unresolved-token"
                message = f"nothing replaces {value} in '{key}' of step '{step.name}'"
            else:
                code = "resource-value"
                message = f"'{key}' in step '{step.name}' must be {error}, not '{value}'{source}"
            problems.append(Problem(code, message, _where(spec, step, key)))
    return problems


def _walltime_problems(spec: Specification, step: Step, resources: Resources) -> list[Problem]:
    """A walltime that nobody here understands; only Slurm is handed it as it is written."""
    if isinstance(resources.walltime, str) and "$(" in resources.walltime:
        return []
    try:
        walltime_seconds(resources.walltime)
    except ValueError:
        needed = spec.batch.type in ("lsf", "flux") or spec.batch.settings.get("enforce walltime")
        message = (
            f"'walltime' in step '{step.name}' is '{resources.walltime}', which is not understood; "
            "write minutes, MM:SS, HH:MM:SS, D-HH:MM:SS or inf"
        )
        severity = "error" if needed else "warning"
        return [Problem("walltime", message, _where(spec, step, "walltime"), severity)]
    return []


def check_launchers(
    spec: Specification, step: Step, combination: Combination, resources: Resources
) -> list[Problem]:
    """The calls of ``$(LAUNCHER)`` in ``step`` that ask for more than ``resources`` has.

    Each call counts by itself, since calls run in turn. A step without nodes and procs runs
    locally and has nothing to exceed.
    """
    if not resources.scheduled:
        return []
    problems = []
    for key, template in (("cmd", step.cmd), ("restart", step.restart)):
        places = [m.start() for m in re.finditer(re.escape("$(LAUNCHER)"), template)]
        text = apply_combination(template, combination)
        for number, call in enumerate(launcher_calls(text)):
            if call.bare:
                continue
            path = (*_path(spec, step), "run", key)
            if number < len(places):
                at = spec.locate(path, template, places[number])
            else:  # a parameter brought it
                at = spec.where(*path)
            shown = text[call.start : call.end]
            problems += [
                Problem("launcher-overask", f"{shown} in step '{step.name}' {what}", at)
                for what in _excesses(call.nodes, call.procs, resources)
            ]
    return problems


def walltime_seconds(value: int | float | str | None, *, hours_first: bool = False) -> float | None:
    """A walltime in seconds; None where there is no limit.

    A number is minutes, as text too. Parts between colons count base 60 from the right, which ends
    in seconds: ``90:30``, ``01:30:00``. Days stand before a hyphen, ``2-12``, ``2-12:30`` and
    ``2-12:30:00``, and hours come first after it. With ``hours_first`` two parts are hours and
    minutes, as LSF has them. No value, 0, ``inf``, ``infinite`` and ``unlimited`` are no limit.

    Raises
    ------
    ValueError
        It is none of these.

    Examples
    --------
    >>> walltime_seconds(30), walltime_seconds("30:00"), walltime_seconds("00:30:00")
    (1800.0, 1800.0, 1800.0)
    >>> walltime_seconds("1-02"), walltime_seconds("02:30", hours_first=True)
    (93600.0, 9000.0)
    >>> walltime_seconds("inf") is None
    True
    """
    if value is None or isinstance(value, bool):
        return None
    text = str(value).strip().lower()
    if not text or text in _UNLIMITED:
        return None
    days, hyphen, rest = text.rpartition("-")
    parts = [_number(part) for part in rest.split(":")]
    if hyphen:
        if len(parts) > 3:
            raise ValueError(f"'{value}' is no walltime")
        hours, minutes, seconds = [*parts, 0.0, 0.0][:3]
        total = ((_number(days) * 24 + hours) * 60 + minutes) * 60 + seconds
    elif len(parts) == 1:
        total = parts[0] * 60
    else:
        if len(parts) == 2 and hours_first:
            parts.append(0.0)
        total = functools.reduce(lambda sum_, part: sum_ * 60 + part, parts, 0.0)
    if total == math.inf:
        raise ValueError("there is no walltime of so many digits")
    return total or None


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number")
    return float(text)


def _excesses(nodes: int | None, procs: int | None, resources: Resources) -> list[str]:
    """What a launcher call for ``nodes`` and ``procs`` has too much or too little of."""
    if procs is None:
        return ["names no processes; write, for example, $(LAUNCHER)[2n, 8p]"]
    excesses = []
    for word, asked, had in (("nodes", nodes, resources.nodes), ("procs", procs, resources.procs)):
        if asked == 0:
            excesses.append(f"asks for 0 {word}; 1 is the least")
        elif asked is not None and isinstance(had, int) and asked > had:
            excesses.append(f"asks for {asked} {word}, and the step has {had}")
    return excesses


def _path(spec: Specification, step: Step) -> tuple[str | int, ...]:
    index = next((i for i, s in enumerate(spec.steps) if s.name == step.name), None)
    return ("study",) if index is None else ("study", index)


def _key(name: str) -> str:
    return KEYS.get(name, "exclusive")


def _where(spec: Specification, step: Step, key: str) -> Position | None:
    return spec.where(*_path(spec, step), "run", key)


def _apply(resources: Resources, combination: Combination) -> Resources:
    """``resources`` with the tokens of ``combination`` replaced."""
    tokens = _tokens(resources)
    if not tokens:
        return resources

    def apply(text: str) -> str:
        return apply_combination(text, combination)

    changed: dict[str, Any] = {
        name: replaced(value, apply) if isinstance(value, tuple) else apply(value)
        for name, value in tokens.items()
    }
    return replace(resources, **changed)


@functools.lru_cache(maxsize=256)
def _tokens(resources: Resources) -> Mapping[str, str | Options]:
    """The fields that hold a token; remembered, since every task of a step asks."""
    values = {field.name: getattr(resources, field.name) for field in fields(resources)}
    return {name: value for name, value in values.items() if _has_token(value)}


def _has_token(value: Any) -> bool:
    if isinstance(value, tuple):
        return any("$(" in text for text in option_texts(value))
    return isinstance(value, str) and "$(" in value


@functools.lru_cache(maxsize=4096)
def _checked(resources: Resources) -> Resources:
    """``resources`` with every field of its type, or ValueError."""
    changed = {name: check(getattr(resources, name)) for name, check in _CHECKS.items()}
    return replace(resources, **changed)


def _whole(least: int, accepted: str) -> Callable[[Any], int | None]:
    def check(value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
            value = int(value)
        elif isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\.0*\s*", value, re.ASCII):
            value = int(float(value))
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(accepted)
        return value

    return check


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise ValueError("true or false")


def _text(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("text that is not empty")
    return value


def _priority(value: Any) -> Any:
    if value is None:
        return None
    word = str(value).strip()
    if word.lower() in _PRIORITIES:
        return word
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not 0 <= number <= 1:
        names = ", ".join(sorted(_PRIORITIES - {"expedite"}))
        raise ValueError(f"a number from 0 to 1 or one of {names}")
    return number


def _walltime(value: Any) -> Any:
    """Unresolved tokens are refused here; forms that only a scheduler knows are its to judge."""
    if isinstance(value, str) and "$(" in value:
        raise ValueError("a walltime")
    return int(value) if isinstance(value, float) and value.is_integer() else _text(value)


_POSITIVE = _whole(1, "a positive whole number")
_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "nodes": _POSITIVE,
    "procs": _POSITIVE,
    "gpus": _whole(0, "a whole number, 0 or more"),
    "cores_per_task": _POSITIVE,
    "tasks_per_rs": _POSITIVE,
    "rs_per_node": _POSITIVE,
    "cpus_per_rs": _POSITIVE,
    "bind": _text,
    "bind_gpus": _text,
    "walltime": _walltime,
    "reservation": _text,
    "exclusive_allocation": _flag,
    "exclusive_launcher": _flag,
    "nested": _flag,
    "waitable": _flag,
    "priority": _priority,
    "qos": _text,
}
