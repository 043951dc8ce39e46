"""The analysis of graphs: the same answers as by trying everything, on small random graphs."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import networkx as nx
import pytest
from graph_helpers import after, parameter, spec_of, specifications
from hypothesis import given
from hypothesis import strategies as st

from maestro import graph as mg
from maestro.errors import UsageError
from maestro.graph import expand
from maestro.spec import Dependency, Specification, Step, Value
from tests.engine.engine_helpers import dags, graph_of

SPEC = spec_of(
    Step("prepare", "", "true"),
    Step("sim", "", "echo $(A) $(B)", depends=after("prepare")),
    Step("post", "", "true", depends=after("sim")),
    Step("all", "", "true", depends=after("post_*")),
    parameters=(parameter("A", 1, 2, 3), parameter("B", "x", "y", "x")),
)
FAN = expand(SPEC)


def chains(graph: nx.DiGraph, node: str | None = None) -> Iterator[list[str]]:
    """Every chain from ``node``, or from each task without parents, to one without children."""
    heads = [n for n in graph if not graph.in_degree(n)] if node is None else [node]
    for head in heads:
        children = list(graph.successors(head))
        for rest in (r for child in children for r in chains(graph, child)):
            yield [head, *rest]
        if not children:
            yield [head]


@st.composite
def timed(draw: st.DrawFn) -> tuple[nx.DiGraph, dict[str, float] | None]:
    graph = graph_of(draw(dags()))
    seconds = st.fixed_dictionaries({node: st.integers(0, 5) for node in graph})
    return graph, draw(st.none() | seconds)


# ---- structure ---------------------------------------------------------------------------------


@given(dags())
def test_a_task_stands_as_deep_as_its_longest_chain(parents: dict[str, list[str]]) -> None:
    graph = graph_of(parents)
    longest: dict[str, int] = {}
    for chain in chains(graph):
        for depth, node in enumerate(chain):
            longest[node] = max(longest.get(node, 0), depth)
    found = mg.generations(graph)
    assert {node: depth for depth, layer in enumerate(found) for node in layer} == longest
    assert sum(map(len, found)) == len(graph)
    assert mg.width_profile(graph) == [len(layer) for layer in found]


@given(dags(), st.data())
def test_a_failed_task_takes_its_descendants_along(
    parents: dict[str, list[str]], data: st.DataObject
) -> None:
    graph = graph_of(parents)
    failed = data.draw(st.sets(st.sampled_from(sorted(graph))))
    found = mg.downstream(graph, failed)
    assert set(found) == set().union(*(nx.descendants(graph, n) for n in failed)) - failed
    place = {node: i for i, node in enumerate(found)}
    assert all(place[a] < place[b] for a, b in graph.edges if a in place and b in place)


@given(dags())
def test_a_bottleneck_is_on_every_chain(parents: dict[str, list[str]]) -> None:
    graph = graph_of(parents)
    found = mg.bottlenecks(graph)
    for node in graph:
        count = 0
        for other in set(graph) - {node}:
            before = [chain[: chain.index(other)] for chain in chains(graph) if other in chain]
            behind = [chain[1:] for chain in chains(graph, other)]
            count += all(node in c for c in before) or all(node in c for c in behind)
        assert found[node] == count
        if count == len(graph) - 1:
            alike = nx.descendants(graph, node) | nx.ancestors(graph, node)
            assert alike == set(graph) - {node}
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_where_everything_goes_through() -> None:
    assert mg.bottlenecks(FAN) == {
        "prepare": 7, "all": 7,
        "sim_A.1.B.x": 1, "sim_A.2.B.y": 1, "sim_A.3.B.x": 1,
        "post_A.1.B.x": 1, "post_A.2.B.y": 1, "post_A.3.B.x": 1,
    }  # fmt: skip


# ---- timing ------------------------------------------------------------------------------------


@given(timed())
def test_the_critical_path_is_the_longest_chain(case: tuple[nx.DiGraph, Mapping | None]) -> None:
    graph, durations = case
    seconds = durations if durations is not None else dict.fromkeys(graph, 1)
    through: dict[str, int] = {}
    for chain in chains(graph):
        length = sum(seconds[node] for node in chain)
        for node in chain:
            through[node] = max(through.get(node, 0), length)
    longest = max(through.values())
    assert mg.work(graph, durations) == sum(seconds.values())
    assert mg.span(graph, durations) == longest
    path = mg.critical_path(graph, durations)
    assert nx.is_path(graph, path)
    assert sum(seconds[node] for node in path) == longest
    assert not graph.in_degree(path[0])
    assert not graph.out_degree(path[-1])
    assert mg.slack(graph, durations) == {node: longest - through[node] for node in graph}


@given(timed(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_busy_schedule_lies_within_the_bounds(case, slots: int, random) -> None:
    graph, durations = case
    seconds = durations if durations is not None else dict.fromkeys(graph, 1)
    waiting = dict(graph.in_degree())
    ready = [node for node in graph if not waiting[node]]
    running: list[tuple[int, str]] = []
    now = 0
    while ready or running:
        while ready and len(running) < slots:
            node = ready.pop(random.randrange(len(ready)))
            heapq.heappush(running, (now + seconds[node], node))
        now, ended = heapq.heappop(running)
        for child in graph.successors(ended):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    least, most = mg.makespan_bounds(graph, slots, durations)
    assert least <= now <= most + 1e-9
    assert slots > 1 or least == most


def test_durations_are_estimated_from_what_is_like_it() -> None:
    assert set(mg.estimate_durations(FAN, {}).values()) == {1.0}
    found = mg.estimate_durations(FAN, {"sim_A.1.B.x": 2.0, "sim_A.2.B.y": 4.0, "prepare": 9.0})
    assert found["sim_A.1.B.x"] == 2.0
    assert found["sim_A.3.B.x"] == 3.0
    assert found["all"] == 5.0
    assert list(found) == list(FAN)


def test_what_runs_takes_no_less_than_it_has_run() -> None:
    measured = {"sim_A.1.B.x": 2.0, "sim_A.2.B.y": 4.0}
    so_far = {"sim_A.1.B.x": 9.0, "sim_A.3.B.x": 7.0, "prepare": 1.0, "all": 8.0}
    found = mg.estimate_durations(FAN, measured, so_far)
    assert [found[node] for node in so_far] == [2.0, 7.0, 3.0, 8.0]


def test_durations_must_be_some() -> None:
    for function in (mg.work, mg.span, mg.critical_path, mg.slack):
        for wrong in (-1.0, float("nan")):
            with pytest.raises(ValueError, match=r"0 seconds or more.*: all"):
                function(FAN, dict.fromkeys(FAN, 1.0) | {"all": wrong})
        with pytest.raises(KeyError, match="prepare"):
            function(FAN, {})
    with pytest.raises(ValueError, match="at least one slot, not 0"):
        mg.makespan_bounds(FAN, 0)


def test_an_empty_graph_takes_no_time() -> None:
    graph = graph_of({})
    assert mg.critical_path(graph) == []
    assert mg.makespan_bounds(graph, 3) == (0, 0)
    assert (mg.slack(graph), mg.bottlenecks(graph), mg.generations(graph)) == ({}, {}, [])


def test_with_a_slot_for_every_task_the_span_is_all_there_is_to_it() -> None:
    for slots in (len(FAN), 10**400):
        assert mg.makespan_bounds(FAN, slots) == (4, 4)
    assert mg.makespan_bounds(FAN, len(FAN) - 1)[1] > 4


def test_a_chain_may_be_long() -> None:
    """Nothing here recurses."""
    names = [f"t{i}" for i in range(5000)]
    graph = graph_of({b: [a] if a else [] for a, b in zip([None, *names], names, strict=False)})
    assert mg.critical_path(graph) == names
    assert set(mg.bottlenecks(graph).values()) == {4999}
    assert mg.downstream(graph, names[:2]) == names[2:]
    assert len(mg.generations(graph)) == 5000


# ---- parts -------------------------------------------------------------------------------------


@given(specifications())
def test_the_quotient_counts_all_tasks_and_edges(spec: Specification) -> None:
    graph = expand(spec)
    step_of = {node: task.step.name for node, task in mg.tasks(graph)}
    states = {node: "AB"[len(node) % 2] for node in graph}
    found = mg.quotient(graph, states)
    assert dict(found.nodes(data="tasks")) == Counter(step_of.values())
    for step, counts in found.nodes(data="states"):
        assert counts == Counter(states[node] for node in graph if step_of[node] == step)
    edges = Counter((step_of[a], step_of[b]) for a, b in graph.edges)
    assert {(a, b): count for a, b, count in found.edges(data="edges")} == edges
    by_name = {step.name: step for step in spec.steps}
    for a, b, funnel in found.edges(data="funnel"):
        assert funnel == (Dependency(a, funnel=True) in by_name[b].depends)
    place = {step: i for i, step in enumerate(found)}
    assert all(place[a] < place[b] for a, b in found.edges)
    assert nx.is_frozen(found)
    assert all("states" not in attributes for _, attributes in mg.quotient(graph).nodes.items())


@given(specifications(), st.data())
def test_a_subgraph_is_induced_by_what_meets_all_conditions(
    spec: Specification, data: st.DataObject
) -> None:
    graph = expand(spec)
    names = mg.parameter_names(graph)
    steps = data.draw(st.sets(st.sampled_from([step.name for step in spec.steps])))
    where = data.draw(st.sampled_from([None, *(f"{name} >= 1" for name in names)]))
    states = {node: "AB"[i % 2] for i, node in enumerate(graph)}
    state = data.draw(st.sets(st.sampled_from("AB")))
    found = mg.subgraph(graph, steps=steps, where=where, in_states=state, states=states)
    expected = [
        node
        for node, task in mg.tasks(graph)
        if (not steps or task.step.name in steps)
        and (not state or states[node] in state)
        and (where is None or task.combination.values.get(where[0], 0) >= 1)
    ]
    assert list(found) == expected
    assert set(found.edges) == set(graph.subgraph(expected).edges)
    assert dict(found.nodes(data="task")) == {n: mg.task_of(graph, n) for n in expected}
    assert nx.is_frozen(found)
    assert found.graph == graph.graph


def test_what_cannot_be_selected() -> None:
    with pytest.raises(UsageError, match="no step 'pots'; did you mean 'post'"):
        mg.subgraph(FAN, steps=["pots"])
    with pytest.raises(UsageError, match="no parameter 'C'"):
        mg.subgraph(FAN, where="C > 1")
    with pytest.raises(ValueError, match="no states are given"):
        mg.subgraph(FAN, in_states=["FAILED"])
    with pytest.raises(TypeError, match="in_states are several"):
        mg.subgraph(FAN, in_states="FAILED", states={})
    with pytest.raises(TypeError, match="steps are several"):
        mg.subgraph(FAN, steps="post")


# ---- difference --------------------------------------------------------------------------------


@given(specifications(), specifications())
def test_the_difference_leads_from_one_to_the_other(
    one: Specification, other: Specification
) -> None:
    old, new = expand(one), expand(other)
    found = mg.difference(old, new)
    assert (set(old) - set(found.removed)) | set(found.added) == set(new)
    edges = (set(old.edges) - set(found.removed_edges)) | set(found.added_edges)
    assert edges == set(new.edges)
    assert set(found.added).isdisjoint(old)
    assert set(found.removed).isdisjoint(new)
    for node in set(old) & set(new):
        before, now = mg.task_of(old, node), mg.task_of(new, node)
        differs = {
            "cmd": before.step.cmd != now.step.cmd,
            "restart": before.step.restart != now.step.restart,
            "description": before.step.description != now.step.description,
            "parameters": before.combination.values != now.combination.values,
            "workspace": before.workspace != now.workspace,
            "parents": set(old.predecessors(node)) != set(new.predecessors(node)),
        }
        assert set(found.changed.get(node, ())) == {what for what in differs if differs[what]}
    assert not mg.difference(old, old)
    assert bool(found) == (found != mg.difference(old, old))


def test_what_has_changed_in_a_task() -> None:
    prepare, sim, post, last = SPEC.steps
    columns = (parameter("A", 1, 2, 4), parameter("B", "x", "y", "x"))
    steps = replace(prepare, cmd="false"), sim, replace(post, depends=after("sim", "prepare")), last
    found = mg.difference(FAN, expand(spec_of(*steps, parameters=columns)))
    assert found.added == ("sim_A.4.B.x", "post_A.4.B.x")
    assert found.removed == ("sim_A.3.B.x", "post_A.3.B.x")
    assert found.changed == {
        "prepare": ("cmd",),
        "post_A.1.B.x": ("parents",),
        "post_A.2.B.y": ("parents",),
        "all": ("parents",),
    }
    assert ("post_A.3.B.x", "all") in found.removed_edges


@pytest.mark.parametrize(
    ("old", "new", "changed"), [(float("nan"), float("nan"), False), (1, True, True)]
)
def test_values_are_the_same_when_type_and_text_are(old: Value, new: Value, changed: bool) -> None:
    one, other = (
        expand(spec_of(Step("a", "", "echo $(A)"), parameters=(parameter("A", v, label="x"),)))
        for v in (old, new)
    )
    assert mg.difference(one, other).changed == ({"a_x": ("parameters",)} if changed else {})
