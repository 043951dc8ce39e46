"""Conditions on the parameters of tasks, as people write them behind ``--where``.

Python's grammar of comparisons is parsed, and nothing of it is ever evaluated but what stands in
this module: names of parameters, numbers and quoted texts, ``== != < <= > >= in``, ``not``,
``and``, ``or`` and parentheses.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from maestro.errors import UsageError
from maestro.spec.values import nearest

__all__ = ["Condition", "condition"]

LONGEST = 1000
"""Characters of a condition, at most."""

Values = Mapping[str, object]
Term = Callable[[Values], object]

_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|`([^`]*)`""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the values of parameters, ``names`` being those that it speaks of.

    It is not met where one of them has no value. Numbers and truth values compare by value
    (``1 == 1.0``), texts letter by letter; a text and a number are never equal, and neither is less
    than the other.
    """

    text: str
    names: frozenset[str]
    holds: Callable[[Values], bool]

    def __call__(self, values: Values) -> bool:
        """Whether it is met by ``values``, by name."""
        return self.names <= values.keys() and self.holds(values)


def condition(text: str, names: Collection[str]) -> Condition:
    """The condition ``text`` on parameters called ``names``: ``SIZE >= 20 and ALG in ("a", "b")``.
    Names that are no words to Python stand between backticks.

    Raises
    ------
    UsageError
        It is no condition, or speaks of a parameter that there is not.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise UsageError(f"a condition may have {LONGEST} characters, not {len(text)}")
    quoted: dict[str, str] = {}

    def word(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        stand_in = f"_{len(quoted)}_".ljust(len(match[0]), "_")
        quoted[stand_in] = match[2]
        return stand_in

    plain = _QUOTED.sub(word, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in quoted texts
            tree = ast.parse(plain, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        at = getattr(error, "offset", None)
        raise UsageError(_refusal(text, "it cannot be read", at)) from None
    reader = _Reader(text, names, quoted)
    holds = reader.truth(tree.body)
    return Condition(text, frozenset(reader.found), holds)


class _Reader:
    """Makes a function of a syntax tree."""

    def __init__(self, text: str, names: Collection[str], quoted: Mapping[str, str]) -> None:
        self._text = text
        self._names = names
        self._quoted = quoted
        self.found: set[str] = set()

    def truth(self, node: ast.expr) -> Callable[[Values], bool]:
        """What ``node``, which is true or false, is."""
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                every = [self.truth(part) for part in parts]
                return lambda values: all(part(values) for part in every)
            case ast.BoolOp(values=parts):
                some = [self.truth(part) for part in parts]
                return lambda values: any(part(values) for part in some)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.truth(operand)
                return lambda values: not inner(values)
            case ast.Compare(left=left, ops=operators, comparators=others):
                return self._comparison(left, operators, others)
        raise self._refused("a condition compares, as in SIZE >= 20", node)

    def _comparison(
        self, left: ast.expr, operators: list[ast.cmpop], others: list[ast.expr]
    ) -> Callable[[Values], bool]:
        terms = [self._term(left)]
        for kind, other in zip(operators, others, strict=True):
            if isinstance(kind, (ast.In, ast.NotIn)) != isinstance(other, (ast.Tuple, ast.List)):
                raise self._refused('"in" takes several values, as in SIZE in (10, 20)', other)
            if type(kind) not in _OPERATORS:
                raise self._refused("it compares by == != < <= > >= in", other)
            terms.append(self._term(other))
        tests = [_OPERATORS[type(kind)] for kind in operators]
        steps = list(zip(terms[:-1], tests, terms[1:], strict=True))
        return lambda values: all(test(a(values), b(values)) for a, test, b in steps)

    def _term(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return lambda values: value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return lambda values: -value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                terms = [self._term(part) for part in parts]
                return lambda values: [term(values) for term in terms]
            case ast.Name(id=name):
                name = self._quoted.get(name, name)
                if name in self._names:
                    self.found.add(name)
                    return lambda values: values[name]
                why = f"there is no parameter '{name}'{nearest(name, self._names)}"
                if not nearest(name, self._names):
                    why += f'; a text stands in quotes, as "{name}"'
                raise self._refused(why, node)
        raise self._refused("it compares parameters, numbers and quoted texts", node)

    def _refused(self, why: str, node: ast.expr) -> UsageError:
        before = self._text.encode()[: node.col_offset].decode(errors="ignore")
        return UsageError(_refusal(self._text, why, len(before) + 1))


def _refusal(text: str, why: str, at: int | None) -> str:
    if re.search(r"[^=!<>]=[^=]", text):
        why += "; equality is =="
    place = f", at character {at}" if at else ""
    return f"the condition '{text}'{place}: {why}"


def _equal(one: object, other: object) -> bool:
    return isinstance(one, str) == isinstance(other, str) and one == other


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def compare(one: object, other: object) -> bool:
        alike = isinstance(one, str) == isinstance(other, str)
        return alike and None not in (one, other) and test(one, other)

    return compare


_OPERATORS: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda one, other: not _equal(one, other),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.In: lambda one, others: any(_equal(one, other) for other in others),
    ast.NotIn: lambda one, others: not any(_equal(one, other) for other in others),
}
