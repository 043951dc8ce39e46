"""``maestro graph`` and ``maestro validate``: what tools read, and what people look at."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import networkx as nx
import pytest

from tests.cli.test_run import FAN
from tests.conftest import Shell
from tests.report.screen import maestro, on_a_terminal

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")

STARTS = {
    "dot": b'digraph "fan out" {',
    "gv": b'digraph "fan out" {',
    "mmd": b"flowchart LR",
    "json": b'{"directed": true',
    "graphml": b"<graphml",
}
PICTURES = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!doctype html>"}


def nodes(svg: str) -> list[list[str]]:
    """The lines in each node of an SVG picture that Graphviz made."""
    name = "{http://www.w3.org/2000/svg}"
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{name}g") if g.get("class") == "node"]
    return [[text.text for text in group.iter(f"{name}text")] for group in groups]


def test_a_specification_as_node_link_data(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    data = json.loads(shell("maestro", "graph", "--format", "json", "fan.yaml").stdout)
    node = next(node for node in data["nodes"] if node["id"] == "say_N.2")
    assert node == {"id": "say_N.2", "step": "say", "params": {"N": 2}, "workspace": "say/N.2"}
    graph = nx.node_link_graph(data, edges="edges")
    assert (len(graph), graph.number_of_edges()) == (7, 3 + 3 + 3)


def test_a_study_has_states(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("tr a-z", "test $(N) = 2 && exit 7; tr a-z"))
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml", code=2)
    data = json.loads(shell("maestro", "graph", "-f", "json", "out").stdout)
    states = {node["id"]: node["state"] for node in data["nodes"]}
    assert states == shell.states("out")
    by_state = shell("maestro", "graph", "out").stdout
    assert "– INCOMPLETE" in by_state
    by_step = shell("maestro", "graph", "--color", "step", "out").stdout
    colours = [set(re.findall('fillcolor="(.*?)"', text)) for text in (by_state, by_step)]
    assert [len(found) for found in colours] == [1 + 3, 1 + 3]  # white, and states or steps
    assert colours[0] != colours[1]
    assert "– INCOMPLETE" in by_step
    steps = shell("maestro", "graph", "--level", "step", "-f", "json", "out").stdout
    assert json.loads(steps)["nodes"][1] == {
        "id": "shout", "tasks": 3, "states": {"FINISHED": 2, "FAILED": 1},
    }  # fmt: skip


# ---- formats and files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ending", [*STARTS, *(pytest.param(ending, marks=needs_dot) for ending in PICTURES)]
)
def test_the_name_of_the_file_says_the_format(shell: Shell, ending: str) -> None:
    shell.write("fan.yaml", FAN)
    done = shell("maestro", "graph", "-o", f"fan.{ending.upper()}", "fan.yaml")
    form = {"gv": "dot", "mmd": "mermaid"}.get(ending, ending)
    said = f"note: fan.{ending.upper()} is written: {form}, 7 tasks, 9 edges\n"
    assert (done.stdout, done.stderr) == ("", said)
    content = (shell.folder / f"fan.{ending.upper()}").read_bytes()
    assert content.startswith({**STARTS, **PICTURES}[ending])


def test_the_format_that_is_asked_for_wins(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell("maestro", "graph", "-f", "mermaid", "-o", "fan.dot", "fan.yaml")
    assert (shell.folder / "fan.dot").read_text().startswith("flowchart LR")
    named = shell("maestro", "graph", "-f", "mermaid", "-o", "-", "fan.yaml").stdout
    assert named == (shell.folder / "fan.dot").read_text()
    assert shell("maestro", "graph", "fan.yaml").stdout.startswith("digraph")
    done = shell("maestro", "graph", "-o", "fan.jpg", "fan.yaml", code=1)
    assert "fan.jpg says no format; give -f" in done.stderr
    done = shell("maestro", "graph", "-o", "no/fan.dot", "fan.yaml", code=1)
    assert "no/fan.dot cannot be written: No such file or directory" in done.stderr
    assert sorted(os.listdir(shell.folder)) == ["fan.dot", "fan.yaml"]


def test_text_is_utf_8_whatever_the_locale(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("fan out", "fän"))
    command = shell.command("maestro", "graph", "fan.yaml")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, cwd=shell.folder, capture_output=True, env=environment)
    assert done.stdout.startswith('digraph "fän" {'.encode())


@needs_dot
def test_a_terminal_is_spared_what_is_no_text(shell: Shell) -> None:
    path = shell.write("fan.yaml", FAN).rename(shell.folder.parent / "fan.yaml")
    for form in ("png", "pdf"):
        for out in ("-", "/dev/stdout"):
            command = maestro("graph", "-f", form, "-o", out, path)
            text = on_a_terminal(f"{command} || echo status $?")
            assert f"error: {form} is not for a terminal; name a file with -o FILE" in text
            assert text.endswith("status 1\n")
    command = shell.command("maestro", "graph", "-f", "png", path)
    assert subprocess.run(command, capture_output=True).stdout.startswith(b"\x89PNG")
    assert "<svg" in on_a_terminal(maestro("graph", "-f", "svg", path))


def test_without_graphviz_it_says_so(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    nowhere = {**os.environ, "PATH": str(shell.folder)}
    for form in PICTURES:
        done = shell("maestro", "graph", "-o", f"x.{form}", "fan.yaml", code=1, env=nowhere)
        assert "Graphviz, whose command 'dot' is not on the PATH" in done.stderr
    assert "t0 -> t3" in shell("maestro", "graph", "fan.yaml", env=nowhere).stdout
    assert os.listdir(shell.folder) == ["fan.yaml"]


def test_what_graphviz_cannot_draw_is_an_error(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    dot = shell.write("dot", "#!/bin/sh\necho 'no such plug-in' >&2; exit 3\n")
    dot.chmod(0o755)
    path = f"{shell.folder}:{os.environ['PATH']}"
    done = shell(
        "maestro", "graph", "-f", "svg", "fan.yaml", code=1, env={**os.environ, "PATH": path}
    )
    assert done.stderr == (
        "error: Graphviz could not draw it: dot ended with 3 no such plug-in\n"
    )
    dot.write_text("#!/bin/sh\ncat > /dev/null\n")
    done = shell(
        "maestro", "graph", "-f", "html", "fan.yaml", code=1, env={**os.environ, "PATH": path}
    )
    assert "dot printed no picture" in done.stderr


class Page(HTMLParser):
    """What a page consists of, and what it points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


@needs_dot
def test_the_page_for_browsers_needs_nothing_else(shell: Shell) -> None:
    shell.write("fan.yaml", FAN.replace("fan out", '"<script>alert(1)</script> & more"'))
    shell("maestro", "run", "-y", "-fg", "-o", "out", "fan.yaml")
    shell("maestro", "graph", "-o", "fan.html", "out")
    text = (shell.folder / "fan.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags >= {"svg", "polygon", "h1"}
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert set(page.links) <= {None}
    assert "url(" not in text
    assert "7 tasks: ✓ 7 FINISHED" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    svg = text[text.index("<svg") : text.index("</svg>") + len("</svg>")]
    assert ["say", "N = 2", "✓ FINISHED"] in nodes(svg)
    assert "<title>t" not in svg


# ---- which tasks -------------------------------------------------------------------------------

WIDE = """
description: {{name: wide, description: many tasks}}
study:
- {{name: one, description: one, run: {{cmd: "$(N)"}}}}
- {{name: two, description: two, run: {{cmd: "$(N)", depends: [one]}}}}
global.parameters:
  N: {{values: {values}, label: N.%%}}
"""


def wide(shell: Shell, tasks: int) -> None:
    shell.write("wide.yaml", WIDE.format(values=list(range(tasks // 2))))


@needs_dot
def test_a_picture_of_many_tasks_shows_the_steps(shell: Shell) -> None:
    wide(shell, 4_000)
    done = shell("maestro", "graph", "-f", "svg", "wide.yaml")
    assert done.stderr.startswith("note: 4000 tasks with 2000 edges are many for one picture")
    assert nodes(done.stdout) == [[step, "2000 tasks", "over N"] for step in ("one", "two")]
    done = shell("maestro", "graph", "-f", "svg", "--where", "N < 2", "wide.yaml")
    assert (len(nodes(done.stdout)), done.stderr) == (4, "")
    assert shell("maestro", "graph", "wide.yaml").stdout.count("label=") == 4_000


@needs_dot
def test_tasks_that_are_asked_for_are_drawn_within_a_bound(shell: Shell) -> None:
    wide(shell, 4_000)
    done = shell("maestro", "graph", "-f", "svg", "--level", "task", "wide.yaml", timeout=600)
    assert "note: 4000 tasks with 2000 edges: Graphviz may take minutes" in done.stderr
    assert len(nodes(done.stdout)) == 4_000
    wide(shell, 14_000)
    done = shell("maestro", "graph", "-f", "png", "--level", "task", "wide.yaml", code=1)
    assert "14000 tasks with 7000 edges are too many to be drawn; choose some" in done.stderr


def test_mermaid_draws_fewer(shell: Shell) -> None:
    wide(shell, 400)
    done = shell("maestro", "graph", "-f", "mermaid", "wide.yaml")
    assert done.stderr.startswith("note: 400 tasks with 200 edges are many for one picture")
    assert done.stdout.count(":::") == 2
    done = shell("maestro", "graph", "-f", "mermaid", "--level", "task", "wide.yaml")
    assert "maxEdges" in done.stderr
    assert done.stdout.count(":::") == 400


def test_mermaid_draws_no_long_text(shell: Shell) -> None:
    arrows = [f"{i} {'→' * 38}" for i in range(100)]  # seven characters each, as entities
    shell.write("wide.yaml", WIDE.format(values=arrows))
    done = shell("maestro", "graph", "-f", "mermaid", "wide.yaml")
    assert done.stderr.startswith("note: the tasks are many for one picture")
    assert done.stdout.count(":::") == 2
    done = shell("maestro", "graph", "-f", "mermaid", "--level", "task", "wide.yaml")
    assert "maxTextSize" in done.stderr


def test_a_file_is_replaced_when_all_is_there(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    old = shell.write("fan.svg", "old")
    nowhere = {**os.environ, "PATH": str(shell.folder)}
    shell("maestro", "graph", "-o", "fan.svg", "fan.yaml", code=1, env=nowhere)
    assert old.read_text() == "old"
    (shell.folder / "link.json").symlink_to("fan.json")
    shell("maestro", "graph", "-o", "link.json", "fan.yaml")
    assert json.loads((shell.folder / "fan.json").read_text())["graph"] == {"study": "fan out"}
    assert (shell.folder / "link.json").is_symlink()
    full = shell("maestro", "graph", "-f", "json", "-o", "/dev/full", "fan.yaml", code=1)
    assert "/dev/full cannot be written: No space left on device" in full.stderr
    assert {path.name for path in shell.folder.iterdir()} == {
        "fan.yaml", "fan.svg", "fan.json", "link.json",
    }  # fmt: skip


def test_some_of_the_tasks(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)

    def ids(*words: str) -> list[str]:
        data = json.loads(shell("maestro", "graph", "-f", "json", *words, "fan.yaml").stdout)
        return [node["id"] for node in data["nodes"]]

    assert ids("--where", "N > 1") == ["say_N.2", "say_N.3", "shout_N.2", "shout_N.3"]
    assert ids("--where", "N > 1", "--step", "say") == ["say_N.2", "say_N.3"]
    assert ids("--step", "say", "--step", "all") == ["say_N.1", "say_N.2", "say_N.3", "all"]
    assert ids("--level", "step", "--where", "N > 1") == ["say", "shout"]
    done = shell("maestro", "graph", "--where", "N > 9", "fan.yaml", code=1)
    assert "no task is chosen" in done.stderr
    done = shell("maestro", "graph", "--step", "sya", "fan.yaml", code=1)
    assert "there is no step 'sya'; did you mean 'say'?" in done.stderr


GENERATOR = """
from maestrowf.datastructures.core import ParameterGenerator

def get_custom_generator(env, **kwargs):
    made = ParameterGenerator()
    made.add_parameter("N", list(range(int(kwargs["NUMBER"]))), "N.%%")
    return made
"""


def test_a_generator_makes_the_parameters(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell.write("made.py", GENERATOR)
    words = ("graph", "-f", "json", "-p", "made.py", "--pargs", "NUMBER:5", "--hashws", "fan.yaml")
    data = json.loads(shell("maestro", *words).stdout)
    says = [node for node in data["nodes"] if node["step"] == "say"]
    assert [node["params"] for node in says] == [{"N": n} for n in range(5)]
    assert all(re.fullmatch("say/[0-9a-f]{16}", node["workspace"]) for node in says)
    assert sorted(os.listdir(shell.folder)) == ["fan.yaml", "made.py"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--color state fan.yaml", "--color state is for a study directory"),
        ("--color step -f json fan.yaml", "--color is for pictures"),
        ("--pargs A:1 fan.yaml", "--pargs are for a generator file"),
        ("--hashws out", "a study has its workspaces already"),
        ("-p made.py out", "a study has its parameters already"),
        ("nothing.yaml", "nothing.yaml"),
        ("-f dot -o ./fan.yaml fan.yaml", "would replace what fan.yaml consists of"),
        ("-f dot -o made.py -p made.py fan.yaml", "would replace what made.py consists of"),
        (".", "is not a study directory"),
    ],
)
def test_what_does_not_go_together_is_said(shell: Shell, words: str, complaint: str) -> None:
    shell.write("fan.yaml", FAN)
    shell.write("made.py", GENERATOR)
    if "out" in words:
        shell("maestro", "run", "-n", "-o", "out", "fan.yaml")
    done = shell("maestro", "graph", *words.split(), code=1)
    assert complaint in done.stderr
    assert done.stdout == ""


# ---- maestro validate --------------------------------------------------------------------------


def test_validate_as_json(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    shell.write("bad.yaml", FAN.replace("depends: [say]", "dependz: [say]"))
    done = shell("maestro", "validate", "--format", "json", "fan.yaml", "bad.yaml", code=1)
    (problem,) = [p for p in json.loads(done.stdout) if p["severity"] == "error"]
    assert problem["specification"] == "bad.yaml"
    assert problem["code"] == "unknown-key"
    assert problem["position"] == {"file": "bad.yaml", "line": 16, "column": 5}


def test_several_directories_at_once(shell: Shell) -> None:
    shell.write("fan.yaml", FAN)
    for name in ("one", "two"):
        shell("maestro", "run", "-n", "-o", name, "fan.yaml")
    done = shell("maestro", "update", "--throttle", "1", "--throttle", "2", "one", "two")
    assert "one: throttle = 1" in done.stdout
    assert "two: throttle = 2" in done.stdout
    shell("maestro", "update", *["--rlimit", "1"] * 3, "one", "two", code=1)
    shell("maestro", "cancel", "-y", "one", "two")
    assert set(shell.states("two").values()) == {"CANCELLED"}
