"""Where the studies of these proofs run: here, or on a scheduler, which may lie."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.standins import install

__all__ = ["NAMES", "Scene", "local", "lying", "scene", "slurm"]

NAMES = ("local", "arrays", "lsf", "flux", "slurm", "slurm-arrays")
"""Arrays, LSF and Flux on stand-ins; Slurm is the real one."""

_LIAR = Path(__file__).with_name("liar.py")
_BATCH = {"host": "here", "bank": "science", "queue": "debug"}
_JOBS = {
    "slurm": "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID+_$SLURM_ARRAY_TASK_ID}",
    "lsf": "$LSB_JOBID",
    "flux": "$FLUX_ENCLOSING_ID",
}


@dataclass(frozen=True)
class Scene:
    """The ``batch`` section of studies, how the script of a job tells its id, and the environment
    that they are conducted in.
    """

    batch: Mapping[str, Any]
    job: str = "$$"
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def scheduled(self) -> bool:
        """Whether there is a scheduler."""
        return self.batch["type"] != "local"

    @property
    def lies(self) -> list[str]:
        """The lies that have been told."""
        path = Path(self.environment.get("LIAR_STATE", os.devnull), "lies")
        return path.read_text().splitlines() if path.exists() else []


def local(tasks: int = 5) -> Scene:
    """On this machine, ``tasks`` at a time."""
    return Scene({"type": "local", "procs": tasks})


def standin(folder: Path, kind: str, *, arrays: bool = False) -> Scene:
    """On a stand-in for the scheduler ``kind``, with its state in ``folder``."""
    main = "slurm.py" if kind == "slurm" else "scheduler.py"
    environment = os.environ | install.environment(folder, main)
    return Scene(_batch(kind, arrays=arrays), _JOBS[kind], environment)


def slurm(conf: str, *, arrays: bool = False) -> Scene:
    """On the real Slurm that has the configuration file ``conf``."""
    environment = os.environ | {"SLURM_CONF": conf}
    return Scene(_batch("slurm", arrays=arrays), _JOBS["slurm"], environment)


def scene(name: str, folder: Path) -> Scene:
    """The scene called ``name``, with what it needs in ``folder``. The real Slurm is running, and
    the environment tells where.
    """
    if name == "local":
        return local()
    kind, _, more = name.partition("-")
    if kind == "slurm":
        return slurm(os.environ["SLURM_CONF"], arrays=bool(more))
    if kind == "arrays":
        return standin(folder, "slurm", arrays=True)
    return standin(folder, kind)


def lying(scene: Scene, folder: Path, seed: int, kinds: str = "") -> Scene:
    """``scene`` with commands that lie, noting down in ``folder`` when; ``kinds`` names the lies
    (see liar.py) where not all are meant.
    """
    folder.mkdir(parents=True)
    before = scene.environment["PATH"]
    for programs in install.PROGRAMS.values():
        for program in programs:
            if real := shutil.which(program, path=before):
                words = [sys.executable, "-I", "-S", str(_LIAR), program, real]
                install.shadow(folder, program, f'exec {shlex.join(words)} "$@"')
    environment = {"LIAR_STATE": str(folder), "LIAR_SEED": str(seed), "PATH": f"{folder}:{before}"}
    if kinds:
        environment["LIAR_KINDS"] = kinds
    return replace(scene, environment={**scene.environment, **environment})


def _batch(kind: str, *, arrays: bool) -> dict[str, Any]:
    return {"type": kind, **_BATCH, **({"arrays": True} if arrays else {})}
