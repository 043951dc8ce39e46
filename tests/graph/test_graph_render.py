"""What tasks' scripts say: which token becomes what, and in which order."""

from __future__ import annotations

import pytest
from graph_helpers import after, parameter, spec_of

from maestro.errors import SpecError
from maestro.graph import expand, layout_of, task_of
from maestro.graph.render import Rendered, render
from maestro.spec import Parameter, Resources, Specification, Step

STUDY = "/studies/one two"


def rendered(spec: Specification, node: str, *, hashws: bool = False) -> Rendered:
    graph = expand(spec, hashws=hashws)
    return render(spec, layout_of(graph), task_of(graph, node), STUDY)


def cmd(text: str, *columns: Parameter, node: str) -> str:
    return rendered(spec_of(Step("s", "", text), parameters=columns), node).cmd


def test_parameters() -> None:
    text = "$(A) $(A.label) $(A.name) $(A.other) $(B) $(date) '$(A'"
    expected = "7 A.7 A title $(A.other) $(B) $(date) '$(A'"
    assert cmd(text, parameter("A", 7), node="s_A.7") == expected


def test_labels_then_values_then_names() -> None:
    columns = (
        Parameter("A", ("$(B.label) $(B) $(B.name)",), ("a",), "the A"),
        Parameter("B", (2,), ("$(A.name)",), "$(A)"),
    )
    # The value of A comes after labels, and before the value of B and all names.
    expected = "$(B.label) 2 $(A)"
    assert cmd("$(A)", *columns, node="s_a") == "$(B.label) $(B) $(B.name)"
    assert cmd("$(A) # $(B)", *columns, node="s_a.$(A.name)") == f"{expected} # 2"
    assert cmd("$(B.label) $(A.label)", *columns, node="s_a.$(A.name)") == "the A a"


def test_values_are_replaced_in_the_order_in_which_parameters_are_written() -> None:
    columns = (parameter("B", "$(A)"), parameter("A", "x"))
    assert cmd("$(B) $(A)", *columns, node="s_A.x.B.$(A)") == "x x"
    assert cmd("$(B) $(A)", *columns[::-1], node="s_A.x.B.$(A)") == "$(A) x"


def test_the_studys_directory_and_the_tasks_own() -> None:
    text = "cd $(OUTPUT_PATH); ls $(WORKSPACE) $(A)"
    expected = f"cd {STUDY}; ls {STUDY}/s/A.1 1"
    assert cmd(text, parameter("A", "1"), node="s_A.1") == expected


def test_description_and_restart() -> None:
    step = Step("s", "$(A) in $(WORKSPACE) of $(OUTPUT_PATH)", "", "again $(A) $(WORKSPACE)")
    found = rendered(spec_of(step, parameters=(parameter("A", 1),)), "s_A.1")
    assert found.description == f"1 in $(WORKSPACE) of {STUDY}"
    assert found.restart == f"again 1 {STUDY}/s/A.1"
    assert (found.name, found.cmd) == ("s_A.1", "")


COLUMNS = (parameter("A", 1, 2), parameter("B", "x y", "z"))


@pytest.mark.parametrize(
    ("depends", "place"),
    [
        (("sim",), "sim_1/A.1"),
        ((), "sim_1/A.1"),
        (("sim_*",), "sim_1"),
        (("sim", "sim_*"), "sim_1"),
    ],
)
def test_workspaces_of_other_steps(depends: tuple[str, ...], place: str) -> None:
    renamed = tuple(d.replace("sim", "sim 1") for d in depends)
    spec = spec_of(
        Step("sim 1", "", "$(A)"),
        Step(
            "post", "", "ls $(sim 1.workspace) $(B) $(A)", "l $(sim 1.workspace)",
            after(*renamed), workspaces=("sim 1",),
        ),
        parameters=COLUMNS,
    )  # fmt: skip
    found = rendered(spec, "post_A.1.B.x y")
    assert found.cmd == f"ls {STUDY}/{place} x y 1"
    assert found.restart == f"l {STUDY}/{place}"


def test_the_agreeing_workspace_is_hashed_where_the_study_is() -> None:
    spec = spec_of(
        Step("sim", "", "$(A)"),
        Step("post", "", "$(sim.workspace) $(B)", depends=after("sim"), workspaces=("sim",)),
        parameters=COLUMNS,
    )
    graph = expand(spec, hashws=True)
    found = rendered(spec, "post_A.2.B.z", hashws=True)
    assert found.cmd == f"{STUDY}/{task_of(graph, 'sim_A.2').workspace} z"


def test_a_value_may_name_a_workspace() -> None:
    spec = spec_of(
        Step("one", "", ""),
        Step("s", "", "$(A) $(one.workspace)", workspaces=("one",)),
        parameters=(parameter("A", "$(one.workspace)", label="a"),),
    )
    assert rendered(spec, "s_a").cmd == f"{STUDY}/one {STUDY}/one"


def test_resources() -> None:
    step = Step("s", "", "$(A)", resources=Resources(procs="$(A)", walltime="00:10:00"))
    spec = spec_of(step, parameters=(parameter("A", 2, "many"),))
    assert rendered(spec, "s_A.2").resources == Resources(procs=2, walltime="00:10:00")
    with pytest.raises(SpecError, match="procs"):
        rendered(spec, "s_A.many")
