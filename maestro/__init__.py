"""Maestro conducts parameter studies written as one YAML file, on a laptop or a cluster.

>>> import maestro
>>> spec = maestro.load("study.yaml")        # a frozen Specification, or a SpecError
>>> graph = maestro.expand(spec)             # a frozen networkx.DiGraph of tasks
>>> study = maestro.open_study("study_dir")  # a read-only view of a study
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maestro.errors import MaestroError, Problem, SpecError, StudyError
    from maestro.graph import Task, expand
    from maestro.report.study import Study, open_study
    from maestro.spec import Specification, load

__version__ = "0.1.0"

__all__ = [
    "MaestroError",
    "Problem",
    "SpecError",
    "Specification",
    "Study",
    "StudyError",
    "Task",
    "__version__",
    "expand",
    "load",
    "open_study",
]

_HOMES = {
    "MaestroError": "maestro.errors",
    "Problem": "maestro.errors",
    "SpecError": "maestro.errors",
    "Specification": "maestro.spec",
    "Study": "maestro.report.study",
    "StudyError": "maestro.errors",
    "Task": "maestro.graph",
    "expand": "maestro.graph",
    "load": "maestro.spec",
    "open_study": "maestro.report.study",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``maestro --help`` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'maestro' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
