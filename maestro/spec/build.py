"""From YAML data to a `Specification`.

The data may be of the wrong shape: what cannot be used is passed over, so that the checks on the
result find all there is to find. Steps keep their places, so that indices are those of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from maestro.spec.collect import build_collect
from maestro.spec.environment import build_environment, substituter
from maestro.spec.model import Batch, Dependency, Parameter, Specification, Step
from maestro.spec.reader import Document
from maestro.spec.resources import build_resources
from maestro.spec.tokens import tokens
from maestro.spec.values import as_value, items, mapping, text_of

__all__ = ["build", "dependency", "labels_for"]

_FUNNEL = re.compile(r"_\*|\*")
_PLAIN = frozenset({str, int, float, bool, type(None)})
LABEL_TOKEN = "%%"


def build(document: Document, path: str, cwd: str, specroot: str) -> Specification:
    """The specification that ``document`` holds, as far as it can be made out."""
    data = mapping(document.data)
    description = mapping(data.get("description"))
    environment = build_environment(data.get("env"), cwd, specroot)
    apply = substituter(environment.resolved)
    steps = [_step(mapping(step), apply) for step in items(data.get("study"))]
    parameters = mapping(data.get("global.parameters")).items()
    return Specification(
        name=text_of(description.get("name")),
        description=text_of(description.get("description")),
        steps=_with_workspaces(steps),
        parameters=tuple(_parameter(name, mapping(entry)) for name, entry in parameters),
        environment=environment,
        batch=_batch(mapping(data.get("batch"))),
        path=path,
        specroot=specroot,
        positions=document.values,
    )


def _parameter(name: str, entry: Mapping[str, Any]) -> Parameter:
    """The parameter ``name`` of ``global.parameters``."""
    raw = items(entry.get("values"))
    values = tuple(v if type(v) in _PLAIN else as_value(v) for v in raw)
    labels = labels_for(name, values, entry.get("label"))
    return Parameter(name, values, labels, text_of(entry.get("name")) or name)


def labels_for(
    name: str, values: Iterable[Any], label: Any, token: str = LABEL_TOKEN
) -> tuple[str, ...]:
    """``label`` with each of ``values`` in place of ``token``, or the items of a list."""
    if isinstance(label, (list, tuple)):
        return tuple(map(str, label))
    template = str(label) if label else f"{name}.{token}"
    return tuple([template.replace(token, str(value)) for value in values])


def _batch(batch: Mapping[str, Any]) -> Batch:
    kind = text_of(batch.get("type")) or "local"
    shell = text_of(batch.get("shell")).strip() or "/bin/bash"
    return Batch(kind.lower(), shell, dict(batch))


def _step(step: Mapping[str, Any], apply: Callable[[str], str]) -> Step:
    run = mapping(step.get("run"))

    def text(value: Any) -> str:
        return apply(text_of(value))

    depends = (text(d) for d in items(run.get("depends")))
    return Step(
        name=text(step.get("name")),
        description=text(step.get("description")),
        cmd=text(run.get("cmd")),
        restart=text(run.get("restart")),
        depends=tuple(dict.fromkeys(dependency(d) for d in depends if d)),
        resources=build_resources(run, apply),
        pre=text(run.get("pre")),
        post=text(run.get("post")),
        collect=build_collect(step.get("collect"), apply),
    )


def dependency(text: str) -> Dependency:
    """An entry of ``depends``: ``step``, or ``step_*`` for all of its combinations."""
    return Dependency(_FUNNEL.sub("", text), funnel="*" in text)


def _with_workspaces(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, each with the existing steps whose workspaces its commands name."""
    steps = list(steps)
    known = {step.name for step in steps if step.name}
    return tuple(replace(step, workspaces=_workspaces(step, known)) for step in steps)


def _workspaces(step: Step, known: Collection[str]) -> tuple[str, ...]:
    used: dict[str, None] = {}
    for text in (step.cmd, step.restart):
        for inner, _ in tokens(text):
            if inner.endswith(".workspace") and inner[: -len(".workspace")] in known:
                used[inner[: -len(".workspace")]] = None
    return tuple(used)
