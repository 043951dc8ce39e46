"""The ``env`` section: names for texts, which may use each other in any order."""

from __future__ import annotations

import graphlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from maestro.spec.model import Environment, GitDependency, PathDependency
from maestro.spec.reader import Path
from maestro.spec.values import as_value, entries, mapping, text_of

__all__ = [
    "OUTPUT_PATH",
    "SPECROOT",
    "build_environment",
    "names",
    "raw_texts",
    "substituter",
    "uses",
]

OUTPUT_PATH = "OUTPUT_PATH"
SPECROOT = "SPECROOT"

ROUNDS = 3
"""How often a text is gone over, for tokens put together from others: ``$(PATH_$(HOST))``."""

_TOKEN = re.compile(r"\$\(([^()]+)\)")


def names(env: Any) -> Iterator[tuple[str, str, Path]]:
    """Every name that the section ``env`` defines: with what it is, and where it stands."""
    for kind, word in (("variables", "variable"), ("labels", "label")):
        for name in mapping(mapping(env).get(kind)):
            yield name, word, ("env", kind, name)
    dependencies = mapping(mapping(env).get("dependencies"))
    for kind, word in (("paths", "path dependency"), ("git", "git dependency")):
        for i, entry in entries(dependencies.get(kind)):
            if name := text_of(entry.get("name")):
                yield name, word, ("env", "dependencies", kind, i, "name")


def uses(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Which of the entries ``texts`` each of them names, in order of first use."""
    return {
        name: list(dict.fromkeys(t for t in _TOKEN.findall(text) if t in texts))
        for name, text in texts.items()
    }


def substituter(resolved: Mapping[str, str]) -> Callable[[str], str]:
    """A function that puts the entries ``resolved`` into a text."""

    def replace(match: re.Match[str]) -> str:
        return resolved.get(match[1], match[0])

    def apply(text: str) -> str:
        for _ in range(ROUNDS):
            if "$(" not in text or (new := _TOKEN.sub(replace, text)) == text:
                break
            text = new
        return text

    return apply


def raw_texts(env: Any) -> dict[str, str]:
    """The text of each variable, label and dependency as it is written, by name."""
    env = mapping(env)
    texts: dict[str, str] = {}
    for kind in ("variables", "labels"):
        texts |= {name: str(value) for name, value in mapping(env.get(kind)).items()}
    texts.pop(OUTPUT_PATH, None)
    dependencies = mapping(env.get("dependencies"))
    for _, entry in entries(dependencies.get("paths")):
        texts[text_of(entry.get("name"))] = text_of(entry.get("path"))
    for _, entry in entries(dependencies.get("git")):
        texts[text_of(entry.get("name"))] = text_of(entry.get("path"))
    return texts


def build_environment(env: Any, cwd: str, specroot: str) -> Environment:
    """The section ``env`` with every token resolved; relative paths count from ``cwd``.

    Parts of a wrong shape are passed over, and entries in a cycle stay as they are written:
    others report both.
    """
    env = mapping(env)
    dependencies = mapping(env.get("dependencies"))
    path_names = {text_of(e.get("name")) for _, e in entries(dependencies.get("paths"))}
    git_names = {text_of(e.get("name")) for _, e in entries(dependencies.get("git"))}
    texts = raw_texts(env)
    resolved: dict[str, str] = {SPECROOT: specroot}
    folders: dict[str, str] = {}
    apply = substituter(resolved)
    for name in _in_order(uses(texts)):
        text = apply(texts[name])
        if name in path_names:
            text = absolute(text, cwd)
        elif name in git_names:
            folders[name] = absolute(text, cwd)
            text = GitDependency(name, folders[name], "").target
        resolved[name] = text
    git = (_git(e, folders, apply) for _, e in entries(dependencies.get("git")))
    paths = (text_of(e.get("name")) for _, e in entries(dependencies.get("paths")))
    sources = env.get("sources")
    return Environment(
        variables={n: as_value(v) for n, v in mapping(env.get("variables")).items()},
        labels={n: as_value(v) for n, v in mapping(env.get("labels")).items()},
        sources=tuple(map(str, sources)) if isinstance(sources, list) else (),
        paths=tuple(PathDependency(name, resolved[name]) for name in paths),
        git=tuple(git),
        resolved=resolved,
    )


def _git(
    entry: Mapping[str, Any], folders: Mapping[str, str], apply: Callable[[str], str]
) -> GitDependency:
    refs = {key: apply(text_of(entry.get(key))) or None for key in ("tag", "hash", "branch")}
    name = text_of(entry.get("name"))
    return GitDependency(name, folders.get(name, ""), apply(text_of(entry.get("url"))), **refs)


def absolute(text: str, cwd: str) -> str:
    """``text`` as an absolute path; one that begins with the study's directory stays so."""
    if text.startswith(f"$({OUTPUT_PATH})"):
        return text
    return os.path.normpath(os.path.join(cwd, text))


def _in_order(used: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The entries, those that others use first; entries of a cycle, and users of it, come last."""
    sorter = graphlib.TopologicalSorter(used)
    try:
        yield from sorter.static_order()
    except graphlib.CycleError:
        yield from used
