"""Random specifications, and expansion once more: slowly, and straight from its definition."""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass, field, replace

import networkx as nx
from hypothesis import strategies as st

from maestro.graph import Arrow, Box, Drawing, Layout, Task
from maestro.spec import Combination, Dependency, Parameter, Specification, Step, Value


def parameter(name: str, *values: Value, label: str | None = None) -> Parameter:
    label = label or f"{name}.%%"
    labels = tuple(label.replace("%%", str(value)) for value in values)
    return Parameter(name, values, labels, f"{name} title")


def spec_of(*steps: Step, parameters: tuple[Parameter, ...] = (), name: str = "study"):
    return Specification(name, "", steps, parameters)


def after(*names: str) -> tuple[Dependency, ...]:
    """Dependencies as they are written: ``step``, or ``step_*`` for a funnel."""
    return tuple(Dependency(name.removesuffix("_*"), name.endswith("_*")) for name in names)


# ---- random specifications ---------------------------------------------------------------------

NAMES = ("sim", "post run", "a.b", "x-(1)", "häl", "last")
TOKENS = ("$(A)", "$(B)", "$(C)", "$(A.label)", "$(B.name)", "$(C.word)")
OTHERS = ("$(D)", "$(date)", "$(A.b.c)", "$(a)", "A", "$(A", "$$(pwd)", "$((A))")
WORDS = st.lists(st.sampled_from(TOKENS + OTHERS), max_size=2).map(" ".join)


@st.composite
def parameters(draw: st.DrawFn) -> tuple[Parameter, ...]:
    rows = draw(st.integers(0, 5))
    values = st.lists(st.integers(0, 2), min_size=rows, max_size=rows)
    names = draw(st.permutations("ABC"))[: draw(st.integers(0, 3))]
    return tuple(parameter(name, *draw(values)) for name in names)


@st.composite
def specifications(draw: st.DrawFn) -> Specification:
    """Steps in any order, which wait for each other and name each other's workspaces."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, 5))]
    steps: list[Step] = []
    for name in names:
        earlier = [step.name for step in steps]
        depends: list[str] = []
        spaces: list[str] = []
        for other in earlier:
            kinds = [[], [other], [f"{other}_*"], [other, f"{other}_*"]]
            depends += draw(st.sampled_from(kinds))
            spaces += draw(st.sampled_from([[], [], [other]]))
        mentioned = " ".join(f"$({other}.workspace)" for other in spaces)
        step = Step(
            name,
            draw(st.sampled_from(["", "", "", "about $(A.label)"])),
            f"{draw(WORDS)} {mentioned}",
            draw(st.sampled_from(["", "", "again $(B)"])),
            after(*depends),
            workspaces=tuple(spaces),
        )
        steps.append(step)
    return spec_of(*draw(st.permutations(steps)), parameters=draw(parameters()))


# ---- graphs whose names can be anything --------------------------------------------------------

SIGNS = st.sampled_from(
    ["\\", '"', "'", "`", "<", ">", "&", "#", ";", ":", "%", "$", "{", "}", "[", "]", "|", "\n",
     "\t", "\r", "\0", "\x1b", "\x85", "\u2028", "\udc80", "\ufffe", "\U0001f600", "é", "日",
     " ", "-"]
)  # fmt: skip
SPELT = (
    "\\x1b", "\\x5c", "\\udc80", "\\N", "\\G", "\\n", "&amp;", "&#38;", "#35;", "#quot;", "<b>",
    "</b>", "<!--", "]]>", "$$", "-->", "%%{init: {}}%%", "style a:#fff;", "end", "graph", "1.5",
    "fa:fa-car", "ﬂ°°35¶ß", "<script>alert(1)</script>", "**b**", "1. a", "- a", "strict",
)  # fmt: skip
HOSTILE = st.lists(
    st.one_of(SIGNS, st.sampled_from(SPELT), st.characters(codec=None)), max_size=6
).map("".join)
"""Texts that mean something to one format or another, and any characters at all."""

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(HOSTILE, st.integers(), FINITE, st.booleans(), st.none())


@st.composite
def hostile_graphs(draw: st.DrawFn) -> nx.DiGraph:
    """A study graph that no specification makes: names, parameters and edges are arbitrary."""
    graph = nx.DiGraph(study=draw(HOSTILE))
    names = draw(st.lists(HOSTILE, min_size=1, max_size=4, unique=True))
    for node in draw(st.lists(HOSTILE, min_size=1, max_size=6, unique=True)):
        values = draw(st.dictionaries(HOSTILE, VALUES, max_size=3))
        columns = tuple(Parameter(name, (value,), ("",), "") for name, value in values.items())
        step = Step(draw(st.sampled_from(names)), draw(HOSTILE), "")
        graph.add_node(node, task=Task(step, Combination(columns, 0), draw(HOSTILE)))
    if pairs := list(itertools.combinations(graph, 2)):
        graph.add_edges_from(draw(st.lists(st.sampled_from(pairs), max_size=8)))
    graph.graph["layout"] = Layout(dict.fromkeys(names, ()))
    return graph


LINES = st.lists(HOSTILE, min_size=1, max_size=3).map(tuple)


def shares(counts: list[int]) -> dict[str, float]:
    return {f"#{i:06x}": count / sum(counts) for i, count in enumerate(counts)}


COLOURS = st.lists(st.integers(1, 100_000), max_size=7).map(shares)


@st.composite
def drawings(draw: st.DrawFn, boxes: int = 12) -> Drawing:
    lines = draw(st.lists(LINES, min_size=1, max_size=boxes))
    pairs = list(itertools.combinations(range(len(lines)), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=6, unique=True)) if pairs else []
    arrows = [Arrow(tail, head, draw(HOSTILE)) for tail, head in chosen]
    made = [Box(line, draw(HOSTILE), draw(COLOURS)) for line in lines]
    return Drawing(draw(HOSTILE), made, arrows)


# ---- expansion by the definition ---------------------------------------------------------------

SAFE = frozenset(string.ascii_letters + string.digits + "-_.()")


def plainly_safe(text: str) -> str:
    return "".join(c for c in text.replace(" ", "_") if c in SAFE)


@dataclass
class Naive:
    """What a specification expands to. ``tasks`` has label by parameter for each name."""

    spec: Specification
    uses: dict[str, set[str]] = field(default_factory=dict)
    tasks: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    workspaces: dict[str, str] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._find_uses()
        for step in self.spec.steps:
            self._make_tasks(step)
        for step in self.spec.steps:
            for dependency in step.depends:
                self._connect(dependency, step.name)

    def of(self, step: str) -> dict[str, dict[str, str]]:
        return {task: labels for task, (owner, labels) in self.tasks.items() if owner == step}

    def _find_uses(self) -> None:
        known = {p.name for p in self.spec.parameters}
        for step in self.spec.steps:
            text = f"{step.name} {step.description} {step.cmd} {step.restart}"
            self.uses[step.name] = {p for p in known if f"$({p})" in text} | {
                p for p in known for word in ("label", "name", "word") if f"$({p}.{word})" in text
            }
        for _ in self.spec.steps:  # as often as a chain can be long
            for step in self.spec.steps:
                funnels = {d.step for d in step.depends if d.funnel}
                inherited = {d.step for d in step.depends if not d.funnel}
                inherited |= set(step.workspaces) - funnels
                for other in inherited:
                    self.uses[step.name] |= self.uses[other]

    def _make_tasks(self, step: Step) -> None:
        folder = plainly_safe(step.name)
        if not self.uses[step.name]:
            self.tasks[step.name] = step.name, {}
            self.workspaces[step.name] = folder
            return
        columns = {p.name: p for p in self.spec.parameters if p.name in self.uses[step.name]}
        for row in range(len(next(iter(columns.values())).values)):
            labels = {name: columns[name].labels[row] for name in sorted(columns)}
            text = ".".join(labels.values())
            self.tasks[f"{step.name}_{text}"] = step.name, labels
            self.workspaces[f"{step.name}_{text}"] = f"{folder}/{plainly_safe(text)}"

    def _connect(self, dependency: Dependency, child: str) -> None:
        for above, theirs in self.of(dependency.step).items():
            for below, mine in self.of(child).items():
                if dependency.funnel or all(mine[p] == label for p, label in theirs.items()):
                    self.edges.add((above, below))


def with_more(spec: Specification) -> Specification:
    """``spec`` with a further parameter, further combinations first, and a step before all."""
    more = tuple(parameter(p.name, *(v + 7 for v in range(3)), *p.values) for p in spec.parameters)
    rows = len(more[0].values) if more else 2
    more = (parameter("Z", *range(rows)), *more)
    first = Step("another", "", "echo $(Z)")
    return replace(spec, steps=(first, *spec.steps), parameters=more)
