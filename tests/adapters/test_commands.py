"""Running commands beside the loop: an answer comes, whatever they do."""

from __future__ import annotations

import errno
import select
import subprocess
import threading
import time
from typing import Any

import pytest

from maestro.adapters import commands
from maestro.adapters.codec import Answer, Command
from maestro.errors import BackendError


def answer_to(command: Command, seconds: float = 10) -> Answer:
    """The answer of a real command."""
    running, answers = commands.Commands(), list[Answer]()
    running.start(command, answers.append)
    end = time.monotonic() + seconds
    while not answers:
        assert time.monotonic() < end
        select.select([running], [], [], 0.1)
        running.collect()
    running.close(1.0)
    return answers[0]


def test_a_command_that_leaves_something_behind_has_ended() -> None:
    """An ssh or a site's wrapper keeps a process that holds the output open."""
    begun = time.monotonic()
    answer = answer_to(Command(("sh", "-c", "setsid sleep 6 & echo 123; exit 3")))
    assert answer == Answer(3, "123\n", "")
    assert time.monotonic() - begun < 4


def test_a_command_that_takes_too_long() -> None:
    """Nor may one that cannot be ended keep anybody waiting."""
    command = Command(("sh", "-c", "echo 1; setsid sleep 6 & sleep 6"), timeout=0.2)
    assert answer_to(command, 4) == Answer(None, "1\n", "")


def test_no_room_for_a_command_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    popen, refusals = subprocess.Popen, [errno.EAGAIN, errno.EMFILE]

    def crowded(*arguments: Any, **options: Any) -> object:
        if refusals:
            raise OSError(refusals.pop(), "crowded")
        return popen(*arguments, **options)

    monkeypatch.setattr(commands, "SLICE", 0.1)
    monkeypatch.setattr(subprocess, "Popen", crowded)
    assert answer_to(Command(("echo", "1"))) == Answer(0, "1\n", "")
    refusals[:] = [errno.EAGAIN] * 1000
    assert answer_to(Command(("echo", "1"), timeout=0.2)).code is None


def test_programs_that_are_not_there() -> None:
    assert answer_to(Command(("/no/such/program",))).code == 127
    assert answer_to(Command(("echo", "\0"))).code == 127


def test_no_room_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that there are do; without any the study stops, and can be taken up again."""
    running, answers = commands.Commands(), list[Answer]()
    running.start(Command(("true",)), answers.append)

    def full(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    running.start(Command(("true",)), answers.append)
    end = time.monotonic() + 5
    while len(answers) < 2 and time.monotonic() < end:
        running.collect()
    running.close(1.0)
    assert [answer.code for answer in answers] == [0, 0]
    fresh = commands.Commands()
    with pytest.raises(BackendError, match="can't start new thread"):
        fresh.start(Command(("true",)), answers.append)
    fresh.close(1.0)
