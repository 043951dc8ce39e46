"""A study specification as frozen values: what the YAML says, checked and with nothing run.

The steps hold their texts with the environment applied, except ``$(OUTPUT_PATH)``, which is only
known once a study has a directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from maestro.errors import Position

__all__ = [
    "Batch",
    "Collect",
    "Combination",
    "Dependency",
    "Environment",
    "GitDependency",
    "Options",
    "Parameter",
    "PathDependency",
    "Resources",
    "Specification",
    "Step",
    "Value",
]

Value = str | int | float | bool | None
"""A parameter value or setting as YAML gives it; everything else is turned into its string."""

Options = tuple[tuple[str, "Value | Options"], ...]
"""Further options by name, for what has no key of its own; a value may be a group of options."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """An entry of ``depends``; a ``funnel`` waits for all combinations of ``step``."""

    step: str
    funnel: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """What a step asks of the machine. A field is None where the step does not name it.

    In a template a field may be a token (``$(PROCS)``); in a task's rendered resources
    (``maestro.graph.render``) it has the type given here.
    """

    nodes: int | str | None = None
    procs: int | str | None = None
    gpus: int | str | None = None
    cores_per_task: int | str | None = None
    tasks_per_rs: int | str | None = None
    rs_per_node: int | str | None = None
    cpus_per_rs: int | str | None = None
    bind: str | None = None
    bind_gpus: str | None = None
    walltime: int | float | str | None = None
    reservation: str | None = None
    exclusive_allocation: bool | str | None = None
    exclusive_launcher: bool | str | None = None
    nested: bool | str | None = None
    waitable: bool | str | None = None
    priority: float | str | None = None
    qos: str | None = None
    allocation_args: Options = ()
    launcher_args: Options = ()

    @property
    def scheduled(self) -> bool:
        """Whether a scheduler runs it in a batch study: it names nodes or procs."""
        return bool(self.nodes) or bool(self.procs)


@dataclass(frozen=True, slots=True)
class Collect:
    """An entry of ``collect``: the ``form`` ("json", "csv" or "match") of what a task leaves behind
    in ``file``, relative to its workspace (empty: in its output), and the ``pattern`` of a match.

    ``columns`` are those to take, with their types; empty: all.
    """

    form: str
    file: str
    pattern: str = ""
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The template that expands into tasks.

    ``workspaces`` are the steps whose ``$(step.workspace)`` its commands name, in order of first
    use.
    """

    name: str
    description: str
    cmd: str
    restart: str = ""
    depends: tuple[Dependency, ...] = ()
    resources: Resources = Resources()
    pre: str = ""
    post: str = ""
    workspaces: tuple[str, ...] = ()
    collect: tuple[Collect, ...] = ()

    def funnels(self) -> frozenset[str]:
        """The steps that it depends on through a funnel."""
        return frozenset(d.step for d in self.depends if d.funnel)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named list of values, each with its label; ``title`` is what ``$(NAME.name)`` gives."""

    name: str
    values: tuple[Value, ...]
    labels: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Combination:
    """Row ``row`` of some aligned parameters: at expansion, of those that a step uses."""

    parameters: tuple[Parameter, ...]
    row: int

    @property
    def values(self) -> dict[str, Value]:
        """Value by parameter name."""
        return {p.name: p.values[self.row] for p in self.parameters}

    @property
    def labels(self) -> dict[str, str]:
        """Label by parameter name."""
        return {p.name: p.labels[self.row] for p in self.parameters}


@dataclass(frozen=True, slots=True)
class PathDependency:
    """A path that must exist before launch; ``path`` is absolute, tokens applied."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class GitDependency:
    """A repository cloned into ``path``/``name`` before launch, at most one of the three refs."""

    name: str
    path: str
    url: str
    tag: str | None = None
    hash: str | None = None
    branch: str | None = None

    @property
    def target(self) -> str:
        """The directory of the clone, which is also its token's value."""
        return f"{self.path.rstrip('/') or '/'}/{self.name}".replace("//", "/")


@dataclass(frozen=True, slots=True)
class Environment:
    """The ``env`` section. ``variables`` and ``labels`` are as written; ``resolved`` holds the
    final text of every token's name (dependencies too) but ``OUTPUT_PATH``.
    """

    variables: Mapping[str, Value] = field(default_factory=dict)
    labels: Mapping[str, Value] = field(default_factory=dict)
    sources: Sequence[str] = ()
    paths: tuple[PathDependency, ...] = ()
    git: tuple[GitDependency, ...] = ()
    resolved: Mapping[str, str] = field(default_factory=dict)

    @property
    def output_path(self) -> str | None:
        """``OUTPUT_PATH`` with its tokens replaced: the folder that new studies go into."""
        value = self.variables.get("OUTPUT_PATH", self.labels.get("OUTPUT_PATH"))
        if value is None:
            return None
        text = str(value)
        for name, final in self.resolved.items():
            text = text.replace(f"$({name})", final)
        return text


@dataclass(frozen=True, slots=True)
class Batch:
    """The ``batch`` section; ``settings`` holds every key as written, for the adapters."""

    type: str = "local"
    shell: str = "/bin/bash"
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Specification:
    """A whole study specification.

    ``positions`` maps a path of keys and indices into the YAML (``("study", 2, "run", "procs")``)
    to where it stands: the value, or the key of a value that is a block of lines. Below a command,
    ``(..., "cmd", 3)`` is where its fourth line begins. See `where`.
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    parameters: tuple[Parameter, ...] = ()
    environment: Environment = Environment()
    batch: Batch = Batch()
    path: str = ""
    specroot: str = ""
    positions: Mapping[tuple[str | int, ...], Position] = field(default_factory=dict)

    def where(self, *path: str | int) -> Position | None:
        """The position of ``path``, or of the nearest enclosing thing that has one."""
        for length in range(len(path), -1, -1):
            if found := self.positions.get(path[:length]):
                return found
        return None

    def locate(self, path: tuple[str | int, ...], text: str, offset: int) -> Position | None:
        """Where ``offset`` in the command ``text`` at ``path`` stands, or the nearest known."""
        at = self.positions.get((*path, text.count("\n", 0, offset)))
        if at is None:
            return self.where(*path)
        return Position(at.file, at.line, at.column + offset - (text.rfind("\n", 0, offset) + 1))
