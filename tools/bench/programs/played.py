"""``played DIR`` brings a study half way, as a conductor would, with nothing to run."""

from __future__ import annotations

import sys
import time

from maestro.conductor import snapshot
from maestro.conductor.lease import Lease
from maestro.conductor.store import Store
from maestro.conductor.study import open_graph
from maestro.engine import AttemptId, Demand, Engine, Observation, Policy, Seen

SLOTS = 8


def main() -> None:
    store = Store.open(sys.argv[1], write=True)
    lease = Lease(store)
    graph = open_graph(store).graph
    engine = Engine(graph, Policy(slots=SLOTS), lambda task: Demand(local=True))
    ids = store.ids()
    now = time.time() - len(graph)
    ended = 0
    flying: list[AttemptId] = []
    while ended < len(graph) // 2:
        now += 1.0
        for attempt in flying:
            seen = Observation(attempt, Seen.FINISHED, now, exit_code=0, duration=1.0)
            engine.observe(seen, now)
        ended += len(flying)
        flying = [submission.attempt for submission in engine.decide(now)]
        for attempt in flying:
            engine.observe(Observation(attempt, Seen.STARTED, now, job="1"), now)
    store.commit(lease.epoch, [(ids[change.task], change) for change in engine.drain()])
    snapshot.write(sys.argv[1], store.tasks(), time.time())
    lease.release()
    store.close()


main()
