"""Another specification for a study that there is: what it changes, and putting it in place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from maestro import spec as specification
from maestro.adapters.codec import Codec
from maestro.adapters.registry import codec_for
from maestro.conductor import dependencies, metadata
from maestro.conductor.store import HIDDEN, StudyInfo
from maestro.conductor.study import Study, keep_specification
from maestro.conductor.workspace import former
from maestro.errors import SpecError
from maestro.graph import expand, task_of, tasks
from maestro.graph.names import canonical
from maestro.graph.render import render
from maestro.spec.model import Parameter, Specification

__all__ = ["Revision", "changed", "install", "revise", "surroundings"]


@dataclass(frozen=True, slots=True)
class Revision:
    """``study`` as another specification has it, with its combinations; ``gone`` are the tasks that
    this one no longer makes, with their workspaces.
    """

    study: Study
    parameters: tuple[Parameter, ...]
    generator: str | None
    gone: dict[str, str]


def surroundings(study: Study, path: str) -> dict[str, str]:
    """What `maestro.spec.check` is to be told of the specification ``path``: ``cwd``, and
    ``specroot``; of the study's own copies, those that the original was read with.
    """
    if _inside(study, path):
        return {"cwd": study.info.cwd, "specroot": study.info.specroot}
    return {"cwd": os.getcwd(), "specroot": os.path.dirname(os.path.abspath(path))}


def revise(
    study: Study,
    spec: Specification,
    generator: str | None = None,
    arguments: Sequence[str] | None = None,
) -> Revision:
    """``study`` by ``spec``, which was read in its `surroundings`. Where the study has a generator,
    that is run again, or ``generator`` instead; ``arguments`` are its ``--pargs``, by default those
    of the study.

    Raises
    ------
    SpecError
        They make no study.
    """
    info = study.info
    if generator is None and info.generator is not None:
        generator = os.path.join(study.directory, info.generator)
    if arguments is None:
        arguments = info.arguments
    if generator is None:
        problems = specification.check_tasks(spec)
        if problems:
            raise SpecError(problems)
        parameters = spec.parameters
    else:
        parameters = specification.generate(generator, spec, arguments, study.directory)
    names = [os.path.basename(path) for path in (spec.path, generator) if path is not None]
    own = [info.specification] if os.path.dirname(spec.path) == _hidden(study) else names[:1]
    graph = expand(spec, parameters, hashws=info.settings.hashws, reserved=[*own, *names[1:]])
    info = replace(
        info,
        name=spec.name,
        description=spec.description,
        specification=own[0],
        cwd=surroundings(study, spec.path)["cwd"],
        specroot=spec.specroot,
        generator=names[1] if generator is not None else None,
        arguments=tuple(arguments) if generator is not None else (),
    )
    gone = {node: task.workspace for node, task in tasks(study.graph) if node not in graph}
    return Revision(Study(study.directory, info, spec, graph), parameters, generator, gone)


def changed(old: Study, new: Study) -> Iterator[tuple[str, str]]:
    """The tasks of ``new`` whose script, parameters or parents are others than in ``old``, each
    with what has changed. How long, where and when a script may run changes nothing in it.
    """
    codec = codec_for(new.spec.batch)
    for node, task in tasks(new.graph):
        if node not in old.graph:
            yield node, "it is new"
        elif canonical(task.combination) != canonical(task_of(old.graph, node).combination):
            yield node, "its parameters have changed"
        elif set(new.graph.predecessors(node)) != set(old.graph.predecessors(node)):
            yield node, "its parents have changed"
        elif _script(old, node, codec) != _script(new, node, codec):
            yield node, "its script has changed"


def _script(study: Study, node: str, codec: Codec) -> tuple[str, ...] | None:
    """What the scripts of a task do; None where it cannot be said of ``codec``."""
    task = task_of(study.graph, node)
    rendered = render(study.spec, study.layout, task, study.directory)
    plain = replace(
        rendered.resources,
        walltime=None, priority=None, qos=None, reservation=None, allocation_args=(),
    )  # fmt: skip
    rendered = replace(rendered, description="", resources=plain)
    commands = [command for command in (rendered.cmd, rendered.restart) if command]
    try:
        texts = [codec.script(rendered, command) for command in commands]
    except SpecError:
        return None
    return study.spec.batch.shell, *texts


def install(old: Study, revision: Revision, number: int, attempts: dict[str, int]) -> StudyInfo:
    """Put the files of ``revision`` in place, as the study's ``number``-th; ``attempts`` are those
    of the tasks that are gone, whose workspaces are put aside. Nothing that the study is conducted
    by has changed until the store names it.

    Raises
    ------
    SpecError
        A dependency is missing, or cannot be acquired.
    OSError
        The file system refused.
    """
    study = revision.study
    dependencies.acquire(study.spec, study.directory, known=old.spec)
    for node, workspace in revision.gone.items():
        _put_aside(os.path.join(study.directory, workspace),
                   former(study.directory, workspace, attempts[node]))  # fmt: skip
    copies = (study.spec.path, old.info.specification), (revision.generator, old.info.generator)
    for source, before in copies:
        if source is not None and not _inside(study, source):
            name = os.path.basename(source)
            for other in {name, before or name}:
                _put_aside(
                    os.path.join(study.directory, other), former(study.directory, other, number)
                )
            shutil.copy(source, os.path.join(study.directory, name))
    kept = f"{HIDDEN}/specification-{number:06d}.yaml"
    keep_specification(os.path.join(study.directory, kept), study.spec.path)
    metadata.write(study, revision.parameters)
    return replace(study.info, source=kept)


def _put_aside(path: str, place: str) -> None:
    if os.path.lexists(path) and not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.rename(path, place)


def _hidden(study: Study) -> str:
    return os.path.join(study.directory, HIDDEN)


def _inside(study: Study, path: str) -> bool:
    """Whether ``path`` is one of the study's own copies."""
    folder = os.path.dirname(os.path.realpath(path))
    return folder in (os.path.realpath(study.directory), os.path.realpath(_hidden(study)))
