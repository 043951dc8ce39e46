"""The codec of each type of ``batch``: those that Maestro brings along, and plug-ins.

A plug-in's entry point in the group ``maestro.adapters`` has the name of its type, and is called
with the `Batch` to make its codec.
"""

from __future__ import annotations

import shutil
from importlib import metadata

from maestro.adapters.codec import Codec, LocalCodec, Scheduler
from maestro.errors import BackendError
from maestro.spec.checks import PLUGINS
from maestro.spec.model import Batch

__all__ = ["codec_for", "missing_programs"]

_MEMBERS = sorted(
    name
    for part in (Codec, Scheduler)
    for name in {*vars(part), *part.__annotations__}
    if not name.startswith("_")
)
"""What the codec of a plug-in must have, inherited or its own."""


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
            except Exception as error:  # other people's code may raise anything
                why = f"{type(error).__name__}: {error}"
                raise BackendError(f"the adapter '{entry.value}' does not load: {why}") from error
            if missing := [name for name in _MEMBERS if not hasattr(codec, name)]:
                raise BackendError(f"the adapter '{entry.value}' lacks {', '.join(missing)}")
            return codec
    raise BackendError(f"nothing installed here knows batch type '{batch.type}'")


def missing_programs(codec: Codec) -> list[str]:
    """The programs that ``codec`` needs and this machine does not have."""
    wanted = codec.programs if isinstance(codec, Scheduler) else ()
    return [program for program in wanted if shutil.which(program) is None]
