"""Writing what a task needs on disk: its workspace and its scripts."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace

from maestro.adapters.base import AttemptId, Job
from maestro.adapters.codec import Codec
from maestro.conductor.study import Study
from maestro.graph import Task, task_of
from maestro.graph.render import Rendered, render
from maestro.spec.resources import walltime_seconds
from maestro.spec.tokens import apply_launcher

__all__ = ["Writer"]

MODE = 0o744


class Writer:
    """Writes the workspaces and scripts of one study."""

    def __init__(self, study: Study, codec: Codec) -> None:
        self._study = study
        self._codec = codec
        self._scripts = study.info.settings.scripts
        self._enforce = bool(study.spec.batch.settings.get("enforce walltime"))

    def write(self, node: str) -> None:
        """Make the workspace of ``node`` and (again) its scripts.

        Raises
        ------
        OSError
            The file system refused.
        """
        self._write(task_of(self._study.graph, node))

    def job(self, attempt: AttemptId, *, restart: bool) -> Job:
        """Write what ``attempt`` needs, and say how to run it. A restart finds the workspace and
        scripts of the attempt before it, which are left as they are.

        Raises
        ------
        OSError
            The file system refused.
        """
        study = self._study
        task = task_of(study.graph, attempt.task)
        workspace = os.path.join(study.directory, task.workspace)
        name = study.layout.script(task)
        folder = self._scripts or workspace
        script = os.path.join(folder, self._codec.file_name(name, restart=restart))
        if restart and os.path.exists(script):
            rendered = render(study.spec, study.layout, task, study.directory)
        else:
            rendered = self._write(task)
        limit = walltime_seconds(rendered.resources.walltime) if self._enforce else None
        return Job(attempt, script, workspace, os.path.join(workspace, name), limit)
