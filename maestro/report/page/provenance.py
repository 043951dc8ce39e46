"""Where a study comes from, for readers of its report, without the values of its environment."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import yaml

from maestro import __version__
from maestro.adapters.host import hostname
from maestro.adapters.records import opened
from maestro.conductor.study import ledgers
from maestro.report.look import command, one_line
from maestro.report.study import History, Study
from maestro.spec.values import plural

__all__ = ["Fact", "facts", "local_time", "specification_text"]

Fact = tuple[str, str]
"""What is known, and its name."""

HIDDEN = "…"
"""Stands for a value."""

LONGEST = 200_000
"""Characters of a specification that are shown."""

_ALIAS = re.compile(r"\s*:\s*\*[^\s,\[\]{}]+")
"""What follows a key whose value stands elsewhere."""


def local_time(time: float) -> str:
    """``time`` on the local clock, for people."""
    return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def facts(study: Study, history: History, now: float) -> Iterator[Fact]:
    """What is known of where ``study`` comes from, and of this report of it."""
    info = history.info
    yield "Study", f"{info.name}, in {study.directory}"
    made = f"Maestro {info.version}" if info.version else "a Maestro of unknown version"
    python = f", Python {info.python}" if info.python else ""
    host = f", on {info.host}" if info.host else ""
    yield "Made", f"{local_time(info.created)} by {made}{python}{host}"
    yield "Specification", f"{info.specification}, from {info.specroot}"
    spec = study.specification
    combinations = max((len(p.values) for p in spec.parameters), default=0)
    if info.generator is not None:
        yield "Generator", f"{info.generator}{_arguments(info.arguments)}"
    elif spec.parameters:
        names = ", ".join(p.name for p in spec.parameters)
        yield "Parameters", f"{names}: {plural(combinations, 'combination')}"
    if names := ", ".join(sorted(spec.environment.resolved.keys() - {"SPECROOT"})):
        yield "Environment", f"{names} (values are not shown)"
    yield "Runs on", spec.batch.type
    if hosts := list(dict.fromkeys(_hosts(study.directory))):
        yield "Conducted on" if spec.batch.type != "local" else "Ran on", ", ".join(hosts)
    if history.conductor is not None:
        yield "Conducted by", history.conductor
    yield "This report", (
        f"{local_time(now)} by Maestro {__version__}, Python {platform.python_version()}, "
        f"on {hostname()}"
    )
    yield "To make it again", command("report", study.directory)


def _arguments(arguments: tuple[str, ...]) -> str:
    names = ", ".join(argument.partition(":")[0] for argument in arguments)
    return f", with {names} (values are not shown)" if names else ""


def _hosts(directory: str) -> Iterator[str]:
    """The hosts that its local tasks ran on, as the ledgers of its conductors have them."""
    with suppress(OSError):
        for path in ledgers(directory):
            with suppress(OSError):
                if (shim := opened(path)) is not None:
                    yield shim.host


# ---- the environment ---------------------------------------------------------------------------


def specification_text(path: str) -> str:
    """The specification in the file ``path`` as it is written, but for the values of its ``env``;
    "" where it cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        shown = _without_environment(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return ""
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]}\n# … and {len(shown) - LONGEST} characters more\n"
    return "\n".join(one_line(line).replace("\\t", "\t") for line in shown.splitlines())


def _without_environment(text: str) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return text
    cuts: dict[int, tuple[int, str]] = {}
    for key, value in root.value:
        if key.value == "<<":  # which may bring a whole environment
            cuts |= _cuts(value)
        elif key.value == "env":
            cuts |= _cuts(value)  # values may stand elsewhere, and be named by an alias
            begin, end = key.end_mark.index, value.end_mark.index
            if end <= begin and (alias := _ALIAS.match(text, begin)):
                end = alias.end()
            line_end = "" if text.startswith("\n", end) else "\n"
            cuts[begin] = end, f":{_outline(value, 1)}{line_end}"
    parts, at = [], 0
    for begin, (end, instead) in sorted(cuts.items()):
        if begin >= at:
            parts += [text[at:begin], instead]
            at = max(end, begin)
    return "".join([*parts, text[at:]])


def _cuts(node: yaml.Node) -> dict[int, tuple[int, str]]:
    """Where the values below ``node`` stand: from, to, and what stands there instead."""
    found: dict[int, tuple[int, str]] = {}
    seen: set[int] = set()
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.ScalarNode):
            line_end = "\n" if node.style in ("|", ">") else ""
            found[node.start_mark.index] = node.end_mark.index, HIDDEN + line_end
    return found


def _outline(node: yaml.Node, depth: int) -> str:
    """The keys of ``node``, with its values hidden."""
    indent = "\n" + "  " * depth
    if isinstance(node, yaml.MappingNode) and depth < 5:
        return "".join(f"{indent}{key.value}:{_outline(v, depth + 1)}" for key, v in node.value)
    if isinstance(node, yaml.SequenceNode) and depth < 5:
        return "".join(f"{indent}-{_outline(value, depth + 1)}" for value in node.value)
    return f" {HIDDEN}"
