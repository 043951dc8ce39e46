"""Taking up a study: its lease, what was left running, and the loop over it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from maestro.adapters import host
from maestro.adapters.codec import LocalCodec
from maestro.adapters.local import LocalBackend
from maestro.conductor import snapshot
from maestro.conductor.lease import Lease
from maestro.conductor.loop import Conductor, Watcher
from maestro.conductor.store import HIDDEN, Store
from maestro.conductor.study import Study, open_graph
from maestro.conductor.workspace import Writer
from maestro.engine import Demand, Engine, Outcome, Policy
from maestro.errors import StudyError
from maestro.graph import task_of
from maestro.spec.model import Resources
from maestro.spec.resources import resolve_resources

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
    directory: str, study: Study | None = None, watcher: Watcher | None = None
) -> Iterator[Conductor]:
    """A conductor for the study in ``directory``, holding its lease, with what was left running
    reattached; ``study`` saves expanding it once more.

    Raises
    ------
    StudyError, SpecError
        There is no study, it is being conducted, or it cannot be taken up.
    """
    with ExitStack() as stack:
        store = Store.open(directory, write=True)
        stack.callback(store.close)
        study = study or open_graph(store)
        lease = Lease(store)
        stack.callback(lease.release)
        engine = Engine(study.graph, _policy(study), _demand(study))
        engine.restore(store.records(), time.time())
        earlier = _ledgers(directory)
        backend = LocalBackend(_ledger(directory, lease.epoch), earlier)
        stack.callback(backend.close)
        _reattach(engine, backend)
        writer = Writer(study, LocalCodec(study.spec.batch))
        _announce(study)
        yield Conductor(study, store, lease, engine, backend, writer, watcher)


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
            engine = Engine(study.graph, _policy(study), _demand(study))
            writer = Writer(study, LocalCodec(study.spec.batch))
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


def _policy(study: Study) -> Policy:
    settings = study.info.settings
    return Policy(
        throttle=settings.throttle,
        rlimit=settings.rlimit,
        attempts=settings.attempts,
        slots=_slots(study),
    )


def _slots(study: Study) -> int:
    """How many cores local tasks may use: ``procs`` of the batch section, or all there are."""
    procs = study.spec.batch.settings.get("procs")
    return int(procs) if isinstance(procs, int) and procs > 0 else host.cores()


def _demand(study: Study) -> Callable[[str], Demand]:
    """What a task takes. Steps whose resources name no parameter are looked at once."""
    known: dict[str, Demand] = {}
    offered = _slots(study)

    def demand(node: str) -> Demand:
        task = task_of(study.graph, node)
        step = task.step
        if step.name in known:
            return known[step.name]
        resources = resolve_resources(study.spec, step, task.combination)
        found = Demand(local=True, slots=_cores(resources))
        if found.slots > offered:
            log.warning(
                "%s asks for %d cores and %d are offered: it runs alone",
                node, found.slots, offered,
            )  # fmt: skip
        if resources == step.resources:
            known[step.name] = found
        return found

    return demand


def _cores(resources: Resources) -> int:
    procs, each = resources.procs or 1, resources.cores_per_task or 1
    return int(procs) * int(each)


def _ledger(directory: str, epoch: int) -> str:
    return os.path.join(directory, HIDDEN, f"ledger-{epoch:06d}")


def _ledgers(directory: str) -> list[str]:
    """The ledgers of earlier conductors, oldest first."""
    folder = os.path.join(directory, HIDDEN)
    return sorted(
        os.path.join(folder, name)
        for name in os.listdir(folder)
        if name.startswith("ledger-") and name.endswith(".jsonl")
    )


def _reattach(engine: Engine, backend: LocalBackend) -> None:
    """Take in what happened while nobody conducted, in the order in which it happened."""
    now = time.time()
    for seen in backend.recorded():
        engine.adopt(seen.attempt, now)
        engine.observe(seen, now)
    backend.recover(engine.active())
