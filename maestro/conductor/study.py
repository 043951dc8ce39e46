"""A study directory as the conductor takes it up: what is stored, and the graph made from it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import networkx as nx

from maestro import spec as specification
from maestro.conductor.store import Store, StudyInfo
from maestro.errors import StudyError
from maestro.graph import Layout, Task, expand, layout_of
from maestro.graph.names import safe
from maestro.spec.model import Specification

__all__ = ["Study", "file_name", "log_path", "open_graph", "task_columns", "told"]


@dataclass(frozen=True, slots=True)
class Study:
    """A study taken up from ``directory`` (absolute)."""

    directory: str
    info: StudyInfo
    spec: Specification
    graph: nx.DiGraph[str]

    @property
    def layout(self) -> Layout:
        """Where the workspaces lie."""
        return layout_of(self.graph)


def open_graph(store: Store) -> Study:
    """The study of ``store``: the combinations it stored, never a generator again.

    Raises
    ------
    StudyError, SpecError
        The copy of the specification is gone, or no longer makes the stored tasks.
    """
    info = store.info()
    path = os.path.join(store.directory, info.specification)
    spec = specification.load(path, cwd=info.cwd, specroot=info.specroot)
    graph = expand(spec, store.parameters(), hashws=info.settings.hashws)
    if list(graph) != [task.name for task in store.tasks()]:
        raise StudyError(
            f"{path} does not make the tasks that this study was started with; put the original "
            "back, or run the changed specification as a new study"
        )
    return Study(store.directory, info, spec, graph)


@contextmanager
def told(directory: str) -> Iterator[None]:
    """Say in a sentence what the file system has against the study in ``directory``.

    Raises
    ------
    StudyError
        It has something.
    """
    try:
        yield
    except OSError as error:
        raise StudyError(
            f"{error.filename or directory} cannot be used: {error.strerror or error}; once that "
            "is mended, the study can be taken up again"
        ) from error


def task_columns(node: str, task: Task) -> tuple[str, str, str, str]:
    """What the store keeps of a task from the start: name, step, workspace, params as JSON."""
    return node, task.step.name, task.workspace, json.dumps(task.combination.values)


def file_name(study: str) -> str:
    """The name of the study called ``study`` in the names of its files."""
    return safe(study) or "study"


def log_path(directory: str, study: str) -> str:
    """The log file of the study called ``study`` in ``directory``."""
    return os.path.join(directory, "logs", f"{file_name(study)}.log")
