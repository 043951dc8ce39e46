"""``maestro results``: the tasks of a study as a table, with what they have left behind."""

from __future__ import annotations

import argparse

from maestro.cli.options import add_directory, add_selection
from maestro.cli.parser import Parser
from maestro.cli.source import add_target, target

__all__ = ["add_arguments", "run"]

FORMATS = ("table", "csv", "json", "parquet")

NOTES = 10
"""Things missing that are told of, at most."""


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro results`` to ``parser``."""
    parser.explain(
        description="Make a table of the tasks of a study: a row for each, with its parameters, "
        "state, times, workspace, and what its step declares to be collected. It never disturbs "
        "the conductor, and works while the study runs.",
        examples=[
            ("maestro results trial", "A table for people."),
            ("maestro results -o trial.csv trial", "All columns, for a spreadsheet."),
            ("maestro results --step throw --where 'ANGLE > 30' -f json trial", "Some tasks, for "
             "a program."),
            ("maestro results --spec ball.yaml trial", "Collect what this specification "
             "declares."),
        ],
        see_also=["status", "analyze"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directory(parser)
    parser.add_argument(
        "-f", "--format", choices=FORMATS,
        help="A table of the most important columns, or all columns for other programs. [As FILE "
        "ends, or table]",
    )  # fmt: skip
    add_target(parser)
    parser.add_argument(
        "--spec", metavar="FILE",
        help="Collect what the steps in this specification declare, instead of the study's own.",
    )  # fmt: skip
    add_selection(parser)


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro results``; the exit status."""
    from maestro.report.results import results
    from maestro.report.study import open_study
    from maestro.report.tabular import BINARY, ENDINGS, content, text
    from maestro.report.writing import deliver, form_of, note, write, written
    from maestro.spec import load
    from maestro.spec.values import plural

    out = target(options.out, options.directory, options.spec)
    form = options.format or (form_of(out, ENDINGS) if out else "table")
    spec = None if options.spec is None else load(options.spec)
    study = open_study(options.directory)
    found = results(study, steps=options.step, where=options.where, spec=spec)
    if form != "table":
        write(content(found.rows, form), form, out, binary=form in BINARY)
    elif out is None:
        deliver(text(found.rows, found.brief))
    else:
        write([f"{text(found.rows, found.brief)}\n".encode()], form, out)
    written(out, f"{form}, {plural(len(found.rows), 'task')}")
    for what in found.missing[:NOTES]:
        note(what)
    if (more := len(found.missing) - NOTES) > 0:
        note(f"and {more} more such things")
    return 0
