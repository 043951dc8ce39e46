"""What heat.c does, for machines without a compiler: see there."""

import sys
from math import exp, pi, sin


def solve(size, r, steps):
    """The values on the grid after ``steps`` steps; r is the time step over the cell's area."""
    wave = [sin(pi * i / size) for i in range(size)] + [0.0]
    grid = [[a * b for b in wave] for a in wave]
    for _ in range(steps):
        new = [grid[0]]
        for above, here, below in zip(grid, grid[1:], grid[2:]):
            inner = [
                c + r * (left + right + up + down - 4 * c)
                for left, c, right, up, down in zip(here, here[1:], here[2:], above[1:], below[1:])
            ]
            new.append([0.0, *inner, 0.0])
        grid = [*new, grid[-1]]
    return grid


def main():
    size, factor, end = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    steps = round(end / (factor / size**2))
    grid = solve(size, end / steps * size**2, steps)
    height = exp(-2 * pi * pi * end)
    error = max(
        abs(grid[i][j] / height - sin(pi * i / size) * sin(pi * j / size))
        for i in range(1, size)
        for j in range(1, size)
    )
    print(f'{{"size": {size}, "factor": {sys.argv[2]}, "steps": {steps}, "error": {error:.6e}}}')


main()
