"""Resources: tokens, types, walltimes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spec_helpers import Checker

from maestro.errors import SpecError
from maestro.spec import check_tasks
from maestro.spec.model import Combination, Parameter, Resources
from maestro.spec.resources import resolve_resources, walltime_seconds

STEP = "study:\n  - name: a\n    description: d\n    run:\n      cmd: echo\n"


def test_tokens_become_values_of_the_right_type(checked: Checker) -> None:
    spec, _ = checked(
        STEP
        + """\
      nodes: $(N)
      procs: $(P)
      gpus: $(ZERO)
      cores per task: 4.0
      walltime: 00:$(P):00
      exclusive: {allocation: $(FLAG), launcher: false}
      nested: $(FLAG)
      priority: $(HALF)
      bind: $(WORD)
      qos: normal
env: {variables: {N: 3, WORD: rs}}
global.parameters:
  P: {values: [4, 8], label: P.%%}
  ZERO: {values: [0, '0'], label: Z.%%}
  FLAG: {values: [true, 'no'], label: Y.%%}
  HALF: {values: [0.5, HIGH], label: H.%%}
"""
    )
    assert spec is not None
    (step,) = spec.steps
    first = resolve_resources(spec, step, Combination(spec.parameters, 0))
    assert first == Resources(
        nodes=3,
        procs=4,
        gpus=0,
        cores_per_task=4,
        walltime="00:4:00",
        exclusive_allocation=True,
        exclusive_launcher=False,
        nested=True,
        priority=0.5,
        bind="rs",
        qos="normal",
    )
    assert type(first.cores_per_task) is int
    second = resolve_resources(spec, step, Combination(spec.parameters, 1))
    assert (second.procs, second.nested, second.priority) == (8, False, "HIGH")


@pytest.mark.parametrize(
    ("key", "value"),
    [("procs", 0), ("procs", 1.5), ("procs", True), ("procs", ""), ("procs", "-1"), ("gpus", -1),
     ("nested", "perhaps"), ("priority", 2), ("priority", "nan"), ("exclusive", 7)],
)  # fmt: skip
def test_a_value_is_checked_after_substitution(checked: Checker, key: str, value: object) -> None:
    spec, _ = checked(STEP + f"      {key}: $(V)\n")
    assert spec is not None
    combination = Combination((Parameter("V", (value,), ("V",), "V"),), 0)
    with pytest.raises(SpecError, match=f"study.yaml:9:{9 + len(key)}: '{key}' in step 'a' must"):
        resolve_resources(spec, spec.steps[0], combination)


def test_a_token_that_nothing_replaces_is_an_error_in_the_end(checked: Checker) -> None:
    spec, _ = checked(STEP + "      procs: $(PROCS)\n      walltime: 0:$(M)\n")
    assert spec is not None
    with pytest.raises(SpecError, match="nothing replaces"):
        resolve_resources(spec, spec.steps[0], Combination((), 0))
    assert [(p.code, p.severity) for p in check_tasks(spec)] == [("unresolved-token", "error")] * 2
    both = [Parameter("PROCS", (1,), ("1",), ""), Parameter("M", (1,), ("1",), "")]
    assert check_tasks(spec, both) == []


def test_a_parameter_without_values_leaves_nothing_to_check(checked: Checker) -> None:
    text = STEP + "      procs: $(P)\nglobal.parameters: {P: {values: [], label: x}}\n"
    spec, problems = checked(text)
    assert spec is not None
    assert [p.code for p in problems] == ["no-values"]
    assert check_tasks(spec) == []


WALLTIMES = {
    None: None, "": None, 0: None, "0": None, "inf": None, "INFINITE": None, "UNLIMITED": None,
    float("inf"): None, "00:00:00": None,
    5: 300, "5": 300, 1.5: 90, "90:30": 5430, "01:30:00": 5400, "1:02:03:04": 223384,
    "1-0": 86400, "1-02": 93600, "1-02:30": 95400, "1-02:30:15": 95415, " 10 ": 600,
}  # fmt: skip


def test_walltimes() -> None:
    for value, seconds in WALLTIMES.items():
        assert walltime_seconds(value) == seconds, value
    assert walltime_seconds("02:30", hours_first=True) == 9000
    assert walltime_seconds("02:30:30", hours_first=True) == 9030
    wrong_ones = ("soon", "1:", ":", "1-2-3", "-5", "1-1:1:1:1", "1h", "$(W)", "nan", "1_0", "٣")
    for wrong in (*wrong_ones, "9" * 400):
        with pytest.raises(ValueError, match="is no"):
            walltime_seconds(wrong)


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_walltimes_of_all_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert walltime_seconds(f"{days}-{hours:02}:{minutes:02}:{seconds:02}") == (total or None)
