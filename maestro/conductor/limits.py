"""What a study's tasks take, and what there is for them."""

from __future__ import annotations

from maestro.adapters import host
from maestro.conductor.study import Study
from maestro.engine import Demand, Policy
from maestro.spec.model import Resources, Specification

__all__ = ["demand_of", "policy_of", "procs_of", "slots_of"]

FEW = 4
"""Cores that local tasks may use in a study for a scheduler."""

ALONE, TOGETHER = 32, 2000
"""Submissions to a scheduler at a time that are recorded as intended: one by one, in arrays."""


def policy_of(study: Study) -> Policy:
    """The limits that ``study`` is conducted within, on this machine."""
    settings = study.info.settings
    batch = study.spec.batch
    return Policy(
        throttle=settings.throttle,
        rlimit=settings.rlimit,
        attempts=settings.attempts,
        slots=slots_of(study.spec),
        throttles_local=batch.type == "local",
        window=TOGETHER if batch.settings.get("arrays") else ALONE,
    )


def slots_of(spec: Specification) -> int:
    """How many cores local tasks may use: ``procs`` of the batch section, or all there are; in a
    study for a scheduler a few, since its conductor shares the machine with other people.
    """
    if spec.batch.type != "local":
        return min(FEW, host.cores())
    return procs_of(spec) or host.cores()


def procs_of(spec: Specification) -> int | None:
    """How many cores the batch section gives local tasks, None: as many as there are."""
    procs = spec.batch.settings.get("procs") if spec.batch.type == "local" else None
    return int(procs) if isinstance(procs, int) and procs > 0 else None


def demand_of(spec: Specification, resources: Resources) -> Demand:
    """What a task with these ``resources`` takes while it is in flight."""
    local = spec.batch.type == "local" or not resources.scheduled
    return Demand(local, slots=_cores(resources) if local else 1)


def _cores(resources: Resources) -> int:
    procs, each = resources.procs or 1, resources.cores_per_task or 1
    return int(procs) * int(each)
