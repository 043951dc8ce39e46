"""Drawings in the language of Graphviz, as Graphviz reads and draws them."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from graph_helpers import drawings
from hypothesis import given, settings

from maestro.errors import visible
from maestro.graph import Arrow, Box, Drawing, to_dot

SVG = "{http://www.w3.org/2000/svg}"
HINT = "{http://www.w3.org/1999/xlink}title"


def dot(text: str, form: str) -> str:
    """What Graphviz makes of ``text``, without a word of complaint."""
    done = subprocess.run(["dot", f"-T{form}"], input=text.encode(), capture_output=True)
    assert (done.returncode, done.stderr.decode()) == (0, ""), text
    return done.stdout.decode()


def test_the_text() -> None:
    boxes = [Box(("a", "two"), "hint"), Box(("b",), colours={"#ff0000": 0.25, "#00ff00": 0.75})]
    lines = list(to_dot(Drawing("study", boxes, [Arrow(0, 1, "all"), Arrow(0, 1)])))
    assert lines[0] == "digraph study {"
    assert lines[-5:] == [
        '\tt0 [label="a\\ntwo" tooltip=hint]',
        '\tt1 [label=b fillcolor="#ff0000;0.250000:#00ff00" style=striped tooltip=""]',
        '\tt0 -> t1 [label=all penwidth=2.5]',
        "\tt0 -> t1",
        "}",
    ]


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@settings(max_examples=25)
@given(drawings())
def test_graphviz_shows_every_text_as_it_is(drawing: Drawing) -> None:
    text = "\n".join(to_dot(drawing))
    assert dot(text, "canon").count(" -> ") >= len(drawing.arrows)
    groups = list(ElementTree.fromstring(dot(text, "svg")).iter(f"{SVG}g"))
    nodes = {g.find(f"{SVG}title").text: g for g in groups if g.get("class") == "node"}
    assert set(nodes) == {f"t{number}" for number in range(len(drawing.boxes))}
    for number, box in enumerate(drawing.boxes):
        assert lines_in(nodes[f"t{number}"]) == shown("\n".join(box.lines))
        assert hint_of(nodes[f"t{number}"]) == visible(box.hint).replace("\\", "∖").replace(
            "\t", " "
        )
    edges = [g for g in groups if g.get("class") == "edge"]
    found = sorted((g.find(f"{SVG}title").text, *lines_in(g)) for g in edges)
    assert found == sorted((f"t{a.tail}->t{a.head}", *shown(a.text)) for a in drawing.arrows)


def lines_in(group: ElementTree.Element) -> list[str]:
    """The lines of text in ``group``; Graphviz makes every second space one that does not break."""
    return [(text.text or "").replace("\xa0", " ") for text in group.iter(f"{SVG}text")]


def hint_of(group: ElementTree.Element) -> str:
    (hint,) = {link.get(HINT) for link in group.iter() if link.get(HINT) is not None} or {""}
    return hint


def shown(text: str) -> list[str]:
    return [visible(line).replace("\xa0", " ") for line in text.split("\n") if line]
