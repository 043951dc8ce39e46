"""What a specification becomes when it is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from spec_helpers import Checker, errors

from maestro.errors import Position
from maestro.spec import Dependency, GitDependency, PathDependency, check, load
from maestro.spec.reader import read
from tests.everything import EVERYTHING


@pytest.fixture
def everything(checked: Checker, tmp_path: Path) -> Any:
    spec, problems = checked(EVERYTHING, head="")
    assert errors(problems) == []
    return spec


def test_description_and_batch(everything: Any) -> None:
    assert (everything.name, everything.description) == ("every key", "of the language")
    assert everything.batch.type == "slurm"
    assert everything.batch.shell == "/bin/zsh"
    assert everything.batch.settings["unknown"] == 1
    assert everything.path == "study.yaml"


def test_the_environment_is_resolved_in_any_order(everything: Any, tmp_path: Path) -> None:
    env = everything.environment
    here = str(tmp_path)
    assert env.output_path == "./studies"
    assert env.resolved == {
        "SPECROOT": here,
        "TEXT": "0.001/x",
        "LATER": "0.001",
        "INT": "5400",
        "WITH_PARAMETER": "0.001/x-$(SIZE.label)",
        "FLAG": "True",
        "LIST": "[1, 'a']",
        "NONE": "None",
        "INPUT": f"{here}/data/0.001",
        "INSIDE": "$(OUTPUT_PATH)/x",
        "code": "$(OUTPUT_PATH)/code",
        "more": f"{here}/clones/more",
        "third": "/third",
    }
    assert env.paths == (
        PathDependency("INPUT", f"{here}/data/0.001"),
        PathDependency("INSIDE", "$(OUTPUT_PATH)/x"),
    )
    assert env.git == (
        GitDependency("code", "$(OUTPUT_PATH)", "https://x/5400", tag="v1"),
        GitDependency("more", f"{here}/clones", "u", hash="123"),
        GitDependency("third", "/", "u", branch="main"),
    )


def test_steps_have_the_environment_applied(everything: Any, tmp_path: Path) -> None:
    last, middle, first = everything.steps
    assert [s.name for s in everything.steps] == ["last", "middle", "first"]
    assert last.description == "0.001/x"
    assert last.cmd.splitlines()[1] == (
        f"echo 0.001/x-$(SIZE.label) {tmp_path}/data/0.001 $(OUTPUT_PATH)/code $(OUTPUT_PATH) "
        f"{tmp_path} $(WORKSPACE)"
    )
    assert last.depends == (
        Dependency("first"),
        Dependency("middle", funnel=True),
        Dependency("first", funnel=True),
    )
    assert last.workspaces == ("first", "middle")
    assert (last.pre, last.post, last.restart) == ("a", "b", "cat $(middle.workspace)")
    assert last.resources.nodes == "$(NODES)"
    assert last.resources.exclusive_allocation is True
    assert last.resources.exclusive_launcher == "True"
    assert middle.resources.exclusive_allocation is True
    assert first.resources.walltime == 30


def test_values_are_those_of_yaml_1_1(everything: Any) -> None:
    size, nodes = everything.parameters
    assert size.values == ("1e-3", 0.001, True, 5400, "2024-01-31", "[1, 2]", None)
    assert size.labels[:3] == ("SIZE.1e-3", "SIZE.0.001", "SIZE.True")
    assert (size.title, nodes.title) == ("Size", "NODES")
    assert nodes.labels == ("a", "b", "c", "1", "2", "3", "4")


def test_positions(everything: Any) -> None:
    where = everything.where
    assert where("study", 0, "run", "procs") == Position("study.yaml", 60, 14)
    assert where("study", 0, "run") == Position("study.yaml", 51, 5)
    assert where("study", 0, "run", "cmd", 1) == Position("study.yaml", 54, 9)
    assert where("study", 0, "run", "no such key") == where("study", 0, "run")
    assert where("study", 2, "name") == Position("study.yaml", 78, 12)
    assert where("nothing") == Position("study.yaml", 1, 1)


def test_the_folder_and_the_directory_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(EVERYTHING)
    spec = load(path, cwd="/elsewhere", specroot="/where/it/was")
    assert spec.specroot == "/where/it/was"
    assert spec.environment.paths[0].path == "/elsewhere/data/0.001"
    assert spec.path == os.fspath(path)


def test_backends_of_plug_ins(
    checked: Checker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "study: [{name: a, description: b, run: {cmd: c}}]\nbatch: {type: Mine}\n"
    assert checked(text)[0] is None
    installed = tmp_path / "site" / "mine-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[maestro.adapters]\nmine = mine:Codec\n")
    monkeypatch.syspath_prepend(str(installed.parent))
    spec, _ = checked(text)
    assert spec is not None
    assert spec.batch.type == "mine"


def test_the_output_path_may_use_tokens_and_be_a_label(checked: Checker, tmp_path: Path) -> None:
    steps = "study: [{name: a, description: b, run: {cmd: c}}]\n"
    for kind in ("variables", "labels"):
        spec, _ = checked(f"env: {{{kind}: {{A: x, OUTPUT_PATH: $(SPECROOT)/$(A)}}}}\n" + steps)
        assert spec is not None
        assert spec.environment.output_path == f"{tmp_path}/x"
    assert checked(steps)[0].environment.output_path is None


def test_tokens_put_together_from_tokens(checked: Checker) -> None:
    spec, _ = checked(
        "env: {variables: {HOST: b, PATH_a: /a, PATH_b: /b}}\n"
        "study: [{name: a, description: b, run: {cmd: 'ls $(PATH_$(HOST))'}}]\n"
    )
    assert spec is not None
    assert spec.steps[0].cmd == "ls /b"


def test_what_a_merge_brings_is_no_duplicate(checked: Checker) -> None:
    spec, problems = checked(
        """\
        base: &base {nodes: 1, procs: 1}
        other: &other {procs: 5, gpus: 2}
        study:
          - name: a
            description: b
            run: {cmd: c, <<: [*base, *other], nodes: 7}
        """
    )
    assert spec is not None
    resources = spec.steps[0].resources
    assert (resources.nodes, resources.procs, resources.gpus) == (7, 1, 2)
    assert not any(p.code == "duplicate-key" for p in problems)


def test_an_alias_means_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"

    def loaded(text: str) -> tuple[Any, ...]:
        path.write_text(text, encoding="utf-8")
        spec, problems = check(path, cwd="/x")
        assert spec is not None, problems
        return replace(spec, positions={}), sorted({p.code for p in problems})

    plain = loaded("first: here\n" + EVERYTHING)
    root = yaml.compose(EVERYTHING, Loader=yaml.SafeLoader)
    first = yaml.ScalarNode("tag:yaml.org,2002:str", "first")
    for node in list(_below(root)):
        root.value.insert(0, (first, node))  # hence it is an alias where it stood
        text = yaml.serialize(root)
        del root.value[0]
        assert "*id001" in text
        assert loaded(text) == plain, text


def _below(node: yaml.Node) -> Iterator[yaml.Node]:
    """The keys and values below ``node``."""
    if isinstance(node, yaml.CollectionNode):
        for entry in node.value:
            for part in entry if isinstance(entry, tuple) else (entry,):
                yield part
                yield from _below(part)


def test_a_command_that_is_an_alias(checked: Checker) -> None:
    spec, problems = checked(
        """\
        study:
          - {name: a, description: b, run: {cmd: &c "echo $(a.wrokspace)", restart: *c}}
          - name: b
            description: b
            run:
              cmd: &lines |
                echo 1
                echo $(NO.value)
              restart: *lines
          - {name: &k c, description: *k, run: {cmd: *lines}}
        """
    )
    assert errors(problems) == []
    assert spec is not None
    a, b, c = spec.steps
    assert a.restart == a.cmd == "echo $(a.wrokspace)"
    assert b.restart == b.cmd == c.cmd == "echo 1\necho $(NO.value)\n"
    where = ("study", 1, "run", "restart")
    assert spec.locate(where, b.restart, 12) == spec.where(*where) == Position("study.yaml", 12, 16)


def test_a_hundred_thousand_values(tmp_path: Path) -> None:
    values = json.dumps(list(range(100_000)))
    parameters = "".join(f"  P{i}: {{values: {values}, label: P.%%}}\n" for i in range(2))
    path = tmp_path / "study.yaml"
    path.write_text(
        "description: {name: a, description: b}\nstudy: [{name: a, description: b, run: "
        "{cmd: '$(LAUNCHER)[1p] $(P0) $(P1)', procs: 1}}]\nglobal.parameters:\n" + parameters
    )
    spec = load(path)
    assert [len(p.values) for p in spec.parameters] == [100_000] * 2
    assert len(spec.positions) < 10_000


SCALARS = st.one_of(
    st.text(alphabet="0123456789.:-+_eExXoinfaynuls~=<[] '\"", max_size=9),
    st.from_regex(r"\A[-+]?[0-9]{1,4}(\.[0-9]{0,3})?([eE][-+]?[0-9]{1,2})?\Z"),
    st.sampled_from(["yes", "No", "on", "OFF", "~", "null", "1:30:00", ".inf", "-.INF", "0o7"]),
)


@given(SCALARS)
def test_scalars_mean_what_they_mean_to_the_safe_loader(text: str) -> None:
    try:
        expected = yaml.safe_load(f"a: {text}\n")
    except (yaml.YAMLError, ValueError):
        return
    document = read(f"a: {text}\n", "x")
    assert repr(document.data) == repr(expected)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
"""Those that a specification may hold."""


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_data_comes_back_as_it_was_written(data: Any, flow: bool) -> None:
    text = yaml.safe_dump({"a": data}, default_flow_style=flow, allow_unicode=True)
    document = read(text, "x")
    assert repr(document.data) == repr(yaml.safe_load(text))
    assert document.problems == []


def test_the_schema_is_valid_and_explains_every_key() -> None:
    import jsonschema

    from maestro.spec.schema import load_schema

    schema: Any = load_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    def walk(part: Any) -> Any:
        if isinstance(part, dict):
            for key, inner in part.get("properties", {}).items():
                target = inner
                if set(inner) == {"$ref"}:
                    target = schema["$defs"][inner["$ref"].rpartition("/")[2]]
                assert target.get("title"), key
                assert target.get("description"), key
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(schema)


def test_the_schema_takes_every_key(tmp_path: Path) -> None:
    from maestro.spec.schema import known_keys

    data = read(EVERYTHING, "x").data
    assert set(known_keys()) == set(data)
    assert set(known_keys("batch")) <= set(data["batch"])
    assert set(known_keys("run")) == set(data["study"][0]["run"])


def test_warnings_alone_do_not_refuse(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(EVERYTHING)
    spec, problems = check(path)
    assert spec is not None
    assert {p.severity for p in problems} == {"warning"}
