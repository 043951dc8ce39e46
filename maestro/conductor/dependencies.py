"""What a study needs before it can be launched: paths that exist, repositories that are cloned."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from maestro.errors import Problem, SpecError
from maestro.spec.model import GitDependency, Specification

__all__ = ["acquire"]


def acquire(
    spec: Specification, directory: str, known: Specification | None = None
) -> list[str]:
    """Check the path dependencies and clone the repositories, for the study in ``directory``;
    those of ``known`` are there.

    Returns the directories that were made.

    Raises
    ------
    SpecError
        A path is missing, a target exists already, or git failed; what was cloned is removed.
    """
    problems = list(_missing(spec, directory))
    if problems:
        raise SpecError(problems)
    made: list[str] = []
    there = () if known is None else known.environment.git
    for i, dependency in enumerate(spec.environment.git):
        if dependency in there:
            continue
        target = os.path.abspath(_placed(dependency.target, directory))
        failure = _clone(dependency, _placed(dependency.url, directory), target)
        if failure:
            for path in made:
                shutil.rmtree(path, ignore_errors=True)
            where = spec.where("env", "dependencies", "git", i)
            text = f"git dependency '{dependency.name}': {failure}"
            raise SpecError([Problem("git-dependency", text, where)])
        made.append(target)
    return made


def _placed(text: str, directory: str) -> str:
    return text.replace("$(OUTPUT_PATH)", directory)


def _missing(spec: Specification, directory: str) -> Iterator[Problem]:
    for i, dependency in enumerate(spec.environment.paths):
        path = _placed(dependency.path, directory)
        if not os.path.exists(path):
            yield Problem(
                "path-dependency",
                f"path dependency '{dependency.name}': {path} does not exist",
                spec.where("env", "dependencies", "paths", i),
            )


def _clone(dependency: GitDependency, url: str, target: str) -> str | None:
    """Clone into ``target``; a sentence when that failed, and then nothing is left there."""
    if os.path.lexists(target):
        return f"{target} exists already; move it away, or change 'path' or 'name'"
    try:
        failure = _git("clone", "--", url, target)
        if failure:
            return f"{url} cannot be cloned into {target}: {failure}"
        kinds = {"tag": dependency.tag, "hash": dependency.hash, "branch": dependency.branch}
        for kind, ref in kinds.items():
            if ref is None:
                continue
            name = f"refs/tags/{ref}" if kind == "tag" else ref
            words = ("-C", target, "-c", "advice.detachedHead=false", "checkout", name, "--")
            failure = "it begins like an option" if name.startswith("-") else _git(*words)
            if failure:
                shutil.rmtree(target, ignore_errors=True)
                return f"{url} has no {kind} '{ref}' that can be checked out: {failure}"
    except FileNotFoundError:
        return "the program 'git' is not installed"
    return None


def _git(*arguments: str) -> str | None:
    """Run git, which may not ask for anything; the last line of its complaint, or None."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
            check=False,
        )
    except ValueError as error:  # no program can be given a null byte
        return str(error)
    if done.returncode == 0:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    said = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return said[0] if said else f"git ended with {done.returncode}"
