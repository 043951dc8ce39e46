"""A study directory as the conductor takes it up: what is stored, and the graph made from it."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro import spec as specification
from maestro.conductor.database import StoreFailed
from maestro.conductor.files import write_private
from maestro.conductor.place import Place, place_of
from maestro.conductor.store import HIDDEN, Store, StudyInfo
from maestro.errors import BackendError, StudyError
from maestro.graph import Layout, Task, layout_of
from maestro.graph.names import safe
from maestro.spec.model import Parameter, Specification

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    "SPECIFICATION",
    "Study",
    "expanded",
    "file_name",
    "keep_specification",
    "ledger_prefix",
    "ledgers",
    "log_path",
    "open_graph",
    "records_folder",
    "see_writable",
    "task_columns",
    "told",
]


log = logging.getLogger(__name__)

SPECIFICATION = f"{HIDDEN}/specification.yaml"
"""The specification that a new study is conducted by; the one beside it is for people."""


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
    """The study of ``store``: the combinations and the specification that it stored, never a
    generator again, nor what people have made of their copy since.

    Raises
    ------
    StudyError, SpecError
        The copy of the specification is gone, or no longer makes the stored tasks.
    """
    study = expanded(store.directory, store.info(), store.parameters())
    if list(study.graph) != list(store.ids()):
        raise StudyError(
            f"{_source(study.directory, study.info)} does not make the tasks that this study was "
            "started with; put the original back, or have what changed run again: "
            f"maestro rerun --spec FILE {shlex.quote(study.directory)}"
        )
    same = place_of(store) is Place.SAME
    return replace(study, directory=study.info.directory) if same else study


def expanded(directory: str, info: StudyInfo, parameters: Sequence[Parameter]) -> Study:
    """The study ``info`` in ``directory``, by the copy of its specification there.

    Raises
    ------
    SpecError
        The copy is gone, or makes no study.
    """
    from maestro.graph import expand  # it takes networkx

    path = _source(directory, info)
    spec = specification.load(path, cwd=info.cwd, specroot=info.specroot)
    return Study(directory, info, spec, expand(spec, parameters, hashws=info.settings.hashws))


def _source(directory: str, info: StudyInfo) -> str:
    # Studies of earlier versions are conducted by the copy that is for people; so are those whose
    # own is gone.
    own = os.path.join(directory, info.source or info.specification)
    if os.path.exists(own):
        return own
    other = os.path.join(directory, info.specification)
    log.warning("%s is gone; the study is taken to be what %s says", own, other)
    return other


_REMEDIES = {
    errno.ENOSPC: "make room, and",
    errno.EDQUOT: "make room, and",
    errno.EROFS: "make it writable, and",
    errno.EACCES: "make it writable, and",
    errno.EPERM: "make it writable, and",
}

_PAGE = 4096


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
    except (StoreFailed, BackendError) as error:
        if isinstance(error, BackendError) and error.number is None:
            raise
        raise StudyError(f"{error}; {_again(directory, error.number)}") from error
    except OSError as error:
        what = f"{error.filename or directory} cannot be used: {error.strerror or error}"
        raise StudyError(f"{what}; {_again(directory, error.errno)}") from error


def see_writable(directory: str) -> None:
    """See whether the study in ``directory`` can be written, before anything is begun there.

    Raises
    ------
    StudyError
        It cannot.
    """
    try:
        folder = os.path.join(directory, HIDDEN)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_PAGE))
    except OSError as error:
        raise StudyError(
            f"{directory} cannot be written: {error.strerror}; {_again(directory, error.errno)}"
        ) from error


def _again(directory: str, number: int | None) -> str:
    """What to do about an error of the file system, by its number."""
    if not os.path.isdir(directory):
        return "where it is now, the study can be taken up again"
    remedy = _REMEDIES.get(number or 0, "once that is mended,")
    command = shlex.join(["maestro", "resume", directory])
    return f"{remedy} the study can be taken up again: {command}"


def keep_specification(path: str, source: str) -> None:
    """Make a private copy, ``path``, of the specification ``source``.

    Raises
    ------
    OSError
        It cannot be written.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(source, "rb") as file:
        text = file.read()
    write_private(path, text)


def ledger_prefix(directory: str, epoch: int) -> str:
    """What the names of the ledgers begin with that the holder of ``epoch`` makes."""
    return os.path.join(directory, HIDDEN, f"ledger-{epoch:06d}")


def ledgers(directory: str) -> list[str]:
    """The ledgers of all conductors so far, oldest first."""
    folder = os.path.join(directory, HIDDEN)
    found = (re.fullmatch(r"ledger-(\d+)-(\d+)\.jsonl", name) for name in os.listdir(folder))
    numbers = sorted((int(match[1]), int(match[2]), match[0]) for match in found if match)
    return [os.path.join(folder, name) for *_, name in numbers]


def records_folder(directory: str) -> str:
    """Where the jobs of the study in ``directory`` write of themselves."""
    return os.path.join(directory, HIDDEN, "jobs")


def task_columns(node: str, task: Task) -> tuple[str, str, str, str]:
    """What the store keeps of a task from the start: name, step, workspace, params as JSON."""
    return node, task.step.name, task.workspace, json.dumps(task.combination.values)


def file_name(study: str) -> str:
    """The name of the study called ``study`` in the names of its files."""
    return safe(study) or "study"


def log_path(directory: str, study: str) -> str:
    """The log file of the study called ``study`` in ``directory``."""
    return os.path.join(directory, "logs", f"{file_name(study)}.log")
