"""Finding what tasks have printed."""

from __future__ import annotations

import os

__all__ = ["newest"]


def newest(folder: str, name: str, ending: str) -> str | None:
    """The file in ``folder`` that was written to last, of those called ``name`` and ``ending``
    (".out") with something or nothing between, as a process id or a job's; None where there is
    none.
    """
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                inner = entry.name.removeprefix(name).removesuffix(ending)
                if entry.name == f"{name}{inner}{ending}" and inner[:1] in ("", "."):
                    found.append((entry.stat().st_mtime_ns, entry.path))
    except OSError:
        return None
    return max(found, default=(0, None))[1]
