"""``maestro rerun``: run tasks of studies again, and what depends on them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from maestro.cli.options import (
    add_answers,
    add_directories,
    add_foreground,
    add_generator,
    add_limits,
    add_selection,
    typed,
)
from maestro.cli.parser import CONDUCTED, Parser
from maestro.cli.resume import for_each
from maestro.cli.run import checked
from maestro.cli.terminal import ask, tell
from maestro.errors import UsageError

if TYPE_CHECKING:
    from maestro.conductor.rerun import Rerun, Selection
    from maestro.conductor.revision import Revision
    from maestro.conductor.store import Store
    from maestro.conductor.study import Study

__all__ = ["add_arguments", "run"]

FEW = 5
"""Tasks that are named where they only are mentioned."""


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro rerun`` to ``parser``."""
    parser.explain(
        description="Run tasks of a study again, with what depends on them, and then go on "
        "conducting it. It lists them, each with the reason, and asks. What earlier attempts have "
        "left is kept in meta/former.",
        examples=[
            ("maestro rerun --failed ball_20260131-120000", "Whatever failed, ran out of time, "
             "was lost or cancelled."),
            ("maestro rerun --dry --failed trial", "Show what would run again, and change "
             "nothing."),
            ("maestro rerun --step throw --where 'ANGLE > 30' trial", "The tasks of a step that "
             "meet a condition."),
            ("maestro rerun --step throw --with-descendants trial", "Also what has finished, and "
             "depends on these."),
            ("maestro rerun --spec ball.yaml trial", "Whatever the changed specification changes; "
             "new tasks are added."),
        ],
        notes=["Several of --failed, --step and --where choose the tasks that all of them mean. "
               "Nobody may conduct the study meanwhile."],
        exit_status=CONDUCTED,
        see_also=["why", "resume", "status"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directories(parser)
    _add_selection(parser)
    _add_revision(parser)
    parser.add_argument(
        "--dry", action="store_true", help="Show what would run again, and change nothing."
    )
    add_foreground(parser)
    add_answers(parser)
    add_limits(parser, new=False)


def _add_revision(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("another specification")
    group.add_argument(
        "--spec", metavar="FILE",
        help="Conduct the study by this specification from now on: tasks whose script, parameters "
        "or parents it changes run again.",
    )  # fmt: skip
    add_generator(group)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to run again")
    group.add_argument(
        "--failed", action="store_true",
        help="Tasks that failed, ran out of time, got lost or were cancelled.",
    )  # fmt: skip
    add_selection(group)
    group.add_argument(
        "--with-descendants", action="store_true", dest="descendants",
        help="Also tasks that have finished, and depend on those.",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro rerun``; the exit status."""
    if options.pargs and not (options.spec or options.pgen):
        raise UsageError("--pargs are for a generator; give --spec FILE or -p FILE with them")
    chosen = options.failed or options.step or options.where is not None
    if not (chosen or options.spec or options.pgen):
        raise UsageError("say what to run again: --failed, --step, --where or --spec")
    if options.dry:
        return _rehearse(options)
    return for_each(options.directory, lambda directory: _rerun(directory, options))


def _rehearse(options: argparse.Namespace) -> int:
    """Show what would run again, and what to type to have that done."""
    from maestro.conductor.rerun import plan
    from maestro.conductor.store import Store
    from maestro.report.writing import deliver

    found = []

    def show(directory: str) -> int:
        store = Store.open(directory)
        try:
            rerun = plan(store, *_wanted(store, options))
        finally:
            store.close()
        deliver("\n".join(_lines(rerun, directory, options)))
        found.append(bool(rerun))
        return 0

    code = for_each(options.directory, show)
    if any(found):
        tell(f"To have that done: {typed(options, without='--dry')}")
    return code


def _rerun(directory: str, options: argparse.Namespace) -> int:
    from maestro.cli.conduct import change_limits, conduct
    from maestro.conductor.rerun import rerunning
    from maestro.conductor.store import Store

    store = Store.open(directory)
    try:
        wanted = _wanted(store, options)
    finally:
        store.close()
    with rerunning(directory, *wanted) as (rerun, reset):
        tell("\n".join(_lines(rerun, directory, options)))
        if not rerun:
            return 0
        if not ask("Run them again?", yes=options.autoyes, no=options.autono):
            tell("Nothing was changed.")
            return 0
        reset()
    change_limits(directory, options)
    return conduct(directory, rerun.study.info.name, options, done="relaunched")


def _wanted(
    store: Store, options: argparse.Namespace
) -> tuple[Selection, Callable[[Study], Revision] | None]:
    """What the command line selects of the study of ``store``, and what makes the other
    specification's study of it, if there is one.
    """
    from maestro.conductor.rerun import Selection
    from maestro.graph import condition

    names = [parameter.name for parameter in store.parameters()]
    selection = Selection(
        failed=options.failed,
        steps=tuple(options.step),
        where=None if options.where is None else condition(options.where, names),
        descendants=options.descendants,
    )
    return selection, _revising(options) if options.spec or options.pgen else None


def _revising(options: argparse.Namespace) -> Callable[[Study], Revision]:
    """What makes of a study the one that the command line has in mind."""
    from maestro.conductor.revision import revise, surroundings

    def revised(study: Study) -> Revision:
        path = options.spec or study.spec.path
        spec = checked(path, **surroundings(study, path))
        return revise(study, spec, options.pgen, options.pargs or None)

    return revised


def _lines(rerun: Rerun, directory: str, options: argparse.Namespace) -> Iterator[str]:
    """What would run again, and why."""
    from maestro.spec.values import named, plural

    if not rerun:
        yield f"Nothing is to be run again in {directory}"
        if rerun.revision is not None:
            path = rerun.revision.study.spec.path
            yield f"{path} changes none of the tasks, and is not taken over."
            if failed := len(rerun.failed):
                again = typed(options, "--failed", without="--dry")
                yield f"{plural(failed, 'task')} did not finish; to run that again, by it: {again}"
        return
    entries = [(task, rerun.rows[task].state, why) for task, why in rerun.again.tasks.items()]
    entries += [(task, "", "it is new") for task in rerun.new]
    entries += [(task, rerun.rows[task].state, "no longer made: put aside") for task in rerun.gone]
    widths = [max(map(len, column)) for column in list(zip(*entries, strict=True))[:2]]
    for task, state, why in entries:
        yield f"  {task:{widths[0]}}  {state:{widths[1]}}  {why}"
    if kept := rerun.again.kept:
        yield f"{len(kept)} that depend on them keep their results: {named(kept, FEW)}"
        yield "  (--with-descendants has them run again, too)"
    number = len(rerun.again.tasks)
    yield f"{number} of {len(rerun.rows)} tasks run again, {len(rerun.new)} are new."
    if waiting := len(rerun.waiting):
        yield f"{waiting} that have yet to run do so by the other specification."
    if rerun.again.tasks or rerun.gone:
        former = os.path.join(directory, "meta", "former")
        yield f"What earlier attempts have left will be kept in {former}"
