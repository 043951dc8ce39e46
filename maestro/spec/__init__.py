"""From a YAML file to the frozen values of `maestro.spec.model`, with every problem named."""

from maestro.spec.checks import check_tasks
from maestro.spec.generators import generate, parse_arguments
from maestro.spec.loading import check, load
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
