"""Taking up a study: its lease, what was left running, and the loop over it."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from maestro.adapters.base import Backend
from maestro.adapters.codec import Scheduler
from maestro.adapters.local import LocalBackend
from maestro.adapters.registry import codec_for, missing_programs
from maestro.conductor import snapshot
from maestro.conductor.lease import Lease
from maestro.conductor.limits import demand_of, policy_of, slots_of
from maestro.conductor.loop import Conductor, Watcher
from maestro.conductor.moving import arrive, part
from maestro.conductor.recovery import recovered, survey
from maestro.conductor.store import Store
from maestro.conductor.study import (
    Study,
    ledger_prefix,
    ledgers,
    open_graph,
    records_folder,
    told,
)
from maestro.conductor.workspace import Writer
from maestro.engine import Demand, Engine, Outcome, State
from maestro.errors import BackendError, StudyError
from maestro.graph import task_of
from maestro.spec.resources import resolve_resources

if TYPE_CHECKING:
    from maestro.adapters.batch import BatchBackend

__all__ = ["ended", "rehearse", "taken_up"]

log = logging.getLogger(__name__)


def ended(directory: str) -> Outcome | None:
    """How the study in ``directory`` ended, if it has.

    Raises
    ------
    StudyError
        There is no study, or its store cannot be read.
    """
    store = Store.open(directory)
    try:
        name = store.info().outcome
    finally:
        store.close()
    return Outcome[name] if name else None


@contextmanager
def taken_up(
    directory: str,
    study: Study | None = None,
    watcher: Watcher | None = None,
    *,
    force: bool = False,
) -> Iterator[Conductor]:
    """A conductor for the study in ``directory``, holding its lease, with what was left running
    reattached; ``study`` saves expanding it once more. ``force`` takes it from a conductor that
    seems to live, and gives up what may run on a host that cannot be reached.

    Raises
    ------
    StudyError, SpecError
        There is no study, it is being conducted, or it cannot be taken up.
    """
    with told(directory), ExitStack() as stack:
        store = Store.open(directory, write=True)
        stack.callback(store.close)
        lease = Lease(store, force=force)
        stack.callback(lease.release)
        study = study or open_graph(store)
        demand = _demand(study)
        policy = policy_of(study)
        engine = Engine(study.graph, policy, demand)
        engine.restore(store.records(), time.time())
        finished, flying = engine.counts[State.FINISHED], [a.task for a in engine.active()]
        part(study, store, engine)
        prefix = ledger_prefix(directory, lease.epoch)
        local = LocalBackend(prefix, ledgers(directory), policy.slots)
        stack.callback(local.close)
        _take_in(engine, local, directory, force=force)
        study, changes = arrive(study, store, lease.epoch, engine, demand)
        codec = codec_for(study.spec.batch)
        batch = _batch(study, codec, store.ids()) if isinstance(codec, Scheduler) else None
        backends: dict[bool, Backend] = {True: local}
        if batch is not None:
            stack.callback(batch.close)
            backends[False] = batch
        _rejoin(engine, local, batch, store.jobs(), demand)
        _announce(study)
        writer = Writer(study, codec, store.kept())
        conductor = Conductor(study, store, lease, engine, backends, writer, watcher)
        if lease.epoch > 1:
            changes += engine.undrained
            conductor.recovered = recovered(engine, finished, flying, changes)
            log.info("taken up: %s", conductor.recovered)
        taken = stack.pop_all()
    with taken:
        yield conductor  # whatever fails meanwhile is not for this to tell


def _batch(study: Study, codec: Scheduler, ids: Mapping[str, int]) -> BatchBackend:
    """The backend of a study for a scheduler.

    Raises
    ------
    StudyError
        There is no such scheduler here, or the study's directory cannot be written.
    """
    # Local studies do without all this.
    from maestro.adapters.batch import BatchBackend
    from maestro.adapters.jobrecords import JobRecords
    from maestro.adapters.pace import Limits

    if missing := missing_programs(codec):
        raise StudyError(
            f"batch type '{study.spec.batch.type}' needs the command {missing[0]}, which is not on "
            "the PATH; conduct the study where it is"
        )
    records = JobRecords(records_folder(study.directory))
    records.install()
    settings = study.info.settings
    return BatchBackend(
        codec,
        records,
        study.info.identity,
        lambda attempt: f"{ids[attempt.task]}.{attempt.number}",
        throttle=settings.throttle,
        arrays=bool(study.spec.batch.settings.get("arrays")),
        limits=Limits(sleeptime=settings.sleeptime),
        since=study.info.created,
    )


def _rejoin(
    engine: Engine,
    local: LocalBackend,
    batch: BatchBackend | None,
    jobs: Mapping[str, str],
    demand: Callable[[str], Demand],
) -> None:
    """Take over the attempts in flight; ``jobs`` are by task."""
    mine = [attempt for attempt in engine.active() if demand(attempt.task).local]
    started = [attempt for attempt in mine if engine.state(attempt.task) is State.RUNNING]
    local.recover(mine, started)
    if batch is not None:
        if others := set(engine.active()).difference(mine):
            batch.recover({attempt: jobs.get(attempt.task) for attempt in others})
        survey(engine, batch)


def rehearse(directory: str, study: Study) -> None:
    """A dry run: write every workspace and script, and run nothing.

    Raises
    ------
    StudyError
        Something cannot be written.
    """
    store = Store.open(directory, write=True)
    try:
        lease = Lease(store)
        try:
            engine = Engine(study.graph, policy_of(study), _demand(study))
            writer = Writer(study, codec_for(study.spec.batch))
            _announce(study)
            for node in study.graph:
                writer.write(node)
            engine.rehearse(time.time())
            changes = list(enumerate(engine.drain()))
            store.commit(lease.epoch, changes, outcome=engine.outcome)
            snapshot.write(directory, store.tasks(), time.time())
        finally:
            lease.release()
    except OSError as error:
        raise StudyError(f"{error.filename} cannot be written: {error.strerror}") from error
    finally:
        store.close()


def _announce(study: Study) -> None:
    if study.info.settings.scripts is not None:
        log.info("the scripts are in %s", study.info.settings.scripts)


def _demand(study: Study) -> Callable[[str], Demand]:
    """What a task takes. Steps whose resources name no parameter are looked at once."""
    known: dict[str, Demand] = {}
    offered = slots_of(study.spec)

    def demand(node: str) -> Demand:
        task = task_of(study.graph, node)
        step = task.step
        if step.name in known:
            return known[step.name]
        resources = resolve_resources(study.spec, step, task.combination)
        found = demand_of(study.spec, resources)
        if found.slots > offered:
            log.warning(
                "%s asks for %d cores and %d are offered: it runs alone",
                node, found.slots, offered,
            )  # fmt: skip
        if resources == step.resources:
            known[step.name] = found
        return found

    return demand


def _take_in(engine: Engine, backend: LocalBackend, directory: str, *, force: bool) -> None:
    """Take in what happened here while nobody conducted, in the order in which it happened.

    Raises
    ------
    StudyError
        It cannot be told.
    """
    now = time.time()
    try:
        recorded = backend.recorded(force=force)
    except BackendError as error:
        resume = ["maestro", "resume", directory]
        if error.transient:
            raise StudyError(f"{error}; to try once more: {shlex.join(resume)}") from error
        resume.insert(2, "--force")
        raise StudyError(
            f"{error}; conduct it there or, if that machine is gone for good, have them count as "
            f"lost: {shlex.join(resume)}"
        ) from error
    for seen in recorded:
        if seen.attempt.task not in engine.graph:  # it is no longer made
            continue
        engine.adopt(seen.attempt, now)
        engine.observe(seen, now)
