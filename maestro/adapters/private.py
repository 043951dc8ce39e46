"""Files that are Maestro's own."""

from __future__ import annotations

import os

__all__ = ["private"]


def private(path: str, flags: int) -> int:
    """An opener for `open`: a file that it makes is its owner's alone, whatever the umask."""
    return os.open(path, flags, 0o600)
