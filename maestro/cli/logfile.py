"""Where messages go to: the log of a study, and the screen."""

from __future__ import annotations

import logging
import os
import sys

from maestro.cli.terminal import complain
from maestro.errors import UsageError, visible

__all__ = ["log_to"]

FORMAT = "%(asctime)s %(levelname)s %(message)s"


def log_to(path: str | None, level: int, *, console: bool) -> None:
    """Send the messages of ``level`` (1 debug, to 5 critical) and above to the file ``path`` and,
    with ``console``, to the standard output. Earlier destinations are left. Messages that cannot be
    written later on are left out: what they are about goes on.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    logger = logging.getLogger("maestro")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level * 10)
    if path is not None:
        try:
            file = _LogFile(path)
        except OSError as error:
            raise UsageError(
                f"the log {path} cannot be written: {error.strerror}; name another with -l FILE"
            ) from error
        file.setFormatter(_Visible(FORMAT))
        logger.addHandler(file)
    if console:
        logging.raiseExceptions = False
        screen = logging.StreamHandler(sys.stdout)
        screen.setFormatter(_Visible("%(message)s"))
        logger.addHandler(screen)


class _LogFile(logging.Handler):
    """Appends to the file ``path``. That it does not take what happens is said once.

    Raises
    ------
    OSError
        It cannot be opened.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._told = False
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def emit(self, record: logging.LogRecord) -> None:
        # Not through a stream: what that could not write, it would try again, at the latest at
        # the end of the program, and complain of in its own way.
        line = f"{self.format(record)}\n".encode()
        try:
            os.write(self._file, line)
        except OSError as error:
            if not self._told:
                self._told = True
                why = f"the log {self._path} cannot be written: {error.strerror}"
                complain(UsageError(f"{why}; messages are left out"))

    def close(self) -> None:
        super().close()
        os.close(self._file)


class _Visible(logging.Formatter):
    """Messages hold users' values: control characters are shown, not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
