"""Runs the peer's own command line in one process of its own environment, one study a request.

Started with the peer's Python. Requests are JSON lines on the standard input, {"arguments": [...]};
answers are JSON lines on the standard output: the exit status or the error, the edges of the graph
it made, and the state of each task.
"""

import io
import json
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout

from maestrowf import conductor, maestro
from maestrowf.datastructures.core import executiongraph

SOURCE = "_source"
graphs = []


def watch(initialize):
    """Remember the graph of every conductor."""

    def initialized(self, *arguments, **options):
        initialize(self, *arguments, **options)
        graphs.append(self._exec_dag)

    return initialized


def answer(arguments):
    """Run one command line."""
    graphs.clear()
    sys.argv = ["maestro", *arguments]
    reply = {"edges": [], "states": {}}
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            maestro.main()
    except SystemExit as end:
        reply["code"] = end.code or 0
    except Exception as error:  # whatever it is, that is how it answers
        reply["error"] = f"{type(error).__name__}: {error}"
    for handler in list(maestro.LOGGER.handlers):
        maestro.LOGGER.removeHandler(handler)
        handler.close()
    for graph in graphs:
        reply["edges"] = [
            (a, b) for a, targets in graph.adjacency_table.items() for b in targets if a != SOURCE
        ]
        reply["states"] = {n: r.status.name for n, r in graph.values.items() if n != SOURCE}
    return reply


def main():
    """Serve until the input ends."""
    replies = sys.stdout
    logging.disable(logging.CRITICAL)
    conductor.sleep = executiongraph.sleep = lambda seconds: None
    conductor.Conductor.initialize = watch(conductor.Conductor.initialize)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)["arguments"])), file=replies, flush=True)


main()
