"""Warnings: what is allowed and probably not meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from maestro.errors import Position, Problem
from maestro.spec.checks import token_place
from maestro.spec.environment import names
from maestro.spec.model import Specification, Step
from maestro.spec.reader import Document, Path
from maestro.spec.schema import known_keys, unknown_key
from maestro.spec.tokens import launcher_calls, texts, tokens, used_parameters
from maestro.spec.values import entries, items, mapping

__all__ = ["lint"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDED = re.compile(r"(.+)\.([A-Za-z]\w*)")
_OWN = frozenset({"WORKSPACE", "OUTPUT_PATH", "SPECROOT", "LAUNCHER"})
_WORDS = ("label", "name", "workspace")
_LOWEST_LIKENESS = 0.75
_STANDALONE = """
arch basename cat date df dirname du echo env false free getconf groups head hostname id jobs kill
last ls lscpu mktemp nproc printenv ps pwd realpath seq size sort stat tail test time true tty type
umask uname uptime users wc which who whoami yes
"""
_COMMANDS = frozenset(_STANDALONE.split())
"""Commands that stand alone in ``$( )`` and are nobody's misspelt token."""


def lint(document: Document, spec: Specification) -> list[Problem]:
    """Warnings about ``spec``, which was built from ``document``."""
    found: list[Problem] = []
    found += _unknown_keys(document)
    found += _unused_keys(document)
    found += _parameters(spec)
    found += _walltimes(document)
    found += _tokens(document, spec)
    found += _workspaces(spec)
    found += _collected(spec)
    found += _launchers(spec)
    return found


def _warning(code: str, message: str, at: Position | None) -> Problem:
    return Problem(code, message, at, "warning")


def _unknown_keys(document: Document) -> Iterator[Problem]:
    """Keys that nobody reads, where unknown ones are allowed."""
    data = mapping(document.data)
    dependencies = mapping(mapping(data.get("env")).get("dependencies"))
    places: list[tuple[Path, Any, str, str]] = [
        ((), data, "", "the specification"),
        (("batch",), data.get("batch"), "batch", "'batch'"),
    ]
    for i, entry in entries(dependencies.get("git")):
        place = f"git dependency '{entry.get('name')}'"
        places.append((("env", "dependencies", "git", i), entry, "git", place))
    for path, section, kind, place in places:
        known = known_keys(kind)
        for key in mapping(section):
            if key not in known:
                message = f"{unknown_key(key, place, known, kind)}; it is ignored"
                yield _warning("unknown-key", message, document.where_key((*path, key)))
    for key in dependencies:
        if key not in ("paths", "git", "spack"):
            message = unknown_key(key, "'env.dependencies'", ["paths", "git"], "dependencies")
            at = document.where_key(("env", "dependencies", key))
            yield _warning("unknown-key", f"{message}; it is ignored", at)
    for i, step in entries(data.get("study")):
        for key in mapping(mapping(step.get("run")).get("exclusive")):
            if key not in ("allocation", "launcher"):
                message = f"unknown key '{key}' in 'exclusive'; known are allocation, launcher"
                at = document.where_key(("study", i, "run", "exclusive", key))
                yield _warning("unknown-key", f"{message}; it is ignored", at)


def _unused_keys(document: Document) -> Iterator[Problem]:
    """Keys of the language that change nothing."""
    data = mapping(document.data)
    for i, step in entries(data.get("study")):
        for key in ("pre", "post"):
            if key in mapping(step.get("run")):
                message = f"'{key}' in step '{step.get('name')}' is accepted and never run"
                yield _warning("never-run", message, document.where_key(("study", i, "run", key)))
    env = mapping(data.get("env"))
    if "spack" in mapping(env.get("dependencies")):
        at = document.where_key(("env", "dependencies", "spack"))
        yield _warning("spack", "'spack' dependencies are accepted and not acquired", at)
    if env.get("sources"):
        at = document.where_key(("env", "sources"))
        yield _warning("sources", "'sources' are accepted and never read", at)


def _parameters(spec: Specification) -> Iterator[Problem]:
    known = [p.name for p in spec.parameters]
    used = frozenset[str]().union(*(used_parameters(step, known) for step in spec.steps))
    for p in spec.parameters:
        at = spec.where("global.parameters", p.name)
        if p.name not in used:
            message = f"no step uses parameter '{p.name}'; it makes no tasks"
            yield _warning("unused-parameter", message, at)
        elif not p.values:
            message = f"parameter '{p.name}' has no values; the steps that use it have no tasks"
            yield _warning("no-values", message, at)


def _walltimes(document: Document) -> Iterator[Problem]:
    for path, text in document.sexagesimal.items():
        if path[-1] == "walltime":
            number = mapping(_at(document.data, path[:-1])).get("walltime")
            message = (
                f"YAML reads the unquoted walltime {text} as the number {number}, which counts as "
                f'minutes; write "{text}"'
            )
            yield _warning("unquoted-walltime", message, document.where(path))


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = items(data)[part] if isinstance(part, int) else mapping(data).get(part)
    return data


def _tokens(document: Document, spec: Specification) -> Iterator[Problem]:
    """What looks like a misspelt token. Most of what stands in ``$( )`` is plain shell."""
    steps = [step.name for step in spec.steps if step.name]
    parameters = [p.name for p in spec.parameters]
    entries_ = [name for name, _, _ in names(mapping(document.data).get("env"))]
    whole = {*parameters, *entries_, *_OWN}
    for i, step in enumerate(spec.steps):
        seen: set[str] = set()
        for text in texts(step):
            for inner, _ in tokens(text):
                if inner in whole or inner in seen:
                    continue
                seen.add(inner)
                if hint := _misspelt(inner, whole, parameters, steps):
                    message = f"$({inner}) in step '{step.name}' is left to the shell; {hint}"
                    yield _warning("misspelt-token", message, _place(spec, i, step, inner))


def _place(spec: Specification, index: int, step: Step, inner: str) -> Position | None:
    """Where the token stands: in a command, or in a text besides."""
    token = f"$({inner})"
    if token not in step.cmd + step.restart:
        for key in ("name", "description"):
            if token in getattr(step, key):
                return spec.where("study", index, key)
    return token_place(spec, index, inner)


def _misspelt(
    inner: str, whole: Collection[str], parameters: Collection[str], steps: Collection[str]
) -> str:
    """What ``$(inner)`` may have been meant as; empty if it is likely what it says."""
    if match := _WORDED.fullmatch(inner):
        head, word = match[1], match[2]
        if head in steps or head in parameters:
            if word == "workspace" and head in steps:
                return ""
            if word in ("label", "name") and head in parameters:
                return ""
            known = [w for w in _WORDS if head in (steps if w == "workspace" else parameters)]
            likely = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
            if head in parameters:
                likely = likely or ["label"]
            return f"did you mean $({head}.{likely[0]})?" if likely else ""
        if word == "workspace":
            near = _near(head, steps)
            return f"did you mean $({near}.workspace)?" if near else f"there is no step '{head}'"
        if word in ("label", "name") and (near := _near(head, parameters)):
            return f"did you mean $({near}.{word})?"
        return ""
    if not _NAME.fullmatch(inner) or inner in _COMMANDS:
        return ""
    near = _near(inner, whole)
    if near and _alike(inner, near):
        return f"did you mean $({near})?"
    return ""


def _near(name: str, known: Iterable[str]) -> str:
    """The one of ``known`` nearest to ``name``, whatever the case, or nothing."""
    upper = {k.upper(): k for k in known}
    found = difflib.get_close_matches(name.upper(), upper, n=1, cutoff=_LOWEST_LIKENESS)
    return upper[found[0]] if found else ""


def _alike(name: str, near: str) -> bool:
    """Whether ``name`` is written as ``near`` is: ``$(date)`` is a command, beside ``DATA``."""
    return len(name) > 1 and name.isupper() == near.isupper() and name.islower() == near.islower()


def _workspaces(spec: Specification) -> Iterator[Problem]:
    """A workspace that is used without waiting for the step that fills it."""
    parents = {step.name: [d.step for d in step.depends] for step in spec.steps}
    for i, step in enumerate(spec.steps):
        for used in step.workspaces:
            if used == step.name or _waits(step.name, used, parents):
                continue
            if _waits(used, step.name, parents):
                continue  # it comes later, which is an error and reported as one
            message = (
                f"step '{step.name}' uses $({used}.workspace) and does not depend on '{used}', "
                "so it does not wait for it"
            )
            at = token_place(spec, i, f"{used}.workspace")
            yield _warning("workspace-no-edge", message, at)


def _collected(spec: Specification) -> Iterator[Problem]:
    """Tokens in names of files to collect that nothing replaces: no shell ever sees them."""
    known = {p.name for p in spec.parameters} | {"OUTPUT_PATH"}
    for i, step in enumerate(spec.steps):
        for j, entry in enumerate(step.collect):
            for inner, _ in tokens(entry.file):
                head, _, word = inner.rpartition(".")
                if inner not in known and not (head in known and word in ("label", "name")):
                    message = (
                        f"$({inner}) in 'collect' of step '{step.name}' stays as it stands unless "
                        "a generator has that parameter; files are relative to the workspace"
                    )
                    yield _warning("collect-token", message, spec.where("study", i, "collect", j))


def _waits(name: str, other: str, parents: Mapping[str, Sequence[str]]) -> bool:
    """Whether step ``name`` depends on ``other``, by itself or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        above = parents.get(waiting.pop(), ())
        if other in above:
            return True
        waiting += (parent for parent in above if parent not in found)
        found.update(above)
    return False


def _launchers(spec: Specification) -> Iterator[Problem]:
    """Launchers that stay as they stand, and brackets after one that say nothing."""
    own = {*spec.environment.resolved, *(p.name for p in spec.parameters)}
    for i, step in enumerate(spec.steps):
        local = spec.batch.type == "local" or not step.resources.scheduled
        for key, text in (("cmd", step.cmd), ("restart", step.restart)):
            calls = launcher_calls(text) if "LAUNCHER" not in own else []
            for call in calls:
                at = spec.locate(("study", i, "run", key), text, call.start)
                if local and "launcher" not in spec.batch.settings:
                    message = (
                        f"$(LAUNCHER) in step '{step.name}' runs locally and stays as it stands; "
                        "give 'launcher' in 'batch'"
                    )
                    yield _warning("local-launcher", message, at)
                    break
                follows = text[call.end : call.end + 1]
                if call.bare and follows == "[" and "$(" not in text[call.end :].split("]")[0]:
                    message = (
                        f"what follows $(LAUNCHER) in step '{step.name}' is no allocation such as "
                        "[2n, 8p], and stays as it stands"
                    )
                    yield _warning("launcher-form", message, at)
