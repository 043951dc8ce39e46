"""Taking up a study directory that has been moved or copied since its study was last conducted."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shlex
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

__all__ = ["arrive", "part"]

log = logging.getLogger(__name__)

FEW = 5
"""Tasks that are named, at most."""


def part(study: Study, store: Store, engine: Engine) -> None:
    """Have a copy leave to its original what is in flight there, and what processes and jobs of
    the original have written of themselves: attempts here that have the same names are others.

    Raises
    ------
    StudyError
        Something depends on where the original is; the message says what.
    """
    if place_of(store) is not Place.COPY:
        return
    if wrong := list(_dependent(study, engine)):
        raise StudyError(
            f"{study.directory} is a copy of {study.info.directory}, which these tasks still "
            f"depend on:\n  {_shown(wrong)}\n"
            "Have them name another place first: "
            f"maestro rerun --spec FILE {shlex.quote(study.directory)}"
        )
    now = time.time()
    detail = f"it was in flight in {study.info.directory}, of which this is a copy"
    for attempt in list(engine.active()):
        seen = Observation(attempt, Seen.NEVER_STARTED, now, transient=True, detail=detail)
        engine.observe(seen, now)
    for ledger in ledgers(study.directory):
        os.unlink(ledger)
    with suppress(FileNotFoundError):
        shutil.rmtree(records_folder(study.directory))


def arrive(
    study: Study, store: Store, epoch: int, engine: Engine, demand: Callable[[str], Demand]
) -> tuple[Study, list[Change]]:
    """``study``, settled where it is now, and what has been found out of it until then, where that
    is elsewhere than before. A copy has been `part`-ed from its original.

    Raises
    ------
    StudyError
        Something depends on where it was; the message says what.
    """
    place = place_of(store)
    if place is Place.SAME:
        return study, []
    info, identity = study.info, study.info.identity
    if place is Place.COPY:
        identity = secrets.token_hex(6)
    elif wrong := [*_dependent(study, engine), *_in_flight(study, engine, demand)]:
        raise StudyError(
            f"{study.directory} was moved from {info.directory}, which these tasks still depend "
            f"on:\n  {_shown(wrong)}\nMove it back, or let the former name lead here: "
            f"{shlex.join(['ln', '-s', study.directory, info.directory])}"
        )
    changes = engine.drain()
    ids = store.ids()
    store.identify(epoch, study.directory, identity, [(ids[c.task], c) for c in changes])
    what = "moved" if place is Place.MOVED else "copied"
    log.info("the study has been %s here from %s", what, info.directory)
    return replace(study, info=replace(info, directory=study.directory, identity=identity)), changes


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


def _shown(wrong: list[str]) -> str:
    more = [f"and {len(wrong) - FEW} more"] if len(wrong) > FEW else []
    return "\n  ".join([*wrong[:FEW], *more])
