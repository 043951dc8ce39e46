"""Making the directory of a new study, wholly or not at all."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from maestro import __version__
from maestro import spec as specification
from maestro.adapters import host
from maestro.conductor import dependencies, metadata, snapshot
from maestro.conductor.lease import Lease
from maestro.conductor.store import FILE, Settings, Store, StudyInfo
from maestro.conductor.study import (
    SPECIFICATION,
    Study,
    file_name,
    keep_specification,
    task_columns,
)
from maestro.errors import SpecError, StudyError, UsageError
from maestro.graph import expand, tasks
from maestro.spec.model import Parameter, Specification

__all__ = ["Plan", "in_the_way", "prepare"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A study to be made from ``spec``.

    ``out`` is the exact directory, or None for one of its own below ``OUTPUT_PATH``; ``replace``
    allows a study that is there already to be removed; ``generator`` is the file of ``-p`` and
    ``arguments`` are its ``--pargs``.
    """

    spec: Specification
    settings: Settings
    out: str | None = None
    replace: bool = False
    generator: str | None = None
    arguments: Sequence[str] = ()
    cwd: str = field(default_factory=os.getcwd)


def in_the_way(out: str) -> bool:
    """Whether a study stands where one is to be made.

    Raises
    ------
    UsageError
        Something else stands there, which is never removed.
    """
    if not os.path.lexists(out):
        return False
    if os.path.isfile(os.path.join(out, FILE)):
        return True
    if os.path.isdir(out) and not os.listdir(out):
        return False
    raise UsageError(f"{out} exists and is not a study directory; name another with -o")


def prepare(plan: Plan) -> Study:
    """Make the study directory with everything in it but the workspaces.

    Raises
    ------
    SpecError, StudyError, UsageError
        It cannot be made; then nothing is left behind, and what stood there stands again.
    """
    spec = plan.spec
    with _directory(plan) as directory, _told(directory):
        if plan.generator is None:
            parameters = spec.parameters
            problems = specification.check_tasks(spec)
            if problems:
                raise SpecError(problems)
        else:
            parameters = specification.generate(plan.generator, spec, plan.arguments, directory)
        copies = [os.path.basename(p) for p in (spec.path, plan.generator) if p is not None]
        graph = expand(spec, parameters, hashws=plan.settings.hashws, reserved=copies)
        made = dependencies.acquire(spec, directory)
        try:
            info = _info(plan, directory)
            study = Study(directory, info, spec, graph)
            _fill(study, plan, parameters)
        except BaseException:
            for path in made:
                shutil.rmtree(path, ignore_errors=True)
            raise
    return study


def _info(plan: Plan, directory: str) -> StudyInfo:
    spec = plan.spec
    return StudyInfo(
        name=spec.name,
        description=spec.description,
        directory=directory,
        specification=os.path.basename(spec.path),
        source=SPECIFICATION,
        specroot=spec.specroot,
        cwd=plan.cwd,
        created=time.time(),
        settings=plan.settings,
        generator=None if plan.generator is None else os.path.basename(plan.generator),
        arguments=tuple(plan.arguments),
        version=__version__,
        python=platform.python_version(),
        host=host.hostname(),
        identity=secrets.token_hex(6),
    )


def _fill(study: Study, plan: Plan, parameters: Sequence[Parameter]) -> None:
    directory = study.directory
    os.makedirs(os.path.join(directory, "logs"), exist_ok=True)
    for source in (plan.spec.path, plan.generator):
        if source is not None:
            shutil.copy(source, directory)
    keep_specification(os.path.join(directory, SPECIFICATION), plan.spec.path)
    metadata.write(study, parameters)
    rows = (task_columns(node, task) for node, task in tasks(study.graph))
    store = Store.create(directory, study.info, parameters, rows)
    try:
        if not plan.settings.dry:  # which has its own to write before long
            snapshot.write(directory, store.tasks(), time.time())
    finally:
        store.close()


@contextmanager
def _told(directory: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.filename2 or error.filename or directory  # a copy, or a new name, comes second
        raise StudyError(
            f"{what} cannot be used: {error.strerror or error}; the study "
            "has not been made"
        ) from error


@contextmanager
def _directory(plan: Plan) -> Iterator[str]:
    """A directory of the study's own; removed again when making the study fails."""
    aside = None
    parent, directory = _place(plan)
    if directory is not None and in_the_way(directory):
        if not plan.replace:
            raise UsageError(f"{directory} is a study already; name another with -o")
        aside = _put_aside(directory)
    absent = list(_absent(parent))
    try:
        if directory is None:
            directory = _new_directory(plan, parent)
        else:
            _make(directory, exist_ok=True)
        yield directory
    except BaseException:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
        for path in absent:
            with suppress(OSError):  # it never came to be, or others have used it
                os.rmdir(path)
        if directory is not None and aside is not None:
            os.rename(aside, directory)
        raise
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def _place(plan: Plan) -> tuple[str, str | None]:
    """The folder that the study's directory goes into, and that directory, if ``-o`` names it."""
    if plan.out is None:
        output = plan.spec.environment.output_path or "."
        return os.path.abspath(os.path.join(plan.cwd, output)), None
    directory = os.path.abspath(os.path.join(plan.cwd, plan.out))
    if os.path.islink(directory):  # what it leads to is replaced, and the link stays
        directory = os.path.realpath(directory)
    return os.path.dirname(directory), directory


def _absent(path: str) -> Iterator[str]:
    """``path`` and the folders above it, as far as they are not there yet."""
    while not os.path.lexists(path):
        yield path
        path = os.path.dirname(path)


def _new_directory(plan: Plan, parent: str) -> str:
    """A new directory named after the study and the time, exclusively: two runs in one second
    get two.
    """
    name = file_name(plan.spec.name)
    while True:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        directory = os.path.join(parent, f"{name}_{stamp}")
        try:
            _make(directory, exist_ok=False)
        except FileExistsError:
            time.sleep(0.1)
        else:
            return directory


def _make(directory: str, *, exist_ok: bool) -> None:
    try:
        os.makedirs(directory, exist_ok=exist_ok)
    except FileExistsError:
        raise
    except OSError as error:
        raise UsageError(f"{directory} cannot be made: {error.strerror}") from error


def _put_aside(directory: str) -> str:
    """Move a study out of the way, unless it is being conducted."""
    store = Store.open(directory, write=True)
    try:
        Lease(store).release()
    finally:
        store.close()
    aside = f"{directory}.replaced-{os.getpid()}"
    os.rename(directory, aside)
    return aside
