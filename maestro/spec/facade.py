"""What users' generator files find when they import from ``maestrowf``: classes of our own.

The names and the behaviour that such files rely on are those of maestrowf 1.2.1; see
`maestro.spec.generators` for how the modules come to be there.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from maestro.spec.model import Environment

__all__ = ["Combination", "GeneratorEnvironment", "ParameterGenerator", "SpecRoot", "Variable"]


class Combination:
    """One row of parameters, as generators that make their own rows yield them."""

    def __init__(self, token: str = "$") -> None:
        self._token = token
        self._params: dict[str, Any] = {}
        self._labels: OrderedDict[str, Any] = OrderedDict()
        self._names: dict[str, Any] = {}
        self.rows: dict[str, tuple[Any, Any, Any]] = {}
        """Name, value and label by key, in order."""

    def add(self, key: str, name: str, value: Any, label: str) -> None:
        """Give parameter ``key`` its ``value`` and ``label`` in this row."""
        self.rows[key] = (name, value, label)
        self._params[f"{self._token}({key})"] = value
        self._labels[f"{self._token}({key}.label)"] = label
        self._names[f"{self._token}({key}.name)"] = name

    def __str__(self) -> str:
        return ".".join(map(str, self._labels.values()))

    def get_param_string(self, params: Iterable[str]) -> str:
        """The labels of ``params``, in sorted order, joined by a full stop."""
        return ".".join(str(self.rows[key][2]) for key in sorted(params))

    def get_param_values(self, params: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Each of ``params`` with its value."""
        for key in params:
            yield key, self.rows[key][1]

    def apply(self, item: str) -> str:
        """``item`` with labels, then values, then names in place of their tokens."""
        for table in (self._labels, self._params, self._names):
            for token, value in table.items():
                item = item.replace(token, str(value))
        return item


class ParameterGenerator:
    """Lists of values by parameter, which make one combination for each index.

    Subclasses may override `get_combinations` to yield rows of their own.
    """

    def __init__(self, token: str = "$", ltoken: str = "%%") -> None:
        self.parameters: OrderedDict[str, Any] = OrderedDict()
        self.labels: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self.label_token = ltoken
        self.token = token
        self.length = 0

    def add_parameter(
        self, key: str, values: Any, label: Any = None, name: str | None = None
    ) -> None:
        """Add ``values`` under ``key``, or put them in place of earlier ones.

        ``label`` is text in which ``%%`` is the value, or a list with one label for each.

        Raises
        ------
        ValueError
            There are more or fewer values than the parameters before it have.
        """
        if self.length == 0:
            self.length = len(values)
        elif len(values) != self.length:
            raise ValueError(
                f"parameter '{key}' has {len(values)} values, and those before it have "
                f"{self.length}; all parameters need equally many"
            )
        self.parameters[key] = values
        self.labels[key] = label or f"{key}.{self.label_token}"
        self.names[key] = name or key

    def __iter__(self) -> Iterator[Combination]:
        return self.get_combinations()

    def __bool__(self) -> bool:
        return bool(self.parameters)

    def get_combinations(self) -> Iterator[Combination]:
        """Every combination, in order."""
        for i in range(self.length):
            combination = Combination(self.token)
            for key, values in self.parameters.items():
                label = self.labels[key]
                if isinstance(label, (list, tuple)):
                    text = label[i]
                else:
                    text = label.replace(self.label_token, str(values[i]))
                combination.add(key, self.names[key], values[i], text)
            yield combination

    def get_used_parameters(self, step: object) -> set[str]:
        """The parameters whose tokens occur in any text that ``step`` holds."""
        found: set[str] = set()
        waiting: list[Any] = [getattr(step, "__dict__", step)]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Mapping):
                waiting += item.values()
            elif isinstance(item, (list, tuple)):
                waiting += item
            elif isinstance(item, str):
                found |= {key for key in self.parameters if self._pattern(key).search(item)}
        return found

    def get_metadata(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """Values and labels by token, for each combination by its string."""
        return {str(c): {"params": c._params, "labels": c._labels} for c in self.get_combinations()}

    def _pattern(self, key: str) -> re.Pattern[str]:
        return re.compile(rf"{re.escape(self.token)}\({re.escape(key)}(\.\w+)?\)")


class Variable:
    """An entry of the environment, as `GeneratorEnvironment.find` gives it."""

    def __init__(self, name: str, value: Any, **more: str | None) -> None:
        self.name = name
        self.value = value
        self.__dict__.update(more)

    def __str__(self) -> str:
        return str(self.value)


class SpecRoot(str):
    """The folder of the specification: a string that has a ``value`` too."""

    name = "SPECROOT"

    @property
    def value(self) -> str:
        """The folder, as plain text."""
        return str(self)


class GeneratorEnvironment:
    """The environment of a study as generator files may look at it.

    Numbers are numbers; texts have their tokens replaced, ``$(OUTPUT_PATH)`` by the study's
    directory.
    """

    def __init__(self, environment: Environment, output_path: str) -> None:
        def final(text: str) -> str:
            return text.replace("$(OUTPUT_PATH)", output_path)

        def value_of(name: str, value: Any) -> Any:
            return final(environment.resolved[name]) if isinstance(value, str) else value

        resolved = environment.resolved
        self.substitutions: dict[str, Any] = {
            name: Variable(name, value_of(name, value))
            for name, value in environment.variables.items()
            if name in resolved
        }
        self.substitutions["OUTPUT_PATH"] = Variable("OUTPUT_PATH", output_path)
        self.substitutions["SPECROOT"] = SpecRoot(resolved["SPECROOT"])
        self.labels: dict[str, Any] = {
            name: Variable(name, value_of(name, value))
            for name, value in environment.labels.items()
            if name in resolved
        }
        self.dependencies: dict[str, Any] = {
            d.name: Variable(d.name, final(d.path), path=final(d.path)) for d in environment.paths
        }
        for git in environment.git:
            self.dependencies[git.name] = Variable(
                git.name,
                final(git.target),
                path=final(git.path),
                url=git.url,
                tag=git.tag,
                hash=git.hash,
                branch=git.branch,
            )
        self._texts = {name: final(text) for name, text in resolved.items()}
        self._texts["OUTPUT_PATH"] = output_path

    def find(self, key: str) -> Any:
        """The entry ``key``, which has a ``value``; None if there is none."""
        for table in (self.dependencies, self.substitutions, self.labels):
            if key in table:
                return table[key]
        return None

    def apply_environment(self, item: str) -> str:
        """``item`` with the tokens of the environment replaced."""
        for name, text in self._texts.items():
            item = item.replace(f"$({name})", text)
        return item
