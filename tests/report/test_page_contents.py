"""What a report says, before there is a page."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from maestro.conductor.store import AttemptRow, TaskRow
from maestro.graph import expand
from maestro.report.concealing import Concealer
from maestro.report.outputs import LONG, last_lines
from maestro.report.page.columns import ROWS, task_columns, timeline
from maestro.report.page.layout import layered
from maestro.report.page.provenance import specification_text
from maestro.spec.model import Dependency, Parameter, Specification, Step


def plain(text: str) -> str:
    return text


def row(number: int, params: str = "{}", state: str = "FINISHED") -> TaskRow:
    return TaskRow(number, f"t{number}", "t", f"t/{number}", params, state)


def test_numbers_sort_as_numbers_and_all_else_as_text() -> None:
    rows = [row(0, '{"N": 2, "M": 1, "B": true}'), row(1, '{"N": 10, "M": "a\\u202e"}'), row(2)]
    columns, parameters = task_columns(rows, {"t2": 4.0}, plain)
    assert parameters == {"p0": "N", "p1": "M", "p2": "B"}
    assert columns["p0"][:2] == [2.0, 10.0]
    assert math.isnan(columns["p0"][2])
    assert columns["p1"] == ["1", "a\\u202e", ""]
    assert columns["p2"] == ["True", "", ""]
    assert columns["run"][2] == 4.0
    assert columns["params"][1] == "N = 10, M = a\\u202e"


def test_a_row_for_each_of_a_few_tasks() -> None:
    rows = [row(0), row(1, state="RUNNING"), row(2, state="INITIALIZED")]
    attempts = [
        AttemptRow("t0", 1, 0.0, 10.0, 20.0, "TIMEDOUT"),
        AttemptRow("t0", 2, 20.0, 30.0, 40.0, "FINISHED"),
        AttemptRow("t1", 1, 5.0, 15.0),
    ]
    columns, _ = task_columns(rows, {}, plain)
    shown = timeline(rows, attempts, columns, 60.0)
    assert (shown.names, shown.rows) == (("t0", "t1"), 2)
    assert shown.bars["row"] == [0, 1, 0]
    lengths = [b - a for a, b in zip(shown.bars["left"], shown.bars["right"], strict=True)]
    assert lengths == [10_000.0, 45_000.0, 10_000.0]
    assert shown.bars["mark"] == ["✗ TIMEDOUT", "▶ RUNNING", "✓ FINISHED"]
    waits = [b - a for a, b in zip(shown.waits["left"], shown.waits["right"], strict=True)]
    assert waits == [10_000.0, 10_000.0, 10_000.0]


def test_many_tasks_share_rows() -> None:
    rows = [row(i) for i in range(ROWS + 4)]
    attempts = [
        AttemptRow(task.name, 1, 0.0, 5.0 * (i // 2), 5.0 * (i // 2) + 5, "FINISHED")
        for i, task in enumerate(rows[:-1])
    ]
    attempts.append(AttemptRow(rows[-1].name, 1, 0.0, None, 9.0, "CANCELLED"))
    columns, _ = task_columns(rows, {}, plain)
    shown = timeline(rows, attempts, columns, 1e6)
    assert (shown.names, shown.rows, shown.waits["row"]) == ((), 2, [])
    assert len(shown.bars["row"]) == len(rows) - 1
    taken: dict[int, float] = {}
    for at, left, right in zip(*(shown.bars[key] for key in ("row", "left", "right")), strict=True):
        assert left >= taken.get(at, left)
        taken[at] = right


def test_generations_stand_side_by_side_near_their_parents() -> None:
    steps = (
        Step("a", "d", "$(N)"),
        Step("b", "d", "$(N)", depends=(Dependency("a"),)),
        Step("c", "d", "", depends=(Dependency("b", funnel=True),)),
    )
    column = Parameter("N", (1, 2, 3), ("N.1", "N.2", "N.3"), "N")
    places = layered(expand(Specification("s", "d", steps, (column,))))
    assert places == {
        "a_N.1": (0, 1 / 6), "a_N.2": (0, 0.5), "a_N.3": (0, 5 / 6),
        "b_N.1": (1, 1 / 6), "b_N.2": (1, 0.5), "b_N.3": (1, 5 / 6),
        "c": (2, 0.5),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a: 1\n", "a: 1"),
        ("env: {variables: {A: sec}}\nb: 2\n", "env:\n  variables:\n    A: …\nb: 2"),
        ("env:\n  # was sec\n  variables:\n    A: |\n      sec\n\nb: 2\n",
         "env:\n  variables:\n    A: …\nb: 2"),
        ("x: &s sec\nenv:\n  labels: {A: *s}\n", "x: …\nenv:\n  labels:\n    A: …"),
        ("x: &s\n  A: sec\nenv:\n  variables:\n    <<: *s\n",
         "x: &s\n  A: …\nenv:\n  variables:\n    <<:\n      A: …"),
        ('"env": {variables: [sec, {B: sec}]}\n',
         '"env":\n  variables:\n    - …\n    -\n      B: …'),
        ("x: &e {variables: {A: sec}}\nenv: *e\nb: 2\n",
         "x: &e {variables: {A: …}}\nenv:\n  variables:\n    A: …\nb: 2"),
        ("x: &x {env: {labels: {A: sec}}}\n<<: [*x]\n", "x: &x {env: {labels: {A: …}}}\n<<: [*x]"),
        ("x: &k env\n*k : {labels: {A: sec}}\nb: 2\n", "x: &k env:\n  labels:\n    A: …\nb: 2"),
        ("env: sec\nenv: {variables: {A: sec}}\n", "env: …\nenv:\n  variables:\n    A: …"),
        ("b: 'x\x1b'\n", ""),
        ("b: \u202ex\n", "b: \\u202ex"),
    ],
)  # fmt: skip
def test_a_specification_shows_no_environment(tmp_path: Path, text: str, shown: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    assert specification_text(str(path)).strip() == shown


def test_values_of_the_environment_are_put_back_to_their_names() -> None:
    conceal = Concealer({"A": "secret", "B": "secret-longer", "C": "abc"})
    assert conceal("secret-longer, secret; abc") == "$(B), $(A); abc"
    assert Concealer({})("secret") == "secret"


def test_each_line_of_a_value_is_hidden() -> None:
    conceal = Concealer({"KEY": "first line\n  second line\nabc\n", "BLANK": " padded "})
    assert conceal("$ first line; second line; abc\n") == "$ $(KEY); $(KEY); abc\n"
    assert conceal("<padded>") == "<$(BLANK)>"


def test_what_is_cut_was_hidden_before(tmp_path: Path) -> None:
    """No part of a value remains where a line, or what is read of a file, begins amid it."""
    secret = "s3cr3t-värde"
    path = tmp_path / "t.err"
    conceal = Concealer({"KEY": secret})
    for times in (1, 99):
        for after in (0, 1, 300, *range(LONG - 30, LONG + 30), *range(2 * LONG - 30, 2 * LONG)):
            path.write_text("." * 7 + times * secret + "." * after, encoding="utf-8")
            for count in (1, 2):
                (shown,) = last_lines(str(path), count, conceal)
                assert len(shown) <= LONG
                assert set(shown) <= set(".$(KEY)")
                assert shown.endswith("." * min(after, LONG - 2 * conceal.longest))
