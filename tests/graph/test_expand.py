"""Expansion of random specifications: what must hold of every graph."""

from __future__ import annotations

import re

import networkx as nx
import pytest
from graph_helpers import Naive, after, parameter, spec_of, specifications, with_more
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro.errors import SpecError
from maestro.graph import expand, layout_of, task_of, tasks
from maestro.spec import Specification, Step

many = settings(max_examples=300)


@many
@given(specifications())
def test_it_is_what_the_definition_says(spec: Specification) -> None:
    graph, naive = expand(spec), Naive(spec)
    assert set(graph) == set(naive.tasks)
    assert set(graph.edges) == naive.edges
    for node, task in tasks(graph):
        step, labels = naive.tasks[node]
        assert task.step.name == step
        assert task.combination.labels == labels
        assert task.workspace == naive.workspaces[node]
        assert task.name == node


@many
@given(specifications(), st.booleans())
def test_what_holds_of_every_graph(spec: Specification, hashws: bool) -> None:
    graph = expand(spec, hashws=hashws)
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.is_frozen(graph)
    assert all(set(attributes) == {"task"} for _, attributes in graph.nodes(data=True))
    workspaces = [task.workspace for _, task in tasks(graph)]
    assert len(set(workspaces)) == len(workspaces)
    projections = [(t.step.name, str(t.combination.labels)) for _, t in tasks(graph)]
    assert len(set(projections)) == len(projections)
    place = {node: i for i, node in enumerate(graph)}
    for above, below in graph.edges:
        assert place[above] < place[below]
        ours, step = task_of(graph, above).combination, task_of(graph, above).step.name
        theirs, child = task_of(graph, below).combination, task_of(graph, below).step
        if step not in child.funnels():
            assert ours.values.items() <= theirs.values.items()


@many
@given(specifications(), st.randoms(use_true_random=False))
def test_the_order_of_steps_and_parameters_does_not_matter(spec: Specification, random) -> None:
    steps, columns = list(spec.steps), list(spec.parameters)
    random.shuffle(steps)
    random.shuffle(columns)
    shuffled = spec_of(*steps, parameters=tuple(columns))
    one, two = expand(spec), expand(shuffled)
    assert set(one) == set(two)
    assert set(one.edges) == set(two.edges)
    assert {n: t.workspace for n, t in tasks(one)} == {n: t.workspace for n, t in tasks(two)}


@many
@given(specifications())
def test_hashed_names_depend_on_nothing_else_in_the_study(spec: Specification) -> None:
    graph, larger = expand(spec, hashws=True), expand(with_more(spec), hashws=True)
    for node, task in tasks(graph):
        assert task.workspace == task_of(larger, node).workspace
        if task.combination.parameters:
            assert re.fullmatch(r"[^/]+/[0-9a-f]{16}", task.workspace)
            assert layout_of(graph).script(task) == task.workspace[-16:]


@many
@given(specifications(), st.booleans())
def test_the_layout_finds_every_workspace(spec: Specification, hashws: bool) -> None:
    graph = expand(spec, hashws=hashws)
    layout = layout_of(graph)
    for _, task in tasks(graph):
        assert layout.workspace(task.step.name, task.combination) == task.workspace
        assert task.workspace.split("/")[0] == layout.folder(task.step.name)
        for name in set(task.step.workspaces) - task.step.funnels():
            agreeing = [
                other.workspace
                for _, other in tasks(graph)
                if other.step.name == name
                and other.combination.values.items() <= task.combination.values.items()
            ]
            assert agreeing == [layout.workspace(name, task.combination)]


def test_steps_stand_as_they_are_written_where_they_may() -> None:
    names = ["z", "b", "y", "a"]
    assert list(expand(spec_of(*(Step(name, "", "") for name in names)))) == names


def test_steps_may_stand_in_any_order() -> None:
    graph = expand(spec_of(Step("b", "", "", depends=after("a")), Step("a", "", "")))
    assert list(graph.edges) == [("a", "b")]


def test_no_combinations_make_no_tasks_but_those_of_steps_without_parameters() -> None:
    spec = spec_of(
        Step("sim", "", "$(A)"),
        Step("post", "", "", depends=after("sim")),
        Step("all", "", "", depends=after("post_*")),
        parameters=(parameter("A"),),
    )
    assert list(expand(spec)) == ["all"]


def test_parameters_given_replace_those_of_the_file() -> None:
    spec = spec_of(Step("sim", "", "$(A) $(B)"), parameters=(parameter("A", 1, 2),))
    assert list(expand(spec)) == ["sim_A.1", "sim_A.2"]
    assert list(expand(spec, ())) == ["sim"]
    assert list(expand(spec, [parameter("B", 3)])) == ["sim_B.3"]


def test_both_ends_of_a_study() -> None:
    spec = spec_of(
        Step("prep", "", "make"),
        Step("sim", "", "run $(SIZE) $(SEED)", depends=after("prep")),
        Step("size", "", "mean $(SIZE)", depends=after("sim_*")),
        Step("all", "", "plot", depends=after("size_*", "prep")),
        parameters=(parameter("SIZE", 1, 1, 2), parameter("SEED", 8, 9, 8)),
    )
    graph = expand(spec)
    sims = ["sim_SEED.8.SIZE.1", "sim_SEED.9.SIZE.1", "sim_SEED.8.SIZE.2"]
    assert list(graph) == ["prep", *sims, "size_SIZE.1", "size_SIZE.2", "all"]
    assert set(graph.successors("prep")) == {*sims, "all"}
    assert list(graph.predecessors("size_SIZE.2")) == sims
    assert task_of(graph, sims[1]).workspace == "sim/SEED.9.SIZE.1"


def test_a_frozen_graph_cannot_be_changed() -> None:
    graph = expand(spec_of(Step("a", "", "")))
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        graph.add_node("b")


def test_a_cycle_is_shown_with_its_path() -> None:
    spec = spec_of(
        Step("x", "", ""),
        Step("a", "", "", depends=after("x", "c")),
        Step("b", "", "", depends=after("a")),
        Step("c", "", "", depends=after("b_*")),
    )
    with pytest.raises(SpecError, match=r"cycle: (a -> b -> c|b -> c -> a|c -> a -> b) -> \w$"):
        expand(spec)


def test_a_long_chain_needs_no_recursion() -> None:
    steps = [Step(f"s{i}", "", "", depends=after(f"s{i - 1}") if i else ()) for i in range(5000)]
    assert len(expand(spec_of(*reversed(steps)))) == 5000
