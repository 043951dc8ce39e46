"""Making the store of a study anew, from all else that its directory holds and its scheduler knows.

What has ended is not run again, what runs or waits is in flight, and no attempt's number comes
again. Of what no record tells, a final state in ``status.csv`` is believed.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from maestro.adapters.codec import Scheduler
from maestro.adapters.registry import codec_for
from maestro.conductor import recipe, snapshot
from maestro.conductor.lease import conducted_here, held, unconducted
from maestro.conductor.recipe import Recipe
from maestro.conductor.retelling import Glance, Past, records, retell
from maestro.conductor.store import FILE, HIDDEN, Holder, Store, StoreDamaged
from maestro.conductor.study import Study, expanded, see_writable, task_columns, told
from maestro.conductor.traces import Traces, job_traces, local_traces, queue_traces
from maestro.engine import Change, Demand, Engine, Observation, Policy
from maestro.errors import StudyError
from maestro.graph import task_of, tasks
from maestro.spec.resources import resolve_resources

__all__ = ["Rebuilt", "damage", "rebuild"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Where the damaged store was put, if there was one, and the number of tasks by state."""

    aside: str | None
    counts: Mapping[str, int]


def damage(directory: str) -> str | None:
    """What is wrong with the store of the study in ``directory``, in a sentence; None when nothing
    is, as far as that shows.

    Raises
    ------
    StudyError
        There is no study, its store cannot be looked at, or it is damaged and cannot be made anew.
    """
    try:
        store = Store.open(directory)
        try:
            store.check()
        finally:
            store.close()
    except StoreDamaged as error:
        try:
            recipe.read(directory)
        except StudyError as why:
            what = f"{error.damage}; it cannot be made anew: {why}"
            raise StudyError(f"{what}; {recipe.REMEDY}") from error
        return error.damage
    return None


def rebuild(directory: str, *, force: bool = False) -> Rebuilt:
    """Make the store of the study in ``directory`` anew. The one that there was is put aside.
    ``force`` does not mind who seems to conduct the study: what they still try is refused.

    Raises
    ------
    StudyError, SpecError
        It is being conducted; what its store was made from is gone; or its scheduler does not
        answer.
    """
    see_writable(directory)
    with told(directory), unconducted(directory, force=force):
        if not force:
            _see_unconducted(directory)
        found = recipe.read(directory)
        study = expanded(directory, found.info, found.parameters)
        ids = found.ids or {node: position for position, node in enumerate(study.graph)}
        if ids.keys() != set(study.graph):
            raise StudyError(
                f"the specification of {directory} does not make the tasks that {recipe.FILE} has"
            )
        found = replace(found, ids=ids)
        changes, ended = _history(study, found)
        info = found.info if ended else replace(found.info, outcome="")
        return _replace(study, replace(found, info=info), changes)


def _see_unconducted(directory: str) -> None:
    """What can be read of the store may name a conductor, where no file can be locked."""
    with suppress(StoreDamaged):
        store = Store.open(directory)
        try:
            if (holder := conducted_here(store)) is not None:
                raise held(directory, holder)
        finally:
            store.close()


def _pasts(study: Study, found: Recipe) -> dict[str, Past]:
    """What is left of each task of which anything is."""
    glances = _glances(study.directory, found.reopened)
    attempts: dict[str, dict[int, list[Observation]]] = {}
    for (node, number), seen in _traces(study, found, glances).items():
        attempts.setdefault(node, {})[number] = seen
    return {
        node: Past(
            found.kept.get(node, 0),
            attempts.get(node, {}),
            glances.get(node),
            local=node not in glances or not glances[node].flies or _is_local(study, node),
        )
        for node in study.graph
        if node in attempts or node in found.kept or node in glances
    }


def _traces(study: Study, found: Recipe, glances: Mapping[str, Glance]) -> Traces:
    traces = local_traces(study.directory)
    codec = codec_for(study.spec.batch)
    if not isinstance(codec, Scheduler):
        return traces
    names = {own: node for node, own in found.ids.items()}
    traces |= job_traces(study.directory, names, codec)
    if not found.info.outcome:
        jobs = [glance.job for glance in glances.values() if glance.flies and glance.job]
        for attempt, seen in queue_traces(study, names, codec, jobs).items():
            if not traces.get(attempt):  # what jobs write themselves tells more
                traces[attempt] = seen
    return traces


def _glances(directory: str, since: float) -> dict[str, Glance]:
    """What ``status.csv`` shows, if it was written ``since`` then."""
    with suppress(FileNotFoundError):
        if os.path.getmtime(os.path.join(directory, snapshot.FILE)) < since:
            return {}
    glances = {}
    for texts in snapshot.read(directory) or ():
        shown = dict(zip(snapshot.COLUMNS, texts, strict=True))
        job = shown["Job ID"]
        glances[shown["Step Name"]] = Glance(
            shown["State"],
            None if job == snapshot.UNKNOWN else job,
            snapshot.time_of(shown["Submit Time"]),
            snapshot.time_of(shown["End Time"]),
        )
    return glances


def _is_local(study: Study, node: str) -> bool:
    task = task_of(study.graph, node)
    resources = resolve_resources(study.spec, task.step, task.combination)
    return study.spec.batch.type == "local" or not resources.scheduled


def _history(study: Study, found: Recipe) -> tuple[list[Change], bool]:
    """What has happened to the tasks, and whether nothing more can."""
    settings = study.info.settings
    policy = Policy(rlimit=settings.rlimit, attempts=settings.attempts)
    changes = retell(study.graph, policy, _pasts(study, found), study.info.created)
    engine = Engine(study.graph, policy, lambda _: Demand(local=True))
    engine.restore(records(changes), time.time())
    if settings.dry:
        engine.rehearse(time.time())
    return changes + engine.drain(), engine.outcome is not None


# ---- the new store ---------------------------------------------------------------------------


def _replace(study: Study, found: Recipe, changes: list[Change]) -> Rebuilt:
    """Put a store of ``changes`` in the place of the one that there is: it is made beside that, so
    that there never is half of one.
    """
    directory = study.directory
    folder = os.path.join(directory, HIDDEN, "rebuilt")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, mode=0o700)
    columns = (task_columns(node, task) for node, task in tasks(study.graph))
    store = Store.create(
        folder, found.info, found.parameters, columns,
        ids=found.ids, kept=found.kept, retired=found.retired,
    )  # fmt: skip
    try:
        epoch = _latest_epoch(directory, found.epoch)
        store.take_lease(store.holder(), Holder(epoch, 0))
        store.commit(epoch, [(found.ids[change.task], change) for change in changes])
        counts = store.counts()
    finally:
        store.close()
    aside = _put_aside(os.path.join(directory, FILE))
    os.rename(os.path.join(folder, FILE), os.path.join(directory, FILE))
    shutil.rmtree(folder)
    return Rebuilt(aside, counts)


def _latest_epoch(directory: str, known: int) -> int:
    """The latest epoch by which anything has been named."""
    names = os.listdir(os.path.join(directory, HIDDEN))
    found = (re.match(r"(?:ledger|specification)-(\d{6,})", name) for name in names)
    return max([known, *(int(match[1]) for match in found if match)])


def _put_aside(path: str) -> str | None:
    """Move a store away, with its journal: first that, which would be taken for another's."""
    if not os.path.lexists(path):
        return None
    aside = f"{path}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    while os.path.lexists(aside):
        aside += "+"
    with suppress(FileNotFoundError):
        os.rename(f"{path}-journal", f"{aside}-journal")
    os.rename(path, aside)
    return aside
