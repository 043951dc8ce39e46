"""The study graph: expansion over parameters, the texts of its tasks, export.

A graph is a frozen `networkx.DiGraph`; all functions here take one and return data.
"""

from maestro.graph.expand import expand
from maestro.graph.export import to_dot, to_node_link
from maestro.graph.task import Layout, Task, layout_of, task_of, tasks
from maestro.graph.where import Condition, condition

__all__ = [
    "Condition",
    "Layout",
    "Task",
    "condition",
    "expand",
    "layout_of",
    "task_of",
    "tasks",
    "to_dot",
    "to_node_link",
]
