"""Conditions on the parameters of tasks, as people write them behind ``--where``.

Python's grammar of comparisons is parsed, and nothing of it is ever evaluated but what stands in
this module: names of parameters, numbers and quoted texts, ``== != < <= > >= in``, ``not``,
``and``, ``or`` and parentheses.
"""

from __future__ import annotations

import ast
import keyword
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

FEW = 12
"""Parameters that are named to who asks for another."""

Values = Mapping[str, object]
Term = Callable[[Values], object]

_PIECE = re.compile(
    r"""(?P<stop> ["]{3} | '{3} | [#\0\ud800-\udfff] )  # Python's own, and what no text holds
      | (?P<quoted> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
      | `(?P<name> (?:[^`]|``)* )`
      | (?P<space> \s )""",
    re.VERBOSE | re.DOTALL,
)
_SINGLE = re.compile(r"(?<![=!<>])=(?![=<>])")
_IN = (ast.In, ast.NotIn)
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_ACCEPTED = (
    """a condition is such as SIZE >= 20 and ALG in ("a", "b"), with == != < <= > >= in, """
    "not, and, or, parentheses"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the values of parameters, ``names`` being those that it speaks of.

    It is not met where one of them has no value. Numbers and truth values compare by value
    (``1 == 1.0``), texts letter by letter. Beside something else a text counts as what it spells:
    ``"10"`` and ``"1e1"`` are the number 10, so that quotes in a specification make no difference.
    A text that spells nothing is unlike every number, and neither less nor greater.
    """

    text: str
    names: frozenset[str]
    holds: Callable[[Values], bool]

    def __call__(self, values: Values) -> bool:
        """Whether it is met by ``values``, by name."""
        return self.names <= values.keys() and self.holds(values)


def condition(text: str, names: Collection[str]) -> Condition:
    """The condition ``text`` on parameters called ``names``: ``SIZE >= 20 and ALG in ("a", "b")``.

    Names that are no words to Python stand between backticks, a backtick in them twice.

    Raises
    ------
    UsageError
        It is no condition, or speaks of a parameter that there is not.
    """
    if len(text) > LONGEST:
        why = f"it has {len(text)} characters, and may have {LONGEST}"
        raise UsageError(f"the condition '{text[:40]}...': {why}")
    reader = _Reader(text.strip(), names)
    holds = reader.truth(reader.tree())
    return Condition(text, frozenset(reader.found), holds)


class _Reader:
    """Makes a function of a text, by way of its syntax tree."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text = text
        self._names = names
        self._quoted: dict[int, str] = {}
        """Names between backticks, by place; Python is shown as many ``_`` there."""
        self._plain = _PIECE.sub(self._piece, text)
        self.found: set[str] = set()

    def _piece(self, match: re.Match[str]) -> str:
        at = match.start()
        if match["stop"]:
            raise self._refused(f"it cannot be read; {_ACCEPTED}", at)
        if match["name"] is not None:
            self._quoted[at + 1] = match["name"].replace("``", "`")
            return f"({'_' * len(match['name'])})"
        return match["quoted"] or " "

    def tree(self) -> ast.expr:
        """The syntax tree."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about escapes in quoted texts
                return ast.parse(self._plain, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            at = getattr(error, "offset", None)
            raise self._refused(f"it cannot be read; {_ACCEPTED}", at and at - 1) from None

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
        raise self._refused("a condition compares, as in SIZE >= 20", self._start(node))

    def _comparison(
        self, left: ast.expr, operators: list[ast.cmpop], others: list[ast.expr]
    ) -> Callable[[Values], bool]:
        steps = []
        for kind, right in zip(operators, others, strict=True):
            if type(kind) not in _OPERATORS:
                raise self._refused("it compares by == != < <= > >= in", self._start(right))
            second = self._several(right) if isinstance(kind, _IN) else self._term(right)
            steps.append((self._term(left), _OPERATORS[type(kind)], second))
            left = right
        return lambda values: all(test(a(values), b(values)) for a, test, b in steps)

    def _several(self, node: ast.expr) -> Term:
        if not isinstance(node, (ast.Tuple, ast.List)):
            why = '"in" takes several values, as in SIZE in (10, 20)'
            raise self._refused(why, self._start(node))
        terms = [self._term(part) for part in node.elts]
        return lambda values: [term(values) for term in terms]

    def _term(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return lambda values: value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return lambda values: -value
            case ast.Name():
                return self._named(node)
        why = "it compares parameters, numbers and quoted texts"
        raise self._refused(why, self._start(node))

    def _named(self, node: ast.Name) -> Term:
        # By its letters in the text: to Python, some names are others (NFKC).
        at = self._start(node)
        word = self._plain.encode()[node.col_offset : node.end_col_offset].decode()
        name = self._quoted.get(at, word)
        if name in self._names:
            self.found.add(name)
            return lambda values: values[name]
        if at not in self._quoted and (folded := word.casefold()) in _WORDS:
            return lambda values: _WORDS[folded]
        known = ", ".join(sorted(self._names)[:FEW]) + (", ..." if len(self._names) > FEW else "")
        hint = f'there is {known or "none"}; a text stands in quotes, as "{name}"'
        why = f"there is no parameter '{name}' ({hint}){nearest(name, self._names)}"
        raise self._refused(why, at)

    def _start(self, node: ast.expr) -> int:
        return len(self._plain.encode()[: node.col_offset].decode())

    def _refused(self, why: str, at: int | None) -> UsageError:
        bare = _PIECE.sub(" ", self._text)
        if _SINGLE.search(bare):
            why += "; equality is =="
        for name in self._names:
            if name in bare and (keyword.iskeyword(name) or not name.isidentifier()):
                why += f"; the parameter {name} stands between backticks, as `{name}`"
        place = "" if at is None else f", at character {at + 1}"
        return UsageError(f"the condition '{self._text}'{place}: {why}")


def _alike(one: object, other: object) -> tuple[Any, Any]:
    if isinstance(one, str) == isinstance(other, str):
        return one, other
    return _spelled(one), _spelled(other)


def _spelled(value: object) -> object:
    """The number or truth value that a text spells, if it does."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return _WORDS.get(value.casefold(), value)


def _equal(one: object, other: object) -> bool:
    one, other = _alike(one, other)
    return one == other


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def compare(one: object, other: object) -> bool:
        try:
            return test(*_alike(one, other))
        except TypeError:  # a text and a number, or nothing
            return False

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
