"""The files in a study directory that describe it to people and their scripts."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import yaml

from maestro.conductor.study import Study
from maestro.graph import tasks
from maestro.graph.task import label
from maestro.spec.model import Parameter

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["write"]


def write(study: Study, parameters: Sequence[Parameter]) -> None:
    """Write ``batch.info`` and the files of ``meta``; only the owner may read the environment.

    Raises
    ------
    OSError
        One cannot be written.
    """
    batch = {**study.spec.batch.settings, "type": study.spec.batch.type}
    meta = os.path.join(study.directory, "meta")
    os.makedirs(meta, exist_ok=True)
    _write(os.path.join(study.directory, "batch.info"), [_yaml(batch)])
    environment = (_line(name, value) for name, value in sorted(os.environ.items()))
    _write(os.path.join(meta, "environment.yaml"), environment, mode=0o600)
    _write(os.path.join(meta, "parameters.yaml"), _parameters(parameters))
    _write(os.path.join(meta, "metadata.yaml"), _metadata(study))
    if study.layout.hashed:
        _write(os.path.join(meta, "workspaces.yaml"), _index(study.graph))


def _write(path: str, texts: Iterable[str], mode: int = 0o666) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.writelines(texts)


def _yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, allow_unicode=False)
    return text


def _parameters(parameters: Sequence[Parameter]) -> Iterator[str]:
    """Values and labels by token, for every combination."""
    if not parameters:
        yield "{}\n"
        return
    values = [f"$({p.name})" for p in parameters]
    labels = [f"$({p.name}.label)" for p in parameters]
    for row in range(len(parameters[0].values)):
        shown = {n: p.labels[row] for n, p in zip(labels, parameters, strict=True)}
        given = {n: p.values[row] for n, p in zip(values, parameters, strict=True)}
        yield _line(".".join(shown.values()), {"labels": shown, "params": given})


def _metadata(study: Study) -> Iterator[str]:
    """What the expansion made of the steps."""
    plain = {s.name: sorted(d.step for d in s.depends if not d.funnel) for s in study.spec.steps}
    funnels = {s.name: sorted(s.funnels()) for s in study.spec.steps}
    yield from _section("dependencies", plain.items())
    yield from _section("hub_dependencies", funnels.items())
    yield from _section("used_parameters", ((s, list(u)) for s, u in study.layout.uses.items()))
    workspaces = ((node, task.workspace) for node, task in tasks(study.graph))
    yield from _section("workspaces", workspaces)
    combinations: dict[str, dict[str, str]] = {}
    for node, task in tasks(study.graph):
        combinations.setdefault(task.step.name, {})[node] = task.workspace
    yield from _section("step_combinations", combinations.items())


def _section(name: str, entries: Iterable[tuple[str, object]]) -> Iterator[str]:
    """A mapping under ``name``; without entries it is written as an empty one."""
    lines = [_line(key, value, "  ") for key, value in entries]
    yield f"{name}:\n" if lines else f"{name}: {{}}\n"
    yield from lines


def _index(graph: nx.DiGraph[str]) -> Iterator[str]:
    """For hashed workspaces: what each stands for."""
    for node, task in tasks(graph):
        if task.combination.parameters:
            entry = {
                "task": node,
                "label": label(task.combination),
                "params": task.combination.values,
            }
            yield _line(task.workspace, entry)


_LONGEST_KEY = 1000
"""YAML looks no further for the colon behind a key (1024 characters)."""

_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")


_encode = json.JSONEncoder(ensure_ascii=True).encode


def _line(key: str, value: object, indent: str = "") -> str:
    """``key: value`` as one line of YAML; the YAML writer is forty times as slow."""
    name = _flow(key)
    if len(name) > _LONGEST_KEY:
        return f"{indent}? {name}\n{indent}: {_flow(value)}\n"
    return f"{indent}{name}: {_flow(value)}\n"


def _flow(value: object) -> str:
    """``value`` in YAML's flow style, which is JSON's but for floats and surrogate pairs."""
    if isinstance(value, dict):
        return "{" + ", ".join(_pair(k, v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return _float(value)
    text = _encode(value)
    return _SURROGATES.sub(_code_point, text) if "\\ud" in text else text


def _pair(key: str, value: object) -> str:
    name = _flow(key)
    return f"{'? ' if len(name) > _LONGEST_KEY else ''}{name}: {_flow(value)}"


def _float(value: float) -> str:
    """YAML 1.1 wants a point in every float."""
    if math.isfinite(value):
        text = repr(value)
        return text if "." in text else text.replace("e", ".0e")
    return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"


def _code_point(match: re.Match[str]) -> str:
    high, low = (int(part, 16) for part in match.groups())
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"
