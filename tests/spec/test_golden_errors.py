"""Each error, with its place and its sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_helpers import Checker, errors

from maestro.errors import SpecError
from maestro.spec import check, load

STEP = """\
study:
  - name: run-sim
    description: d
    run:
      cmd: echo hi
"""

GOLDEN = {
    "unknown key": (
        STEP + "      dependz: [x]\n",
        ["study.yaml:9:7: unknown key 'dependz' in step 'run-sim'; did you mean 'depends'?"],
    ),
    "resource beside run": (
        STEP + "    procs: 4\n",
        [
            "study.yaml:9:5: unknown key 'procs' in step 'run-sim'; "
            "'procs' belongs under 'run' of a step"
        ],
    ),
    "what is collected": (
        STEP
        + r"""    collect:
      - {json: a.json, csv: a.csv}
      - columns: {x: float}
      - {csv: a.csv, file: b}
      - match: 'x(y'
      - match: '(\S+)'
      - {match: '(?P<err>\S+)', columns: {er: number}}
      - {jsn: a}
""",
        [
            "study.yaml:10:9: entry 1 of 'collect' in step 'run-sim' must have one of 'json', "
            "'csv' and 'match'; it has 'json' and 'csv'",
            "study.yaml:11:9: entry 2 of 'collect' in step 'run-sim' must have one of 'json', "
            "'csv' and 'match'; it has none of them",
            "study.yaml:11:22: 'x' in step 'run-sim' must be a type: integer, number, string or "
            "boolean, not 'float'",
            "study.yaml:12:22: entry 3 of 'collect' in step 'run-sim' has 'file', which is for "
            "'match'; the file stands behind 'csv'",
            "study.yaml:13:16: 'match' is no regular expression: missing ), unterminated "
            "subpattern at position 1",
            "study.yaml:14:16: 'match' names no column; give the value a name, as in "
            r"'error = (?P<error>\S+)'",
            "study.yaml:15:43: 'match' has no group named 'er'; did you mean 'err'?",
            "study.yaml:16:9: entry 7 of 'collect' in step 'run-sim' must have one of 'json', "
            "'csv' and 'match'; it has none of them",
            "study.yaml:16:10: unknown key 'jsn' in step 'run-sim'; did you mean 'json'?",
        ],
    ),
    "missing keys": (
        "study:\n  - name: a\n    run: {depends: []}\n",
        [
            "study.yaml:5:5: step 'a' lacks the key 'description'",
            "study.yaml:6:10: step 'a' lacks the key 'cmd' under 'run'",
        ],
    ),
    "no study": ("env: {}\n", ["study.yaml:1:1: the specification lacks the section 'study'"]),
    "no steps": (
        "study: []\n",
        ["study.yaml:4:8: 'study' must be a list of at least one step, not an empty list"],
    ),
    "wrong number": (
        STEP + "      procs: four\n",
        [
            "study.yaml:9:14: 'procs' in step 'run-sim' must be a positive whole number or a token "
            "such as $(PROCS), not 'four'"
        ],
    ),
    "quoted number": (
        STEP + "      procs: '4'\n",
        [
            "study.yaml:9:14: 'procs' in step 'run-sim' must be a positive whole number or a token "
            "such as $(PROCS), not '4'; take away the quotes"
        ],
    ),
    "duplicate step": (
        STEP + "  - {name: run-sim, description: d, run: {cmd: x}}\n",
        ["study.yaml:9:12: a second step is called 'run-sim'; the first is in line 5"],
    ),
    "unknown dependency": (
        STEP + "  - {name: b, description: d, run: {cmd: x, depends: [run-sin, 'run-sum_*']}}\n",
        [
            "study.yaml:9:55: step 'b' depends on 'run-sin', which is no step; "
            "did you mean 'run-sim'?",
            "study.yaml:9:64: step 'b' depends on 'run-sum', which is no step; "
            "did you mean 'run-sim'?",
        ],
    ),
    "duplicate dependency": (
        STEP + "  - {name: b, description: d, run: {cmd: x, depends: [run-sim, run-sim]}}\n",
        ["study.yaml:9:64: step 'b' names 'run-sim' twice in 'depends'"],
    ),
    "cycle": (
        """\
study:
  - {name: a, description: d, run: {cmd: x, depends: [c]}}
  - {name: b, description: d, run: {cmd: x, depends: [a]}}
  - {name: c, description: d, run: {cmd: x, depends: [b]}}
  - {name: e, description: d, run: {cmd: x, depends: ['e_*']}}
""",
        [
            "study.yaml:5:54: steps depend on each other in a cycle: a -> c -> b -> a",
            "study.yaml:8:54: step 'e' depends on itself",
        ],
    ),
    "later workspace": (
        """\
study:
  - name: a
    description: d
    run:
      cmd: |
        echo one
        ls $(b.workspace)
  - {name: b, description: d, run: {cmd: x, depends: [a]}}
""",
        ["study.yaml:10:12: step 'a' uses $(b.workspace), but 'b' comes later: a -> b -> a"],
    ),
    "own workspace": (
        "study:\n  - {name: a, description: d, run: {cmd: 'ls $(a.workspace)'}}\n",
        ["study.yaml:5:46: step 'a' uses its own '$(a.workspace)'; write $(WORKSPACE)"],
    ),
    "unequal values": (
        STEP
        + """\
global.parameters:
  A: {values: [1, 2], label: A.%%}
  B: {values: [1], label: B.%%}
""",
        [
            "study.yaml:11:15: parameter 'B' has 1 value, and 'A' has 2; all parameters need "
            "equally many"
        ],
    ),
    "label lists": (
        STEP
        + """\
global.parameters:
  A: {values: [1, 2], label: [x]}
  B: {values: [1, 2], label: [x, x]}
""",
        [
            "study.yaml:10:30: parameter 'A' has 1 label for 2 values",
            "study.yaml:11:30: parameter 'B' has the label 'x' twice; all must be different",
        ],
    ),
    "parameter keys": (
        STEP + "global.parameters:\n  A: {value: [1], label: 3}\n  B: 4\n",
        [
            "study.yaml:10:6: parameter 'A' lacks the key 'values'",
            "study.yaml:10:7: unknown key 'value' in parameter 'A'; did you mean 'values'?",
            "study.yaml:10:26: 'label' in parameter 'A' must be text such as \"SIZE.%%\", or a "
            "list with one label for each value, not 3",
            "study.yaml:11:6: parameter 'B' must be a mapping with the keys 'values' and 'label', "
            "not 4",
        ],
    ),
    "shadowing": (
        STEP
        + """\
env:
  variables: {A: 1}
global.parameters:
  A: {values: [1], label: A.%%}
  SPECROOT: {values: [1], label: S.%%}
""",
        [
            "study.yaml:12:6: parameter 'A' has the name of an entry of 'env'; rename it",
            "study.yaml:13:13: parameter 'SPECROOT' is a name of Maestro's own; rename it",
        ],
    ),
    "environment": (
        STEP
        + """\
env:
  variables: {A: $(B), C: true, D: ''}
  labels: {B: x$(L)y, L: $(B), A: 2, SPECROOT: x}
  variablez: {}
  paths: []
  dependencies:
    paths:
      - {name: P, path: /x, url: y}
    git:
      - {name: P, path: /x, url: y, tag: 1, hash: abc, branch: main}
""",
        [
            "study.yaml:10:27: 'C' in 'env.variables' must be text that is not empty, or a number, "
            "not true",
            "study.yaml:10:36: 'D' in 'env.variables' must be text that is not empty, or a number, "
            "not ''",
            "study.yaml:11:12: 'env' entries refer to each other: B -> L -> B",
        ],
    ),
    "batch type": (
        STEP + "batch: {type: slrum}\n",
        [
            "study.yaml:9:15: unknown 'batch' type 'slrum'; known are flux, local, lsf, slurm; "
            "did you mean 'slurm'?"
        ],
    ),
    "batch keys": (
        STEP + "batch:\n  type: slurm\n  host: h\n",
        [
            "study.yaml:9:1: 'batch' lacks the key 'bank', which type 'slurm' requires",
            "study.yaml:9:1: 'batch' lacks the key 'queue', which type 'slurm' requires",
        ],
    ),
    "cores": (
        STEP + "batch: {procs: many}\n",
        ["study.yaml:9:16: 'procs' in 'batch' must be a positive whole number, not 'many'"],
    ),
    "launcher": (
        """\
study:
  - name: a
    description: d
    run:
      nodes: 2
      procs: $(P)
      cmd: |
        true
        $(LAUNCHER)[2n, 4p] a; $(LAUNCHER)[3n, 9p] b
      restart: "$(LAUNCHER)[2n] c"
global.parameters:
  P: {values: [4, 8, 4], label: P.%%}
""",
        [
            "study.yaml:12:32: $(LAUNCHER)[3n, 9p] in step 'a' asks for 3 nodes, "
            "and the step has 2",
            "study.yaml:13:17: $(LAUNCHER)[2n] in step 'a' names no processes; write, for example, "
            "$(LAUNCHER)[2n, 8p]",
        ],
    ),
    "substituted type": (
        """\
env: {variables: {N: lots}}
study:
  - name: a
    description: d
    run: {cmd: x, procs: $(P), nodes: $(N)}
global.parameters:
  P: {values: [4, x, y], label: P.%%}
""",
        [
            "study.yaml:8:26: 'procs' in step 'a' must be a positive whole number, not 'x' "
            "(from $(P))",
            "study.yaml:8:39: 'nodes' in step 'a' must be a positive whole number, not 'lots'",
        ],
    ),
    "impossible name": (
        "study:\n  - {name: '..', description: d, run: {cmd: x}}\n",
        [
            "study.yaml:5:12: step '..' leaves no name for its directory; use ASCII letters, "
            "digits and -_.()"
        ],
    ),
    "walltime that must be known": (
        STEP + "      walltime: soon\nbatch: {enforce walltime: true}\n",
        [
            "study.yaml:9:17: 'walltime' in step 'run-sim' is 'soon', which is not understood; "
            "write minutes, MM:SS, HH:MM:SS, D-HH:MM:SS or inf"
        ],
    ),
    "key that is no text": (
        STEP + "env:\n  variables: {1: x}\n",
        ["study.yaml:10:15: the key 1 is not text; put it in quotes"],
    ),
    "key that YAML reads otherwise": (
        STEP + "global.parameters:\n  NO: {values: [1], label: x}\n",
        ["study.yaml:10:3: the key NO is not text (YAML reads false); put it in quotes"],
    ),
    "characters that no file can hold": (
        STEP
        + 'env:\n  variables: {"A\\0": x, B: "\\ud83d", C: "\\ud83d\\ude00", D: "\\U0001F600"}\n',
        [
            "study.yaml:10:15: no command and no file can hold the character '\\x00'",
            "study.yaml:10:28: no command and no file can hold the character '\\ud83d'",
        ],
    ),
    "a shell of two lines": (
        STEP + 'batch: {shell: "/bin/sh\\nreboot"}\n',
        ["study.yaml:9:16: 'shell' in 'batch' must be one line, not '/bin/sh\\nreboot'"],
    ),
    "not a step": (
        "study:\n  - a\n  - {name: b, description: d, run: [x]}\n",
        [
            "study.yaml:5:5: step 1 must be a mapping with the keys 'name', 'description' and "
            "'run', not 'a'",
            "study.yaml:6:36: 'run' in step 'b' must be a mapping with at least the key 'cmd', "
            "not a list",
        ],
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_errors_name_their_place_and_what_is_accepted(checked: Checker, case: str) -> None:
    text, expected = GOLDEN[case]
    spec, problems = checked(text)
    assert spec is None
    if case == "environment":
        assert errors(problems)[: len(expected)] == expected
    else:
        assert errors(problems) == expected


def test_duplicates_and_unknown_keys_in_the_environment(checked: Checker) -> None:
    _, problems = checked(GOLDEN["environment"][0])
    assert errors(problems)[3:] == [
        "study.yaml:11:32: label 'A' has the name of a variable; rename one of them",
        "study.yaml:11:38: label 'SPECROOT' is a name of Maestro's own; rename it",
        "study.yaml:12:3: unknown key 'variablez' in 'env'; did you mean 'variables'?",
        "study.yaml:13:3: unknown key 'paths' in 'env'; 'paths' belongs under 'dependencies'",
        "study.yaml:16:29: unknown key 'url' in path dependency 'P'; known are name, path",
        "study.yaml:18:10: git dependency 'P' has the name of a path dependency; "
        "rename one of them",
        "study.yaml:18:42: 'tag' in git dependency 'P' must be text (put a number in "
        "quotes), not 1",
        "study.yaml:18:45: git dependency 'P' has tag and hash and branch; give at most one of "
        "tag, hash and branch",
    ]


FILES = {
    b"": "the file is empty",
    b"# nothing\n": "the file is empty",
    b"[1, 2]": "this is a list",
    b"hello": "this is a single value",
    b"\xff\xfe": "byte 0xff is not UTF-8",
    b"a: b\x00c": "character '\\x00' is not allowed",
    b"a: [1": "this is not YAML",
    b"a:\n\t- b": "use spaces",
    b"a: 1\n---\nb: 2": "a second",
    b"a: &a [*a]": "refers to what it stands in",
    b"a: *b": "no anchor",
    b"? [a]\n: b": "cannot be a key",
    b"? {a: b}\n: b": "cannot be a key",
    b"a: !!python/object/apply:os.getcwd []": "is not allowed here",
    b"a: !!python/name:os.getcwd": "is not allowed here",
    b"a: !mine b": "is not allowed here",
    b"a: " + b"[" * 100_000: "nesting goes deeper",
    b"{a: " * 5000: "nesting goes deeper",
    b"a: 2024-13-45": "looks like a timestamp but is none",
    b"a: 0x" + b"f" * 9000: "too many digits",
    b"a: &a {b: 1}\nc: {<<: 3}": "'<<' takes a mapping",
    b"%YAML 9.1\n---\na: 1": "this is not YAML",
}


@pytest.mark.parametrize("content", FILES, ids=lambda c: repr(c[:25]))
def test_what_is_no_specification_is_said_plainly(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    spec, problems = check(path)
    assert spec is None
    assert any(FILES[content] in str(p) for p in problems), errors(problems)
    assert all(p.position is not None for p in problems)


def test_unreadable_files(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(SpecError, match=reason):
            load(path)
    with pytest.raises(SpecError, match="null"):
        load("a\0b")


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    text = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"k{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(12))
    path = tmp_path / "study.yaml"
    path.write_text(text)
    assert "aliases up to here" in str(check(path)[1][0])


def test_load_raises_all_errors_in_the_order_of_the_file(checked: Checker, tmp_path: Path) -> None:
    _, problems = checked(GOLDEN["environment"][0])
    with pytest.raises(SpecError) as caught:
        load("study.yaml")
    assert [str(p) for p in caught.value.problems] == errors(problems)
    places = [(p.position.line, p.position.column) for p in problems if p.position]
    assert places == sorted(places)
