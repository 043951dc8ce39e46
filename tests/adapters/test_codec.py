"""Scripts for this machine."""

from __future__ import annotations

import pytest

from maestro.adapters.codec import LocalCodec
from maestro.graph.render import Rendered
from maestro.spec.model import Batch, Resources


@pytest.mark.parametrize(
    ("launcher", "command", "expected"),
    [
        (None, "$(LAUNCHER) sim", "$(LAUNCHER) sim"),
        ("mpiexec -n {procs}", "$(LAUNCHER) sim", "mpiexec -n 4 sim"),
        ("run -N {nodes} -n {procs}", "$(LAUNCHER)[1n, 2p] sim", "run -N 1 -n 2 sim"),
        ("mpiexec -n {procs}", "echo {procs}", "echo {procs}"),
    ],
)
def test_a_script(launcher: str | None, command: str, expected: str) -> None:
    settings = {} if launcher is None else {"launcher": launcher}
    codec = LocalCodec(Batch(type="local", shell="/bin/sh", settings=settings))
    task = Rendered("sim", "sim", "simulates", command, "", Resources(nodes=2, procs=4))
    assert codec.script(task, command) == f"#!/bin/sh\n\n{expected}\n"
