"""Writing what a task needs on disk: its workspace and its scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from maestro.adapters.base import Job
from maestro.adapters.codec import Codec, Scheduler
from maestro.conductor.files import regular
from maestro.conductor.store import HIDDEN
from maestro.conductor.study import Study
from maestro.engine import AttemptId
from maestro.errors import StudyError
from maestro.graph import Task, task_of
from maestro.graph.render import Rendered, render
from maestro.spec.resources import walltime_seconds

__all__ = ["Writer", "former", "formers"]

MODE = 0o744


def former(directory: str, workspace: str, attempts: int) -> str:
    """Where ``workspace``, relative to the study's ``directory``, is kept as it was after so many
    attempts, when its task is run again: where no pattern over workspaces finds it.
    """
    return os.path.join(directory, "meta", "former", f"{workspace}.attempt-{attempts}")


def formers(directory: str, workspace: str) -> list[tuple[int, str]]:
    """What is kept of ``workspace``, by how many attempts there had been, the oldest first."""
    folder, name = os.path.split(former(directory, workspace, 0).removesuffix("0"))
    try:
        names = [entry for entry in os.listdir(folder) if entry.startswith(name)]
    except OSError:
        return []
    numbers = [int(found) for e in names if (found := e.removeprefix(name)).isdecimal()]
    return [(number, former(directory, workspace, number)) for number in sorted(numbers)]


class Writer:
    """Writes the workspaces and scripts of one study. ``kept`` tells how many attempts the tasks
    that are run again had had before: what those left is put aside.
    """

    def __init__(
        self, study: Study, codec: Codec, kept: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._study = study
        self._codec = codec
        self._kept = kept
        self._scheduler = codec if isinstance(codec, Scheduler) else None
        self._scripts = study.info.settings.scripts
        self._enforce = bool(study.spec.batch.settings.get("enforce walltime"))

    def write(self, node: str) -> None:
        """Make the workspace of ``node`` and (again) its scripts.

        Raises
        ------
        OSError, StudyError
            The file system refused, or the study directory is gone.
        """
        task = task_of(self._study.graph, node)
        self._write(task, self._render(task))

    def job(self, attempt: AttemptId, *, restart: bool) -> Job:
        """Write what ``attempt`` needs, and say how to run it. A restart finds the workspace and
        scripts of the attempt before it, which are left as they are.

        Raises
        ------
        OSError, StudyError
            The file system refused, or the study directory is gone.
        """
        study = self._study
        task = task_of(study.graph, attempt.task)
        workspace = os.path.join(study.directory, task.workspace)
        if before := self._kept.get(attempt.task):
            self._put_aside(task, workspace, before)
        rendered = self._render(task)
        script = self._path(workspace, rendered.file, restart=restart)
        if not (restart and os.path.exists(script)):
            self._write(task, rendered)
        output = os.path.join(workspace, rendered.file)
        if self._scheduler is not None and rendered.resources.scheduled:
            job = Job(attempt, script, workspace, output)
            return self._scheduled(self._scheduler, job, rendered)
        limit = walltime_seconds(rendered.resources.walltime) if self._enforce else None
        return Job(attempt, script, workspace, output, limit)

    def _put_aside(self, task: Task, workspace: str, attempts: int) -> None:
        """Keep what the ``attempts`` before the rerun have left; once: others may follow, and the
        first that was intended need not have come so far.
        """
        place = former(self._study.directory, task.workspace, attempts)
        if os.path.lexists(place):
            return
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if os.path.lexists(workspace):
            os.rename(workspace, place)
        else:  # what an attempt of the rerun leaves is not to be taken for it
            os.mkdir(place)

    def _scheduled(self, scheduler: Scheduler, job: Job, rendered: Rendered) -> Job:
        """``job`` for a scheduler, which heeds what the script says now: people may have changed
        it. Scripts in a temporary directory are copied to where the nodes of a cluster see them.
        """
        with open(
            job.script, encoding="utf-8", errors="surrogateescape", opener=regular
        ) as file:
            directives = scheduler.directives(file.read())
        script = job.script
        if self._scripts is not None:
            folder = os.path.join(self._study.directory, HIDDEN, "scripts")
            os.makedirs(folder, mode=0o700, exist_ok=True)
            script = shutil.copy(script, folder)
            os.chmod(script, 0o700)
        step = task_of(self._study.graph, job.attempt.task).step.name
        return replace(
            job, script=script, step=step, resources=rendered.resources, directives=directives
        )

    def _render(self, task: Task) -> Rendered:
        study = self._study
        return render(study.spec, study.layout, task, study.directory)

    def _write(self, task: Task, rendered: Rendered) -> None:
        study = self._study
        workspace = os.path.join(study.directory, task.workspace)
        if not os.path.isdir(study.directory):  # which is not to be made anew
            raise StudyError(
                f"{study.directory} has been moved or removed; where it is now, the study can be "
                "taken up again"
            )
        os.makedirs(workspace, exist_ok=True)
        if self._scripts is not None:
            os.makedirs(self._scripts, mode=0o700, exist_ok=True)
        for command, restart in ((rendered.cmd, False), (rendered.restart, True)):
            if command:
                path = self._path(workspace, rendered.file, restart=restart)
                _write_script(path, self._codec.script(rendered, command))

    def _path(self, workspace: str, name: str, *, restart: bool) -> str:
        ending = f"{'.restart' if restart else ''}{self._codec.extension}"
        return os.path.join(self._scripts or workspace, name + ending)


def _write_script(path: str, text: str) -> None:
    file = regular(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    rest = memoryview(text.encode("utf-8", "surrogateescape"))
    try:
        while rest:  # a disk that is all but full takes a part, and only then complains
            rest = rest[os.write(file, rest) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(file)
