"""Running users' generator files, which compute the parameters of a study.

Such a file defines ``get_custom_generator(env, **kwargs)`` and returns a ``ParameterGenerator``,
which it imports from ``maestrowf.datastructures.core``. While the file runs, and only then, those
imports find the classes of `maestro.spec.facade`, whether or not maestrowf is installed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from maestro.errors import Position, Problem, SpecError
from maestro.spec.build import labels_for
from maestro.spec.checks import check_parameters, check_tasks
from maestro.spec.facade import (
    Combination,
    GeneratorEnvironment,
    ParameterGenerator,
    SpecRoot,
)
from maestro.spec.model import Parameter, Specification
from maestro.spec.values import as_value, nearest, unwritable

__all__ = ["generate", "parse_arguments"]

FUNCTION = "get_custom_generator"
MODULE = "custom_gen"
"""What a generator file is called as a module."""


def generate(
    file: str | os.PathLike[str],
    spec: Specification,
    pargs: Sequence[str],
    output_path: str,
) -> tuple[Parameter, ...]:
    """The parameters that the generator ``file`` computes for ``spec``.

    ``pargs`` are ``KEY:VALUE`` texts that the file's function gets as keywords, ``output_path`` is
    the study's directory.

    Raises
    ------
    SpecError
        There is no such file or function, an argument has no colon, the file fails, or what it
        returns makes no parameters for ``spec``.
    """
    arguments: dict[str, Any] = parse_arguments(pargs)
    arguments["OUTPUT_PATH"] = output_path
    arguments["SPECROOT"] = SpecRoot(spec.specroot)
    path = os.path.abspath(os.fspath(file))
    source = _read(path)
    environment = GeneratorEnvironment(spec.environment, output_path)
    with _facade(os.path.dirname(path)):
        try:
            generator = _call(path, source, environment, arguments)
            if not isinstance(generator, ParameterGenerator):
                message = (
                    f"{FUNCTION} must return a ParameterGenerator, not {type(generator).__name__}"
                )
                raise SpecError([Problem("generator", message, Position(path, 1, 1))])
            parameters = _parameters(path, generator)
        except SpecError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: the file must not end the program
            raise SpecError([_failure(path, error)]) from None
    problems = _checked(path, spec, parameters)
    if problems:
        raise SpecError(problems)
    return parameters


def parse_arguments(pargs: Iterable[str]) -> dict[str, Any]:
    """``KEY:VALUE`` texts as a mapping; the first colon divides, and both sides are stripped.

    Raises
    ------
    SpecError
        One of them has no colon, or no key before it.
    """
    arguments: dict[str, Any] = {}
    problems = []
    for text in pargs:
        key, colon, value = text.partition(":")
        if not colon or not key.strip():
            message = f"the generator argument '{text}' must have the form KEY:VALUE"
            problems.append(Problem("generator-argument", message))
        arguments[key.strip()] = value.strip()
    if problems:
        raise SpecError(problems)
    return arguments


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"cannot read the generator file '{path}': {reason}"
        raise SpecError([Problem("generator-file", message)]) from None


def _call(
    path: str, source: bytes, environment: GeneratorEnvironment, arguments: dict[str, Any]
) -> Any:
    """What the file's function returns."""
    module = sys.modules[MODULE]
    module.__file__ = path
    # Compiled here and not imported: no cache is written beside the user's file.
    exec(compile(source, path, "exec"), module.__dict__)
    function = getattr(module, FUNCTION, None)
    if not callable(function):
        hint = nearest(FUNCTION, [n for n in vars(module) if not n.startswith("__")])
        message = f"the generator file does not define the function {FUNCTION}{hint}"
        raise SpecError([Problem("generator", message, Position(path, 1, 1))])
    return function(environment, **arguments)


@contextlib.contextmanager
def _facade(directory: str) -> Iterator[None]:
    """Serve our classes under the names of maestrowf's, and the modules beside the file.

    ``directory`` comes last in the search path, so that nothing in it hides what is installed.
    """
    before = dict(sys.modules)
    path = list(sys.path)
    for name in [name for name in before if _ours(name)]:
        del sys.modules[name]
    sys.modules.update(_modules())
    sys.path.append(directory)
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if name not in before and (_ours(name) or _beside(module, directory)):
                del sys.modules[name]
        sys.modules.update({name: m for name, m in before.items() if _ours(name)})
        for name in _modules():
            if name not in before:
                sys.modules.pop(name, None)


def _ours(name: str) -> bool:
    return name in ("maestrowf", MODULE) or name.startswith("maestrowf.")


def _beside(module: types.ModuleType, directory: str) -> bool:
    """Whether ``module`` came from ``directory``: another generator may have its namesake."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and os.path.dirname(os.path.abspath(file)) == directory


def _modules() -> dict[str, types.ModuleType]:
    """Fresh modules that stand for maestrowf's, and an empty one for the generator file."""
    names = ("maestrowf", "maestrowf.datastructures", "maestrowf.datastructures.core")
    modules = {name: types.ModuleType(name) for name in names}
    leaf = "maestrowf.datastructures.core.parameters"
    modules[leaf] = types.ModuleType(leaf)
    for name, module in modules.items():
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(modules[parent], last, module)
        if name != leaf:
            module.__path__ = []  # a package: nothing else is in it
    for name in (leaf, "maestrowf.datastructures.core"):
        vars(modules[name]).update(Combination=Combination, ParameterGenerator=ParameterGenerator)
    modules[MODULE] = types.ModuleType(MODULE)
    return modules


def _parameters(path: str, generator: ParameterGenerator) -> tuple[Parameter, ...]:
    """The columns of ``generator``; from its combinations if it makes them in a way of its own."""
    kind = type(generator)
    own = (
        kind.get_combinations is not ParameterGenerator.get_combinations
        or kind.__iter__ is not ParameterGenerator.__iter__
        or "get_combinations" in vars(generator)
    )
    if own:
        rows = list(generator)
        if rows:
            return _from_rows(path, rows)
    columns = []
    for key, values in generator.parameters.items():
        # Indexing as combinations do also serves what has no slices, and mappings by number.
        rows_made = 0 if own else min(generator.length, len(values))
        values = [values[i] for i in range(rows_made)]
        label, name = generator.labels[key], generator.names[key]
        plain = tuple(map(as_value, values))
        if isinstance(label, (list, tuple)):
            label = label[: len(values)]
        labels = labels_for(str(key), values, label, generator.label_token)
        columns.append(Parameter(str(key), plain, labels, str(name)))
    return tuple(columns)


def _from_rows(path: str, rows: Sequence[Any]) -> tuple[Parameter, ...]:
    """The columns of combinations, which must all have the same parameters."""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Combination):
            message = f"combination {number} is a {type(row).__name__}, not a Combination"
        elif row.rows.keys() != rows[0].rows.keys():
            odd = sorted(map(str, row.rows.keys() ^ rows[0].rows.keys()))
            message = f"combination {number} and the first differ in having {', '.join(odd)}"
        else:
            continue
        raise SpecError([Problem("generator", message, Position(path, 1, 1))])
    columns = []
    for key in rows[0].rows:
        cells = [row.rows[key] for row in rows]
        values = tuple(as_value(value) for _, value, _ in cells)
        labels = tuple(str(label) for _, _, label in cells)
        columns.append(Parameter(str(key), values, labels, str(cells[0][0])))
    return tuple(columns)


def _checked(path: str, spec: Specification, parameters: Sequence[Parameter]) -> list[Problem]:
    """What is wrong with the computed ``parameters``; they stand nowhere but in the file."""
    at = Position(path, 1, 1)
    found = [Problem(p.code, p.message, at) for p in check_parameters(spec, parameters)]
    for p in parameters:
        for text in (p.name, p.title, *map(str, p.values), *p.labels):
            if odd := unwritable(text):
                message = f"parameter '{p.name}': no command and no file can hold {odd}"
                found.append(Problem("generator", message, at))
                break
        if not p.name:
            found.append(Problem("generator", "a parameter has an empty name", at))
        if not p.values:
            found.append(Problem("no-values", f"parameter '{p.name}' has no values", at))
        elif len(p.labels) != len(p.values):
            message = f"parameter '{p.name}' has {len(p.labels)} labels for {len(p.values)} values"
            found.append(Problem("label-count", message, at))
    if not found:
        found = [p for p in check_tasks(spec, parameters) if p.severity == "error"]
    return found


def _failure(path: str, error: BaseException) -> Problem:
    """The exception that the generator file ended in, at the user's own line."""
    if isinstance(error, SyntaxError) and error.filename == path:
        at = Position(path, error.lineno or 1, error.offset or 1)
        return Problem("generator-failed", f"this is not Python: {error.msg}", at)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    line = next((n for n in reversed(lines) if n), 1)
    text = " ".join(str(error).split())
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    message = f"the generator file failed: {what}"
    return Problem("generator-failed", message, Position(path, line, 1))
