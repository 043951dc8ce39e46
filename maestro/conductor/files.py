"""Files that are Maestro's own, and those that stand where tasks can put something else."""

from __future__ import annotations

import errno
import os
import secrets
import stat

__all__ = ["Irregular", "regular", "write_private"]


class Irregular(OSError):
    """Something that is no regular file stands in the place of one."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "is no regular file", path)


def regular(path: str, flags: int, mode: int = 0o666) -> int:
    """An opener for `open`: of regular files alone, so that nobody is waited for at a pipe.

    Raises
    ------
    OSError
        It cannot be opened; an `Irregular` where it is something else.
    """
    try:
        file = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, mode)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):  # a socket, or a pipe that nobody reads
            raise Irregular(path) from None
        raise
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise Irregular(path)


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
