"""Files that are Maestro's own."""

from __future__ import annotations

import os
import secrets

__all__ = ["write_private"]


def write_private(path: str, text: bytes) -> None:
    """Make ``text`` what the file ``path`` holds, at once and for good. Only its owner may read it.

    Raises
    ------
    OSError
        The file system refused, and what stood there stands there still.
    """
    draft = f"{path}.{secrets.token_hex(4)}"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(file, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(file)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
