"""YAML text to plain data, with the place of everything in it.

Built on PyYAML's events and not on its nodes: it needs no recursion, so no nesting is too deep
for the interpreter, and lists of a hundred thousand values load quickly. Scalars mean what they
mean to `yaml.SafeLoader` (YAML 1.1).

The position of a path is that of the value, save that an entry whose value is a block of its own
lines (a mapping or list) is found at its key; `Document.keys` always has the key's.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from maestro.errors import Position, Problem
from maestro.spec.values import unwritable

__all__ = ["Document", "Path", "read"]

Path = tuple[str | int, ...]

DEEPEST = 100
"""Levels of nesting that are read; no specification comes near."""

LARGEST_EXPANSION = 10_000_000
"""What aliases may add: a scalar counts 1, a list or mapping `CONTAINER`."""

CONTAINER = 100

LOCATED_ITEMS = 1000
"""Plain items of one list whose positions are kept; value lists may be very long."""

LINES_LOCATED = frozenset({"cmd", "restart"})
"""Keys in whose texts single lines are located."""

STRICT = frozenset({"env", "study", "global.parameters"})
"""Sections in which a key that is not text is an error."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_CONTAINERS = {None, "!", _TAG + "map", _TAG + "seq"}
_FORBIDDEN = yaml.reader.Reader.NON_PRINTABLE
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")
_HUGE = 10_000
"""Bits of the largest whole number that Python prints without complaint, roughly."""


class _Bad:
    """Stands for a key that cannot be one; its value is read and dropped."""


_BAD = _Bad()


@dataclass(slots=True)
class Document:
    """The data of one YAML file, and where its parts stand."""

    file: str
    data: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    sexagesimal: dict[Path, str] = field(default_factory=dict)
    """Unquoted numbers written with colons, as they stand in the file."""

    def where(self, path: Iterable[str | int]) -> Position:
        """The position of ``path``, or of the nearest enclosing thing that has one."""
        return self._nearest(self.values, tuple(path))

    def where_key(self, path: Iterable[str | int]) -> Position:
        """The position of the key that ``path`` ends in, or the nearest that `where` has."""
        path = tuple(path)
        return self.keys.get(path) or self._nearest(self.values, path)

    def _nearest(self, table: dict[Path, Position], path: Path) -> Position:
        for length in range(len(path), -1, -1):
            if found := table.get(path[:length]):
                return found
        return Position(self.file, 1, 1)


class _Stop(Exception):
    """Nothing after this can be read."""


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read; ``key`` is set between a key and its value."""

    path: Path
    data: list[Any] | dict[Any, Any]
    start: Position
    flow: bool
    anchor: str | None
    is_key: bool = False
    key: Any = None
    key_at: Position | None = None
    merges: list[tuple[Any, Position]] = field(default_factory=list)
    weight: int = CONTAINER


def read(text: str, file: str) -> Document:
    """The YAML ``text``, which ``file`` is the name of in positions.

    Nothing is raised: what is wrong stands in `Document.problems`, and the data is what could be
    read.
    """
    document = Document(file)
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        message = f"the character {found[0]!r} is not allowed in YAML"
        document.problems.append(Problem("yaml-syntax", message, Position(file, line, column)))
        return document
    if hasattr(yaml, "CSafeLoader"):
        try:
            return _Reader(document, text).run(yaml.CSafeLoader)
        except yaml.YAMLError:
            # The Python parser takes some texts that libyaml refuses, and explains itself better.
            document = Document(file)
    try:
        return _Reader(document, text).run(yaml.SafeLoader)
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(error, document))
        document.data = None
        return document


def _syntax_problem(error: yaml.YAMLError, document: Document) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    at = Position(document.file, mark.line + 1, mark.column + 1) if mark else None
    message = " ".join(str(getattr(error, "problem", None) or error).split())
    context = getattr(error, "context", None)
    if "\\t" in message:
        message = "a tab cannot begin a value or indent a line; use spaces"
    elif context:
        message = f"{message} ({context})"
    return Problem("yaml-syntax", f"this is not YAML: {message}", at)


class _Reader:
    """Turns a stream of events into one `Document`."""

    def __init__(self, document: Document, text: str) -> None:
        self.document = document
        self.text = text
        self.lines: list[str] | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.scalars: dict[str, Any] = {}
        self.expansion = 0
        self.documents = 0

    def run(self, loader: Any) -> Document:
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.AliasEvent: self.alias,
            yaml.SequenceStartEvent: self.begin,
            yaml.MappingStartEvent: self.begin,
            yaml.SequenceEndEvent: self.end,
            yaml.MappingEndEvent: self.end,
            yaml.DocumentStartEvent: self.document_start,
        }
        try:
            for event in yaml.parse(self.text, loader):
                if handler := handlers.get(type(event)):
                    handler(event)
        except _Stop:
            pass
        return self.document

    # -- what goes wrong

    def at(self, mark: Any) -> Position:
        return Position(self.document.file, mark.line + 1, mark.column + 1)

    def report(self, code: str, message: str, at: Position, severity: str = "error") -> None:
        self.document.problems.append(Problem(code, message, at, severity))

    def stop(self, code: str, message: str, at: Position) -> None:
        self.report(code, message, at)
        raise _Stop

    # -- events

    def document_start(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            at = self.at(event.start_mark)
            message = "a specification is one YAML document; here begins a second"
            self.stop("yaml-documents", message, at)

    def scalar(self, event: Any) -> None:
        value: Any
        if event.tag is None and event.implicit[0]:
            text = event.value
            try:
                value = self.scalars[text]
            except KeyError:
                value = self.scalars[text] = self.plain(text, event)
        elif event.tag in (None, "!", _TAG + "str"):
            value = self.quoted(event)
        else:
            value = self.construct(event.tag, event.value, event)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        self.add(value, event, 1)

    def alias(self, event: Any) -> None:
        at = self.at(event.start_mark)
        if any(frame.anchor == event.anchor for frame in self.stack):
            self.stop("yaml-alias", f"the alias '*{event.anchor}' refers to what it stands in", at)
        if event.anchor not in self.anchors:
            self.stop("yaml-alias", f"the alias '*{event.anchor}' has no anchor before it", at)
        value, weight = self.anchors[event.anchor]
        self.expansion += weight
        if self.expansion > LARGEST_EXPANSION:
            self.stop("yaml-alias", "the aliases up to here expand to more than can be read", at)
        self.add(value, event, weight)

    def begin(self, event: Any) -> None:
        at = self.at(event.start_mark)
        if len(self.stack) >= DEEPEST:
            self.stop("yaml-depth", f"nesting goes deeper than {DEEPEST} levels", at)
        if event.tag not in _CONTAINERS:
            self.report("yaml-tag", f"the tag '{_short(event.tag)}' is not allowed here", at)
        parent = self.stack[-1] if self.stack else None
        is_key = parent is not None and isinstance(parent.data, dict) and parent.key is None
        path = () if parent is None else (*parent.path, self.slot(parent))
        data: list[Any] | dict[Any, Any] = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        self.stack.append(_Frame(path, data, at, bool(event.flow_style), event.anchor, is_key))

    def end(self, _event: Any) -> None:
        frame = self.stack.pop()
        if isinstance(frame.data, dict) and frame.merges:
            frame.data = self.merged(frame)
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.data, frame.weight)
        if not self.stack:
            self.document.data = frame.data
            self.document.values[()] = frame.start
        elif frame.is_key:
            self.report("yaml-key", "a list or mapping cannot be a key", frame.start)
            self.stack[-1].key = _BAD
        else:
            self.store(self.stack[-1], frame.data, frame.start, frame.weight, not frame.flow)

    # -- putting values in their place

    @staticmethod
    def slot(frame: _Frame) -> str | int:
        """The last part of the path of what comes next in ``frame``."""
        if isinstance(frame.data, list):
            return len(frame.data)
        return frame.key if isinstance(frame.key, str) else ""

    def add(self, value: Any, event: Any, weight: int) -> None:
        if not self.stack:
            self.document.data = value
            self.document.values[()] = self.at(event.start_mark)
            return
        frame = self.stack[-1]
        if isinstance(frame.data, list):
            frame.weight += weight
            if len(frame.data) < LOCATED_ITEMS or weight > 1:
                path = (*frame.path, len(frame.data))
                self.document.values[path] = self.at(event.start_mark)
            frame.data.append(value)
        elif frame.key is None:
            frame.key_at = self.at(event.start_mark)
            frame.key = self.as_key(frame, value, event)
        else:
            if (
                isinstance(value, str)
                and frame.key in LINES_LOCATED
                and isinstance(event, yaml.ScalarEvent)  # what an alias names stands elsewhere
            ):
                self.locate_lines((*frame.path, frame.key), value, event)
            elif type(value) is int and ":" in getattr(event, "value", ""):
                spot: Path = (*frame.path, self.slot(frame))
                self.document.sexagesimal[spot] = event.value
            self.store(frame, value, self.at(event.start_mark), weight, False)

    def store(self, frame: _Frame, value: Any, at: Position, weight: int, block: bool) -> None:
        """Put ``value`` into ``frame``; ``block`` says that it has lines of its own."""
        frame.weight += weight
        if isinstance(frame.data, list):
            spot: Path = (*frame.path, len(frame.data))
            self.document.values[spot] = at
            frame.data.append(value)
            return
        key, frame.key = frame.key, None
        key_at = frame.key_at or at
        if key == _MERGE:
            frame.merges.append((value, at))
        elif key is not _BAD:
            path = (*frame.path, key)
            if key in frame.data:
                message = f"the key '{key}' stands twice; the last one counts"
                self.report("duplicate-key", message, key_at, "warning")
            self.document.keys[path] = key_at
            self.document.values[path] = key_at if block else at
            frame.data[key] = value

    def as_key(self, frame: _Frame, value: Any, event: Any) -> Any:
        if isinstance(value, str):
            if value == "<<" and getattr(event, "implicit", (False,))[0]:
                return _MERGE
            return value
        assert frame.key_at is not None
        if isinstance(value, (list, dict)):
            self.report("yaml-key", "a list or mapping cannot be a key", frame.key_at)
            return _BAD
        path = (*frame.path, str(value))
        severity = "error" if path[0] in STRICT else "warning"
        read = f" (YAML reads {str(value).lower()})" if isinstance(value, bool) else ""
        text = getattr(event, "value", value)
        message = f"the key {text} is not text{read}; put it in quotes"
        self.report("yaml-key", message, frame.key_at, severity)
        return str(value)

    def merged(self, frame: _Frame) -> dict[Any, Any]:
        """The mapping of ``frame`` over those that its ``<<`` names, of which the first wins."""
        result: dict[Any, Any] = {}
        for value, at in reversed(frame.merges):
            sources = value if isinstance(value, list) else [value]
            if not all(isinstance(source, dict) for source in sources):
                self.report("yaml-merge", "'<<' takes a mapping or a list of mappings", at)
                continue
            for source in reversed(sources):
                result.update(source)
        result.update(frame.data)
        return result

    def locate_lines(self, path: Path, value: str, event: Any) -> None:
        """Remember where each line of a text begins, where the file has it line for line."""
        start, values = event.start_mark, self.document.values
        if event.style == "|":
            if self.lines is None:
                self.lines = self.text.splitlines()
            indent = self.indent_of(start.line + 1, event.end_mark.line)
            for number in range(value.count("\n") + 1):
                line = start.line + 1 + number
                source = self.lines[line] if line < len(self.lines) else ""
                column = min(indent, len(source)) + 1
                spot: Path = (*path, number)
                values[spot] = Position(self.document.file, line + 1, column)
        elif start.line == event.end_mark.line:
            column = start.column + (2 if event.style else 1)
            spot = (*path, 0)
            values[spot] = Position(self.document.file, start.line + 1, column)

    def indent_of(self, first: int, last: int) -> int:
        """The indentation of a block of lines: that of the first that is not empty."""
        assert self.lines is not None
        for line in self.lines[first:last]:
            if line.strip():
                return len(line) - len(line.lstrip(" "))
        return 0

    # -- scalars

    def plain(self, text: str, event: Any) -> Any:
        """The value of an unquoted scalar."""
        if text.isascii() and text.isdigit() and text[0] != "0" and len(text) < 1000:
            return int(text)
        for tag, pattern in _resolvers(text):
            if pattern.match(text):
                if tag == _TAG + "float" and _FLOAT.fullmatch(text):
                    return float(text)
                if tag in (_MERGE, _TAG + "value"):
                    return text
                return self.construct(tag, text, event)
        return text

    def quoted(self, event: Any) -> str:
        """A text, in which JSON may have written a character as two."""
        text: str = event.value
        if unwritable(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            message = f"no command and no file can hold the character {unwritable(event.value)}"
            if unwritable(text) or "\ufffd" in text:
                self.report("yaml-scalar", message, self.at(event.start_mark))
        return text

    def construct(self, tag: str, text: str, event: Any) -> Any:
        at = self.at(event.start_mark)
        if tag in (_MERGE, _TAG + "value"):
            return text
        try:
            node = yaml.ScalarNode(tag, text)
            value = yaml.constructor.SafeConstructor().construct_object(node)
        except yaml.YAMLError:
            self.report("yaml-tag", f"the tag '{_short(tag)}' is not allowed here", at)
            return text
        except (ValueError, OverflowError, KeyError, IndexError):
            kind = _short(tag).lstrip("!")
            self.report(
                "yaml-scalar", f"'{text:.40}' looks like a {kind} but is none; put it in quotes", at
            )
            return text
        if isinstance(value, int) and value.bit_length() > _HUGE:
            self.report("yaml-scalar", "this number has too many digits; put it in quotes", at)
            return text
        if isinstance(value, (str, int, float, bool, type(None), datetime.date, bytes)):
            return value
        return str(value)


def _resolvers(text: str) -> list[tuple[str, re.Pattern[str]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]]
    table = yaml.SafeLoader.yaml_implicit_resolvers
    return table.get(text[0] if text else "", [])


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!")
