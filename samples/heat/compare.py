"""The best time step for one grid size. Arguments: the results of the runs of that size."""

import json
import sys


def main():
    runs = []
    for path in sys.argv[1:]:
        with open(path) as file:
            runs.append(json.load(file))
    best = min(runs, key=lambda run: run["error"])
    print(
        f"{best['size']:3} cells: best of {len(runs)} is dt = {best['factor']:.4f} h^2, "
        f"{best['steps']} steps, error {best['error']:.1e}"
    )


main()
