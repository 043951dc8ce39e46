"""Taking up a study directory that has been moved or copied since its study was last conducted."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from maestro.conductor.place import Place, place_of
from maestro.conductor.store import Store
from maestro.conductor.study import Study, ledgers, records_folder
from maestro.engine import ACTIVE, Change, Demand, Engine, Observation, Seen, State
from maestro.errors import StudyError
from maestro.graph import task_of
from maestro.graph.render import render

__all__ = ["arrive"]

log = logging.getLogger(__name__)

FEW = 5
"""Tasks that are named, at most."""


def arrive(
    study: Study, store: Store, epoch: int, engine: Engine, demand: Callable[[str], Demand]
) -> tuple[Study, list[Change]]:
    """``study``, settled where it is now, and what that has changed: what is in flight in the
    study that this is a copy of never will end here, and is run again.

    Raises
    ------
    StudyError
        Something depends on where it was; the message says what.
    """
    place = place_of(store)
    if place is Place.SAME:
        return study, []
    info = study.info
    wrong = list(_dependent(study, engine))
    if place is Place.MOVED:
        wrong += _in_flight(study, engine, demand)
    if wrong:
        raise StudyError(_explained(study, place, wrong))
    identity = info.identity
    if place is Place.COPY:
        identity = secrets.token_hex(6)
        _withdraw(engine, info.directory)
        _disown(study.directory)
    changes = engine.drain()
    ids = store.ids()
    store.identify(epoch, study.directory, identity, [(ids[c.task], c) for c in changes])
    what = "moved" if place is Place.MOVED else "copied"
    log.info("the study has been %s here from %s", what, info.directory)
    return replace(study, info=replace(info, directory=study.directory, identity=identity)), changes


def _withdraw(engine: Engine, original: str) -> None:
    now = time.time()
    detail = f"it was in flight in {original}, of which this is a copy"
    for attempt in list(engine.active()):
        seen = Observation(attempt, Seen.NEVER_STARTED, now, transient=True, detail=detail)
        engine.observe(seen, now)


def _disown(directory: str) -> None:
    """Remove what processes and jobs of the original have written of themselves: attempts of the
    copy that have the same names are others.
    """
    for ledger in ledgers(directory):
        os.unlink(ledger)
    with suppress(FileNotFoundError):
        shutil.rmtree(records_folder(directory))


def _dependent(study: Study, engine: Engine) -> Iterator[str]:
    """The tasks that are yet to run, and whose commands name the former directory."""
    for node in study.graph:
        if engine.state(node) is State.INITIALIZED and _names(study, node, ""):
            yield f"{node} names it in its command"


def _in_flight(study: Study, engine: Engine, demand: Callable[[str], Demand]) -> Iterator[str]:
    """The tasks in flight that were told, or whose scheduler was told, the former directory."""
    for node in study.graph:
        if engine.state(node) not in ACTIVE:
            continue
        if not demand(node).local:
            yield f"{node} is a job that was submitted there"
        elif _names(study, node, study.info.directory):
            yield f"{node} is in flight, and names it in its command"


def _names(study: Study, node: str, directory: str) -> bool:
    """Whether the commands of a task, written for ``directory``, name the former one. For an empty
    one they do only where people wrote that themselves: its new name may contain the former.
    """
    task = task_of(study.graph, node)
    rendered = render(study.spec, study.layout, task, directory)
    former = re.compile(re.escape(study.info.directory) + r"(?![\w.-])")
    return any(former.search(text) for text in (rendered.cmd, rendered.restart))


def _explained(study: Study, place: Place, wrong: list[str]) -> str:
    former = study.info.directory
    shown = [*wrong[:FEW], *([f"and {len(wrong) - FEW} more"] if len(wrong) > FEW else [])]
    what = "\n  ".join(shown)
    if place is Place.COPY:
        return (
            f"{study.directory} is a copy of {former}, which these tasks still depend on:\n  {what}"
            "\nHave them name another place first: maestro rerun --spec FILE"
        )
    return (
        f"{study.directory} was moved from {former}, which these tasks still depend on:\n  {what}\n"
        "Move it back, or let the former name lead here: "
        f"ln -s {study.directory} {former}"
    )
