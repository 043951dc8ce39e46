"""The commands ``maestro`` and ``conductor``: which there are, and how they end.

Exit status: what the command says (0 finished, 2 with failures, 3 cancelled), and 1 for any error.
"""

from __future__ import annotations

import argparse
import functools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from maestro import __version__
from maestro.cli import (
    analyze,
    cancel,
    conduct,
    graph,
    listing,
    logs,
    rerun,
    results,
    resume,
    run,
    status,
    update,
    validate,
    why,
)
from maestro.cli.terminal import complain
from maestro.errors import MaestroError, UsageError

__all__ = ["conductor", "main"]

LEVELS = """Level of the messages that are shown and logged:
5 - critical
4 - error
3 - warning
2 - info (the default)
1 - debug"""


class Parser(argparse.ArgumentParser):
    """A parser that ends wrong command lines with 1: 2 says that a study had failures. That of a
    command tells itself what it does not know, with its own usage.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = super().parse_known_args(args, namespace)
        # A second word is taken to be missing where options stand between it and the first.
        if unknown and not unknown[0].startswith("-") and getattr(found, "task", "") is None:
            found.task = unknown.pop(0)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``maestro`` with ``arguments`` (those of the process when None); its exit status."""
    return _guarded(lambda: _maestro(arguments))


def conductor(arguments: Sequence[str] | None = None) -> int:
    """Run ``conductor`` with ``arguments`` (those of the process when None); its exit status."""
    return _guarded(lambda: _conductor(arguments))


def _maestro(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if options.command is None:
        _parser().print_help()
        return 0
    code: int = options.run(options)
    return code


@functools.cache
def _parser() -> Parser:
    parser = Parser(
        prog="maestro",
        description="Specify, launch and manage parameter studies.",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    _add_logging(parser, console=True)
    parser.add_argument("-v", "--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for module in (
        run, listing, status, why, logs, resume, rerun, cancel, update, validate, graph, analyze,
        results,
    ):  # fmt: skip
        module.add_parser(commands)
    return parser


def _conductor(arguments: Sequence[str] | None) -> int:
    parser = Parser(
        prog="conductor",
        description="Conduct a study that has been set up, or take up one whose conductor is gone.",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    _add_logging(parser, console=False)
    conduct.add_arguments(parser)
    given = sys.argv[1:] if arguments is None else arguments
    return conduct.run(parser.parse_args(conduct.untangle(given)))


def _add_logging(parser: argparse.ArgumentParser, *, console: bool) -> None:
    parser.add_argument(
        "-l", "--logpath", metavar="FILE",
        help="Alternate path of the log. [Default: logs/<study name>.log in the study directory]",
    )  # fmt: skip
    parser.add_argument(
        "-d", "--debug_lvl", type=int, choices=range(1, 6), default=2, metavar="{1,2,3,4,5}",
        help=LEVELS,
    )  # fmt: skip
    parser.add_argument(
        "-c", "--logstdout", action="store_true", default=console,
        help="Show messages on the standard output too. [Default: %(default)s]",
    )  # fmt: skip


def _guarded(command: Callable[[], int]) -> int:
    """Run ``command``; whatever goes wrong is told in a sentence."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command()
    except MaestroError as error:
        complain(error)
        code = 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BrokenPipeError:  # whoever read our output has seen enough
        code = 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(MaestroError(f"{where}{error.strerror or error}"))
        code = 1
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:  # nothing can be written there, and nothing is to be tried at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _open_closed_streams() -> None:
    """A closed stream is an empty one: else it would be None, and its number the next file's."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
