"""The codec of each type of ``batch``: those that Maestro brings along, and plug-ins.

A plug-in's entry point in the group ``maestro.adapters`` has the name of its type, and is called
with the `Batch` to make its codec.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import fields
from importlib import metadata

from maestro.adapters.codec import Codec, LocalCodec, Scheduler
from maestro.errors import BackendError, Problem
from maestro.spec.checks import PLUGINS
from maestro.spec.model import Batch, Specification, Step
from maestro.spec.schema import known_keys

__all__ = ["codec_for", "missing_programs", "unheeded"]

_ALWAYS = frozenset({"type", "shell"})
_NAMES = {"exclusive_allocation": "exclusive", "exclusive_launcher": "exclusive: {launcher}"}


def codec_for(batch: Batch) -> Codec:
    """The codec of ``batch``.

    Raises
    ------
    BackendError
        There is none of this type, or its plug-in cannot be loaded.
    """
    match batch.type:
        case "local":
            return LocalCodec(batch)
        case "slurm":
            from maestro.adapters.slurm import SlurmCodec

            return SlurmCodec(batch)
        case "lsf":
            from maestro.adapters.lsf import LsfCodec

            return LsfCodec(batch)
        case "flux":
            from maestro.adapters.flux import FluxCodec

            return FluxCodec(batch)
    for entry in metadata.entry_points(group=PLUGINS):
        if entry.name.lower() == batch.type:
            try:
                codec: Codec = entry.load()(batch)
            except Exception as error:
                raise BackendError(f"the adapter '{entry.value}' does not load: {error}") from error
            return codec
    raise BackendError(f"nothing installed here knows batch type '{batch.type}'")


def missing_programs(codec: Codec) -> list[str]:
    """The programs that ``codec`` needs and this machine does not have."""
    wanted = codec.programs if isinstance(codec, Scheduler) else ()
    return [program for program in wanted if shutil.which(program) is None]


def unheeded(spec: Specification) -> Iterator[Problem]:
    """A warning for each option in ``spec`` that its backend cannot honour.

    Raises
    ------
    BackendError
        There is no such backend.
    """
    batch = spec.batch
    codec = codec_for(batch)
    known = known_keys("batch")  # of others the specification's own check has warned
    for key in batch.settings:
        heeded = key in codec.settings | _ALWAYS or key not in known
        if not heeded and batch.settings[key] not in (None, "", {}, False):
            message = f"'{key}' in 'batch' means nothing to type '{batch.type}', and is ignored"
            yield Problem("unheeded-option", message, spec.where("batch", key), "warning")
    for index, step in enumerate(spec.steps):
        for name in _named(step):
            if name not in codec.keys and (step.resources.scheduled or batch.type == "local"):
                key = _NAMES.get(name, name.replace("_", " ") if "_args" not in name else name)
                message = f"'{key}' in step '{step.name}' means nothing to type '{batch.type}', and"
                at = spec.where("study", index, "run", key.partition(":")[0])
                yield Problem("unheeded-option", f"{message} is ignored", at, "warning")


def _named(step: Step) -> Iterator[str]:
    """The fields of the step's resources that it names."""
    for field in fields(step.resources):
        value = getattr(step.resources, field.name)
        if value not in (None, False, ()):
            yield field.name
