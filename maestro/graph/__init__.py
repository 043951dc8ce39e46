"""The study graph: expansion over parameters, the texts of its tasks, analysis, export.

A graph is a frozen `networkx.DiGraph`; all functions here take one and return data.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maestro.graph.task import Layout, Task, layout_of, task_of, tasks

__all__ = [
    "Arrow",
    "Box",
    "Condition",
    "Difference",
    "Drawing",
    "Layout",
    "Task",
    "bottlenecks",
    "condition",
    "critical_path",
    "difference",
    "downstream",
    "estimate_durations",
    "expand",
    "generations",
    "layout_of",
    "makespan_bounds",
    "parameter_names",
    "quotient",
    "select",
    "slack",
    "span",
    "subgraph",
    "task_of",
    "tasks",
    "to_dot",
    "to_graphml",
    "to_json",
    "to_mermaid",
    "to_node_link",
    "width_profile",
    "work",
]

if TYPE_CHECKING:
    from maestro.graph.differing import Difference, difference
    from maestro.graph.drawing import Arrow, Box, Drawing, to_dot, to_mermaid
    from maestro.graph.expansion import expand
    from maestro.graph.export import to_graphml, to_json, to_node_link
    from maestro.graph.parts import parameter_names, quotient, select, subgraph
    from maestro.graph.structure import bottlenecks, downstream, generations, width_profile
    from maestro.graph.timing import (
        critical_path,
        estimate_durations,
        makespan_bounds,
        slack,
        span,
        work,
    )
    from maestro.graph.where import Condition, condition
else:
    # Who makes no graph does without networkx, and who only makes one without the analyses.
    _HOMES = {
        "differing": ("Difference", "difference"),
        "drawing": ("Arrow", "Box", "Drawing", "to_dot", "to_mermaid"),
        "expansion": ("expand",),
        "export": ("to_graphml", "to_json", "to_node_link"),
        "parts": ("parameter_names", "quotient", "select", "subgraph"),
        "structure": ("bottlenecks", "downstream", "generations", "width_profile"),
        "timing": (
            "critical_path", "estimate_durations", "makespan_bounds", "slack", "span", "work",
        ),
        "where": ("Condition", "condition"),
    }  # fmt: skip

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(f"maestro.graph.{home}"), name)
                return value
        raise AttributeError(f"module 'maestro.graph' has no attribute {name!r}")
