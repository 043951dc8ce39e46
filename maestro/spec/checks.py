"""What a schema cannot say: names that must be different, known, and free of cycles.

Each check yields problems on a specification whose parts may be missing or misshapen; those are
the schema's to report.
"""

from __future__ import annotations

import graphlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

from maestro.errors import Position, Problem
from maestro.spec.build import dependency
from maestro.spec.collect import collect_problems
from maestro.spec.environment import OUTPUT_PATH, SPECROOT, names, raw_texts, substituter, uses
from maestro.spec.model import Combination, Parameter, Specification, Step
from maestro.spec.reader import Document
from maestro.spec.resources import check_launchers, resolve_resources, resource_problems
from maestro.spec.tokens import tokens, used_parameters
from maestro.spec.values import entries, items, mapping, nearest, plural, shown, text_of

__all__ = ["BACKENDS", "PLUGINS", "check_all", "check_parameters", "check_tasks", "token_place"]

BACKENDS = frozenset({"local", "slurm", "lsf", "flux"})
"""The types of ``batch`` that Maestro brings along."""

PLUGINS = "maestro.adapters"
"""The group of entry points whose names are further types."""

HOST_BANK_QUEUE = ("host", "bank", "queue")
_ALLOCATION = re.compile(r"\$\(LAUNCHER\)\[[^\]\n]*")
_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.()]")


def check_all(document: Document, spec: Specification) -> list[Problem]:
    """All that is wrong with ``spec``, which was built from ``document``."""
    found: list[Problem] = []
    found += _environment(document)
    found += _batch(document, spec)
    found += _steps(document, spec)
    found += _depends(document, spec)
    found += _cycles(document, spec)
    found += _labels(document)
    found += collect_problems(document)
    found += check_parameters(spec, spec.parameters)
    found += check_tasks(spec, final=False)
    return found


def check_parameters(spec: Specification, parameters: Sequence[Parameter]) -> list[Problem]:
    """What is wrong with ``parameters`` taken together: names that the environment has too, and
    unequal numbers of values.
    """
    found = []
    taken = {*spec.environment.resolved, OUTPUT_PATH, SPECROOT}
    first = parameters[0] if parameters else None
    for p in parameters:
        path = ("global.parameters", p.name)
        if p.name in taken:
            own = p.name in (OUTPUT_PATH, SPECROOT)
            other = "is a name of Maestro's own" if own else "has the name of an entry of 'env'"
            message = f"parameter '{p.name}' {other}; rename it"
            found.append(Problem("shadowed-name", message, spec.where(*path)))
        if first is not None and len(p.values) != len(first.values):
            message = (
                f"parameter '{p.name}' has {plural(len(p.values), 'value')}, and '{first.name}' "
                f"has {len(first.values)}; all parameters need equally many"
            )
            found.append(Problem("unequal-values", message, spec.where(*path, "values")))
    return found


def check_tasks(
    spec: Specification, parameters: Sequence[Parameter] | None = None, *, final: bool = True
) -> list[Problem]:
    """What is wrong with the resources and launcher calls of the tasks of ``spec`` over
    ``parameters``, its own when None.

    Only the combinations that differ in what these texts use are gone over, and each cause is
    reported once. A token that nothing replaces is an error if the parameters are ``final``, else
    a warning: a generator file may still bring it.
    """
    columns = spec.parameters if parameters is None else parameters
    found: dict[tuple[Any, ...], Problem] = {}
    for step in spec.steps:
        for combination in _projections(step, columns):
            for problem in _task_problems(spec, step, combination, final):
                found.setdefault((problem.code, problem.position, step.name), problem)
    return list(found.values())


def _task_problems(
    spec: Specification, step: Step, combination: Combination, final: bool
) -> Iterator[Problem]:
    problems = resource_problems(spec, step, combination)
    for problem in problems:
        if problem.code == "unresolved-token" and not final:
            yield Problem(problem.code, problem.message, problem.position, "warning")
        else:
            yield problem
    if all(problem.code == "walltime" for problem in problems):
        resources = resolve_resources(spec, step, combination)
        yield from check_launchers(spec, step, combination, resources)


def _projections(step: Step, columns: Sequence[Parameter]) -> Iterator[Combination]:
    """The combinations that differ in what the resources and launcher calls of ``step`` use."""
    calls = " ".join(_ALLOCATION.findall(f"{step.cmd}\n{step.restart}"))
    part = Step("", "", cmd=calls, resources=step.resources)
    used = used_parameters(part, [p.name for p in columns])
    chosen = tuple(p for p in columns if p.name in used)
    # Unequal lists have been reported; without values there are no combinations to check.
    height = min((min(len(p.values), len(p.labels)) for p in chosen), default=1)
    seen: set[tuple[tuple[str, str], ...]] = set()
    for row in range(height):
        key = tuple((str(p.values[row]), p.labels[row]) for p in chosen)
        if key not in seen:
            seen.add(key)
            yield Combination(chosen, row)


def _environment(document: Document) -> Iterator[Problem]:
    env = mapping(document.data).get("env")
    seen: dict[str, str] = {}
    for name, kind, path in names(env):
        if name == SPECROOT:
            message = f"{kind} '{SPECROOT}' is a name of Maestro's own; rename it"
            yield Problem("shadowed-name", message, document.where_key(path))
        elif name in seen:
            message = f"{kind} '{name}' has the name of a {seen[name]}; rename one of them"
            yield Problem("duplicate-name", message, document.where_key(path))
        seen.setdefault(name, kind)
    places = {name: path for name, _, path in names(env)}
    used = uses(raw_texts(env))
    for cycle in _find_cycles(used):
        message = f"'env' entries refer to each other: {' -> '.join(cycle)}"
        yield Problem("environment-cycle", message, document.where_key(places[cycle[0]]))
    dependencies = mapping(mapping(env).get("dependencies"))
    for i, entry in entries(dependencies.get("git")):
        refs = {key: entry[key] for key in ("tag", "hash", "branch") if entry.get(key)}
        if len(set(map(str, refs.values()))) > 1:
            message = (
                f"git dependency '{text_of(entry.get('name'))}' has {' and '.join(refs)}; "
                "give at most one of tag, hash and branch"
            )
            at = document.where_key(("env", "dependencies", "git", i, list(refs)[1]))
            yield Problem("git-refs", message, at)


def _batch(document: Document, spec: Specification) -> Iterator[Problem]:
    batch = mapping(mapping(document.data).get("batch"))
    kind = batch.get("type")
    if isinstance(kind, str) and kind.lower() not in (backends := _backends(kind)):
        known = ", ".join(sorted(backends))
        message = f"unknown 'batch' type '{kind}'; known are {known}{nearest(kind, backends)}"
        yield Problem("unknown-batch-type", message, document.where(("batch", "type")))
    if re.search(r"[\r\n]", spec.batch.shell):
        message = f"'shell' in 'batch' must be one line, not {shown(spec.batch.shell)}"
        yield Problem("wrong-value", message, document.where(("batch", "shell")))
    cores = batch.get("procs")
    wrong = cores is not None and not re.fullmatch(r"0*[1-9][0-9]*", str(cores))
    if wrong and spec.batch.type == "local":
        message = f"'procs' in 'batch' must be a positive whole number, not {shown(cores)}"
        yield Problem("wrong-value", message, document.where(("batch", "procs")))
    if spec.batch.type in ("slurm", "lsf"):
        for key in HOST_BANK_QUEUE:
            if key not in batch:
                message = f"'batch' lacks the key '{key}', which type '{kind}' requires"
                yield Problem("missing-key", message, document.where(("batch",)))


def _backends(wanted: str) -> frozenset[str]:
    """The types of ``batch`` that are known; plug-ins are looked for only where one is wanted."""
    if wanted.lower() in BACKENDS:
        return BACKENDS
    return BACKENDS.union(e.name.lower() for e in metadata.entry_points(group=PLUGINS))


def _steps(document: Document, spec: Specification) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for i, step in enumerate(spec.steps):
        if not step.name:
            continue
        at = document.where(("study", i, "name"))
        if step.name in seen:
            first = document.where(("study", seen[step.name], "name"))
            message = f"a second step is called '{step.name}'; the first is in line {first.line}"
            yield Problem("duplicate-step", message, at)
        seen.setdefault(step.name, i)
        if not _UNSAFE.sub("", step.name).strip("."):
            message = (
                f"step '{step.name}' leaves no name for its directory; "
                "use ASCII letters, digits and -_.()"
            )
            yield Problem("impossible-name", message, at)


def _depends(document: Document, spec: Specification) -> Iterator[Problem]:
    known = {step.name for step in spec.steps if step.name}
    apply = substituter(spec.environment.resolved)
    for i, raw in entries(mapping(document.data).get("study")):
        for j, text in enumerate(items(mapping(raw.get("run")).get("depends"))):
            name = dependency(apply(text_of(text))).step
            if text and isinstance(text, str) and name not in known:
                message = (
                    f"step '{spec.steps[i].name}' depends on '{name}', which is no step"
                    f"{nearest(name, known)}"
                )
                at = document.where(("study", i, "run", "depends", j))
                yield Problem("unknown-dependency", message, at)


def _cycles(document: Document, spec: Specification) -> Iterator[Problem]:
    """Steps that wait for each other, and workspaces that are used before they can exist."""
    place = {step.name: i for i, step in reversed(list(enumerate(spec.steps))) if step.name}
    edges = {
        step.name: [d.step for d in step.depends if d.step in place]
        for step in spec.steps
        if step.name
    }
    found = False
    for cycle in _find_cycles(edges):
        found = True
        at = document.where(("study", place[cycle[0]], "run", "depends"))
        if len(cycle) == 2:
            yield Problem("cycle", f"step '{cycle[0]}' depends on itself", at)
        else:
            path = " -> ".join(cycle)
            yield Problem("cycle", f"steps depend on each other in a cycle: {path}", at)
    if not found:
        yield from _late_workspaces(document, spec, edges, place)


def _late_workspaces(
    document: Document,
    spec: Specification,
    edges: Mapping[str, Sequence[str]],
    place: Mapping[str, int],
) -> Iterator[Problem]:
    """A workspace is late where its step waits, itself or through others, for the one naming it."""
    both = {name: list(parents) for name, parents in edges.items()}
    for step in spec.steps:
        if step.name:
            both[step.name] += [w for w in step.workspaces if w not in both[step.name]]
    for cycle in _find_cycles(both):
        for user, used in itertools.pairwise(cycle):
            if used in edges[user]:
                continue
            at = token_place(spec, place[user], f"{used}.workspace")
            if user == used:
                message = f"step '{user}' uses its own '$({user}.workspace)'; write $(WORKSPACE)"
            else:
                message = (
                    f"step '{user}' uses $({used}.workspace), but '{used}' comes later: "
                    f"{' -> '.join(cycle)}"
                )
            yield Problem("late-workspace", message, at)
            break


def token_place(spec: Specification, index: int, token: str) -> Position | None:
    """Where ``$(token)`` first stands in the commands of the step at ``index``."""
    step = spec.steps[index]
    for key, text in (("cmd", step.cmd), ("restart", step.restart)):
        for inner, offset in tokens(text):
            if inner == token:
                return spec.locate(("study", index, "run", key), text, offset)
    return spec.where("study", index)


def _labels(document: Document) -> Iterator[Problem]:
    """Lists of labels are as long as the values, and all different."""
    parameters = mapping(mapping(document.data).get("global.parameters"))
    for name, entry in parameters.items():
        label, values = mapping(entry).get("label"), items(mapping(entry).get("values"))
        at = document.where(("global.parameters", name, "label"))
        if not isinstance(label, list):
            continue
        if len(label) != len(values):
            message = (
                f"parameter '{name}' has {plural(len(label), 'label')} for "
                f"{plural(len(values), 'value')}"
            )
            yield Problem("label-count", message, at)
        seen: set[str] = set()
        for text in map(str, label):
            if text in seen:
                message = f"parameter '{name}' has the label '{text}' twice; all must be different"
                yield Problem("duplicate-label", message, at)
                break
            seen.add(text)


def _find_cycles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """One cycle from each knot of ``edges``, as the names along it with the first repeated.

    It starts at the name that comes first in ``edges``.
    """
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError:
        pass
    else:
        return []
    import networkx as nx

    order = {name: i for i, name in enumerate(edges)}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((a, b) for a, targets in edges.items() for b in targets if b in order)
    cycles = []
    for knot in nx.strongly_connected_components(graph):
        part = graph.subgraph(knot)
        if part.number_of_edges():
            path = [edge[0] for edge in nx.find_cycle(part, min(knot, key=order.__getitem__))]
            turn = path.index(min(path, key=order.__getitem__))
            cycles.append([*path[turn:], *path[: turn + 1]])
    return sorted(cycles, key=lambda cycle: order[cycle[0]])
