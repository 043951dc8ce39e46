"""Where the nodes of a graph stand in a picture: in columns, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import networkx as nx

from maestro.graph import Box, Drawing
from maestro.report.look import width as cells

__all__ = ["Picture", "layered", "place"]


def layered(graph: nx.DiGraph[str]) -> dict[str, tuple[int, float]]:
    """A column, and a height from 0 to 1, for each node of ``graph``: its generation, and a place
    near those of its parents, so that few edges cross. O(E + V log V).

    References
    ----------
    Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
    IEEE Trans. SMC 11 (1981): layers, ordered by barycentres.
    """
    places: dict[str, tuple[int, float]] = {}
    for column, layer in enumerate(nx.topological_generations(graph)):
        centre = {
            node: fmean(places[parent][1] for parent in graph.predecessors(node))
            for node in layer
            if column
        }
        ordered = sorted(layer, key=lambda node: centre.get(node, 0.0))
        for i, node in enumerate(ordered):
            places[node] = column, (i + 0.5) / len(ordered)
    return places


# ---- boxes ---------------------------------------------------------------------------------------

LETTER, LINE, BASE, PAD, GAP = 7.0, 17, 12, 9, 56
"""Pixels of a character, of a line, of that above its baseline, around a text, and between two
columns.
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A box of a drawing, in pixels; ``lines`` are texts, each with its baseline, ``stripes``
    colours, each from where and how wide.
    """

    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[float, str], ...]
    hint: str
    stripes: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow of a drawing, in pixels: where it begins and where it ends; ``text`` makes it a
    heavy one.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with all its places, in pixels."""

    width: float
    height: float
    boxes: tuple[Placed, ...]
    lines: tuple[Line, ...]


def place(drawing: Drawing, graph: nx.DiGraph[str]) -> Picture:
    """Where the boxes of ``drawing`` stand, which are the nodes of ``graph`` in their order."""
    boxes, at = list(drawing.boxes), layered(graph)
    places = [at[node] for node in graph]
    columns: list[list[int]] = [[] for _ in range(max((c for c, _ in places), default=-1) + 1)]
    for i, (column, _) in sorted(enumerate(places), key=lambda item: item[1][1]):
        columns[column].append(i)
    sizes = [
        (2 * PAD + LETTER * max(map(cells, box.lines), default=1), 2 * PAD + LINE * len(box.lines))
        for box in boxes
    ]
    tall = max((sum(sizes[i][1] + PAD for i in those) for those in columns), default=0) + PAD
    placed: dict[int, Placed] = {}
    x = float(PAD)
    for those in columns:
        wide = max(sizes[i][0] for i in those)
        y = (tall - sum(sizes[i][1] + PAD for i in those) + PAD) / 2
        for i in those:
            placed[i] = _box(boxes[i], x, y, wide, sizes[i][1])
            y += sizes[i][1] + PAD
        x += wide + GAP
    lines = tuple(_line(placed[a.tail], placed[a.head], a.text) for a in drawing.arrows)
    return Picture(x - GAP + PAD, tall, tuple(placed[i] for i in range(len(boxes))), lines)


def _box(box: Box, x: float, y: float, width: float, height: float) -> Placed:
    stripes, at = [], 0.0
    for colour, share in box.colours.items():
        stripes.append((colour, x + at * width, share * width))
        at += share
    lines = tuple((y + PAD + BASE + LINE * i, text) for i, text in enumerate(box.lines))
    return Placed(x, y, width, height, lines, box.hint, tuple(stripes))


def _line(tail: Placed, head: Placed, text: str) -> Line:
    return Line(
        tail.x + tail.width, tail.y + tail.height / 2, head.x, head.y + head.height / 2, text
    )
