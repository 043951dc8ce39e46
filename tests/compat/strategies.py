"""Random specifications, inside what both tools accept and mean alike.

What is left out, on purpose, are the differences that docs/reference/differences.md lists; each
stands here as a rule of its own, in `OURS_ALONE`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Spec = dict[str, Any]

WORDS = st.text("abcxyz019", min_size=1, max_size=4)
AWKWARD = st.text("aB1 .-_é☃'\"\\%#:{}[]&*!|>@`~^()?<;=,+", min_size=1, max_size=6)
VALUES = st.one_of(
    st.integers(-50, 2000),
    st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: round(x, 3)),
    st.booleans(),
    WORDS,
    AWKWARD,
)
PLAIN_VALUES = st.one_of(st.integers(0, 2000), st.booleans(), WORDS)
STEP_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,3}([-. _][a-z0-9]{1,3})?", fullmatch=True)
SHELL = st.sampled_from(
    ["echo $(date)", "x=$(ls | wc -l)", "for i in a b; do echo $i; done", "echo 'a  b' \"c\""]
)
RUNNABLE = st.sampled_from(["echo a  b", "x=$(echo y); echo $x", "printf '%s\\n' 1 2"])


@st.composite
def specifications(draw: st.DrawFn, *, runnable: bool = False) -> Spec:
    """A specification; a ``runnable`` one has harmless commands and values."""
    parameters = draw(_parameters(PLAIN_VALUES if runnable else VALUES))
    variables = draw(st.dictionaries(st.sampled_from(["VAR", "NUMBER"]), WORDS | st.integers(1, 9)))
    labels = draw(_labels([*variables], [*parameters]))
    names = draw(st.lists(STEP_NAMES, min_size=1, max_size=5, unique_by=kept))
    spec: Spec = {"description": {"name": draw(STEP_NAMES), "description": "random $(VAR)"}}
    if variables or labels:
        spec["env"] = {"variables": variables, "labels": labels}
    if draw(st.booleans()):
        shell = "/bin/sh" if runnable else draw(st.sampled_from(["/bin/sh", "/bin/zsh -f"]))
        spec["batch"] = {"type": "local", "shell": shell}
    spec["study"] = [
        draw(_step(name, names[:i], [*parameters], [*variables, *labels], runnable))
        for i, name in enumerate(names)
    ]
    if parameters:
        spec["global.parameters"] = parameters
    return spec


@st.composite
def _parameters(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> dict[str, Any]:
    count = draw(st.integers(1, 4))
    parameters = {}
    for name in draw(st.lists(st.sampled_from(["SIZE", "P", "Q2"]), unique=True)):
        pool = draw(st.lists(values, min_size=1, max_size=4, unique_by=kept))
        column = draw(st.lists(st.sampled_from(pool), min_size=count, max_size=count))
        label = draw(st.sampled_from([f"{name}.%%", f"%%{name}", f"{name} %% of", f"{name}-%%.%%"]))
        parameters[name] = {"values": column, "label": label}
    return parameters


def kept(value: object) -> str:
    """What a workspace's name keeps of a value."""
    return re.sub(r"[^A-Za-z0-9\-_.()]", "", str(value).replace(" ", "_"))


@st.composite
def _labels(draw: st.DrawFn, variables: list[str], parameters: list[str]) -> dict[str, str]:
    tokens = [f"$({name})" for name in variables + parameters]
    tokens += [f"$({name}.label)" for name in parameters]
    if not tokens:
        return {}
    texts = st.lists(st.sampled_from([*tokens, "out", "_"]), min_size=1, max_size=3).map("".join)
    return draw(st.dictionaries(st.sampled_from(["LABEL", "FILE"]), texts))


@st.composite
def _step(
    draw: st.DrawFn,
    name: str,
    earlier: list[str],
    parameters: list[str],
    environment: list[str],
    runnable: bool,
) -> Spec:
    parents = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
    depends = [p + draw(st.sampled_from(["", "", "_*", "*"])) for p in parents]
    lines = st.lists(_line(earlier, parameters, environment, runnable), min_size=1, max_size=4)
    run: Spec = {"cmd": "\n".join(draw(lines))}
    if depends:
        run["depends"] = depends
    if draw(st.integers(0, 4)) == 0:
        run["restart"] = "\n".join(draw(lines))
    if draw(st.integers(0, 4)) == 0:
        run["procs"] = draw(st.integers(1, 4))
        run["walltime"] = "00:01:00"
    tokens = [f"$({p})" for p in parameters]
    description = draw(st.sampled_from(["some step", *tokens]))
    return {"name": name, "description": description, "run": run}


@st.composite
def _line(
    draw: st.DrawFn, steps: list[str], parameters: list[str], environment: list[str], runnable: bool
) -> str:
    """A line of a command: one kind of token, or none."""
    texts = ["$(WORKSPACE)", "$(OUTPUT_PATH)", "$(SPECROOT)/x"]
    texts += [f"$({name})" for name in environment + parameters]
    texts += [f"$({name}.label) $({name}.name)" for name in parameters]
    texts += [f"$({step}.workspace)/y" for step in steps if " " not in step]
    if not runnable:
        texts += ["$(LAUNCHER) ./run", "$(nothing.known)", "$((1 + 2))"]
    if draw(st.booleans()):
        return draw(RUNNABLE if runnable else SHELL)
    return "echo " + draw(st.sampled_from(texts))


# ---- what is ours alone


def unusable_names(spec: Spec) -> bool:
    """A label of which no name remains, or only dots, is an error here."""
    return any(not kept(label).strip(".") for label in _labels_of(spec))


def colliding_names(spec: Spec) -> bool:
    """Two tasks that would share a workspace or a name are an error here."""
    from maestro.errors import SpecError

    try:
        _expanded(spec)
    except SpecError as error:
        return all(p.code in ("name-collision", "label-collision") for p in error.problems)
    return False


def own_names(spec: Spec) -> bool:
    """A step called like one of the study's own files is an error here."""
    study = spec["description"]["name"].replace(" ", "_")
    own = {"logs", "meta", f"{study}.txt"}
    return any(step["name"].replace(" ", "_") in own for step in spec["study"])


OURS_ALONE: list[Callable[[Spec], bool]] = [
    unusable_names,
    colliding_names,
    own_names,
]

def file_names(name: str) -> str:
    """All names of scripts and output files are sanitised here, the peer's only some."""
    return kept(name)


PEER_REFUSES = {
    # It processes unrelated steps in an order of its own; here a warning says: this is no edge.
    "workspaces_of_unrelated_steps": "is being used before it would be generated",
}
"""Differences that show as an error of the peer's, by what it says."""


def _labels_of(spec: Spec) -> list[str]:
    return [
        entry["label"].replace("%%", str(value))
        for entry in spec.get("global.parameters", {}).values()
        for value in entry["values"]
    ]


def _expanded(spec: Spec) -> object:
    """The graph of ``spec``, through a file, as users have it."""
    import tempfile
    from pathlib import Path

    import yaml

    import maestro

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return maestro.expand(maestro.load(str(path)))
