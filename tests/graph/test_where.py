"""Conditions on parameters: what they mean, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro.errors import UsageError
from maestro.graph import condition

NAMES = ["SIZE", "ALG", "MY-NAME", "in"]
VALUES = {"SIZE": 20, "ALG": "fast", "MY-NAME": 1.5, "in": True}


@pytest.mark.parametrize(
    "text",
    [
        "SIZE>=20",
        "  SIZE == 20.0 ",
        "10 <= SIZE < 21",
        'SIZE > -3 and ALG == "fast"',
        "ALG in ('slow', 'fast')",
        "SIZE not in [10, 30]",
        "not (SIZE < 20 or ALG != 'fast')",
        "`MY-NAME` < 2 and `in` == True",
        'ALG != 20 and ALG != "20"',
        "not ALG < 5 and not ALG > 5",
        'ALG >= "fa"',
        "ALG != 'a`SIZE`' and 'a`in`' == \"a`in`\"",
        "SIZE == SIZE",
    ],
)
def test_a_condition_that_is_met(text: str) -> None:
    assert condition(text, NAMES)(VALUES)
    assert not condition(f"not ({text.strip()})", NAMES)(VALUES)


def test_a_task_without_the_parameter_never_meets_it() -> None:
    found = condition("SIZE >= 1 or ALG == 'x'", NAMES)
    assert found.names == {"SIZE", "ALG"}
    assert not found({"SIZE": 5})
    assert not condition("not SIZE == 1", NAMES)({})
    assert condition("1 < 2", NAMES)({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SIZ > 3", "did you mean 'SIZE'"),
        ("ALG == quick", "at character 8: there is no parameter 'quick'; a text stands in quotes"),
        ("SIZE = 3", "equality is =="),
        ("SIZE", "as in SIZE >= 20"),
        ("SIZE + 1 > 2", "parameters, numbers and quoted texts"),
        ("__import__('os').system('true') == 0", "parameters, numbers and quoted texts"),
        ("SIZE in 3", "takes several values"),
        ("SIZE < (1, 2)", "takes several values"),
        ("SIZE is 3", "== != < <= > >= in"),
        ("ALG == f'{SIZE}'", "quoted texts"),
        ("ALG == b'x'", "quoted texts"),
        ("SIZE == 1j", "quoted texts"),
        ("[x for x in y] == 3", "parameters, numbers"),
        ("(lambda: 1)() == 1", "parameters, numbers"),
        ("", "cannot be read"),
        ("SIZE >", "cannot be read"),
        ("SIZE > 3; import os", "cannot be read"),
        ("SIZE > 3\0", "cannot be read"),
        ("(" * 400 + "1<2" + ")" * 400, "cannot be read"),
        ("SIZE > " + "9" * 5000, "1000 characters"),
        ("`MY-NAME` > `OTHER`", "no parameter 'OTHER'"),
        ("é == 'é' and SIZ == 1", "no parameter 'é'"),
    ],
)
def test_what_is_no_condition(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        condition(text, NAMES)
    assert said in str(raised.value)


def test_depth_is_no_harm() -> None:
    assert condition("not " * 248 + "1 < 2", NAMES)({})


values = st.one_of(st.integers(-3, 3), st.floats(-3, 3), st.booleans(), st.text("ab1", max_size=2))


@given(values, values, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_values_compare_as_they_do_in_python(one: object, other: object, sign: str) -> None:
    met = condition(f"A {sign} {other!r}", ["A"])({"A": one})
    if isinstance(one, str) != isinstance(other, str):
        assert met == (sign == "!=")
    else:
        assert met == eval(f"one {sign} other", {"one": one, "other": other})


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = condition(text, NAMES)
    except UsageError:
        return
    assert found(VALUES) in (True, False)
