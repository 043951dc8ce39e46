"""The tokens in a step's texts: which parameters they use, and putting values in their place.

Everything here is pure and works on one text at a time; ``$( )`` that holds no name of ours is
the shell's and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, fields

from maestro.spec.model import Combination, Step
from maestro.spec.values import option_texts

__all__ = [
    "LauncherCall",
    "apply_combination",
    "apply_launcher",
    "launcher_calls",
    "texts",
    "tokens",
    "used_parameters",
]

_TOKEN = re.compile(r"\$\(([^()]+)\)")
_WORD = re.compile(r"\w+")
_LAUNCHER = re.compile(r"\$\(LAUNCHER\)(?:\[(?P<part>[^\[\]\n]*)\])?")
_PART = re.compile(
    r"""\s* (?: (?P<n1>\d+)n [\s,]* (?P<p1>\d+)p    # 2n, 8p
              | (?P<p2>\d+)p [\s,]* (?P<n2>\d+)n    # 8p, 2n
              | (?P<p3>\d+)p
              | (?P<n4>\d+)n
              | (?P<n5>\d+) \s*,\s* (?P<p5>\d+)     # 2, 8: the old form
            ) \s*""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class LauncherCall:
    """One ``$(LAUNCHER)`` in a text, ``text[start:end]``, with the part of the step it asks for.

    A ``bare`` call asks for all the step has, and its ``nodes`` and ``procs`` are None.
    """

    start: int
    end: int
    nodes: int | None = None
    procs: int | None = None
    bare: bool = True


def tokens(text: str) -> Iterator[tuple[str, int]]:
    """What stands in each innermost ``$( )`` of ``text``, and where its ``$`` is."""
    if "$(" in text:
        for match in _TOKEN.finditer(text):
            yield match[1], match.start()


def texts(step: Step) -> Iterator[str]:
    """Every string of ``step`` that may hold a token."""
    yield from (step.name, step.description, step.cmd, step.restart, step.pre, step.post)
    yield from (d.step for d in step.depends)
    yield from (entry.file for entry in step.collect)
    for field in fields(step.resources):
        value = getattr(step.resources, field.name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from option_texts(value)


def used_parameters(step: Step, names: Collection[str]) -> frozenset[str]:
    """Those of ``names`` that occur in any text of ``step`` as ``$(NAME)`` or ``$(NAME.word)``."""
    known = frozenset(names)
    used: set[str] = set()
    for text in texts(step):
        for inner, _ in tokens(text):
            if inner in known:
                used.add(inner)
                continue
            head, dot, word = inner.rpartition(".")
            if dot and head in known and _WORD.fullmatch(word):
                used.add(head)
    # A name with a parenthesis in it is no innermost token: look for each by itself.
    for name in known:
        if "(" in name or ")" in name:
            pattern = re.compile(rf"\$\({re.escape(name)}(\.\w+)?\)")
            if any(pattern.search(text) for text in texts(step)):
                used.add(name)
    return frozenset(used)


def apply_combination(text: str, combination: Combination) -> str:
    """``text`` with the tokens of ``combination`` replaced: all labels, then values, then names."""
    if "$(" not in text:
        return text
    row = combination.row
    for p in combination.parameters:
        text = text.replace(f"$({p.name}.label)", p.labels[row])
    for p in combination.parameters:
        text = text.replace(f"$({p.name})", str(p.values[row]))
    for p in combination.parameters:
        text = text.replace(f"$({p.name}.name)", p.title)
    return text


def launcher_calls(text: str) -> list[LauncherCall]:
    """The calls of ``$(LAUNCHER)`` in ``text``, in order.

    Brackets that follow it and hold something else than an allocation belong to the text.
    """
    return [_call(match) for match in _LAUNCHER.finditer(text)]


def apply_launcher(text: str, make: Callable[[int | None, int | None], str]) -> str:
    """``text`` with each call of ``$(LAUNCHER)`` replaced by ``make(nodes, procs)``.

    For a bare call both are None: all that the step has.
    """
    parts: list[str] = []
    end = 0
    for call in launcher_calls(text):
        parts += [text[end : call.start], make(call.nodes, call.procs)]
        end = call.end
    return "".join([*parts, text[end:]])


def _call(match: re.Match[str]) -> LauncherCall:
    part = match["part"]
    found = _PART.fullmatch(part) if part is not None else None
    if found is None:
        return LauncherCall(match.start(), match.start() + len("$(LAUNCHER)"))
    nodes = found["n1"] or found["n2"] or found["n4"] or found["n5"]
    procs = found["p1"] or found["p2"] or found["p3"] or found["p5"]
    return LauncherCall(
        match.start(),
        match.end(),
        None if nodes is None else int(nodes),
        None if procs is None else int(procs),
        bare=False,
    )
