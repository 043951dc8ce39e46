"""Looking into YAML data that may not have the shape it should have.

Wrong shapes are reported against the schema; all that comes after it reads the data through these,
so that one mistake does not hide another.
"""

from __future__ import annotations

import difflib
import heapq
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from operator import eq
from typing import Any

from maestro.spec.model import Options, Value

__all__ = [
    "as_options",
    "as_value",
    "entries",
    "items",
    "jsonable",
    "mapping",
    "named",
    "nearest",
    "option_texts",
    "plural",
    "replaced",
    "shown",
    "text_of",
    "unwritable",
]

LIKELY = 200
"""Names that are compared well with one that there is not: among many, that takes seconds."""

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_PLAIN = (str, int, float, bool, type(None))


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """``value`` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def entries(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The mappings in the list ``value``, each with its index."""
    return ((i, entry) for i, entry in enumerate(items(value)) if isinstance(entry, dict))


def text_of(value: Any) -> str:
    """``value`` if it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def as_value(value: Any) -> Value:
    """``value`` as a plain one that prints the same: numbers of numpy too, the rest as text."""
    plain: Value = value
    if type(value) in _PLAIN:
        return plain
    if callable(item := getattr(value, "item", None)):
        try:
            plain = item()
        except (TypeError, ValueError):
            return str(value)
    else:
        for kind in (bool, int, float):
            if isinstance(value, kind):
                plain = kind(value)
                break
    if type(plain) in _PLAIN and str(plain) == str(value):
        return plain
    return str(value)


def jsonable(value: Value) -> Value:
    """``value`` as JSON can have it, which knows no infinity."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def as_options(value: Any) -> Options:
    """The mapping ``value``, frozen; a list becomes its entries with commas between."""
    return tuple((str(key), _option(entry)) for key, entry in mapping(value).items())


def _option(value: Any) -> Value | Options:
    if isinstance(value, dict):
        return as_options(value)
    if isinstance(value, list):
        return ",".join(map(str, value))
    return as_value(value)


def option_texts(options: Options) -> Iterator[str]:
    """Every text among the values of ``options``."""
    for _, value in options:
        if isinstance(value, tuple):
            yield from option_texts(value)
        elif isinstance(value, str):
            yield value


def replaced(options: Options, apply: Callable[[str], str]) -> Options:
    """``options`` with ``apply`` put to every text among the values."""

    def ready(value: Value | Options) -> Value | Options:
        if isinstance(value, tuple):
            return replaced(value, apply)
        return apply(value) if isinstance(value, str) else value

    return tuple((key, ready(value)) for key, value in options)


def unwritable(text: str) -> str:
    """The character of ``text`` that no command line takes, or no file in UTF-8, as Python writes
    it; empty where there is none.
    """
    found = _UNWRITABLE.search(text)
    return repr(found[0]) if found else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` where one of ``known`` is near ``name``, else nothing."""
    name = name.casefold()
    folded = {word.casefold(): word for word in known}

    def ends(word: str) -> int:
        """How many characters the two have in common before, and after, they differ."""
        pairs = (name, word), (name[::-1], word[::-1])
        return sum(sum(takewhile(bool, map(eq, *pair))) for pair in pairs)

    likely = heapq.nlargest(LIKELY, folded, key=ends) if len(folded) > LIKELY else folded
    found = difflib.get_close_matches(name, likely, n=1, cutoff=0.6)
    return f"; did you mean '{folded[found[0]]}'?" if found else ""


def plural(count: int, word: str) -> str:
    """``3 values``, ``1 value``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def named(names: Sequence[str], most: int) -> str:
    """``a, b and 3 more``: ``most`` of ``names``, at most."""
    more = f" and {len(names) - most} more" * (len(names) > most)
    return f"{', '.join(names[:most])}{more}"


def shown(value: Any) -> str:
    """``value`` as a sentence shows it: short, and as YAML names things."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    text = text if len(text) <= 40 else f"{text[:37]}..."
    if isinstance(value, str):
        return f"'{text}'"
    return text if isinstance(value, (int, float)) else f"the {type(value).__name__} {text}"
