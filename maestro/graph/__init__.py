"""The study graph: expansion over parameters, the texts of its tasks, analysis, export.

A graph is a frozen `networkx.DiGraph`; all functions here take one and return data.
"""

from maestro.graph.difference import Difference, difference
from maestro.graph.drawing import Arrow, Box, Drawing, to_dot, to_mermaid
from maestro.graph.expand import expand
from maestro.graph.export import to_graphml, to_json, to_node_link
from maestro.graph.parts import parameter_names, quotient, select, subgraph
from maestro.graph.structure import bottlenecks, downstream, generations, width_profile
from maestro.graph.task import Layout, Task, layout_of, task_of, tasks
from maestro.graph.timing import (
    critical_path,
    estimate_durations,
    makespan_bounds,
    slack,
    span,
    work,
)
from maestro.graph.where import Condition, condition

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
