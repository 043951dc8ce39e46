"""Where what is made goes to: a file, or the standard output."""

from __future__ import annotations

import os
import secrets
import select
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from maestro.errors import UsageError, visible

__all__ = [
    "deliver",
    "delivering",
    "form_of",
    "note",
    "spare_terminal",
    "wait_for_more",
    "write",
    "written",
]


def form_of(path: str, endings: Mapping[str, Sequence[str]]) -> str:
    """The format that the file ``path`` has by its name; ``endings`` are those of each.

    Raises
    ------
    UsageError
        It ends with none of them.
    """
    ending = os.path.splitext(path)[1].lower()
    for form, known in endings.items():
        if ending in known:
            return form
    accepted = ", ".join(ending for known in endings.values() for ending in known)
    raise UsageError(f"{path} says no format; give -f, or a name that ends with {accepted}")


def note(text: str, kind: str = "note") -> None:
    """Say something beside, on the standard error, where anything can be said."""
    with suppress(OSError):
        print(visible(f"{kind}: {text}"), file=sys.stderr, flush=True)


def deliver(text: str) -> None:
    """Print ``text``, for which alone a command was given.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    with delivering():
        print(visible(text), flush=True)


@contextmanager
def delivering() -> Iterator[None]:
    """What is written to the standard output inside is all that a command was given for. A reader
    that leaves before its end has seen enough.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"the standard output cannot be written: {error.strerror}") from error


def write(content: Iterable[bytes], form: str, out: str | None, *, binary: bool = False) -> None:
    """Write ``content``, which is of the format ``form``, to the file ``out``, whose former content
    stays until all is written, or to the standard output.

    Raises
    ------
    UsageError
        It cannot be written, or is a terminal, and ``form`` is a ``binary`` one.
    """
    if out is None:
        if binary:
            spare_terminal(sys.stdout, form)
        with delivering():
            sys.stdout.flush()
            sys.stdout.buffer.writelines(content)
        return
    path = os.path.realpath(out)
    whole = not os.path.exists(path) or os.path.isfile(path)  # else a pipe, or a terminal
    draft = f"{path}.{secrets.token_hex(4)}" if whole else path
    try:
        with open(draft, "wb") as file:
            if binary:
                spare_terminal(file, form)
            file.writelines(content)
        if whole:
            os.replace(draft, path)
    except BaseException as error:
        if whole:
            with suppress(OSError):
                os.unlink(draft)
        if isinstance(error, OSError):
            raise UsageError(f"{out} cannot be written: {error.strerror}") from error
        raise


def written(out: str | None, what: str) -> None:
    """Say beside that the file ``out`` holds ``what`` now; nothing of the standard output, or of
    what is no file.
    """
    if out is not None and os.path.isfile(out):
        note(f"{out} is written: {what}")


def spare_terminal(file: IO[Any], form: str) -> None:
    """Refuse to write ``form``, which is no text, to ``file`` when that is a terminal.

    Raises
    ------
    UsageError
        It is one.
    """
    if file.isatty():
        raise UsageError(f"{form} is not for a terminal; name a file with -o FILE, or redirect it")


def wait_for_more(seconds: float) -> None:
    """Wait ``seconds``, and no longer than anybody reads the standard output.

    Raises
    ------
    BrokenPipeError
        Whoever read has left.
    """
    poll = select.poll()
    poll.register(sys.stdout, 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(1000 * seconds)):
        raise BrokenPipeError
