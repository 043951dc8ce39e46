"""A drawing of a graph, and its text in the languages that draw one: DOT and mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from maestro.errors import visible

__all__ = ["Arrow", "Box", "Drawing", "to_dot", "to_mermaid"]

WHITE = "#ffffff"
LINE = "#555555"

_FONT = {"fontname": "Helvetica,Arial,sans-serif"}
_LAYOUT = {"rankdir": "LR", "ranksep": "1", "nodesep": "0.15"}
_NODES = _FONT | {
    "shape": "box", "style": "filled", "fillcolor": WHITE, "color": LINE, "margin": "0.15,0.06",
    "fontsize": "11",
}  # fmt: skip
_EDGES = _FONT | {"fontsize": "10", "color": "#888888", "arrowsize": "0.7"}


@dataclass(frozen=True, slots=True)
class Box:
    """A node: what stands in it, what is shown where a pointer rests on it, and its colours
    (``#rrggbb``), each with how much of the box it fills; of several, none does where a box can
    have but one.
    """

    lines: tuple[str, ...]
    hint: str = ""
    colours: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge between two boxes, which go by their place; with a text it is a heavy one."""

    tail: int
    head: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, and arrows from left to right between them. Both can be gone over once."""

    title: str
    boxes: Iterable[Box]
    arrows: Iterable[Arrow]


# ---- DOT ---------------------------------------------------------------------------------------


def to_dot(drawing: Drawing) -> Iterator[str]:
    """The lines of ``drawing`` in the DOT language of Graphviz."""
    import graphviz

    dot = graphviz.Digraph(
        _dot_text(drawing.title),
        graph_attr={**_LAYOUT, "tooltip": _dot_hint(drawing.title)},
        node_attr=_NODES,
        edge_attr=_EDGES,
    )
    for number, box in enumerate(drawing.boxes):
        # Nodes go by number: a name may end with a backslash, and may hold a port's colon.
        dot.node(
            f"t{number}",
            _dot_text("\n".join(box.lines)),
            tooltip=_dot_hint(box.hint),
            **_fill(box),
        )
    for arrow in drawing.arrows:
        heavy = {"label": _dot_text(arrow.text), "penwidth": "2.5"} if arrow.text else {}
        dot.edge(f"t{arrow.tail}", f"t{arrow.head}", **heavy)
    return (line.removesuffix("\n") for line in dot)


def _fill(box: Box) -> dict[str, str]:
    if not box.colours:
        return {}
    if len(box.colours) == 1:
        return {"fillcolor": next(iter(box.colours))}
    *others, (last, _) = (
        box.colours.items()
    )  # the last has what is left, however others are rounded
    stripes = [f"{colour};{share:.6f}" for colour, share in others]
    return {"style": "striped", "fillcolor": ":".join([*stripes, last])}


def _dot_text(text: str) -> str:
    """``text`` for a label: Graphviz takes a backslash for an escape, and ``&amp;`` for a sign."""
    import graphviz

    lines = (graphviz.escape(visible(line).replace("&", "&amp;")) for line in text.split("\n"))
    label: str = graphviz.nohtml("\\n".join(lines))
    return label


def _dot_hint(text: str) -> str:
    """``text`` for a tooltip, where versions differ in how often they undo escapes: a sign that
    looks like a backslash stands for it.
    """
    import graphviz

    shown = "&#10;".join(visible(line).replace("&", "&amp;") for line in text.split("\n"))
    hint: str = graphviz.nohtml(shown.replace("\\", "\N{SET MINUS}"))
    return hint


# ---- mermaid -----------------------------------------------------------------------------------


def to_mermaid(drawing: Drawing) -> Iterator[str]:
    """The lines of ``drawing`` as a flowchart of mermaid."""
    yield from ("flowchart LR", f"  %% {_mermaid_text(drawing.title)}")
    classes: dict[str, str] = {}
    for number, box in enumerate(drawing.boxes):
        colour = next(iter(box.colours)) if len(box.colours) == 1 else WHITE
        kind = classes.setdefault(colour, f"c{len(classes)}")
        lines = "<br/>".join(map(_mermaid_text, box.lines)) or " "
        yield f'  t{number}["{lines}"]:::{kind}'
    for arrow in drawing.arrows:
        line = f'==>|"{_mermaid_text(arrow.text)}"|' if arrow.text else "-->"
        yield f"  t{arrow.tail} {line} t{arrow.head}"
    for colour, kind in classes.items():
        yield f"  classDef {kind} fill:{colour},stroke:{LINE},color:#000000"


_MERMAID_PAIRS = re.compile(r"\\(?=n)|\$(?=\$)|:(?=fa-)|ﬂ(?=°)|¶(?=ß)")
"""What mermaid takes for a line's end, a formula, an icon or an entity even where it is written in
entities itself; a space without width keeps the two apart.
"""


def _mermaid_text(text: str) -> str:
    """``text`` with what has, or may come to have, a meaning in mermaid as entities."""
    text = visible(text).replace("\n", " ")
    text = _MERMAID_PAIRS.sub("\\g<0>\u200b", text)
    return "".join(c if c.isalnum() or c in " -_=.,/" else f"#{ord(c)};" for c in text)
