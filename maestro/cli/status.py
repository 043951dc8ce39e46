"""``maestro status``: how the tasks of studies stand."""

from __future__ import annotations

import argparse

from maestro.cli.options import add_selection
from maestro.errors import UsageError

__all__ = ["add_parser", "run"]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``status`` to ``commands``."""
    parser = commands.add_parser("status", help="Check the status of studies.")
    parser.set_defaults(run=run)
    parser.add_argument("directory", nargs="+", help="The directory of a study.")
    add_selection(parser)
    parser.add_argument(
        "--state", action="append", default=[], metavar="STATE",
        help="Tasks in this state; may be given several times, or several with commas between.",
    )  # fmt: skip
    parser.add_argument(
        "--summary", action="store_true",
        help="Show how many tasks are in which state, in all and of each step.",
    )  # fmt: skip
    parser.add_argument(
        "-f", "--format", choices=("text", "json", "csv"), default="text",
        help="For people, or for programs. [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--no-header", action="store_true",
        help="Show tasks, or steps, and nothing else: no headings, and not how the study stands.",
    )  # fmt: skip
    _add_looks(parser)


def _add_looks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout", choices=("flat", "legacy", "narrow"),
        help="How the tasks are laid out: in a wide table, in a plain one, or in blocks of short "
        "lines with a line for each parameter. [flat]",
    )  # fmt: skip
    parser.add_argument(
        "--disable-theme", action="store_true",
        help="Show no colours. (Nor does a pipe, or NO_COLOR in the environment.)",
    )  # fmt: skip
    parser.add_argument(
        "--disable-pager", action="store_true",
        help="Use no pager. (One is used on a terminal, for what does not fit it: MANPAGER, PAGER, "
        "or less.)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro status``; the exit status."""
    from maestro.report.status.request import Request, Selection, states_named
    from maestro.report.status.tables import show

    _check(options)
    states = states_named(options.state)
    request = Request(
        Selection(tuple(options.step), options.where, states),
        layout=options.layout or "flat",
        form=options.format,
        summary=options.summary,
        header=not options.no_header,
        theme=not options.disable_theme,
        pager=not options.disable_pager,
    )
    return show(options.directory, request)


def _check(options: argparse.Namespace) -> None:
    """Refuse options that mean nothing together."""
    if options.layout and options.summary:
        raise UsageError("--summary shows no tasks that could be laid out: leave out --layout")
    if options.layout and options.format != "text":
        raise UsageError(f"--format {options.format} has one layout only: leave out --layout")
    if options.no_header and options.format == "json":
        raise UsageError("--format json has no header: leave out --no-header")
    if options.no_header and options.layout == "narrow":
        raise UsageError("--layout narrow has no header: leave out --no-header")
    if options.no_header and options.summary and options.format == "text":
        raise UsageError(
            "--summary has columns that only its header tells: leave out --no-header, or use "
            "--format csv, whose columns are always the same"
        )
