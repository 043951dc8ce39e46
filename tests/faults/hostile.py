"""Hostile studies: specifications, generator files and command lines that mean harm.

A case is made from its number alone, so that one that fails can be made again. Its commands are
harmless; what is hostile stands around them, and tries to be run by a shell, to leave the study's
directory, or to be written where it cannot be.
"""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.everything import EVERYTHING

__all__ = ["CANARY", "ODD", "PIECES", "TEXTS", "Case", "case", "places", "spoil"]

FAST = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

CANARY = "C@NARY"
"""The file that comes into being when a value is run; no safe name has an ``@``."""

_RUN = f"touch {CANARY}"
BASE = "<base>"
"""Stands in texts for a directory that no study is made in."""

TEXTS = (
    # to be run by a shell
    f"$({_RUN})", f"`{_RUN}`", f"; {_RUN}", f"\n{_RUN}\n", f"\r\n{_RUN}\r\n", f"\r{_RUN}\r",
    f"'; {_RUN}; '", f'"; {_RUN}; "', f"\\\n{_RUN}", f"\\\"; {_RUN} #", f"| {_RUN}", f"& {_RUN}",
    f"> {CANARY}", f"$[a[\\$({_RUN})]]", f"${{x:=$({_RUN})}}", f"$'\\n{_RUN}'", f"x\v{_RUN}",
    f"x\f{_RUN}", f"x\u2028{_RUN}", f"x\x85{_RUN}", f"\x00\n{_RUN}", f"EOF\n{_RUN}",
    f"1\n{_RUN}", f"1; {_RUN}", f"a)\n{_RUN}", f"a=\n{_RUN}",
    # to be another option of a scheduler
    'x" --smuggled="y', "x --smuggled y", "x' --smuggled '", "x\n#SBATCH --smuggled",
    "x\n#BSUB --smuggled", "x\n#flux: --smuggled", "x\\", '\\"', "--bare", "-rf", "%j", "%J.x",
    "{{id}}", "a[1-9]",
    # to be another place
    "/", "..", ".", "...", "../..", f"../../{CANARY}", f"{BASE}/{CANARY}", "a/b", "/a", "a/../..",
    "./x", "~", "~root", "a\\b", "\0", f"../{CANARY}\0", "logs", "meta", ".maestro", "status.csv",
    # to be written where it cannot be, or seen where it should not
    "", " ", "\t", "\n", "x" * 5000, "é" * 3000, "🜚" * 5000, "x " * 2500, "'", '"', "\\",
    "\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\u202eevil", "\ufeff", "\ufffe",
    "👩‍👩‍👧", "e\u0301", "\ud800", "\udcff", "\udc00\ud800", "\x7f", "\b\b\b",
    # to be taken for something else
    "$(P)", "$(P.label)", "$(Q.name)", "$(first.workspace)", "$(WORKSPACE)", "$(OUTPUT_PATH)",
    "$(LAUNCHER)[9n, 9p]", "$(", "$(" * 400, "%%", "%%%%", "*", "first_*", "a:b", "a,b", "null",
    "yes", "1:30:00", "- a", "# c", "<<", "&a", "*a", "{", "!!python/name:os.system", "=1+1",
    "@SUM(1)", "9" * 5000, "1e999", "0x1f", "P", "Q",
)  # fmt: skip
"""Texts to put anywhere."""

ODD = (
    None, True, False, 0, -3, 9, 2**70, 1.5, 1e308, float("nan"), float("inf"), float("-inf"),
    [], {}, [[]], [{}], {"name": "a"}, ["first", "first"], [None], {"a": {"b": []}},
)  # fmt: skip
"""What is no text."""

PIECES = (
    "\t", "\n", " ", ":", "- ", "? ", "&a ", "*a", "!!python/object:x ", "!!set ", "<<: ", "{", "}",
    "[", "]", '"', "'", "|", ">", "%", "#", "---\n", "...\n", "\x00", "\ufeff", "é", "1:30", "$(",
    ",",
)  # fmt: skip
"""Pieces of YAML that matter."""

Tree = dict[str, Any]
Path = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A study to try. ``specification`` and ``generator`` are the contents of files with the names
    that stand before them; ``harmless`` says that its commands are, so that its scripts may be run.
    """

    number: int
    specification: tuple[str, bytes]
    generator: tuple[str, bytes] | None = None
    arguments: list[str] = field(default_factory=list)
    harmless: bool = True
    kind: str = "local"


def case(number: int, base: str) -> Case:
    """The case ``number``; ``base`` is a directory that exists and that nothing should touch."""
    rng = random.Random(number)
    make = rng.choices((_values, _generated, _spoilt, _garbled), (45, 25, 20, 10))[0]
    return make(number, rng, lambda: _text(rng).replace(BASE, base))


def places(data: Any, path: Path = ()) -> list[Path]:
    """The path of everything inside ``data``."""
    found = [path]
    parts = data.items() if isinstance(data, dict) else enumerate(data)
    for key, inner in parts if isinstance(data, (dict, list)) else ():
        found += places(inner, (*path, key)) if isinstance(inner, (dict, list)) else [(*path, key)]
    return found


def spoil(tree: Any, path: Path, how: str, new: Any) -> None:
    """Spoil what stands at ``path`` of ``tree``, if there still is such a place: ``how`` is to put
    something ``new`` there, to give it a new ``key``, or to have it ``twice``.
    """
    *above, last = path
    try:
        for key in above:
            tree = tree[key]
        if how == "new":
            tree[last] = copy.deepcopy(new)  # which may be spoilt next
        elif how == "key" and isinstance(tree, dict):
            tree[new] = tree.pop(last)
        else:
            tree.append(tree[last])
    except (KeyError, IndexError, TypeError, AttributeError):
        return


# ---- kinds of cases ----------------------------------------------------------------------------

Text = Callable[[], str]


def _values(number: int, rng: random.Random, text: Text) -> Case:
    """A sound study with hostile texts, and some other odd things, where texts belong."""
    kind = rng.choice(KINDS)
    tree = _study(rng, kind, text)
    open_ = [path for path in places(tree) if path and not _kept(path)]
    leaves = [path for path in open_ if not isinstance(_at(tree, path), (dict, list))]
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        odd = rng.random() < 0.1
        new = rng.choice(ODD) if odd else text()
        spoil(tree, rng.choice(open_ if odd else leaves), "new", new)
    return Case(number, _file(rng, text, tree), None, _options(rng), kind=kind)


def _generated(number: int, rng: random.Random, text: Text) -> Case:
    """A sound study whose generator file, or its arguments, are hostile."""
    kind = rng.choice(KINDS)
    tree = _study(rng, kind, text)
    count = rng.randint(1, 3)
    lines = []
    for name in (*tree["global.parameters"], *([text()] if rng.random() < 0.2 else [])):
        plain = [f"{name}{i}"[-40:] for i in range(count)]
        values: list[Any] = list(plain)
        if rng.random() < 0.7:
            values[rng.randrange(count)] = _odd(rng, text)
        label: Any = rng.choice((f"{name}.%%", "%%", plain))
        if rng.random() < 0.4:
            label = text() + rng.choice(("%%", "%%", ""))
        elif isinstance(label, list) and rng.random() < 0.5:
            label = [text(), *plain[1:]]
        title = text() if rng.random() < 0.2 else name
        lines.append(f"    g.add_parameter({name!r}, {values!r}, {label!r}, {title!r})")
    content = GENERATOR + "\n".join([*lines, "    return g", ""])
    options = _options(rng)
    for _ in range(rng.choice((0, 0, 1, 2))):
        options += ["--pargs", f"{text()}:{text()}".replace("\0", "")]
    generator = (_name(text()) if rng.random() < 0.3 else "gen.py", _bytes(content))
    return Case(number, _file(rng, text, tree), generator, options, kind=kind)


def _spoilt(number: int, rng: random.Random, text: Text) -> Case:
    """Every key of the language, with odd things in odd places; its commands too are spoilt."""
    tree = copy.deepcopy(TREE)
    open_ = [path for path in places(tree) if path]
    for _ in range(rng.randint(1, 3)):
        how = rng.choice(("new", "new", "key", "twice"))
        spoil(tree, rng.choice(open_), how, text() if how == "key" else _odd(rng, text))
    return Case(number, _file(rng, text, tree), None, _options(rng), harmless=False)


def _garbled(number: int, rng: random.Random, text: Text) -> Case:
    """A text that no longer is what it was."""
    garbled = _yaml(rng, _study(rng, "local", text)).decode("utf-8", "surrogatepass")
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(garbled) + 1), rng.choice((0, 0, 1, 5, 30))
        piece = rng.choice(PIECES) if rng.random() < 0.7 else text()
        garbled = garbled[:at] + piece + garbled[at + length :]
    return Case(number, ("study.yaml", _bytes(garbled)), None, _options(rng), harmless=False)


KINDS = ("local", "local", "slurm", "lsf", "flux")
TREE: Tree = yaml.safe_load(EVERYTHING)
TREE["env"]["dependencies"] = {"paths": [{"name": "INPUT", "path": "/"}]}
del TREE["env"]["variables"]["OUTPUT_PATH"]  # wherever that leads, it is a wish
GENERATOR = """\
# -*- coding: utf-8 -*-
from maestrowf.datastructures.core import ParameterGenerator


def get_custom_generator(env, **kwargs):
    nan, inf = float("nan"), float("inf")
    g = ParameterGenerator()
"""


# ---- their parts -------------------------------------------------------------------------------


def _study(rng: random.Random, kind: str, text: Text) -> Tree:
    """A sound study with everything that may hold a text, some of its names hostile, and commands
    that do nothing.
    """
    first, second, third, p, q, v = (
        text() if rng.random() < 0.06 else plain
        for plain in ("first", "second", "third", "P", "Q", "V")
    )
    command = rng.choice(("true", ":", 'cd "$(WORKSPACE)"'))
    if first == "first":
        command = rng.choice((command, 'ls "$(first.workspace)" > /dev/null'))
    batch: Tree = {"type": kind, "shell": "/bin/bash"}
    scheduled: Tree = {}
    if kind != "local":
        batch |= {"host": "h", "bank": "bank", "queue": "q", "reservation": "r", "qos": "o"}
        batch |= {"nodes": "1", "procs": "1", "gpus": "1", "uri": "local:///run/flux"}
        batch |= {
            "allocation_args": {"mail-type": "END"},
            "launcher_args": {_option(rng, text): "x"},
        }
        command = rng.choice((command, "$(LAUNCHER) true", "$(LAUNCHER)[1n, 1p] true"))
        scheduled = _scheduled(rng, kind, text, f"$({p})", f"$({v})")
    elif rng.random() < 0.5:
        batch["launcher"] = "env -n {procs}"
    run = {"cmd": command, "restart": "true", "depends": [first], **scheduled}
    uses = f"$({p}) $({q}.label) $({q}) $({p}.name)"
    return {
        "description": {"name": "study", "description": "a study", "author": "somebody"},
        "env": {"variables": {v: "v"}, "labels": {"L": f"l$({v})"}},
        "batch": batch,
        "study": [
            {"name": first, "description": f"$({p}) $(L)", "run": {"cmd": "true"}},
            {"name": second, "description": uses, "run": run},
            {"name": third, "description": v, "run": {"cmd": ":", "depends": [f"{second}_*"]}},
        ],
        "global.parameters": {
            p: {"values": ["p1", "p2"], "label": rng.choice(("P.%%", ["a", "b"]))},
            q: {"values": [1, 2.5], "label": "Q.%%", "name": "the other"},
        },
    }


def _scheduled(rng: random.Random, kind: str, text: Text, one: str, other: str) -> Tree:
    """What only a job has, with the tokens ``one`` and ``other`` where texts may be."""
    found: Tree = {"nodes": 1, "procs": 1, "walltime": "00:01:00", "reservation": one}
    for key in ("allocation_args", "launcher_args"):
        found[key] = {_option(rng, text): one, "begin": other, "x": other, "plain": "text"}
    found |= {"qos": one, "priority": "low"} if kind == "slurm" else {}
    found |= {"bind": one, "bind gpus": other} if kind == "lsf" else {}
    found |= {"nested": True, "waitable": True} if kind == "flux" else {}
    return found


def _option(rng: random.Random, text: Text) -> str:
    return text() if rng.random() < 0.1 else rng.choice(("y", "cpu-bind"))


def _kept(path: Path) -> bool:
    """What stays as it is: the commands, so that no harm is asked for, and what others name."""
    named = ("cmd", "restart", "launcher", "type", "depends")
    return path in (("batch",), ("study",)) or path[-1] in named or "depends" in path


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _text(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.75:
        return rng.choice(TEXTS)
    if draw < 0.9:
        return "".join(rng.choice(TEXTS)[:300] for _ in range(rng.randint(2, 3)))
    ranges = ((0, 0x20), (0x20, 0x7F), (0x7F, 0x100), (0x2000, 0x2100), (0xD800, 0x10FFFF))
    return "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randint(1, 12)))


def _odd(rng: random.Random, text: Text) -> Any:
    return text() if rng.random() < 0.7 else rng.choice(ODD)


def _file(rng: random.Random, text: Text, tree: Tree) -> tuple[str, bytes]:
    return _name(text()) if rng.random() < 0.05 else "study.yaml", _yaml(rng, tree)


def _name(text: str) -> str:
    """A name that a file can have, made from ``text``."""
    name = text.translate({0: None, ord("/"): None}).encode("utf-8", "replace")[:200]
    return "study.yaml" if name in (b"", b".", b"..") else os.fsdecode(name)


def _yaml(rng: random.Random, tree: Any) -> bytes:
    unicode = rng.random() < 0.5
    try:
        text = yaml.dump(tree, Dumper=FAST, sort_keys=False, allow_unicode=unicode)
    except UnicodeEncodeError:  # libyaml has no half characters
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=unicode)
    return _bytes(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _options(rng: random.Random) -> list[str]:
    return [option for option in ("--hashws", "--usetmp") if rng.random() < 0.15]
