"""``maestro status``: how the tasks of studies stand."""

from __future__ import annotations

import argparse

from maestro.cli.options import add_directories, add_selection
from maestro.cli.parser import Parser
from maestro.errors import UsageError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro status`` to ``parser``."""
    parser.explain(
        description="Show the tasks of each study with a summary. It never disturbs the "
        "conductor. Below the table stands why jobs wait for long, in the scheduler's own words.",
        examples=[
            ("maestro status ball_20260131-120000", "How does it stand?"),
            ("maestro status --summary sweep", "How many tasks of each step are in which state?"),
            ("maestro status --state failed --where 'SIZE > 20' sweep", "Some of its tasks."),
            ("maestro status --layout narrow sweep_1 sweep_2", "Two studies, on a narrow "
             "terminal."),
            ("maestro status -f csv --no-header sweep", "For a program."),
            ("maestro status --watch sweep", "Live, until it has ended."),
        ],
        see_also=["why", "logs", "results"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directories(parser)
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
        "-w", "--watch", action="store_true",
        help="Show one study live, until it has ended: steps or tasks, by keys that the screen "
        "names. Without a terminal, print every change in a line.",
    )  # fmt: skip
    _add_looks(parser)


def _add_looks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--format", choices=("text", "json", "csv"), default="text",
        help="For people, or for programs. [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--no-header", action="store_true",
        help="Show tasks, or steps, and nothing else: no headings, and not how the study stands.",
    )  # fmt: skip
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
    if options.watch:
        from maestro.report.status.watch import watch

        return watch(options.directory[0], request)
    return show(options.directory, request)


def _check(options: argparse.Namespace) -> None:
    """Refuse options that mean nothing together."""
    if options.watch:
        _check_watch(options)
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


def _check_watch(options: argparse.Namespace) -> None:
    for given, name in (
        (options.summary, "--summary"), (options.layout, "--layout"),
        (options.format != "text", "--format"), (options.no_header, "--no-header"),
    ):  # fmt: skip
        if given:
            raise UsageError(f"--watch has a screen of its own: leave out {name}")
    if len(options.directory) > 1:
        raise UsageError(
            "--watch shows one study: name one directory, or see all below one with maestro list"
        )
