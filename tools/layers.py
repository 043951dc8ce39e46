#!/usr/bin/env python3
"""The layer check: fail when an import in ``maestro/`` runs the wrong way.

A room may import the rooms that stand before it in `ROOMS`, and some rooms nothing that touches the
outside world. Imports inside functions and under ``TYPE_CHECKING`` count as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("errors", "spec", "graph", "engine", "adapters", "conductor", "report", "cli")
"""From the ground up. What stands outside all rooms (``__main__``) may import any of them."""

PUBLIC = "__init__"
"""The package itself: it re-exports from every room, and no room imports from it."""

PURE = frozenset({"errors", "graph", "engine"})
OUTSIDE = frozenset({
    "asyncio", "io", "logging", "multiprocessing", "os", "pathlib", "selectors", "shutil", "signal",
    "socket", "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib",
})  # fmt: skip
"""What rooms that are `PURE` do without."""

SCHEMAS = "maestro_schemas"
"""The package of JSON Schemas, which only ``spec`` reads."""


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Every module that ``tree``, in ``package``, imports, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            for name in node.args[:1]:
                if isinstance(name, ast.Constant):
                    yield node.lineno, str(name.value)


def objection(room: str, module: str) -> str | None:
    """Why ``room`` must not import ``module``, or None."""
    top, *below = module.split(".")
    if top == SCHEMAS and room != "spec":
        return SCHEMAS
    if room in PURE and top in OUTSIDE:
        return f"{top}, which is the outside world"
    if top != "maestro" or not below or room not in ROOMS:
        return None
    other = below[0]
    if other in ROOMS:
        return other if ROOMS.index(other) > ROOMS.index(room) else None
    dunder = other.startswith("__") and other != "__main__"  # such as __version__
    return None if dunder else f"maestro.{other}, which is in no room below"


def violations(root: Path) -> Iterator[str]:
    """A line for each import in the package at ``root`` that runs the wrong way."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        room = parts[0]
        if room not in (*ROOMS, PUBLIC, "__main__"):
            yield f"{path}:1: {room} is in no room"
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for line, module in imported(tree, ["maestro", *parts[:-1]]):
            if found := objection(room, module):
                yield f"{path}:{line}: {room} imports {found}"


def main(arguments: list[str]) -> int:
    """Check the package at the path given, or the one beside this folder."""
    root = Path(arguments[0]) if arguments else Path(__file__).parent.parent / "maestro"
    found = list(violations(root))
    print("\n".join(found) or "layers: every import runs towards the ground")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
