"""All runs as a table on the standard output, and as the plot errors.svg in the current directory.

Arguments: the result files of all runs. Two things show: with dt = h^2/12 the errors of time and
space cancel, and the order is 4 where otherwise it is 2; and beyond dt = h^2/4 the scheme is
unstable, which the coarse grids hide, because they take too few steps for the growth to show.
"""

import json
import sys
from math import log2, log10

WIDTH, HEIGHT = 640, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 170, 50, 60
COLOURS = ["#0072b2", "#009e73", "#e69f00", "#d55e00"]
LOW, HIGH = -8, 1  # powers of ten on the axis of errors


def read(paths):
    """Error by factor and size, both in order."""
    errors = {}
    for path in paths:
        with open(path) as file:
            run = json.load(file)
        errors.setdefault(run["factor"], {})[run["size"]] = run["error"]
    return {factor: dict(sorted(errors[factor].items())) for factor in sorted(errors)}


def order(line):
    """The order of convergence between the two finest grids."""
    (coarse, a), (fine, b) = list(line.items())[-2:]
    return log2(a / b) / log2(fine / coarse)


def verdict(line):
    """What a line of the plot says."""
    return f"order {order(line):.1f}" if order(line) > 0 else "unstable"


def table(errors):
    """The errors as lines of text."""
    sizes = list(next(iter(errors.values())))
    yield "relative error of the explicit scheme for the heat equation"
    yield ""
    yield "dt / h^2 " + "".join(f"{f'{size} cells':>12}" for size in sizes) + "   verdict"
    for factor, line in errors.items():
        cells = "".join(f"{line[size]:>12.1e}" for size in sizes)
        yield f"{factor:<9.4f}{cells}   {verdict(line)}"


def place(size, error, sizes):
    """Where a run stands in the plot."""
    across = (log2(size) - log2(sizes[0])) / (log2(sizes[-1]) - log2(sizes[0]))
    up = (min(max(log10(error), LOW), HIGH) - LOW) / (HIGH - LOW)
    x = LEFT + across * (WIDTH - LEFT - RIGHT)
    return x, HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def plot(errors):
    """The lines of the picture."""
    sizes = list(next(iter(errors.values())))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    yield f'<text x="{LEFT}" y="26" font-size="16">Explicit scheme for the heat equation</text>'
    for power in range(LOW, HIGH + 1):
        _, y = place(sizes[0], 10.0**power, sizes)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">1e{power:+03}</text>'
    for size in sizes:
        x, _ = place(size, 1, sizes)
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size}</text>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text x="{middle}" y="{HEIGHT - 18}" text-anchor="middle">cells along a side</text>'
    yield (
        f'<text transform="translate(22 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
        'text-anchor="middle">relative error</text>'
    )
    for colour, line in zip(COLOURS, errors.values()):
        points = [place(size, error, sizes) for size, error in line.items()]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
        for (x, y), error in zip(points, line.values()):
            if error > 10**HIGH:
                yield f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">↑ {error:.0e}</text>'
    yield from legend(errors)
    yield "</svg>"


def legend(errors):
    """What the lines are, beside them."""
    for i, (colour, (factor, line)) in enumerate(zip(COLOURS, errors.items())):
        x, y = WIDTH - RIGHT + 24, TOP + 24 + 46 * i
        yield f'<path d="M{x} {y - 4}h20" stroke="{colour}" stroke-width="3"/>'
        yield f'<text x="{x + 28}" y="{y}">dt = {factor:.4f} h²</text>'
        yield f'<text x="{x + 28}" y="{y + 16}" fill="#555">{verdict(line)}</text>'


def main():
    errors = read(sys.argv[1:])
    print("\n".join(table(errors)))
    with open("errors.svg", "w", encoding="utf-8") as file:
        file.write("\n".join(plot(errors)) + "\n")


main()
