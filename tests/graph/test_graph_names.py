"""Names that cannot be had: all of them at once, each with both owners and the remedy."""

from __future__ import annotations

import hashlib

import pytest
from graph_helpers import parameter, spec_of

from maestro.errors import Position, SpecError
from maestro.graph import expand, tasks
from maestro.graph.names import LONGEST, digest, safe
from maestro.spec import Combination, Parameter, Specification, Step

A12 = parameter("A", 1, 2)


def problems(spec: Specification, **options) -> list[str]:
    with pytest.raises(SpecError) as caught:
        expand(spec, **options)
    return [f"{problem.code}: {problem.message}" for problem in caught.value.problems]


def test_what_a_name_keeps() -> None:
    assert safe("a b/c-_.(1)é\n$'\"\\+,:*") == "a_bc-_.(1)"


def test_steps_that_share_a_directory() -> None:
    assert problems(spec_of(Step("a b", "", ""), Step("a_b", "", ""), Step("a_b!", "", ""))) == [
        "name-collision: steps 'a b' and 'a_b' would share the directory 'a_b'; rename one of them",
        "name-collision: steps 'a b' and 'a_b!' would share the directory 'a_b'; rename one of "
        "them",
    ]


def test_two_steps_with_one_name() -> None:
    (problem,) = problems(spec_of(Step("a", "", "x"), Step("a", "", "y")))
    assert problem.startswith("name-collision: steps 'a' and 'a' would share")


@pytest.mark.parametrize(
    "name",
    ["logs", "meta", "status.csv", "batch.info", "my_study.txt", "spec.yaml", ".maestro", "lo/gs"],
)
def test_steps_called_like_the_studys_own_files(name: str) -> None:
    (problem,) = problems(spec_of(Step(name, "", ""), name="my study"), reserved=["spec.yaml"])
    assert problem.startswith(f"reserved-name: step '{name}' would have the directory")
    assert problem.endswith("rename the step")


@pytest.mark.parametrize("name", ["é", "..", "///", "."])
def test_steps_whose_name_leaves_nothing(name: str) -> None:
    (problem,) = problems(spec_of(Step(name, "", "")))
    assert problem.startswith(f"impossible-name: step '{name}' leaves no usable name")


def test_a_name_that_is_too_long() -> None:
    expand(spec_of(Step("s" * LONGEST, "", "")))
    for hashws in (False, True):
        (problem,) = problems(spec_of(Step("s" * (LONGEST + 1), "", "")), hashws=hashws)
        assert problem.startswith("impossible-name")
        assert problem.endswith(f"has a name of 239 bytes, and {LONGEST} are possible; shorten it")


def test_labels_that_are_too_long() -> None:
    spec = spec_of(Step("s", "", "$(A)"), parameters=(parameter("A", "v" * 300),))
    (problem,) = problems(spec)
    assert problem == (
        "impossible-name: a task of step 's' has a name of 304 bytes, and 238 are possible; "
        "shorten the labels, or use --hashws"
    )
    assert len(expand(spec, hashws=True)) == 1


def test_combinations_that_share_a_workspace() -> None:
    spec = spec_of(Step("s", "", "$(A)"), parameters=(parameter("A", "1,5", "15", "1/5"),))
    assert problems(spec) == [
        f"name-collision: the combinations 'A.1,5' and '{other}' of A would share the workspace "
        "'A.15' (only ASCII letters, digits and -_.() are kept); change the labels, or use "
        "--hashws"
        for other in ("A.15", "A.1/5")
    ]
    assert len({task.workspace for _, task in tasks(expand(spec, hashws=True))}) == 3


def test_combinations_that_leave_no_name() -> None:
    spec = spec_of(Step("s", "", "$(A)"), parameters=(parameter("A", "é", "..", label="%%"),))
    found = problems(spec)
    assert [p.split(" (")[0] for p in found] == [
        "name-collision: the combination 'é' of A leaves no usable name for a workspace",
        "name-collision: the combination '..' of A leaves no usable name for a workspace",
    ]


def test_one_label_for_different_values() -> None:
    spec = spec_of(Step("s", "", "$(A)"), parameters=(parameter("A", 1, 2, label="same"),))
    for hashws in (False, True):
        assert problems(spec, hashws=hashws) == [
            "label-collision: the values 1 and 2 of parameter 'A' meet in one label, 'same'; "
            "change the labels so that they tell them apart"
        ]


def test_labels_that_meet_when_they_are_joined() -> None:
    one = Parameter("A", (1, 1), ("a.b", "a"), "A")
    two = Parameter("B", (2, 2), ("c", "b.c"), "B")
    found = problems(spec_of(Step("s", "", "$(A) $(B)"), parameters=(one, two)))
    assert found[0] == (
        "label-collision: the labels 'a.b' and 'a' of parameter 'A' meet in one label, 'a.b.c'; "
        "change the labels so that they tell them apart"
    )
    assert len(found) == 2


def test_values_that_print_alike_are_one_unless_they_are_hashed() -> None:
    spec = spec_of(Step("s", "", "$(A)"), parameters=(parameter("A", 1, "1"),))
    assert list(expand(spec)) == ["s_A.1"]
    (problem,) = problems(spec, hashws=True)
    assert problem.startswith("label-collision: the values 1 and '1' of parameter 'A'")


def test_equal_values_with_different_labels_cannot_be_hashed() -> None:
    spec = spec_of(Step("s", "", "$(A)"), parameters=(Parameter("A", (1, 1), ("x", "y"), "A"),))
    assert list(expand(spec)) == ["s_x", "s_y"]
    assert problems(spec, hashws=True) == [
        "name-collision: the combinations 'x' and 'y' of A have the same values, and so would "
        "share a workspace; give them one label, or do without --hashws"
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_tasks_of_two_steps_with_one_name(turned: bool) -> None:
    steps = [Step("s", "", "$(A)"), Step("s_A.1", "", "")]
    spec = spec_of(*(reversed(steps) if turned else steps), parameters=(A12,))
    for hashws in (False, True):
        assert problems(spec, hashws=hashws) == [
            "name-collision: the tasks 's_A.1' of step 's' and 's_A.1' of step 's_A.1' would both "
            "have the name 's_A.1'; rename one of the steps"
        ]


def test_tasks_of_two_steps_whose_scripts_have_one_name() -> None:
    columns = (Parameter("A", (1,), ("t X",), "A"), Parameter("B", (1,), ("X",), "B"))
    spec = spec_of(Step("s", "", "$(A)"), Step("s_t", "", "$(B)"), parameters=columns)
    assert problems(spec) == [
        "name-collision: the tasks 's_t X' of step 's' and 's_t_X' of step 's_t' would both have "
        "the name 's_t_X'; rename one of the steps"
    ]
    assert len(expand(spec, hashws=True)) == 2


def test_all_problems_at_once_with_their_positions() -> None:
    steps = (Step("logs", "", ""), Step("a b", "", "$(A)"), Step("a_b", "", "$(B)"))
    places = {
        ("study", 0, "name"): Position("f.yaml", 3, 5),
        ("study", 2, "name"): Position("f.yaml", 9, 5),
        ("global.parameters", "A", "label"): Position("f.yaml", 20, 5),
    }
    spec = Specification(
        "study",
        "",
        steps,
        (parameter("A", "é", label="%%"), parameter("B", 1)),
        positions=places,
    )
    with pytest.raises(SpecError) as caught:
        expand(spec)
    lines = [p.position.line for p in caught.value.problems if p.position]
    assert lines == [3, 9, 20]
    assert len(caught.value.problems) == 3


def test_very_many_problems_of_one_kind_are_counted() -> None:
    column = parameter("A", *(chr(0x4E00 + i) for i in range(1000)), label="%%")
    found = problems(spec_of(Step("s", "", "$(A)"), parameters=(column,)))
    assert len(found) == 6
    assert found[-1] == "name-collision: and 995 more like these"


def test_a_digest_is_what_the_documentation_says() -> None:
    columns = (parameter("B", 1.5), parameter("A", "é"))
    text = '["sim",[["A","str","\\u00e9"],["B","float",1.5]]]'
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert digest("sim", Combination(columns, 0)) == expected
    assert digest("sim", Combination(columns[::-1], 0)) == expected
    assert digest("post", Combination(columns, 0)) != expected


@pytest.mark.parametrize("other", ["1", 1.0, True, None, 2])
def test_digests_tell_types_apart(other: object) -> None:
    one = Combination((parameter("A", 1),), 0)
    two = Combination((parameter("A", other),), 0)
    assert digest("s", one) != digest("s", two)
