"""A study to look at: nothing here ever writes one."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import networkx as nx

from maestro.conductor import snapshot
from maestro.conductor.lease import conducted_by
from maestro.conductor.store import FILE, Store, StudyInfo, TaskRow
from maestro.conductor.study import open_graph
from maestro.engine import Outcome, State
from maestro.errors import StudyError

__all__ = ["Study", "open_study"]


def open_study(directory: str) -> Study:
    """A read-only view of the study in ``directory``, live while it runs.

    Raises
    ------
    StudyError
        There is no study, or it cannot be read.
    """
    return Study(directory)


class Study:
    """The study in ``directory`` (absolute). Every method looks anew; nothing is kept open."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        if not os.path.isdir(self.directory):
            raise StudyError(f"{self.directory} does not exist, or is no directory")
        self.info = self._info()

    def tasks(self) -> list[TaskRow]:
        """Every task as it stands, in the order of the graph."""
        with self._store() as store:
            return store.tasks()

    def states(self) -> dict[str, str]:
        """State by task, as people know it."""
        return {task.name: State(task.state).shown for task in self.tasks()}

    def counts(self) -> Counter[str]:
        """Number of tasks by state, as people know it."""
        with self._store() as store:
            counts: Counter[str] = Counter()
            for state, count in store.counts().items():
                counts[State(state).shown] += count
            return counts

    @property
    def outcome(self) -> Outcome | None:
        """How the study ended, None while it has not."""
        name = self._info().outcome
        return Outcome[name] if name else None

    @property
    def conducted_by(self) -> str | None:
        """The process that conducts it now, as far as this host can tell."""
        with self._store() as store:
            return conducted_by(store)

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The graph of its tasks, expanded from the combinations that it stored."""
        with self._store() as store:
            return open_graph(store).graph

    def _info(self) -> StudyInfo:
        with self._store() as store:
            return store.info()

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store.open(self.directory)
        try:
            yield store
        finally:
            store.close()


def readable(directory: str) -> bool:
    """Whether the store of a study may be read: it is its owner's alone."""
    path = os.path.join(directory, FILE)
    return os.access(path, os.R_OK)


def snapshot_rows(directory: str) -> list[list[str]] | None:
    """The rows of ``status.csv``, for those who may not read the store; None without one."""
    try:
        with open(os.path.join(directory, snapshot.FILE), encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError):
        return None
    return rows if tuple(header) == snapshot.COLUMNS else None
