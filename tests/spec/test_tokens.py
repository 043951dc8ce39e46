"""Tokens: what they use, and what they become."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro.spec.model import Combination, Dependency, Parameter, Resources, Step
from maestro.spec.tokens import (
    LauncherCall,
    apply_combination,
    apply_launcher,
    launcher_calls,
    used_parameters,
)

NAMES = ["A", "SIZE", "my-par", "a b", "A.B", "f(x)"]


def combination(**values: object) -> Combination:
    columns = [Parameter(n, (v,), (f"{n}.{v}",), f"title of {n}") for n, v in values.items()]
    return Combination(tuple(columns), 0)


def test_a_token_in_any_text_of_a_step_is_a_use() -> None:
    texts = {
        "name": Step("a$(A)", "", ""),
        "description": Step("a", "$(A)", ""),
        "cmd": Step("a", "", "echo $(echo $(A.label))"),
        "restart": Step("a", "", "", restart="$(A.name)"),
        "pre": Step("a", "", "", pre="$(A.anything)"),
        "post": Step("a", "", "", post="$(A)"),
        "depends": Step("a", "", "", depends=(Dependency("b$(A)"),)),
        "resource": Step("a", "", "", resources=Resources(walltime="00:$(A):00")),
    }
    for step in texts.values():
        assert used_parameters(step, ["A", "B"]) == {"A"}
    for text in ("$A", "$(A", "$( A )", "$(AB)", "$(A.)", "$(A.b.c)", "(A)", "$(a)"):
        assert used_parameters(Step("a", "", text), ["A", "B"]) == frozenset()


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from(["", ".label", ".name", ".workspace"]))
def test_uses_are_found_whatever_the_names(used: set[str], word: str) -> None:
    text = "$(date) " + " ".join(f"x$({name}{word})y" for name in used)
    assert used_parameters(Step("s", "", text), NAMES) == used


def test_labels_then_values_then_names() -> None:
    c = combination(A="$(B.name)", B=True)
    assert apply_combination("$(A) $(A.label) $(A.name) $(B) $(date)", c) == (
        "title of B A.title of B title of A True $(date)"
    )
    assert apply_combination("$(A.workspace)", c) == "$(A.workspace)"


@given(st.text(), st.integers())
def test_a_text_without_tokens_stays(text: str, value: int) -> None:
    if "$(" not in text:
        assert apply_combination(text, combination(A=value)) == text


def test_launcher_calls() -> None:
    forms = {
        "$(LAUNCHER)": (None, None),
        "$(LAUNCHER)[2n, 8p]": (2, 8),
        "$(LAUNCHER)[8p, 2n]": (2, 8),
        "$(LAUNCHER)[8p]": (None, 8),
        "$(LAUNCHER)[2, 8]": (2, 8),
        "$(LAUNCHER)[ 2n,8p ]": (2, 8),
        "$(LAUNCHER)[2n]": (2, None),
    }
    for text, (nodes, procs) in forms.items():
        call = LauncherCall(0, len(text), nodes, procs, bare="[" not in text)
        assert launcher_calls(text) == [call]
        assert launcher_calls(text + " a [1p]") == [call]
    for text in ("$(LAUNCHER)[a]", "$(LAUNCHER)[]", "$(LAUNCHER) [8p]", "$(LAUNCHER)[2,8p]"):
        (call,) = launcher_calls(text)
        assert call.bare
        assert call.end == len("$(LAUNCHER)")
    assert launcher_calls("$(LAUNCHERS) $LAUNCHER") == []


def test_calls_on_one_line_are_replaced_each_by_its_own() -> None:
    text = "$(LAUNCHER)[1n, 4p] a & $(LAUNCHER)[2p] b[1]; $(LAUNCHER) c $(LAUNCHER)[x]"
    made = apply_launcher(text, lambda n, p: f"<{n},{p}>")
    assert made == "<1,4> a & <None,2> b[1]; <None,None> c <None,None>[x]"


@given(st.lists(st.sampled_from(["$(LAUNCHER)", "[2p]", "[", "]", " ", "x\n", "$(", "[1, 2]"])))
def test_replacing_a_launcher_by_itself_changes_nothing_but_allocations(parts: list[str]) -> None:
    text = "".join(parts)
    calls = launcher_calls(text)
    rebuilt, end = "", 0
    for call in calls:
        assert end <= call.start < call.end <= len(text)
        rebuilt += text[end : call.start] + "@"
        end = call.end
    assert apply_launcher(text, lambda n, p: "@") == rebuilt + text[end:]
    assert len(calls) == text.count("$(LAUNCHER)")
