"""``maestro graph``: a study graph as text or picture, in a file or on the standard output."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from maestro.errors import UsageError
from maestro.graph import quotient, subgraph, to_dot, to_graphml, to_json, to_mermaid
from maestro.report.look import counts_text
from maestro.report.picture import draw
from maestro.report.rendering import page, render
from maestro.report.study import Study
from maestro.report.writing import form_of, note, spare_terminal, write, written
from maestro.spec.values import plural

__all__ = ["ENDINGS", "Request", "export"]

ENDINGS = {
    "dot": (".dot", ".gv"),
    "mermaid": (".mmd", ".mermaid"),
    "json": (".json",),
    "graphml": (".graphml",),
    "svg": (".svg",),
    "png": (".png",),
    "pdf": (".pdf",),
    "html": (".html", ".htm"),
}
"""The formats, each with how names of its files end."""

DATA = ("json", "graphml")
RENDERED = ("svg", "png", "pdf", "html")
BINARY = ("png", "pdf")

ROOM = {"mermaid": 500, **dict.fromkeys(RENDERED, 5_000)}
"""Tasks and edges that are drawn unasked: mermaid draws no more edges, and Graphviz takes 10 s."""

BOUND = dict.fromkeys(RENDERED, 20_000)
"""Tasks and edges that are drawn at all."""

SLOW = {
    "mermaid": "mermaid draws only 500 edges, unless its 'maxEdges' is raised",
    **dict.fromkeys(RENDERED, "Graphviz may take minutes"),
}

MERMAID_TEXT = 50_000
"""Characters that mermaid draws."""

_TOO_LARGE = (
    "{} are many for one picture: it shows the steps; --level task draws each task, --where and "
    "--step choose some"
)

States = Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; a None is a default.

    ``form`` is one of `ENDINGS`, ``out`` a path, ``level`` and ``color`` are as for
    `maestro.report.picture.draw`, ``steps`` and ``where`` as for `maestro.graph.subgraph`.
    """

    form: str | None = None
    out: str | None = None
    level: str | None = None
    color: str | None = None
    steps: Sequence[str] = ()
    where: str | None = None


def export(source: Study | nx.DiGraph[str], request: Request) -> None:
    """Write the graph of ``source``, a study or the graph of a specification, as ``request`` says.

    Raises
    ------
    SpecError, StudyError
        The graph of the study cannot be read.
    UsageError
        What is asked for cannot be had.
    """
    form = _form(request)
    if request.color is not None and form in DATA:
        raise UsageError(f"--color is for pictures; in {form}, step and state are attributes")
    binary = form in BINARY
    if request.out is None and binary:  # before the work
        spare_terminal(sys.stdout, form)
    graph, states = (source.graph, source.states()) if isinstance(source, Study) else (source, None)
    if request.color == "state" and states is None:
        raise UsageError("--color state is for a study directory: a specification has no states")
    if request.steps or request.where is not None:
        graph = subgraph(graph, steps=request.steps, where=request.where)
    if not graph:
        raise UsageError("no task is chosen: there is nothing to show")
    color = request.color or ("step" if states is None else "state")
    content = _content(graph, states, form, request.level, color)
    write(content, form, request.out, binary=binary)
    size = f"{plural(len(graph), 'task')}, {plural(graph.number_of_edges(), 'edge')}"
    written(request.out, f"{form}, {size}")


def _form(request: Request) -> str:
    """The format that is asked for, or meant by the name of the file."""
    if request.form is not None:
        return request.form
    if request.out is None:
        return "dot"
    return form_of(request.out, ENDINGS)


# ---- what is written ---------------------------------------------------------------------------


def _content(
    graph: nx.DiGraph[str], states: States, form: str, level: str | None, color: str
) -> Iterable[bytes]:
    if form in DATA:
        shown = quotient(graph, states) if level == "step" else graph
        return _lines(to_json(shown, states) if form == "json" else [to_graphml(shown, states)])
    shown_level = _level(level, graph, form)
    drawing = draw(graph, states, level=shown_level, color=color)
    if form == "html":
        return [page(render(drawing, form), drawing.title, _summary(graph, states))]
    if form in RENDERED:
        return [render(drawing, form)]
    if form == "dot":
        return _lines(to_dot(drawing))
    lines = list(to_mermaid(drawing))
    if sum(map(len, lines)) + len(lines) > MERMAID_TEXT:
        if level is None and shown_level == "task":
            note(_TOO_LARGE.format("the tasks"))
            lines = list(to_mermaid(draw(graph, states, level="step", color=color)))
        else:
            note(f"mermaid draws only {MERMAID_TEXT} characters, unless 'maxTextSize' is raised")
    return _lines(lines)


def _lines(lines: Iterable[str]) -> Iterator[bytes]:
    return (f"{line}\n".encode() for line in lines)


def _summary(graph: nx.DiGraph[str], states: States) -> str:
    if states is None:
        return plural(len(graph), "task")
    return counts_text(Counter(states[node] for node in graph if node in states), "utf-8")


def _level(asked: str | None, graph: nx.DiGraph[str], form: str) -> str:
    """The level of a picture: the one that is asked for or, for what is too large, the steps.

    Raises
    ------
    UsageError
        Tasks are asked for that cannot be drawn.
    """
    size = len(graph) + graph.number_of_edges()
    if asked == "step" or size <= ROOM.get(form, size):
        return asked or "task"
    what = f"{plural(len(graph), 'task')} with {plural(graph.number_of_edges(), 'edge')}"
    if asked is None:
        note(_TOO_LARGE.format(what))
        return "step"
    if size > BOUND.get(form, size):
        raise UsageError(
            f"{what} are too many to be drawn; choose some with --where or --step, or have all as "
            "text with -f dot"
        )
    note(f"{what}: {SLOW[form]}")
    return asked
