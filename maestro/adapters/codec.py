"""Scripts as text: what a way of running tasks wants them to say. Nothing here touches a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from maestro.spec.model import Batch, Resources
from maestro.spec.tokens import apply_launcher

__all__ = ["Codec", "LocalCodec"]


class Codec(Protocol):
    """How tasks are written for one kind of backend."""

    extension: str
    """What the names of its scripts end in, with the full stop."""

    def script(self, command: str, resources: Resources) -> str:
        """The text of a script that runs ``command`` with ``resources``."""


class LocalCodec:
    """Scripts for this machine: the interpreter, and the command."""

    extension = ".sh"

    def __init__(self, batch: Batch) -> None:
        self._shell = batch.shell
        launcher = batch.settings.get("launcher")
        self._launcher = None if launcher is None else str(launcher)

    def script(self, command: str, resources: Resources) -> str:
        """The text of a script; ``$(LAUNCHER)`` stays where the study names no launcher."""
        if self._launcher is not None and "$(LAUNCHER)" in command:
            command = apply_launcher(command, _launch(self._launcher, resources))
        return f"#!{self._shell}\n\n{command}\n"


def _launch(launcher: str, resources: Resources) -> Callable[[int | None, int | None], str]:
    """The launcher's text for a part of the step: what a call does not name, it has whole."""

    def text(nodes: int | None, procs: int | None) -> str:
        filled = launcher.replace("{nodes}", str(nodes or resources.nodes or 1))
        return filled.replace("{procs}", str(procs or resources.procs or 1))

    return text
