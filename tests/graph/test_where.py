"""Conditions on parameters: what they mean, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro.errors import UsageError
from maestro.graph import condition

VALUES = {
    "SIZE": 20, "ALG": "fast", "MY-NAME": 1.5, "in": True, "back`tick": "é", "µ": 3,
    "__________": 5, "########": 4,
}  # fmt: skip
NAMES = list(VALUES)


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
        "SIZE == '20' and SIZE == '2e1' and SIZE < '100' and '3' < SIZE",
        "`in` == 'True' and `in` == 'true' and `in` == true",
        "none != SIZE and none == NULL and not none < SIZE",
        "`in` in (SIZE, 1)",
        "`back``tick` == 'é'",
        "µ == 3 and\n (`µ` ==\t3)",
        "`########` == 4 and __________ == 5",
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
        ("SIZ > 3", "character 1: there is no parameter 'SIZ' (there is ########, ALG, MY-NAME, "),
        ("SIZ > 3", "did you mean 'SIZE'?"),
        ("size > 3", "did you mean 'SIZE'?"),
        ("ALG == quick", "character 8: there is no parameter 'quick' (there is"),
        ("ALG == quick", 'a text stands in quotes, as "quick"'),
        ("SIZE = 3", "character 6: it cannot be read; a condition is such as SIZE >= 20"),
        ("SIZE = 3", "equality is =="),
        ("SIZE", "as in SIZE >= 20"),
        ("SIZE + 1 > 2", "parameters, numbers and quoted texts"),
        ("MY-NAME > 2", "the parameter MY-NAME stands between backticks, as `MY-NAME`"),
        ("in > 2", "the parameter in stands between backticks, as `in`"),
        ("__import__('os').system('true') == 0", "parameters, numbers and quoted texts"),
        ("SIZE in 3", "takes several values"),
        ("SIZE in 'abc'", "takes several values"),
        ("SIZE < (1, 2)", "character 8: it compares parameters, numbers and quoted texts"),
        ("(1, 2) < SIZE", "parameters, numbers and quoted texts"),
        ("SIZE in (1, 2) < 3", "parameters, numbers and quoted texts"),
        ("SIZE in ((1, 2), 3)", "parameters, numbers and quoted texts"),
        ("SIZE is 3", "== != < <= > >= in"),
        ("ALG == f'{SIZE}'", "quoted texts"),
        ("ALG == b'x'", "quoted texts"),
        ("SIZE == 1j", "quoted texts"),
        ("SIZE == ...", "quoted texts"),
        ("[x for x in y] == 3", "parameters, numbers"),
        ("(lambda: 1)() == 1", "parameters, numbers"),
        ("(x := 3) == 3", "parameters, numbers"),
        ("", "cannot be read"),
        ("SIZE >", "cannot be read"),
        ("SIZE && ALG", "cannot be read"),
        ("ALG == 'fast", "character 8: it cannot be read"),
        ("SIZE > 3; import os", "cannot be read"),
        ("SIZE > 3\0", "character 9: it cannot be read"),
        ("ALG == 'a\0'", "cannot be read"),
        ("ALG == '\udcff'", "cannot be read"),
        ("SIZE > 3 # or not", "character 10: it cannot be read"),
        ("ALG == '''`in`'''", "character 8: it cannot be read"),
        ("(" * 400 + "1<2" + ")" * 400, "cannot be read"),
        ("SIZE in " + "[" * 400, "cannot be read"),
        ("SIZE > " + "-" * 900 + "1", "parameters, numbers"),
        ("SIZE > " + "9" * 5000, "5007 characters, and may have 1000"),
        ("`MY-NAME` > `OTHER`", "character 14: there is no parameter 'OTHER'"),
        ("`SIZE`x > 3", "cannot be read"),
        ("x`SIZE` > 3", "it compares parameters"),
        ("`` > 3", "it compares parameters"),
        ("`é` == 'é' and SIZ == 1", "no parameter 'é'"),
        ("ALG == 'é' and `µ` == 3 and SIZ == 1", "character 29: there is no parameter 'SIZ'"),
    ],
)
def test_what_is_no_condition(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        condition(text, NAMES)
    assert said in str(raised.value)
    assert f"the condition '{text.strip()[:40]}" in str(raised.value)


def test_advice_is_about_what_stands_outside_of_quotes() -> None:
    with pytest.raises(UsageError) as raised:
        condition("ALG == 'a = MY-NAME' and SIZ <= 3 and SIZE != 1 and `MY-NAME` >= 3", NAMES)
    assert "equality" not in str(raised.value)
    assert "backticks" not in str(raised.value)


def test_a_study_without_parameters() -> None:
    with pytest.raises(UsageError, match=r"there is no parameter 'A' \(there is none;"):
        condition("A == 1", [])


@pytest.mark.parametrize(
    ("nested", "met"),
    [
        ("not " * 248 + "1 < 2", True),
        ("not(2<1or " * 89 + "1<2" + ")" * 89, False),
        ("1<2and(2<1or(" * 66 + "1<2" + "))" * 66, True),
    ],
)
def test_depth_is_no_harm(nested: str, met: bool) -> None:
    assert condition(nested, NAMES)({}) == met


numbers = st.one_of(
    st.integers(-3, 3), st.floats(-3, 3), st.booleans(), st.integers(min_value=10**300)
)
letters = st.text("abé'\"`\\\n= ", max_size=3)
orders = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
Said = tuple[str, str]


def _named(name: str) -> Said:
    word = name if name.isidentifier() and name != "in" else "`" + name.replace("`", "``") + "`"
    return word, f"v[{name!r}]"


def _comparisons(terms: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    """A condition, and the same in Python with the parameters in ``v``."""
    several = st.lists(terms, min_size=1, max_size=3).map(
        lambda them: tuple("[" + ", ".join(side) + "]" for side in zip(*them, strict=True))
    )
    chain = st.tuples(terms, st.lists(st.tuples(orders, terms), min_size=1, max_size=3))
    member = st.tuples(terms, st.sampled_from(["in", "not in"]), several)
    return st.one_of(
        chain.map(lambda c: tuple(
            " ".join([c[0][i], *(f"{sign} {term[i]}" for sign, term in c[1])]) for i in (0, 1)
        )),
        member.map(lambda m: tuple(f"{m[0][i]} {m[1]} {m[2][i]}" for i in (0, 1))),
    )  # fmt: skip


def _terms(names: list[str], literals: st.SearchStrategy[object]) -> st.SearchStrategy[Said]:
    said = literals.map(repr).map(lambda text: (text, text))
    return st.one_of(st.sampled_from(names).map(_named), said)


conditions = st.recursive(
    _comparisons(_terms(["SIZE", "µ", "in", "MY-NAME"], numbers))
    | _comparisons(_terms(["ALG", "back`tick"], letters)),
    lambda inner: st.one_of(
        inner.map(lambda c: (f"not ({c[0]})", f"not ({c[1]})")),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda c: (f"({c[0][0]} {c[1]} {c[2][0]})", f"({c[0][1]} {c[1]} {c[2][1]})")
        ),
    ),
    max_leaves=6,
).filter(lambda said: len(said[0]) <= 1000)
settings = st.fixed_dictionaries(
    {"SIZE": numbers, "µ": numbers, "in": numbers, "MY-NAME": numbers}
    | {"ALG": letters, "back`tick": letters}
)


@given(conditions, settings)
def test_a_condition_means_what_python_means(said: Said, values: dict[str, object]) -> None:
    ours, python = said
    assert condition(ours, NAMES)(values) == eval(python, {"v": values})


@given(numbers, orders, numbers)
def test_a_text_counts_as_the_number_that_it_spells(one: object, sign: str, other: object) -> None:
    met = eval(f"one {sign} other", {"one": one, "other": other})
    assert condition(f"A {sign} {str(other)!r}", ["A"])({"A": one}) == met
    assert condition(f"A {sign} {other!r}", ["A"])({"A": str(one)}) == met


@given(st.sampled_from(["fast", "", "1.2.3", "-", "ten"]), orders, numbers)
def test_other_texts_are_like_no_number(text: str, sign: str, number: object) -> None:
    assert condition(f"A {sign} {text!r}", ["A"])({"A": number}) == (sign == "!=")
    assert condition(f"{text!r} {sign} A", ["A"])({"A": number}) == (sign == "!=")


@given(st.text() | st.text("SIZE`'\"()[],=<>!1. not in and or", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = condition(text, NAMES)
    except UsageError:
        return
    assert found(VALUES) in (True, False)
