"""Users' generator files: what they find, what they may do, and how they fail."""

from __future__ import annotations

import enum
import sys
import textwrap
import types
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from maestro.errors import SpecError
from maestro.spec import Parameter, Specification, generate, load
from maestro.spec.facade import Combination, ParameterGenerator
from maestro.spec.values import as_value

STUDY = """\
description: {name: a, description: b}
env:
  variables: {N: 3, OUTPUT_PATH: out, TEXT: $(N)x}
  labels: {LABEL: $(OUTPUT_PATH)/$(N)}
  dependencies:
    paths: [{name: DATA, path: /data}]
    git: [{name: code, path: $(OUTPUT_PATH), url: 'https://x'}]
study:
  - {name: a, description: b, run: {cmd: "echo $(SIZE) $(ITER.label)", procs: $(PROCS)}}
"""

Generate = Callable[..., "tuple[Parameter, ...]"]


@pytest.fixture
def made(tmp_path: Path) -> Generate:
    """Runs a generator file on `STUDY`."""
    (tmp_path / "study.yaml").write_text(STUDY)
    spec = load(tmp_path / "study.yaml")

    def run(text: str, *pargs: str, spec: Specification = spec) -> tuple[Parameter, ...]:
        (tmp_path / "pgen.py").write_text(textwrap.dedent(text))
        return generate(tmp_path / "pgen.py", spec, pargs, "/studies/a_1")

    return run


def refused(made: Generate, text: str, *pargs: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        made(text, *pargs)
    return [str(p).rpartition("pgen.py:")[2] for p in caught.value.problems]


PLAIN = """\
from maestrowf.datastructures.core import ParameterGenerator

def get_custom_generator(env, **kwargs):
    generator = ParameterGenerator()
    %s
    return generator
"""


def body(*statements: str) -> str:
    return PLAIN % "\n    ".join(statements)


def test_a_file_as_users_write_them(made: Generate) -> None:
    columns = made(
        """\
        import itertools as iter

        from maestrowf.datastructures.core import ParameterGenerator


        def get_custom_generator(env, **kwargs):
            p_gen = ParameterGenerator()
            sizes = [int(s) for s in kwargs.get("SIZES", "10").split(",")]
            iterations = range(int(env.find("N").value))
            size_values, iter_values = [], []
            for parameter_combo in iter.product(sizes, iterations):
                size_values.append(parameter_combo[0])
                iter_values.append(parameter_combo[1])
            params = {
                "SIZE": {"values": size_values, "label": "SIZE.%%"},
                "ITER": {"values": iter_values, "label": "ITER.%%"},
                "PROCS": {"values": [2] * len(size_values), "label": None},
            }
            for key, value in params.items():
                p_gen.add_parameter(key, value["values"], value["label"])
            return p_gen
        """,
        " SIZES : 10,20 ",
    )
    assert [p.name for p in columns] == ["SIZE", "ITER", "PROCS"]
    assert columns[0].values == (10, 10, 10, 20, 20, 20)
    assert columns[1].labels == tuple(f"ITER.{i}" for i in (0, 1, 2) * 2)
    assert columns[2].labels == ("PROCS.2",) * 6


def test_the_environment_and_the_arguments(made: Generate, tmp_path: Path) -> None:
    columns = made(
        body(
            "import os",
            "assert env.find('NOPE') is None",
            "found = [env.find(n).value for n in ('N', 'TEXT', 'LABEL', 'DATA', 'code')]",
            "found += [env.find('OUTPUT_PATH').value, env.find('SPECROOT').value]",
            "found += [kwargs['OUTPUT_PATH'], kwargs['SPECROOT'].value, str(kwargs['SPECROOT'])]",
            "found += [os.path.join(kwargs['SPECROOT'], 'x'), kwargs['URL'], kwargs['EMPTY']]",
            "found += [env.apply_environment('$(TEXT)$(SIZE)'), env.find('code').url]",
            "found += [__name__, os.path.basename(__file__)]",
            "generator.add_parameter('PROCS', [1] * len(found))",
            "generator.add_parameter('SIZE', found)",
        ),
        "URL: http://a:80",
        "EMPTY:",
    )
    root = str(tmp_path)
    assert list(columns[1].values) == [
        3, "3x", "/studies/a_1/3", "/data", "/studies/a_1/code", "/studies/a_1", root,
        "/studies/a_1", root, root, f"{root}/x", "http://a:80", "", "3x$(SIZE)", "https://x",
        "custom_gen", "pgen.py",
    ]  # fmt: skip


def test_a_subclass_with_combinations_of_its_own(made: Generate) -> None:
    columns = made(
        """\
        from maestrowf.datastructures.core.parameters import Combination, ParameterGenerator

        class Triangle(ParameterGenerator):
            def get_combinations(self):
                for i in range(3):
                    for j in range(i):
                        combo = Combination()
                        combo.add("SIZE", "Size", i, f"S{i}")
                        combo.add("PROCS", "PROCS", j + 1, f"P{j}")
                        yield combo

        def get_custom_generator(env, **kwargs):
            return Triangle()
        """
    )
    size, procs = columns
    assert (size.values, size.labels, size.title) == ((1, 2, 2), ("S1", "S2", "S2"), "Size")
    assert procs.values == (1, 1, 2)


def test_labels_names_and_overriding(made: Generate) -> None:
    columns = made(
        body(
            "generator.add_parameter('PROCS', [7, 7], 'x')",
            "generator.add_parameter('PROCS', [1, 2], label=['one', 'two'], name='Processes')",
            "generator.add_parameter('SIZE', (1.5, 'b'), 'S-%%')",
        )
    )
    assert columns == (
        Parameter("PROCS", (1, 2), ("one", "two"), "Processes"),
        Parameter("SIZE", (1.5, "b"), ("S-1.5", "S-b"), "SIZE"),
    )


def test_modules_beside_the_file_and_late_imports(made: Generate, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(
        "import maestrowf.datastructures.core as core\n"
        "def make():\n"
        "    from maestrowf.datastructures import core as again\n"
        "    assert again is core\n"
        "    return core.ParameterGenerator()\n"
    )
    text = """\
        def get_custom_generator(env, **kwargs):
            import beside
            generator = beside.make()
            generator.add_parameter("PROCS", [1])
            return generator
        """
    before = dict(sys.modules), list(sys.path)
    made(text)
    assert "beside" not in sys.modules
    assert [m for m in sys.modules if m.startswith("maestrowf") or m == "custom_gen"] == []
    assert sys.path == before[1]
    assert not (tmp_path / "__pycache__" / "pgen.cpython-311.pyc").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_an_installed_maestrowf_comes_back(
    made: Generate, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    real = {name: types.ModuleType(name) for name in ("maestrowf", "maestrowf.utils")}
    for name, module in real.items():
        monkeypatch.setitem(sys.modules, name, module)
    if fails:
        refused(made, body("raise SystemExit(3)"))
    else:
        made(body("generator.add_parameter('PROCS', [1])"))
    assert {n: m for n, m in sys.modules.items() if n.startswith("maestrowf")} == real


FAILURES = {
    "exception": (
        body("1 / 0"),
        "5:1: the generator file failed: ZeroDivisionError: division by zero",
    ),
    "exit": (body("raise SystemExit(3)"), "5:1: the generator file failed: SystemExit: 3"),
    "syntax": ("def f(:\n", "1:7: this is not Python: invalid syntax"),
    "import": (
        "import no_such_thing\n",
        "1:1: the generator file failed: ModuleNotFoundError: No module named 'no_such_thing'",
    ),
    "no function": (
        "def get_custom_generators(): pass\n",
        "1:1: the generator file does not define "
        "the function get_custom_generator; did you mean 'get_custom_generators'?",
    ),
    "wrong type": (
        "def get_custom_generator(env, **kw): return [1]\n",
        "1:1: get_custom_generator must return a ParameterGenerator, not list",
    ),
    "unequal": (
        body("generator.add_parameter('PROCS', [1])", "generator.add_parameter('B', [1, 2])"),
        "6:1: the generator file failed: ValueError: parameter 'B' has 2 values, and those "
        "before it have 1; all parameters need equally many",
    ),
    "no values": (
        body("generator.add_parameter('PROCS', [])"),
        "1:1: parameter 'PROCS' has no values",
    ),
    "characters that no file can hold": (
        body("generator.add_parameter('PROCS', [1, 'b\\0'])"),
        "1:1: parameter 'PROCS': no command and no file can hold '\\x00'",
    ),
    "half characters": (
        body("generator.add_parameter('PROCS', [1], 'x\\ud800')"),
        "1:1: parameter 'PROCS': no command and no file can hold '\\ud800'",
    ),
    "shadowing": (
        body("generator.add_parameter('PROCS', [1])", "generator.add_parameter('N', [1])"),
        "1:1: parameter 'N' has the name of an entry of 'env'; rename it",
    ),
    "too few labels": (
        body("generator.add_parameter('PROCS', [1, 2], ['a'])"),
        "1:1: parameter 'PROCS' has 1 labels for 2 values",
    ),
    "lengths behind its back": (
        body(
            "generator.add_parameter('PROCS', [1, 2])",
            "generator.add_parameter('B', [1, 2])",
            "generator.parameters['B'] = [1]",
        ),
        "1:1: parameter 'B' has 1 value, and 'PROCS' has 2; all parameters need equally many",
    ),
    "rows that differ": (
        body(
            "from maestrowf.datastructures.core import Combination",
            "a, b = Combination(), Combination()",
            "a.add('PROCS', 'P', 1, 'x')",
            "generator.get_combinations = lambda: iter([a, b])",
        ),
        "1:1: combination 2 and the first differ in having PROCS",
    ),
    "rows of another kind": (
        body("generator.get_combinations = lambda: iter([1])"),
        "1:1: combination 1 is a int, not a Combination",
    ),
    "no rows": (
        body(
            "generator.add_parameter('PROCS', [1])", "generator.get_combinations = lambda: iter([])"
        ),
        "1:1: parameter 'PROCS' has no values",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_say_where_in_the_file(made: Generate, case: str) -> None:
    text, expected = FAILURES[case]
    assert refused(made, text) == [expected]


def test_values_are_checked_where_they_are_used(made: Generate) -> None:
    text = body("generator.add_parameter('PROCS', [1, 'two'])")
    with pytest.raises(SpecError, match="'procs' in step 'a' must be a positive whole number"):
        made(text)
    with pytest.raises(SpecError, match=r"nothing replaces \$\(PROCS\)"):
        made(body("generator.add_parameter('SIZE', [1])"))


def test_arguments_and_files_that_cannot_be(made: Generate, tmp_path: Path) -> None:
    assert refused(made, "", "one", "a: b", ":x") == [
        "the generator argument 'one' must have the form KEY:VALUE",
        "the generator argument ':x' must have the form KEY:VALUE",
    ]
    spec = load(tmp_path / "study.yaml")
    for path in (tmp_path / "none.py", tmp_path):
        with pytest.raises(SpecError, match="cannot read the generator file"):
            generate(path, spec, [], "/x")


def test_interrupts_are_not_swallowed(made: Generate) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(body("raise KeyboardInterrupt"))


def test_the_classes_offer_what_users_call() -> None:
    generator = ParameterGenerator(ltoken="@@")
    assert not generator
    assert list(generator) == []
    generator.add_parameter("B", [1, 2], "b@@")
    generator.add_parameter("A", [3, 4], ["x", "y"], "Name")
    assert generator
    assert (generator.length, generator.token, generator.label_token) == (2, "$", "@@")
    assert dict(generator.parameters) == {"B": [1, 2], "A": [3, 4]}
    assert generator.labels == {"B": "b@@", "A": ["x", "y"]}
    assert generator.names == {"B": "B", "A": "Name"}
    first, second = generator
    assert (str(first), second.get_param_string({"B", "A"})) == ("b1.x", "y.b2")
    assert dict(second.get_param_values(["A"])) == {"A": 4}
    assert second.apply("$(A) $(A.label) $(A.name) $(C)") == "4 y Name $(C)"
    assert generator.get_metadata()["b1.x"] == {
        "params": {"$(B)": 1, "$(A)": 3},
        "labels": {"$(B.label)": "b1", "$(A.label)": "x"},
    }
    step = types.SimpleNamespace(name="s", run={"cmd": "$(A.label)", "depends": ["$(C)"], "n": 1})
    assert generator.get_used_parameters(step) == {"A"}
    with pytest.raises(ValueError, match="3 values"):
        generator.add_parameter("C", [1, 2, 3])
    assert str(Combination()) == ""


class _Scalar:
    """As numpy's scalars are: ``item`` gives the plain value."""

    def __init__(self, value: Any, text: str) -> None:
        self.value, self.text = value, text

    def item(self) -> Any:
        return self.value

    def __str__(self) -> str:
        return self.text


class _Float(float):
    pass


def test_values_become_plain_where_they_print_the_same() -> None:
    assert as_value(_Scalar(3, "3")) == 3
    assert as_value(_Scalar(0.10000000149011612, "0.1")) == "0.1"
    assert as_value(_Scalar(True, "True")) is True
    assert type(as_value(_Float(1.5))) is float
    assert as_value(enum.IntEnum("E", "A")(1)) in (1, "E.A")
    assert as_value(Decimal("1.10")) == "1.10"
    assert as_value([1, "a"]) == "[1, 'a']"
    assert as_value(None) is None
