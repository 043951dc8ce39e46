"""The names that a study's tasks and directories get, and every one that cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from maestro.errors import Problem
from maestro.graph.names import LONGEST, canonical, digest_of, safe
from maestro.spec.model import Combination, Parameter, Specification, Step

__all__ = ["Naming", "Projection"]

OWN_FILES = frozenset({".maestro", "logs", "meta", "status.csv", "batch.info"})
"""Names in a study directory that no step may bear; those that begin with a dot come besides."""

FEW = 5
"""Problems of one kind that people are shown; one mistake in a label can make very many."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The distinct rows of ``parameters``, those that a step uses.

    ``labels[i]`` names the ``i``-th, and ``keys[i]`` is what its workspace is named by: that label
    as a directory's name, or the text that is hashed. ``of_row[r]`` is the one that row ``r`` of
    all combinations belongs to. Without parameters there is one, whose label is empty.
    """

    parameters: tuple[Parameter, ...]
    combinations: Sequence[Combination]
    labels: Sequence[str]
    keys: Sequence[str]
    of_row: Sequence[int]


class Naming:
    """Gives names to the tasks and workspaces of ``spec``, and collects ``problems``."""

    def __init__(self, spec: Specification, hashws: bool) -> None:
        self.spec = spec
        self.hashws = hashws
        self.problems: list[Problem] = []

    def check_folders(self, reserved: Iterable[str]) -> None:
        """Every step has a directory of its own, apart from the study's own files."""
        name = safe(self.spec.name) or "study"
        if len(name) > LONGEST:
            why = f"the study has {_too_long(name)}"
            self._refuse("impossible-name", why, ("description", "name"))
        own = OWN_FILES | {f"{name}.txt"}
        kept = set(own)
        for copy in reserved:
            if copy in kept:
                self.problems.append(Problem("reserved-name", _copy_problem(copy, own)))
            kept.add(copy)
        owners: dict[str, str] = {}
        for i, step in enumerate(self.spec.steps):
            folder = safe(step.name)
            other = owners.get(folder)
            owners.setdefault(folder, step.name)
            for code, message in _folder_problems(step.name, folder, folder in kept, other):
                self._refuse(code, message, ("study", i, "name"))

    def project(self, columns: tuple[Parameter, ...]) -> Projection:
        """The distinct projections of all combinations on ``columns``."""
        if not columns:
            return Projection((), [Combination((), 0)], [""], [""], [0])
        by_name = sorted(columns, key=lambda p: p.name)
        joined = [".".join(row) for row in zip(*(p.labels for p in by_name), strict=True)]
        rows: Sequence[int] = range(len(joined))
        of_row = rows
        first = dict(zip(reversed(joined), reversed(rows), strict=True))
        labels: Sequence[str] = joined
        if len(first) < len(joined):
            labels = list(dict.fromkeys(joined))
            index = {text: i for i, text in enumerate(labels)}
            of_row = [index[text] for text in joined]
            self._check_merged(columns, joined, first)
            rows = [first[text] for text in labels]
        combinations = [Combination(columns, row) for row in rows]
        keys = self._keys(columns, combinations, labels)
        return Projection(columns, combinations, labels, keys, of_row)

    def ids(self, step: Step, projection: Projection) -> Sequence[str]:
        """The names of the tasks of ``step``."""
        if not projection.parameters:
            return [step.name]
        longest = len(safe(step.name)) + 1 + max(map(len, projection.keys), default=0)
        if longest > LONGEST and not self.hashws:
            self._refuse(
                "impossible-name",
                f"a task of step '{step.name}' has a name of {longest} bytes, and {LONGEST} are "
                "possible; shorten the labels, or use --hashws",
                self._name_of(step.name),
            )
        return [f"{step.name}_{text}" for text in projection.labels]

    def leaves(self, step: Step, projection: Projection) -> Sequence[str]:
        """The names of the workspaces in the directory of ``step``, which has parameters."""
        if self.hashws:
            return [digest_of(step.name, key) for key in projection.keys]
        return projection.keys

    def check_tasks(self, ids: Mapping[str, Sequence[str]]) -> None:
        """No tasks of two steps may have one name, nor one name for their scripts.

        That takes a step whose name begins with another's and an underscore.
        """
        owners = {safe(step): step for step in ids}
        for folder, step in owners.items():
            for i, character in enumerate(folder):
                other = owners.get(folder[:i]) if character == "_" else None
                if other is not None:
                    self._check_pair((other, ids[other]), (step, ids[step]))

    # ---- how -----------------------------------------------------------------------------------

    def _check_pair(
        self, one: tuple[str, Sequence[str]], two: tuple[str, Sequence[str]]
    ) -> None:
        name: Callable[[str], str] = str if self.hashws else safe
        known = {name(task): task for task in two[1]}
        for task in one[1]:
            if other := known.get(name(task)):
                self._refuse(
                    "name-collision",
                    f"the tasks '{task}' of step '{one[0]}' and '{other}' of step '{two[0]}' would "
                    f"both have the name '{name(task)}'; rename one of the steps",
                    self._name_of(two[0]),
                )
                return

    def _check_merged(
        self, columns: tuple[Parameter, ...], joined: Sequence[str], first: Mapping[str, int]
    ) -> None:
        """Rows that share a label must be the same in all that a task can tell apart."""
        told: dict[str, None] = {}
        for row, text in enumerate(joined):
            if first[text] != row:
                for p in columns:
                    if problem := self._difference(p, first[text], row, text):
                        told.setdefault(problem)
        where = ("global.parameters", columns[0].name, "label")
        self._refuse_alike("label-collision", told, where)

    def _difference(self, p: Parameter, one: int, two: int, text: str) -> str | None:
        """What tells two rows with the label ``text`` apart in ``p``."""
        a, b = p.values[one], p.values[two]
        if str(a) != str(b) or (self.hashws and type(a) is not type(b)):
            what = f"the values {a!r} and {b!r}"
        elif p.labels[one] != p.labels[two]:
            what = f"the labels '{p.labels[one]}' and '{p.labels[two]}'"
        else:
            return None
        return (
            f"{what} of parameter '{p.name}' meet in one label, '{text}'; "
            "change the labels so that they tell them apart"
        )

    def _keys(
        self,
        columns: tuple[Parameter, ...],
        combinations: Sequence[Combination],
        labels: Sequence[str],
    ) -> Sequence[str]:
        """What names the workspaces; all must differ, and be usable."""
        if self.hashws:
            keys = [canonical(combination) for combination in combinations]
        else:
            keys = [safe(text) for text in labels]
        names = ", ".join(p.name for p in columns)
        where = ("global.parameters", columns[0].name, "label")
        problems = self._key_problems(names, keys, labels)
        self._refuse_alike("name-collision", problems, where)
        return keys

    def _key_problems(
        self, names: str, keys: Sequence[str], labels: Sequence[str]
    ) -> Iterator[str]:
        first: dict[str, str] = {}
        for key, text in zip(keys, labels, strict=True):
            other = first.setdefault(key, text)
            if other != text and self.hashws:
                yield (
                    f"the combinations '{other}' and '{text}' of {names} have the same values, and "
                    "so would share a workspace; give them one label, or do without --hashws"
                )
            elif other != text:
                yield (
                    f"the combinations '{other}' and '{text}' of {names} would share the workspace "
                    f"'{key}' ({_KEPT}); change the labels, or use --hashws"
                )
            elif not key.strip("."):
                yield (
                    f"the combination '{text}' of {names} leaves no usable name for a workspace "
                    f"({_KEPT}); change the label, or use --hashws"
                )

    def _name_of(self, step: str) -> tuple[str | int, ...]:
        names = [s.name for s in self.spec.steps]
        return ("study", names.index(step), "name")

    def _refuse(self, code: str, message: str, where: tuple[str | int, ...]) -> None:
        self.problems.append(Problem(code, message, self.spec.where(*where)))

    def _refuse_alike(
        self, code: str, messages: Iterable[str], where: tuple[str | int, ...]
    ) -> None:
        """Problems with one cause: the first few, and how many more there are."""
        found = list(messages)
        for message in found[:FEW]:
            self._refuse(code, message, where)
        if more := len(found[FEW:]):
            self._refuse(code, f"and {more} more like these", where)


_KEPT = "only ASCII letters, digits and -_.() are kept"


def _too_long(name: str) -> str:
    return f"a name of {len(name)} bytes, and {LONGEST} are possible; shorten it"


def _copy_problem(name: str, own: Collection[str]) -> str:
    """What is wrong with a file called ``name``, of which the study is to keep a copy."""
    if name in own:
        return f"a file called '{name}' would be in the way of the study's own; rename it"
    return (
        f"the specification and the generator file are both called '{name}', and the study keeps a "
        "copy of each; rename one"
    )


def _folder_problems(
    step: str, folder: str, kept: bool, other: str | None
) -> Iterator[tuple[str, str]]:
    """What is wrong with ``folder`` as the directory of ``step``: code and message."""
    if not folder.strip("."):
        yield (
            "impossible-name",
            f"step '{step}' leaves no usable name for its directory ({_KEPT}); rename the step",
        )
    elif kept or folder.startswith("."):
        yield (
            "reserved-name",
            f"step '{step}' would have the directory '{folder}', which is kept for the study's "
            "own files; rename the step",
        )
    elif len(folder) > LONGEST:
        yield (
            "impossible-name",
            f"step '{step}' has {_too_long(folder)}",
        )
    elif other is not None:
        yield (
            "name-collision",
            f"steps '{other}' and '{step}' would share the directory '{folder}'; rename one of "
            "them",
        )
