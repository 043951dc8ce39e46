"""``summary FILE``: how many tasks of each step are in which state, by a bare query of a store."""

import sqlite3
import sys

QUERY = "SELECT step, state, count(*) FROM task GROUP BY step, state"


def main() -> None:
    store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    for row in store.execute(QUERY):
        print(*row)


main()
