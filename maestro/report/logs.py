"""``maestro logs``: the log of a study, or what a task prints; as it stands, or as it comes."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from maestro.conductor.files import Irregular, regular
from maestro.conductor.store import StoreHeld, TaskRow
from maestro.conductor.study import log_path
from maestro.conductor.workspace import formers
from maestro.engine import ACTIVE, FAILED, State
from maestro.errors import UsageError, visible
from maestro.report.look import command, one_line
from maestro.report.outputs import ENDINGS, from_last, output, script_name
from maestro.report.study import Study, open_study
from maestro.report.writing import note, wait_for_more
from maestro.spec.values import nearest, plural

__all__ = ["Request", "show"]

PAUSE = 0.5
"""Seconds between two looks whether there is more."""

BLOCK = 1 << 16

_WAITS = frozenset({State.INITIALIZED, *ACTIVE})
"""Of a task that may still print something."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: of ``task`` (None: of the study) the last ``lines`` (0: all) of what its
    ``attempt`` (None: the latest) has printed; with ``follow``, of the latest, also what comes,
    until it has ended.
    """

    task: str | None = None
    lines: int = 100
    attempt: int | None = None
    follow: bool = False


def show(directory: str, request: Request) -> None:
    """Write to the standard output what ``request`` asks for of the study in ``directory``.

    Raises
    ------
    StudyError
        The study cannot be read.
    UsageError
        There is no such task or attempt, or it has printed nothing.
    """
    study = open_study(directory)
    if request.task is None:
        _show_log(study, request)
    elif request.follow:
        _follow_task(study, request.task, request.lines)
    else:
        printer = _Printer(request.lines, headed=True)
        printer.look_for(_outputs(study, request.task, request.attempt))
        printer.copy(last=True)


# ---- of the study --------------------------------------------------------------------------------


def _show_log(study: Study, request: Request) -> None:
    path = log_path(study.directory, study.name)
    printer = _Printer(request.lines, headed=False)
    if not request.follow:
        if not os.path.exists(path):
            raise UsageError(f"there is no log {path}; 'maestro -l FILE' may have put it elsewhere")
        printer.look_for([path])
        printer.copy(last=True)
        return
    watch = _Watch(study)
    while True:
        ended = watch.study_ended()
        printer.look_for([path])
        printer.copy(last=ended)
        if ended:
            return
        wait_for_more(PAUSE)


class _Watch:
    """Sees how a study gets on, though its store may be held by others for a while."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._told = False

    def study_ended(self) -> bool:
        """Whether it has ended, and its conductor, which has the last word, is gone."""
        try:
            outcome, conductor = self._study.outcome, self._study.conducted_by
        except StoreHeld:
            return False
        if outcome is None and conductor is None:
            self._warn()
        return outcome is not None and conductor is None

    def task(self, name: str) -> TaskRow | None:
        """The task; None while that cannot be told.

        Raises
        ------
        UsageError
            There is none.
        """
        try:
            row = _task(self._study, name)
            if State(row.state) in _WAITS and self._study.conducted_by is None:
                self._warn()
        except StoreHeld:
            return None
        return row

    def _warn(self) -> None:
        """Nothing need ever come, and it may: somebody can take the study up."""
        if not self._told:
            self._told = True
            resume = command("resume", self._study.directory)
            note(one_line(f"nobody conducts the study; to go on: {resume}"))


# ---- of a task -----------------------------------------------------------------------------------


def _task(study: Study, name: str) -> TaskRow:
    row = study.task(name)
    if row is None:
        names = [task.name for task in study.tasks()]
        raise UsageError(f"{study.name} has no task '{name}'{nearest(name, names)}")
    return row


def _outputs(study: Study, name: str, attempt: int | None) -> list[str]:
    """The files that an attempt of a task has printed to.

    Raises
    ------
    UsageError
        There is no such task or attempt, or it has left none.
    """
    row = _task(study, name)
    why = command("why", study.directory, name)
    if attempt is None:
        if row.job is None:
            shown = State(row.state).shown
            raise UsageError(f"{name} is {shown}, and has printed nothing; see {why}")
        found = list(_files(study, row, row.job, row.number))
    else:
        jobs = {a.number: a.job for a in study.attempts() if a.task == name}
        if attempt not in jobs:
            had = plural(len(jobs), "attempt")
            raise UsageError(f"{name} has had {had}, and none with number {attempt}")
        found = list(_files(study, row, jobs[attempt] or "", attempt))
    if not found:
        raise UsageError(f"there is no output of {name} in {row.workspace}; see {why}")
    return found


def _files(study: Study, row: TaskRow, job: str, number: int) -> Iterator[str]:
    """What the attempt has left where its task ran, which is elsewhere after a rerun."""
    name = script_name(row, hashed=study.info.settings.hashws)
    places = formers(study.directory, row.workspace)
    later = [place for attempts, place in places if attempts >= number]
    folder = later[0] if later else os.path.join(study.directory, row.workspace)
    for ending in ENDINGS:
        if path := output(folder, name, ending, job, number):
            yield path


def _follow_task(study: Study, name: str, lines: int) -> None:
    printer = _Printer(lines, headed=True)
    watch = _Watch(study)
    while True:
        row = watch.task(name)
        if row is not None and row.job is not None:
            printer.look_for(_files(study, row, row.job, row.number))
        ended = row is not None and State(row.state) not in _WAITS
        printer.copy(last=ended)
        if row is not None and ended:
            failed = State(row.state) in FAILED
            see = f"; see {command('why', study.directory, name)}" if failed else ""
            note(f"{one_line(name)} is {State(row.state).shown}{see}")
            return
        wait_for_more(PAUSE)


# ---- writing -------------------------------------------------------------------------------------


class _Printer:
    """Writes files as they grow, from their last ``lines`` (0: all) on; ``headed`` by their names
    where they take turns. Those that are there later only are written whole. What is no regular
    file is said to be none below its name, and is an error without.
    """

    def __init__(self, lines: int, *, headed: bool) -> None:
        self._lines = lines
        self._headed = headed
        self._files: dict[str, tuple[BinaryIO, codecs.IncrementalDecoder]] = {}
        self._new: dict[str, str] = {}
        self._last = ""

    def look_for(self, paths: Iterable[str]) -> None:
        """Write also these files, those of them that there are.

        Raises
        ------
        OSError
            One cannot be read.
        """
        for path in paths:
            if path in self._files:
                continue
            file: BinaryIO
            try:
                file = open(path, "rb", opener=regular)  # noqa: SIM115
            except FileNotFoundError:
                continue
            except Irregular as error:
                if not self._headed:
                    raise
                file = io.BytesIO(f"{error.strerror}\n".encode())
            start = from_last(file, self._lines) if self._lines else 0
            file.seek(start)
            decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._files[path] = file, decoder
            self._new[path] = ", its end" if start else ""

    def copy(self, *, last: bool = False) -> None:
        """Write what the files have that has not been written; the ``last`` time, also the part of
        a character that one may end with.
        """
        for path, (file, decoder) in self._files.items():
            if (remark := self._new.pop(path, None)) is not None:
                self._head(path, remark)
            while data := file.read(BLOCK):
                self._write(path, decoder.decode(data))
            if last:
                self._write(path, decoder.decode(b"", final=True))
        sys.stdout.flush()
        self._lines = 0

    def _write(self, path: str, text: str) -> None:
        if text and self._last != path:
            self._head(path)
        sys.stdout.write(visible(text))

    def _head(self, path: str, remark: str = "") -> None:
        if not self._headed:
            return
        before = "\n" if self._last else ""
        self._last = path
        sys.stdout.write(f"{before}{one_line(f'==> {path}{remark} <==')}\n")
