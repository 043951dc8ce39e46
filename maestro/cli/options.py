"""Options that several commands share."""

from __future__ import annotations

import argparse
import shlex

from maestro.cli.terminal import at_least

__all__ = [
    "add_answers",
    "add_directories",
    "add_directory",
    "add_force",
    "add_foreground",
    "add_generator",
    "add_limits",
    "add_selection",
    "typed",
]


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Add ``DIR``, a study."""
    parser.add_argument("directory", metavar="DIR", help="The directory of a study.")


def add_directories(parser: argparse.ArgumentParser) -> None:
    """Add ``DIR [DIR ...]``, studies."""
    parser.add_argument("directory", nargs="+", metavar="DIR", help="The directory of a study.")


def add_limits(parser: argparse.ArgumentParser, *, new: bool) -> None:
    """Add the limits of a study to ``parser``: of a ``new`` one, or others for one that there is,
    which keeps those that are not given (None).
    """
    group = parser.add_argument_group("limits")
    for short, long, metavar, least, default, text in (
        ("-a", "--attempts", "N", 1, 1,
         "Submissions that may be refused before a step is marked failed."),
        ("-r", "--rlimit", "N", 0, 1,
         "Restarts of steps that have a restart command (0: no limit)."),
        ("-t", "--throttle", "N", 0, 0, "Jobs in flight at the same time (0: no limit)."),
        ("-s", "--sleeptime", "SECONDS", 0, 60, "Time between two questions to a scheduler."),
    ):  # fmt: skip
        group.add_argument(
            short, long, type=at_least(least), metavar=metavar, default=default if new else None,
            help=f"{text} [%(default)s]" if new else f"{text} [As before]",
        )  # fmt: skip


def add_foreground(parser: argparse.ArgumentParser) -> None:
    """Add ``-fg``."""
    parser.add_argument(
        "-fg", action="store_true", dest="foreground",
        help="Conduct the study in the foreground; Ctrl-C cancels it.",
    )  # fmt: skip


def add_generator(parser: argparse._ActionsContainer) -> None:
    """Add ``-p`` and ``--pargs``."""
    parser.add_argument(
        "-p", "--pgen", metavar="FILE",
        help="A Python file with a function get_custom_generator, which returns a "
        "ParameterGenerator.",
    )  # fmt: skip
    parser.add_argument(
        "--pargs", action="append", default=[], metavar="KEY:VALUE",
        help="An argument for that function; may be given several times.",
    )  # fmt: skip


def add_selection(parser: argparse._ActionsContainer) -> None:
    """Add ``--step`` and ``--where``."""
    parser.add_argument(
        "--step", action="append", default=[], metavar="NAME",
        help="Tasks of this step; may be given several times.",
    )  # fmt: skip
    parser.add_argument(
        "--where", metavar="CONDITION",
        help="Tasks whose parameters meet it, as in --where 'SIZE >= 20'.",
    )  # fmt: skip


def add_answers(parser: argparse.ArgumentParser) -> None:
    """Add ``-y`` and ``-n``."""
    answers = parser.add_mutually_exclusive_group()
    answers.add_argument("-n", "--autono", action="store_true", help="Answer no to questions.")
    answers.add_argument("-y", "--autoyes", action="store_true", help="Answer yes to questions.")


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add ``--force``."""
    parser.add_argument(
        "--force", action="store_true",
        help="Take the study over from a conductor that seems to live, but is stopped or beyond "
        "reach. Tasks that may still run on another host then count as lost.",
    )  # fmt: skip


def typed(options: argparse.Namespace, *more: str, without: str) -> str:
    """The command line that was given, to be typed again: with ``more``, and ``without`` an option,
    which may have been cut short.
    """
    words = [word for word in options.given if len(word) < 3 or not without.startswith(word)]
    return shlex.join(["maestro", *words, *more])
