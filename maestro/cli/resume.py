"""``maestro resume``: carry on studies whose conductor has died or was stopped."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable

from maestro.cli.options import (
    add_answers,
    add_directories,
    add_force,
    add_foreground,
    add_limits,
)
from maestro.cli.parser import CONDUCTED, Parser
from maestro.cli.terminal import ask, complain, tell
from maestro.errors import MaestroError

__all__ = ["add_arguments", "for_each", "run"]


def add_arguments(parser: Parser) -> None:
    """Add the page and the arguments of ``maestro resume`` to ``parser``."""
    parser.explain(
        description="Carry on a study whose conductor has died or was stopped: killed, by Ctrl-C "
        "twice, by a reboot. It asks first, and then says what it found. Tasks that still run, "
        "and jobs that run or wait in a queue, are reattached; what ended meanwhile is taken in; "
        "what is proven never to have run is submitted again. Nothing runs twice.",
        examples=[
            ("maestro resume ball_20260131-120000", "Ask, then carry it on in the background."),
            ("maestro resume -y -fg trial", "Carry it on here, without a question."),
            ("maestro resume -y -t 50 sweep_1 sweep_2", "Carry on two studies, each with at most "
             "50 jobs in flight."),
        ],
        notes=["Only one process conducts a study: a second one refuses, and names host and "
               "process of the first."],
        exit_status=CONDUCTED,
        see_also=["rerun", "status", "cancel"],
    )  # fmt: skip
    parser.set_defaults(run=run)
    add_directories(parser)
    add_foreground(parser)
    add_force(parser)
    add_answers(parser)
    add_limits(parser, new=False)


def run(options: argparse.Namespace) -> int:
    """Carry out ``maestro resume``; the exit status."""
    return for_each(options.directory, lambda directory: _resume(directory, options))


def for_each(directories: Iterable[str], command: Callable[[str], int]) -> int:
    """Carry out ``command`` for every directory, whatever goes wrong with one; the worst exit
    status: an error, then that of a study that was cancelled, then with failures.
    """
    codes = set()
    for directory in directories:
        try:
            codes.add(command(os.path.abspath(directory)))
        except MaestroError as error:
            complain(error)
            codes.add(1)
    return 1 if 1 in codes else max(codes)


def _resume(directory: str, options: argparse.Namespace) -> int:
    from maestro.cli.conduct import change_limits, conduct, with_advice
    from maestro.conductor import snapshot
    from maestro.conductor.lease import conducted_here, held
    from maestro.conductor.requests import cancels
    from maestro.conductor.store import Store
    from maestro.conductor.study import see_writable
    from maestro.engine import Outcome

    if not _is_sound(directory, options):
        tell("Nothing was changed.")
        return 0
    store = Store.open(directory)
    try:
        info, counts, holder = store.info(), store.counts(), conducted_here(store)
    finally:
        store.close()
    if info.outcome:
        snapshot.renew(directory)
        said = f"{directory} has ended: {info.outcome}"
        tell(with_advice(said, directory, info.outcome))
        return Outcome[info.outcome].value if options.foreground else 0
    if holder is not None and not options.force:
        raise held(directory, holder)
    see_writable(directory)
    question = _question(directory, counts, cancelling=info.cancelling or cancels(directory))
    if not ask(question, yes=options.autoyes, no=options.autono):
        tell("Nothing was changed.")
        return 0
    change_limits(directory, options)
    return conduct(directory, info.name, options, done="resumed")


def _is_sound(directory: str, options: argparse.Namespace) -> bool:
    """Whether the store of the study is in order, or has been made anew."""
    from maestro.conductor.rebuild import damage, rebuild

    found = damage(directory)
    if found is None:
        return True
    tell(found)
    if not ask("Make it anew?", yes=options.autoyes, no=options.autono):
        return False
    made = rebuild(directory, force=options.force)
    counts = ", ".join(f"{number} {state}" for state, number in sorted(made.counts.items()))
    tell(f"The store was made anew: {counts}")
    if made.aside is not None:
        tell(f"  The damaged one is kept: {made.aside}")
    return True


def _question(directory: str, counts: dict[str, int], *, cancelling: bool) -> str:
    from maestro.engine import ACTIVE

    flying = sum(counts.get(state.value, 0) for state in ACTIVE)
    known = f"{counts.get('FINISHED', 0)} of {sum(counts.values())} tasks have finished"
    what = "It is being cancelled. Go on with that?" if cancelling else "Resume it?"
    return f"{directory}: {known}, {flying} were in flight. {what}"
