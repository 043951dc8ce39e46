"""A read-only view of a study."""

from __future__ import annotations

import os
from functools import cached_property

import networkx as nx

from maestro.conductor.lease import conducted_by
from maestro.conductor.store import Store, StudyInfo, TaskRow
from maestro.conductor.study import open_graph
from maestro.engine import State

__all__ = ["Study", "open_study"]


class Study:
    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        store = Store.open(self.directory)
        self.info: StudyInfo = store.info()
        store.close()

    def tasks(self) -> list[TaskRow]:
        store = Store.open(self.directory)
        try:
            return store.tasks()
        finally:
            store.close()

    def conducted_by(self) -> str | None:
        store = Store.open(self.directory)
        try:
            return conducted_by(store)
        finally:
            store.close()

    def states(self) -> dict[str, str]:
        return {task.name: State(task.state).shown for task in self.tasks()}

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        store = Store.open(self.directory)
        try:
            return open_graph(store).graph
        finally:
            store.close()


def open_study(directory: str) -> Study:
    return Study(directory)
