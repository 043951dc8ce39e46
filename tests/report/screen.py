"""A terminal for tests: what a command writes to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import fcntl, os, pty, struct, sys, termios
lines, columns = map(int, sys.argv[2:])
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    os.execvp("/bin/sh", ["sh", "-c", sys.argv[1]])
try:
    while data := os.read(master, 65536):
        sys.stdout.buffer.write(data)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def on_a_terminal(command: str, *, lines: int = 24, columns: int = 80, **environment: str) -> str:
    """What ``command`` writes to a terminal; its pager marks every line that it is given."""
    hidden = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "MANPAGER", "LESS", "TTY_COMPATIBLE")
    given = {name: value for name, value in os.environ.items() if name not in hidden}
    given |= {"TERM": "xterm", "PAGER": "sed s/^/PAGED:/", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, command, str(lines), str(columns)],
        capture_output=True, timeout=60, env=given | environment,
    )  # fmt: skip
    text = done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
    assert done.returncode == 0, text
    return text


def maestro(*arguments: str | Path) -> str:
    """A shell command that runs ``maestro`` with these arguments, none of them to be quoted."""
    words = ["-c", "'from maestro.cli.main import main; import sys; sys.exit(main())'"]
    return " ".join([sys.executable, *words, *map(str, arguments)])
