"""``maestro cancel``: end what runs in a study, and start nothing more."""

from __future__ import annotations

import argparse
import os
import shlex

from maestro.cli.options import add_directories
from maestro.cli.parser import Parser
from maestro.cli.terminal import ask, complain, tell
from maestro.errors import MaestroError, StudyError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro cancel`` to ``parser``."""
    parser.explain(
        description="End what runs (TERM to the whole process group, KILL two seconds later; "
        "jobs by their scheduler) and mark the rest CANCELLED. It asks first. When the conductor "
        "is gone, it conducts the study itself until everything has ended.",
        examples=[
            ("maestro cancel ball_20260131-120000", "Ask, then cancel the study."),
            ("maestro cancel -y sweep_1 sweep_2", "Cancel two studies, without a question."),
        ],
        see_also=["rerun", "status", "update"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directories(parser)
    parser.add_argument("-y", "--autoyes", action="store_true", help="Answer yes to questions.")


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro cancel``; the exit status."""
    from maestro.cli.conduct import with_advice
    from maestro.conductor.conduct import ended

    failed = False
    directories = []
    for directory in map(os.path.abspath, options.directory):
        try:
            outcome = ended(directory)
        except MaestroError as error:
            complain(error)
            failed = True
            continue
        if outcome is None:
            directories.append(directory)
        else:
            said = f"{directory} has ended already: {outcome.name}"
            tell(with_advice(said, directory, outcome.name))
    if directories:
        names = "\n  ".join(directories)
        if not ask(f"Cancel\n  {names}\nAre you sure?", yes=options.autoyes, no=None):
            tell("Nothing was cancelled.")
            return int(failed)
    for directory in directories:
        failed |= not _cancelled(directory)
    return int(failed)


def _cancelled(directory: str) -> bool:
    """Cancel the study in ``directory``; whether that is done."""
    from maestro.cli.conduct import with_advice
    from maestro.conductor.control import cancel

    try:
        outcome = cancel(directory)
        if outcome is None:
            raise _unanswered(directory)
    except MaestroError as error:
        complain(error)
        return False
    tell(with_advice(f"{directory}: {outcome.name}", directory, outcome.name))
    return True


def _unanswered(directory: str) -> StudyError:
    watch, force = (
        shlex.join(["maestro", *words, directory])
        for words in (["status", "--watch"], ["resume", "--force"])
    )
    return StudyError(
        f"{directory}: its conductor was asked, and has not answered yet\n"
        f"  To see whether it does: {watch}\n"
        f"  If it is stopped or beyond reach, to do that in its place: {force}"
    )
