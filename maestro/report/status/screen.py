"""A screen of a terminal that is ours for a while, and given back as it was in every way out."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

__all__ = ["Ended", "Screen"]

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"

_NAMES = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"\x1b[5~": "page up", b"\x1b[6~": "page down",
    b"\x1b[H": "home", b"\x1b[1~": "home", b"\x1bOH": "home",
    b"\x1b[F": "end", b"\x1b[4~": "end", b"\x1bOF": "end",
    b"k": "up", b"j": "down", b" ": "page down",
}  # fmt: skip

_KEY = re.compile(rb"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|[^\x1b]", re.DOTALL)


class Ended(BaseException):
    """A signal that ends the process has come; `again` has it do so."""

    def __init__(self, number: int) -> None:
        self.number = number

    def again(self) -> NoReturn:
        """End by it."""
        signal.signal(self.number, signal.SIG_DFL)
        os.kill(os.getpid(), self.number)
        raise SystemExit(128 + self.number)


class Screen:
    """The alternate screen of the terminal that standard output is, with keys from standard input
    where that is a terminal, too. In a ``with``, in the main thread, where signals are handled.

    Raises
    ------
    Ended
        In the midst of what is done with it: SIGTERM or SIGHUP has come.
    """

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._drawn: list[str] = []
        self._stale = True
        self._pending = b""
        self._former: dict[int, Any] = {}
        self._modes: list[Any] | None = None

    def __enter__(self) -> Screen:
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number, handler in (
            (signal.SIGTERM, _end), (signal.SIGHUP, _end),
            (signal.SIGTSTP, self._pause), (signal.SIGWINCH, self._resize),
        ):  # fmt: skip
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._former[number] = signal.signal(number, handler)
        try:
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._woken)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            columns, lines = 0, 0
        return columns or 80, lines or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines``, with styles, from the top. Only what has changed is written."""
        clear, self._stale = self._stale, False
        drawn = [] if clear else self._drawn
        out = ["\x1b[2J"] * clear + [
            f"\x1b[{number};1H\x1b[K{line}"  # after a full line, K would take its last character
            for number, line in enumerate(lines, 1)
            if number > len(drawn) or drawn[number - 1] != line
        ]
        if len(lines) < len(drawn):
            out.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        if out:
            self._write("".join(out))
        self._drawn = list(lines)

    def keys(self, seconds: float) -> Iterator[str]:
        """The keys that were pressed, after waiting for one or another size for ``seconds``."""
        files = [self._wake] if self._keys is None else [self._wake, self._keys]
        ready, _, _ = select.select(files, [], [], seconds)
        if self._wake in ready:
            os.read(self._wake, 1024)
        if self._keys in ready:
            assert self._keys is not None
            data = os.read(self._keys, 1024)
            if not data:  # it has been hung up
                self._keys = None
            yield from self._named(self._pending + data)

    def _named(self, data: bytes) -> Iterator[str]:
        end = 0
        for match in _KEY.finditer(data):
            end = match.end()
            yield _NAMES.get(match[0], match[0].decode("latin-1"))
        rest = data[end:]
        self._pending = rest if len(rest) < 8 else b""  # the beginning of a key may have come

    def _take(self) -> None:
        if self._keys is not None:
            self._modes = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        self._stale = True
        self._write(_ENTER)

    def _give_back(self) -> None:
        with suppress(OSError):
            self._write(_LEAVE)
        if self._keys is not None and self._modes is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._keys, termios.TCSAFLUSH, self._modes)

    def _pause(self, number: int, _: FrameType | None) -> None:
        """Stop as Ctrl-Z has it, with the terminal as it was, until we are in front again."""
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._pause)
        self._take()
        self._rouse()

    def _resize(self, _: int, __: FrameType | None) -> None:
        self._stale = True
        self._rouse()

    def _write(self, text: str) -> None:
        # Not through a stream, which a signal's handler may not use while it is in use.
        data = text.encode(sys.stdout.encoding, "backslashreplace")
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]

    def _rouse(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._woken, b"x")


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise Ended(number)
