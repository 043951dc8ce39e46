"""What happens to a study, seen from outside as it is recorded."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace

from maestro.conductor.lease import conducted_by
from maestro.conductor.store import Happening, Store, StudyInfo, TaskRow
from maestro.engine import State
from maestro.errors import StudyError
from maestro.report.status.course import Course, Sketch
from maestro.report.status.request import Selection
from maestro.report.status.standing import chosen_of, know_steps
from maestro.report.study import open_study

__all__ = ["Following"]

PATIENCE = 0.2
"""Seconds that others are waited for at a time: what was seen last will do meanwhile."""


class Following:
    """Follows those tasks of the study in ``directory`` that ``selection`` chooses by step and
    parameters, whatever their state. The store is open for moments only: at first all tasks are
    copied, later what has been recorded since is read.

    ``info``, ``conductor``, ``course`` and ``total``, the number of all tasks, are as they were
    ``at`` that time; ``trouble`` says why there is no later look, if there is none.

    Raises
    ------
    StudyError
        There is no study, or its store cannot be read.
    UsageError
        It has no such step, or there is something wrong with the condition.
    """

    info: StudyInfo
    course: Course
    conductor: str | None
    total: int
    at: float

    def __init__(self, directory: str, selection: Selection) -> None:
        study = open_study(directory)
        if study.why_not_store is not None:
            _ = study.info  # raises what there is to say
        self.directory = study.directory
        self.trouble: str | None = None
        self._selection = replace(selection, states=())
        self._file: object = None
        self._last = 0
        self._see()

    @property
    def ended(self) -> bool:
        """Whether the study has."""
        return bool(self.info.outcome)

    def look(self) -> list[Happening]:
        """What has happened since the last look, oldest first.

        Raises
        ------
        StudyError
            The study is no longer there, or another has taken its place, of which the condition
            or a step makes no sense.
        """
        try:
            seen = self._see()
        except StudyError as error:
            if not os.path.isdir(self.directory):
                raise StudyError(f"{self.directory} has been moved or removed") from error
            self.trouble = str(error)
            return []
        self.trouble = None
        return seen

    def rows(self, tasks: list[int]) -> list[TaskRow]:
        """The tasks with these ids, as far as they can be read."""
        try:
            with closing(Store.open(self.directory, patience=PATIENCE)) as store:
                return store.tasks_with(tasks)
        except StudyError:
            return []

    def _see(self) -> list[Happening]:
        frozen = None
        with closing(Store.open(self.directory, patience=PATIENCE)) as store, store.moment():
            info, conductor, last = store.info(), conducted_by(store), store.last_event()
            file = store.file, info.created, info.source
            seen = [] if file != self._file else store.happened(self._last)
            if file != self._file or last < self._last:
                frozen = store.frozen()
        now = time.time()
        if frozen is not None:
            know_steps(info.name, frozen.census(), self._selection)
            chosen = chosen_of(frozen, self._selection)
            rows = chosen.select(Sketch._fields)
            states = {state.value: state for state in State}
            sketches = (Sketch(own, step, states[state], *rest) for own, step, state, *rest in rows)
            self.course, self.total, seen = Course(sketches, now), len(frozen), []
        self.info, self.conductor, self.at = info, conductor, now
        self._file, self._last = file, last
        seen = [happening for happening in seen if happening.task in self.course]
        return [happening for happening in seen if self._moves(happening)]

    def _moves(self, happening: Happening) -> bool:
        """Take it in; whether people see another state then."""
        before = self.course.state(happening.task).shown
        self.course.take(happening)
        return happening.state.shown != before
