"""The commands ``maestro`` and ``conductor``: which there are, and how they end.

Exit status: what the command says (0 finished, 2 with failures, 3 cancelled), and 1 for any error.
"""

from __future__ import annotations

import argparse
import functools
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from maestro import __version__
from maestro.cli.parser import BEGIN, CHECK, CONDUCT, LOOK, Commands, Parser
from maestro.cli.terminal import complain
from maestro.errors import MaestroError

__all__ = ["conductor", "conductor_parser", "main", "parser", "parsers"]

COMMANDS = {
    BEGIN: {
        "init": "Write a study to start from.",
        "completion": "Print what bash or zsh needs to complete command lines.",
    },
    CONDUCT: {
        "run": "Make a study of a specification, and conduct it.",
        "resume": "Carry on studies whose conductor has died or was stopped.",
        "rerun": "Run tasks of studies again: failed, chosen or changed ones.",
        "cancel": "End what runs in studies, and start nothing more.",
        "update": "Change the limits of running studies.",
    },
    LOOK: {
        "list": "List the studies below a directory.",
        "status": "Show how the tasks of studies stand.",
        "why": "Say why a task has not run, or why it failed.",
        "logs": "Show the log of a study, or the output of a task.",
        "results": "Show tasks with their parameters, times and results.",
        "report": "Write a page for browsers with all there is to see of a study.",
    },
    CHECK: {
        "validate": "Check specifications, and do nothing else.",
        "graph": "Print or draw the graph of a specification or a study.",
        "analyze": "Show the size, critical path and bottlenecks of a study.",
    },
}
"""The commands of ``maestro``, by what they are for, each with its line in ``maestro --help``."""

LEVELS = """Level of the messages that are shown and logged:
5 - critical
4 - error
3 - warning
2 - info (the default)
1 - debug"""


THRESHOLD = 200_000
"""Objects that are made before those in cycles are looked for: nearly all that a command makes
lives until its end, and the rest is in no cycles.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``maestro`` with ``arguments`` (those of the process when None); its exit status."""
    return _guarded(lambda: _maestro(arguments))


def conductor(arguments: Sequence[str] | None = None) -> int:
    """Run ``conductor`` with ``arguments`` (those of the process when None); its exit status."""
    return _guarded(lambda: _conductor(arguments))


def _maestro(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(given)
    options.given = given
    if options.command is None:
        parser().print_help()
        return 0
    code: int = options.run(options)
    return code


def _conductor(arguments: Sequence[str] | None) -> int:
    from maestro.cli import conduct

    given = sys.argv[1:] if arguments is None else arguments
    return conduct.run(conductor_parser().parse_args(conduct.untangle(given)))


@functools.cache
def parser() -> Parser:
    """The parser of ``maestro``."""
    parser = Parser(prog="maestro")
    parser.explain(
        description="Maestro conducts parameter studies: it runs the steps of a YAML file for "
        "every combination of parameters, many at a time, on this machine or as jobs of Slurm, "
        "LSF or Flux.\n\n"
        "To begin, follow the first three examples below. 'maestro COMMAND --help' tells of each "
        "command.",
        examples=[
            ("maestro init ball.yaml", "Write a study to start from, with comments."),
            ("maestro validate ball.yaml", "Is anything wrong, or doubtful?"),
            ("maestro run ball.yaml", "Ask, then conduct the study in the background."),
            ("maestro status ball_20260131-120000", "Where does it stand?"),
            ("maestro -d 1 run -fg ball.yaml", "Conduct it here, and log everything."),
        ],
    )
    _add_logging(parser, console=True)
    parser.add_argument(
        "-v", "--version", action="version", version=f"%(prog)s {__version__}",
        help="Show the version.",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    parser._positionals.title = "commands"
    for purpose, names in COMMANDS.items():
        for name, text in names.items():
            command = commands.add_parser(name, help=text)
            command.purpose, command.before, command.later = purpose, parser, _arguments(name)
    return parser


def _arguments(name: str) -> Callable[[Parser], None]:
    """What gives the parser of the command ``name`` its page and arguments. The modules of all
    commands together take longer to import than all else that a page of help needs.
    """

    def add(parser: Parser) -> None:
        module = import_module(f"maestro.cli.{'listing' if name == 'list' else name}")
        module.add_arguments(parser)

    return add


@functools.cache
def conductor_parser() -> Parser:
    """The parser of ``conductor``."""
    from maestro.cli import conduct

    parser = Parser(prog="conductor")
    _add_logging(parser, console=False)
    conduct.add_arguments(parser)
    return parser


def parsers() -> dict[str, Parser]:
    """Every parser there is, by the command that it is of: ``maestro``, ``maestro run`` and so on,
    ``conductor``.
    """
    found = [parser(), *_commands(parser()).values(), conductor_parser()]
    return {each.prog: each for each in found}


def _commands(parser: Parser) -> dict[str, Parser]:
    (action,) = (each for each in parser._actions if isinstance(each, Commands))
    for command in action.choices.values():
        command.complete()
    return dict(action.choices)


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
    gc.set_threshold(THRESHOLD)
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
    gc.freeze()  # whatever is left goes with the process: there is no point in looking through it
    return code


def _open_closed_streams() -> None:
    """A closed stream is an empty one: else it would be None, and its number the next file's. An
    output takes nothing: what a command is for is not to be lost in silence.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDONLY)
            setattr(sys, name, open(nothing, mode, encoding="utf-8"))  # noqa: SIM115
