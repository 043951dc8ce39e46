"""``maestro report``: its page in a real browser, of real studies."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Shell, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs Chromium"
)

SECRET, STORED = "open-sesame-51966", "hidden-since-47806"
"""In the specification's environment, and in that of the process."""

STUDY = f"""
description: {{name: fits, description: Fits with $(TOKEN)}}
env:
  variables:
    # TOKEN was {SECRET}
    TOKEN: {SECRET}
    QUICK: "0.1"
study:
- name: mesh
  description: Mesh with $(TOKEN)
  run: {{cmd: "sleep $(QUICK)"}}
- name: fit
  description: Fit $(N)
  run:
    cmd: |
      sleep 0.$(N)
      test $(N) != 3 || {{ echo "no <b>luck</b> with $(TOKEN)" >&2; exit 7; }}
    depends: [mesh]
- name: sum
  description: Sum up
  run: {{cmd: "true", depends: ["fit_*"]}}
global.parameters:
  N: {{values: [1, 2, 3, 10], label: N.%%}}
"""


WAITING = """
description: {name: waits, description: d}
study:
- name: first
  description: d
  run: {cmd: 'until test -e "$(OUTPUT_PATH)/../go"; do sleep 0.1; done'}
- {name: last, description: d, run: {cmd: "true", depends: [first]}}
"""


class Look:
    """A page that is looked at in a browser without a network; what it asks for, and complains
    about, is kept.
    """

    def __init__(self, browser: Browser, path: Path, width: int = 1280) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        context.set_default_timeout(60_000)
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda m: self.said.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.goto(path.as_uri())
        self.page.wait_for_function("window.Bokeh && Bokeh.documents[0]?.is_idle")
        self.page.wait_for_function("document.getElementById('chosen').textContent")
        self._own = [path.as_uri(), "data:,"]

    def close(self) -> None:
        """All was well."""
        complaints = [line for line in self.said if not line.startswith(("log:", "info:"))]
        assert (complaints, [url for url in self.asked if url not in self._own]) == ([], [])
        self.page.context.close()

    def rows(self) -> list[str]:
        """The texts of the table's rows from the top, as far as they are drawn."""
        rows = self.page.locator(".slick-row").all()
        return [row.inner_text() for row in sorted(rows, key=lambda r: r.bounding_box()["y"])]

    def column(self, number: int) -> list[str]:
        return [
            cell.inner_text()
            for cell in self.page.locator(f".slick-row .slick-cell.l{number}").all()
        ]

    def chosen(self) -> str:
        return self.page.locator("#chosen").inner_text()

    def hint(self, plot: str, x: str, y: str, row: int, text: str) -> str:
        """What shows where the pointer rests on row ``row`` of the data in the columns ``x`` and
        ``y``; it comes to have ``text``.
        """
        self.page.locator(f"#{plot}").scroll_into_view_if_needed()
        hints = self.page.locator(".bk-tooltip-content")

        def shows() -> bool:
            at = self.page.evaluate(POINT, [plot, x, y, row])
            self.page.mouse.move(at[0] - 30, at[1] - 30)
            self.page.mouse.move(at[0] + 3, at[1], steps=4)
            self.page.wait_for_timeout(200)  # a plot draws at its own pace
            return text in " ".join(hints.all_inner_texts())

        eventually(shows)
        return " ".join(hints.all_inner_texts())


POINT = """([plot, x, y, row]) => {
  const model = Bokeh.documents[0].get_model_by_name(plot);
  const view = Bokeh.index.find_one(model);
  const {data} = model.renderers.map(r => r.data_source).findLast(s => x in s.data && y in s.data);
  const box = view.el.getBoundingClientRect();
  return [box.x + view.frame.x_scale.compute(data[x][row]),
          box.y + view.frame.y_scale.compute(data[y][row])];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Look]]:
    looks: list[Look] = []

    def at(path: Path, width: int = 1280) -> Look:
        looks.append(Look(browser, path, width))
        return looks[-1]

    yield at
    for one in looks:
        one.close()


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on the study, which has run."""
    shell = Shell(tmp_path_factory.mktemp("a folder"))
    shell.write("fits.yaml", STUDY)
    environment = os.environ | {"MAESTRO_TEST_SECRET": STORED}
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fits.yaml", code=2, env=environment)
    assert STORED in (shell.folder / "out/meta/environment.yaml").read_text()
    done = shell("maestro", "report", "out", "-o", "fits.html", env=environment)
    assert (done.stdout, done.stderr) == ("The report: fits.html\n", "")
    return shell.folder / "fits.html"


@pytest.mark.parametrize("width", [1280, 400])
def test_a_study_with_failures(fits: Path, look: Callable[..., Look], width: int) -> None:
    seen = look(fits, width)
    page = seen.page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.title() == "fits: report"
    assert "It has ended, with failures." in page.locator("header").inner_text()
    states = " ".join(page.locator("p.states").inner_text().split())
    assert states == "✓ 4 FINISHED ✗ 1 FAILED – 1 INCOMPLETE"
    assert seen.chosen() == "6 tasks"
    failure = page.locator("#failures details").first.inner_text()
    assert "✗ FAILED fit_N.3 exit code 7" in failure
    assert "no <b>luck</b> with $(TOKEN)" in failure
    assert "fit N = 3" in " ".join(page.locator("#failures table").nth(1).inner_text().split())
    boxes = page.locator("#graph svg g").all_text_contents()
    assert [" ".join(box.split()) for box in boxes][1] == (
        "Fit $(N) fit 4 tasks over N ✓ 3 FINISHED ✗ 1 FAILED"
    )


def test_choosing_and_sorting(fits: Path, look: Callable[..., Look]) -> None:
    seen = look(fits)
    page = seen.page
    page.get_by_label("Words").fill("FIT n.1")
    eventually(lambda: seen.chosen() == "2 of 6 tasks")
    eventually(lambda: seen.column(1) == ["fit_N.1", "fit_N.10"])
    page.get_by_label("Words").fill("")
    page.get_by_label("State", exact=True).select_option(label="✗ FAILED")
    eventually(lambda: (seen.chosen(), seen.column(1)) == ("1 of 6 tasks", ["fit_N.3"]))
    page.get_by_label("State", exact=True).select_option(label="all")
    page.get_by_label("Step", exact=True).select_option(label="fit")
    eventually(lambda: len(seen.rows()) == 4)
    heading = page.locator(".slick-header-column", has_text=re.compile("^N$"))
    heading.click()
    eventually(lambda: [row.split("\n")[2] for row in seen.rows()] == ["1", "2", "3", "10"])
    heading.click()
    eventually(lambda: [row.split("\n")[2] for row in seen.rows()] == ["10", "3", "2", "1"])
    drawn = "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('timeline'))"
    assert page.evaluate(f"{drawn}.model.renderers[1].view.indices.count") == 4


MIXED = """
description: {name: mixed, description: d}
study:
- {name: one, description: d, run: {cmd: exit $(I)}}
- {name: two, description: d, run: {cmd: ": $(T)"}}
- {name: last, description: d, run: {cmd: "true", depends: ["one_*"]}}
global.parameters:
  I: {values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 31], label: I.%%}
  T: {values: [a, b, a, b, a, b, a, b, a, b, a, b, "I = 3"], label: T.%%}
"""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on a study of which every task lacks something."""
    shell = Shell(tmp_path_factory.mktemp("mixed"))
    shell.write("s.yaml", MIXED)
    shell("maestro", "run", "-y", "-fg", "-o", "out", "s.yaml", code=2)
    shell("maestro", "report", "out", "-o", "page.html")
    return shell.folder / "page.html"


def test_empty_cells_come_last_up_and_down(mixed: Path, look: Callable[..., Look]) -> None:
    page = look(mixed).page
    table = "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('table'))"
    data = f"{table}.data"
    fields = page.evaluate(f"{table}.model.columns.map(column => column.field)")
    lacking = set()
    for number, field in enumerate(fields):
        for down in (False, True):
            page.locator(".slick-header-column").nth(number).click()
            page.wait_for_timeout(50)
            values = page.evaluate(f"{data}.index.map(i => {data}.source.data.{field}[i])")
            known = [value for value in values if value != "" and value == value]
            assert values[: len(known)] == known
            if field != "mark" and not isinstance(known[0], str):
                assert known == sorted(known, reverse=down)
            lacking |= {field} if len(known) < len(values) else set()
    assert lacking == {"p0", "p1", "run", "queue", "exit", "started", "ended", "detail"}
    page.locator(".slick-header-column", has_text=re.compile("^T$")).click()
    page.get_by_label("Words").fill("a")
    page.get_by_label("Words").fill("")
    page.wait_for_timeout(300)
    values = page.evaluate(f"{data}.index.map(i => {data}.source.data.p1[i])")
    assert values == ["a", "b", "I = 3", *[""] * 14]


def test_a_value_of_a_parameter_is_found(mixed: Path, look: Callable[..., Look]) -> None:
    seen = look(mixed)
    words = seen.page.get_by_label("Words")
    for text, names in {
        "I = 3": ["one_I.3"], "i=30": ["one_I.30"], "I = 3 failed": ["one_I.3"], "I = 77": [],
        "T = i = 3": ["two_T.I = 3"], "exit code 30": ["one_I.30"], "failed i = 0": [],
    }.items():  # fmt: skip
        words.fill(text)
        eventually(lambda names=names: seen.column(1) == names)


def test_values_that_are_left_out_are_counted(mixed: Path, look: Callable[..., Look]) -> None:
    rows = look(mixed).page.locator("#failures table").nth(1).locator("tbody tr")
    assert rows.count() == 11
    assert rows.last.inner_text() == "and 2 more"


def test_hovering_and_selecting(fits: Path, look: Callable[..., Look]) -> None:
    seen = look(fits)
    names = seen.page.evaluate(
        "Bokeh.documents[0].get_model_by_name('timeline').renderers[1].data_source.data.name"
    )
    row = names.index("fit_N.3")
    hint = seen.hint("timeline", "left", "row", row, "fit_N.3")
    assert re.search(r"N = 3.*✗ FAILED.*attempt:\s*1.*ran:\s*\d", hint, re.DOTALL)
    seen.page.mouse.down()
    seen.page.mouse.up()
    card = seen.page.locator("#task")
    card.wait_for()
    assert "fit_N.3\nState\n✗ FAILED\nParameters\nN = 3\nWhy\nexit code 7" in card.inner_text()
    card.get_by_role("link").click()
    assert seen.page.url.endswith("#failure-3")
    assert seen.page.locator("#failure-3").evaluate("node => node.open")
    assert "✗ FAILED: exit code 7" in seen.hint("graph", "column", "height", 3, "fit_N.3")
    seen.hint("durations", "x", "run", 0, "mesh")


def test_selecting_a_task_that_never_ran(fits: Path, look: Callable[..., Look]) -> None:
    page = look(fits).page
    card = page.locator("#task h3")
    for name in ("fit_N.1", "sum", "fit_N.2"):  # the second has no bar beside those that have
        page.locator(".slick-row", has_text=name).first.click()
        eventually(lambda name=name: card.all_inner_texts() == [name])
    page.locator(".slick-row", has_text="sum").first.click(modifiers=["Control"])
    selected = "Bokeh.documents[0].get_model_by_name('table').source.selected.indices.join()"
    eventually(lambda: page.evaluate(selected) == "2,5")


def test_durations_by_parameter(fits: Path, look: Callable[..., Look]) -> None:
    seen = look(fits)
    boxes = "Bokeh.documents[0].get_model_by_name('durations').renderers[1].data_source.data"
    assert seen.page.evaluate(f"[...{boxes}.label]") == ["mesh", "fit"]
    seen.page.get_by_label("By").select_option(label="N")
    eventually(lambda: seen.page.evaluate(f"[...{boxes}.label]") == ["1", "2", "3", "10"])
    assert all(0.05 < x < 20 for x in seen.page.evaluate(f"[...{boxes}.q2]"))


def test_links_lead_to_sections(fits: Path, look: Callable[..., Look]) -> None:
    page = look(fits).page
    for link in page.locator("nav a").all():
        link.click()
        target = page.locator(str(link.get_attribute("href")))
        assert target.locator("h2").inner_text() == link.inner_text()
        eventually(lambda at=target: 0 <= round(at.bounding_box()["y"]) < 900)


def test_no_value_of_the_environment(fits: Path, look: Callable[..., Look]) -> None:
    text = fits.read_text()
    assert SECRET not in text
    assert STORED not in text
    page = look(fits).page
    assert "Fits with $(TOKEN)" in page.locator("header").inner_text()
    assert page.locator("#graph svg title").first.text_content() == "Mesh with $(TOKEN)"
    facts = page.locator("#provenance").inner_text()
    assert "QUICK, TOKEN (values are not shown)" in facts
    assert f"Python {sys.version.split()[0]}, on {os.uname().nodename}" in facts
    assert "maestro report " in facts
    page.get_by_text("The specification", exact=True).click()
    assert "    TOKEN: …\n" in page.locator("#provenance pre").inner_text()


HOSTILE = [
    "</script><script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    "<!--<script>",
    "&lt;b&gt; &amp; '\"`\\",
    "$$x^2$$ \\[y\\] \\(z\\)",
    "@name @{name} $index {{ 7 * 7 }} <%= 7 * 7 %> ${7 * 7}",
    "a\u2028b\u2029c\u202ed\x1b[31me\x07f\r\ng",
    "\U0001f600 ☃ é",
    "x" * 5000,
    "javascript:document.title = 'taken'",
]


HOSTILE_NAMES = ["A", HOSTILE[1], "<img src=x onerror=document.title=7>", "$$y$$"]


def test_hostile_values(shell: Shell, look: Callable[..., Look]) -> None:
    uses = " ".join(f"$({name})" for name in HOSTILE_NAMES)
    spec = {
        "description": {"name": HOSTILE[0], "description": HOSTILE[1]},
        "study": [
            {
                "name": f"bad {HOSTILE[1]} $$x$$",
                "description": HOSTILE[0],
                "run": {"cmd": 'cat "$(OUTPUT_PATH)/../words" >&2; exit 3 # ' + uses},
            },
        ],
        "global.parameters": {
            name: {"values": HOSTILE, "label": [f"{n}.{i}" for i in range(len(HOSTILE))]}
            for n, name in enumerate(HOSTILE_NAMES)
        },
    }
    shell.write("words", "\n".join(HOSTILE))
    shell.write("s.yaml", json.dumps(spec))
    shell("maestro", "run", "-y", "-fg", "-o", "out", "s.yaml", code=2)
    shell("maestro", "report", "out", "-o", "page.html")
    seen = look(shell.folder / "page.html")
    page = seen.page
    assert page.title() == f"{HOSTILE[0]}: report"
    seen.hint("timeline", "left", "row", 1, HOSTILE[1])
    page.get_by_label("By").select_option(label="$$y$$")
    axis = "Bokeh.documents[0].get_model_by_name('durations').below[0]"
    # Else it is a formula, of which nothing would be seen.
    assert page.evaluate(f"{axis}.axis_label") == "$\u200b$y$\u200b$"
    page.get_by_label("Words").fill("7 * 7")
    eventually(lambda: seen.chosen() == "1 of 10 tasks")
    assert HOSTILE[5] in seen.rows()[0]
    page.locator(".slick-cell").first.click()
    page.locator("#task").wait_for()
    assert f"A = {HOSTILE[5]}" in page.locator("#task").inner_text()
    page.get_by_label("Words").fill("")
    eventually(lambda: seen.chosen() == "10 tasks")
    rows = seen.rows()
    assert r"a\u2028b\u2029c\u202ed\x1b[31me\x07f\r\ng" in rows[6]
    assert HOSTILE[0] in rows[0]
    printed = page.locator("#failures pre").first.text_content()
    assert HOSTILE[0] in printed
    assert r"\x1b[31me\x07f" in printed
    assert page.locator("img, iframe, script[src]").count() == 0
    assert page.title() == f"{HOSTILE[0]}: report"


def test_a_study_that_runs(shell: Shell, look: Callable[..., Look]) -> None:
    shell.write("s.yaml", WAITING)
    shell("maestro", "run", "-y", "-o", "out", "s.yaml")
    eventually(lambda: shell.states("out")["first"] == "RUNNING")
    assert shell("maestro", "report", "out").stdout == "The report: waits-report.html\n"
    seen = look(shell.folder / "waits-report.html")
    header = seen.page.locator("header").inner_text()
    assert "It is running, conducted by " in header
    hint = seen.hint("timeline", "left", "row", 0, "first")
    assert "▶ RUNNING" in hint
    assert "No task has failed." in seen.page.locator("#failures").inner_text()
    (shell.folder / "go").touch()
    eventually(lambda: shell.states("out")["last"] == "FINISHED")


def test_a_study_that_has_not_run(shell: Shell, look: Callable[..., Look]) -> None:
    shell.write("s.yaml", WAITING)
    shell("maestro", "run", "-n", "-o", "out", "s.yaml")
    page = shell("maestro", "report", "-o", "-", "out").stdout
    (shell.folder / "page.html").write_text(page)
    seen = look(shell.folder / "page.html")
    assert "nobody conducts it" in seen.page.locator("header").inner_text()
    assert seen.column(0) == ["· INITIALIZED", "· INITIALIZED"]
    assert "None of the chosen tasks has run" in seen.page.locator("#durations").inner_text()


def test_a_large_study(shell: Shell, look: Callable[..., Look]) -> None:
    spec = {
        "description": {"name": "large", "description": "d"},
        "study": [
            {"name": "one", "description": "d", "run": {"cmd": "true $(N)"}},
            {"name": "all", "description": "d", "run": {"cmd": "true", "depends": ["one_*"]}},
        ],
        "global.parameters": {"N": {"values": list(range(2500)), "label": "N.%%"}},
    }
    shell.write("s.yaml", json.dumps(spec))
    shell("maestro", "run", "-y", "--dry", "-o", "out", "s.yaml")
    shell("maestro", "report", "out", "-o", "page.html")
    seen = look(shell.folder / "page.html")
    graph = seen.page.locator("#graph").inner_text()
    assert "2,501 tasks with 2,500 edges are too many to be drawn one by one" in graph
    assert "✎ 2500 DRYRUN" in " ".join(seen.page.locator("#graph svg").all_text_contents())
    assert len(seen.rows()) < 100  # those that are looked at
    seen.page.get_by_label("Words").fill("n.2499")
    eventually(lambda: seen.column(1) == ["one_N.2499"])
