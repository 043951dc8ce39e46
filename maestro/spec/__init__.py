"""From a YAML file to the frozen values of `maestro.spec.model`, with every problem named."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maestro.spec.model import (
    Batch,
    Combination,
    Dependency,
    Environment,
    GitDependency,
    Parameter,
    PathDependency,
    Resources,
    Specification,
    Step,
    Value,
)

__all__ = [
    "Batch",
    "Combination",
    "Dependency",
    "Environment",
    "GitDependency",
    "Parameter",
    "PathDependency",
    "Resources",
    "Specification",
    "Step",
    "Value",
    "check",
    "check_tasks",
    "generate",
    "load",
    "parse_arguments",
]

if TYPE_CHECKING:
    from maestro.spec.checks import check_tasks
    from maestro.spec.generators import generate, parse_arguments
    from maestro.spec.loading import check, load
else:
    # Who only looks at studies that there are does without YAML and what reads it.
    _HOMES = {
        "check": "loading", "check_tasks": "checks", "generate": "generators", "load": "loading",
        "parse_arguments": "generators",
    }  # fmt: skip

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'maestro.spec' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"maestro.spec.{_HOMES[name]}"), name)
        return value
