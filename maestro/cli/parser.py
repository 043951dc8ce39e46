"""The parser of command lines, and the help that it shows: a page for each command."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from maestro.errors import UsageError

__all__ = [
    "BEGIN",
    "CHECK",
    "CONDUCT",
    "CONDUCTED",
    "LOOK",
    "Commands",
    "HelpFormatter",
    "Parser",
]

Pairs = Sequence[tuple[str, str]]
Commands = argparse._SubParsersAction
"""What commands are added to."""

BEGIN, CONDUCT, LOOK, CHECK = "begin", "conduct", "look", "check and analyse"
"""What commands are for: ``maestro --help`` lists them by that."""

CONDUCTED = (
    ("0", "The study finished; in the background: it was launched; or you declined."),
    ("1", "An error: of the command line, the specification, the study directory; a question "
          "with nobody to answer it; or left before the study ended."),
    ("2", "The study ended, and tasks failed."),
    ("3", "The study was cancelled."),
)  # fmt: skip
"""The exit status of commands that conduct a study to its end."""

WIDEST = 100
"""Columns of the lines of text, at most: longer ones are hard to read."""
LABELS = 14
"""Columns of what stands before a text as its label: the longest command has as many."""

KEPT = "\0"
"""What stands for a space at which no line is broken."""


class HelpFormatter(argparse.HelpFormatter):
    """Help as wide as the terminal. Each line of a text is a paragraph, as far indented as it
    begins; what stands before a tab in it is a label, beside which the rest is set.
    """

    def __init__(self, prog: str, **settings: Any) -> None:
        columns = min(shutil.get_terminal_size().columns, WIDEST)
        super().__init__(prog, **{"width": max(columns - 2, 20), **settings})

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            line for paragraph in text.split("\n") for line in _wrapped(indent + paragraph, width)
        ).replace(KEPT, " ")

    def _split_lines(self, text: str, width: int) -> list[str]:
        return [line for paragraph in text.split("\n") for line in _wrapped(paragraph, width)]

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, Commands):
            return super()._format_action(action)
        groups: dict[str, list[str]] = {}
        for choice in action._choices_actions:
            purpose = action.choices[choice.dest].purpose
            groups.setdefault(purpose, []).append(f"    {choice.dest}\t{choice.help}")
        lines = [line for purpose, names in groups.items() for line in (f"  {purpose}", *names)]
        return self._fill_text("\n".join(lines), self._width, "") + "\n"

    if sys.version_info < (3, 13):  # which writes the argument once, too

        def _format_action_invocation(self, action: argparse.Action) -> str:
            if not action.option_strings or action.nargs == 0:
                return super()._format_action_invocation(action)
            metavar = self._get_default_metavar_for_optional(action)
            return f"{', '.join(action.option_strings)} {self._format_args(action, metavar)}"


def _wrapped(line: str, width: int) -> list[str]:
    label, tab, text = line.rpartition("\t")
    before = f"{label:{LABELS}} " if tab else line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        text.lstrip(), max(width, len(before) + 10),
        initial_indent=before, subsequent_indent=" " * len(before),
        break_long_words=False, break_on_hyphens=False,
    ) or [""]  # fmt: skip


class Parser(argparse.ArgumentParser):
    """A parser that ends wrong command lines with 1: 2 says that a study had failures. That of a
    command tells itself what it does not know, with its own usage.

    ``examples`` are pairs of a command line and what it does, ``exit_status`` of a number and what
    it means (where there are more than 0 and 1), ``notes`` paragraphs, ``see_also`` commands.
    ``later`` adds the page and the arguments when they are asked for: most commands never are.
    ``before`` is the parser of what stands before a command.
    """

    purpose = ""
    before: Parser | None = None
    later: Callable[[Parser], None] | None = None
    examples: Pairs = ()
    notes: Sequence[str] = ()
    exit_status: Pairs = ()
    see_also: Sequence[str] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, **settings})
        self.color = False  # from Python 3.14 on: half of the page would have colours
        self._positionals.title = "arguments"

    def explain(
        self,
        *,
        description: str,
        examples: Pairs,
        notes: Sequence[str] = (),
        exit_status: Pairs = (),
        see_also: Sequence[str] = (),
    ) -> None:
        """Give the parser the parts of its page; ``see_also`` are commands of ``maestro``."""
        self.description = description
        self.examples, self.notes = examples, notes
        self.exit_status = exit_status
        self.see_also = [f"maestro {command}" for command in see_also]
        self.epilog = "\n".join(self._epilog()).strip()

    def _epilog(self) -> Iterator[str]:
        for note in self.notes:
            yield f"\n{note}"
        if self.examples:
            yield "\nexamples:"
            for command, what in self.examples:
                yield f"  {command.replace(' ', KEPT)}\n      {what}"
        if self.exit_status:
            yield "\nexit status:"
            for code, meaning in self.exit_status:
                yield f"  {code}\t{meaning}"
        if self.see_also:
            yield "\nsee also:"
            yield f"  {', '.join(self.see_also)}"

    def complete(self) -> None:
        """Add what was to be added later."""
        later, self.later = self.later, None
        if later is not None:
            later(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.complete()
        found, unknown = super().parse_known_args(args, namespace)
        # A second word is taken to be missing where options stand between it and the first.
        for action in self._get_positional_actions():
            if unknown and not unknown[0].startswith("-") and getattr(found, action.dest) is None:
                setattr(found, action.dest, unknown.pop(0))
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return found, unknown

    def _meant(self, unknown: Sequence[str]) -> str:
        """What to do about the options among ``unknown``: where the first that is known somewhere
        stands, or its nearest.
        """
        for option in (word.partition("=")[0] for word in unknown if word.startswith("-")):
            if self.before is not None and option in self.before._option_string_actions:
                *program, command = self.prog.split()
                right = " ".join([*program, option, "...", command])
                return f"; {option} stands before the command: {right}"
            if near := _nearest(option, self._option_string_actions):
                return near
        return ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        near = _nearest(str(value), map(str, action.choices))
        if isinstance(action, Commands):
            near = near or f"; all are listed by: {self.prog} --help"
            self.error(f"there is no command '{value}'{near}")
        accepted = ", ".join(map(str, action.choices))
        raise argparse.ArgumentError(action, f"'{value}' is none of {accepted}{near}")

    def _print_message(self, message: str, file: Any = None) -> None:
        from maestro.report.writing import deliver

        if file is sys.stdout:  # help and version are all that was asked for
            deliver(message.rstrip("\n"))
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _nearest(word: str, known: Iterable[str]) -> str:
    from maestro.spec.values import nearest  # only where something is wrong: it takes long

    return nearest(word, known)
