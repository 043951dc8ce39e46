"""Random samples, with their number and seed from the command line.

maestro run -fg -p samples/generators/sample.py --pargs COUNT:8 --pargs SEED:3 \
    samples/generators/throw.yaml
"""

import random

from maestrowf.datastructures.core import ParameterGenerator


def get_custom_generator(env, **kwargs):
    """COUNT throws (5 when not given), whose angles vary about the specification's BEST."""
    dice = random.Random(kwargs.get("SEED", "1"))
    count = int(kwargs.get("COUNT", 5))
    best = float(env.find("BEST").value)
    generator = ParameterGenerator()
    angles = [round(dice.gauss(best, 10), 2) for _ in range(count)]
    generator.add_parameter("ANGLE", angles, [f"THROW.{i}" for i in range(count)])
    generator.add_parameter("SPEED", [20] * count, "SPEED.%%")
    return generator
