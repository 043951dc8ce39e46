"""Flowcharts, as the real mermaid reads and draws them in a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from graph_helpers import SPELT, drawings, parameter, spec_of
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from maestro.errors import visible
from maestro.graph import Arrow, Box, Drawing, expand, to_mermaid
from maestro.report.picture import draw
from maestro.spec import Dependency, Step

MERMAID = Path(__file__).resolve().parents[2] / "build" / "mermaid.min.js"
"""Where ``tools/mermaid`` puts it."""

needs_mermaid = pytest.mark.skipif(
    shutil.which("chromium") is None or not MERMAID.exists(),
    reason="needs Chromium, and mermaid as tools/mermaid fetches it",
)

PAGE = """<!doctype html><meta charset="utf-8"><body><script src="%s"></script><script>
mermaid.initialize({startOnLoad: false});
const plain = text => JSON.stringify(text).replace(
  /[^\\x20-\\x7e]/g, c => "\\\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const texts = (root, what) => [...root.querySelectorAll(what)].map(node => node.textContent);
(async () => {
  const seen = [];
  for (const [number, text] of %s.entries()) {
    try {
      const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
      const {svg} = await mermaid.render("m" + number, text);
      const root = document.createElement("div");
      root.innerHTML = svg;
      root.querySelectorAll("br").forEach(br => br.replaceWith("\\n"));
      seen.push({
        arrows: diagram.db.getEdges().map(edge => [edge.start, edge.end, edge.stroke]),
        boxes: texts(root, "g.node"), labels: texts(root, "g.edgeLabel"),
        others: root.querySelectorAll("script, b, i, em, strong, a, img, math").length,
      });
    } catch (error) { seen.push({error: String(error)}); }
  }
  document.body.innerHTML = "";
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = plain(seen);
  document.body.append(result);
})();
</script>"""

CHROMIUM = (
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--virtual-time-budget=600000", "--dump-dom",
)  # fmt: skip


def rendered(folder: Path, flowcharts: list[str]) -> list[dict]:
    """What mermaid makes of each of ``flowcharts``."""
    page = folder / "page.html"
    data = json.dumps(flowcharts).replace("<", "\\u003c")
    page.write_text(PAGE % (MERMAID.as_uri(), data), encoding="utf-8")
    done = subprocess.run(
        [*CHROMIUM, f"--user-data-dir={folder / 'profile'}", page.as_uri()],
        capture_output=True, timeout=300,
    )  # fmt: skip
    result = re.search(r'<pre id="result">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
    assert result, done.stderr.decode()[-2000:]
    return json.loads(html.unescape(result[1]))


def words(text: str) -> str:
    """``text`` as a reader sees it: how wide a space is does not matter."""
    return " ".join(visible(text.replace("\u200b", "")).split())


def check(drawing: Drawing, seen: dict) -> None:
    assert "error" not in seen, (seen, drawing)
    arrows = drawing.arrows
    kinds = ["thick" if arrow.text else "normal" for arrow in arrows]
    ends = [[f"t{arrow.tail}", f"t{arrow.head}"] for arrow in arrows]
    assert seen["arrows"] == [[*pair, kind] for pair, kind in zip(ends, kinds, strict=True)]
    boxes = [words("\n".join(box.lines)) for box in drawing.boxes]
    assert [words(text) for text in seen["boxes"]] == boxes
    assert [words(text) for text in seen["labels"]] == [words(arrow.text) for arrow in arrows]
    assert seen["others"] == 0


@needs_mermaid
def test_mermaid_draws_a_study(tmp_path: Path) -> None:
    steps = (
        Step("a", "first", "$(A)"),
        Step("b", "then", "", depends=(Dependency("a", funnel=True),)),
    )
    graph = expand(spec_of(*steps, parameters=(parameter("A", 1, 0.5, "x y", "<i>"),)))
    known = ("FINISHED", "RUNNING", "FAILED", "FAILED", "INCOMPLETE")
    states = dict(zip(graph, known, strict=True))
    shown = [
        draw(graph, states, level=level, color=color)
        for level in ("task", "step")
        for color in ("step", "state")
    ]
    seen = rendered(tmp_path, ["\n".join(to_mermaid(drawing)) for drawing in shown])
    assert [words(text) for text in seen[0]["boxes"]] == [
        "a A = 1 ✓ FINISHED", "a A = 0.5 ▶ RUNNING", "a A = x y ✗ FAILED", "a A = <i> ✗ FAILED",
        "b – INCOMPLETE",
    ]  # fmt: skip
    assert [len(one["arrows"]) for one in seen] == [4, 4, 1, 1]
    assert seen[2]["arrows"] == [["t0", "t1", "thick"]]
    assert seen[2]["labels"] == ["all"]


@needs_mermaid
def test_mermaid_shows_what_it_takes_for_its_own(tmp_path: Path) -> None:
    texts = [*SPELT, *(f"{text}x{text}" for text in SPELT)]
    shown = [Drawing(t, [Box((t, "b")), Box((t,))], [Arrow(0, 1, t)]) for t in texts]
    seen = rendered(tmp_path, ["\n".join(to_mermaid(drawing)) for drawing in shown])
    for drawing, one in zip(shown, seen, strict=True):
        check(drawing, one)


@needs_mermaid
@settings(max_examples=3, phases=[Phase.generate])
@given(st.lists(drawings(boxes=4), min_size=10, max_size=30))
def test_mermaid_shows_any_text_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, shown: list[Drawing]
) -> None:
    flowcharts = ["\n".join(to_mermaid(drawing)) for drawing in shown]
    seen = rendered(tmp_path_factory.mktemp("mermaid"), flowcharts)
    for drawing, one in zip(shown, seen, strict=True):
        check(drawing, one)


def test_the_text_of_a_flowchart() -> None:
    mixed = {"#ff0000": 0.5, "#00ff00": 0.5}
    boxes = [Box(('a "b"', "<i>"), "hint", {"#ff0000": 1.0}), Box(("c",), "", mixed)]
    assert list(to_mermaid(Drawing("s%%t", boxes, [Arrow(0, 1, "all"), Arrow(1, 1)]))) == [
        "flowchart LR",
        "  %% s#37;#37;t",
        '  t0["a #34;b#34;<br/>#60;i#62;"]:::c0',
        '  t1["c"]:::c1',
        '  t0 ==>|"all"| t1',
        "  t1 --> t1",
        "  classDef c0 fill:#ff0000,stroke:#555555,color:#000000",
        "  classDef c1 fill:#ffffff,stroke:#555555,color:#000000",
    ]


@settings(max_examples=200)
@given(drawings())
def test_a_flowchart_has_no_other_sign(drawing: Drawing) -> None:
    box = r'  t\d+\["(?:[\w =.,/-]|#\d+;|<br/>)*"\]:::c\d+'
    arrow = r'  t\d+ (?:-->|==>\|"(?:[\w =.,/-]|#\d+;)*"\|) t\d+'
    kind = r"  classDef c\d+ fill:#[0-9a-f]{6},stroke:#555555,color:#000000"
    lines = list(to_mermaid(drawing))
    assert lines[0] == "flowchart LR"
    assert re.fullmatch(r"  %% (?:[\w =.,/-]|#\d+;)*", lines[1])
    matches = [re.fullmatch(f"({box})|({arrow})|({kind})", line) for line in lines[2:]]
    assert all(matches)
    assert sum(match[1] is not None for match in matches) == len(drawing.boxes)
    assert sum(match[2] is not None for match in matches) == len(drawing.arrows)


@needs_mermaid
def test_mermaid_draws_what_the_pages_show(tmp_path: Path) -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    shown = [
        (page.name, diagram)
        for page in sorted(docs.rglob("*.md"))
        for diagram in re.findall(r"```mermaid\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    assert "architecture.md" in dict(shown)
    for (page, _), seen in zip(shown, rendered(tmp_path, [d for _, d in shown]), strict=True):
        assert "error" not in seen, (page, seen)
