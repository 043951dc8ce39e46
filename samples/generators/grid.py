"""All combinations of two lists.

maestro run -fg -p samples/generators/grid.py samples/generators/throw.yaml
"""

from itertools import product

from maestrowf.datastructures.core import ParameterGenerator


def get_custom_generator(env, **kwargs):
    """Every angle with every speed."""
    angles, speeds = zip(*product([30, 45, 60], [10, 20]))
    generator = ParameterGenerator()
    generator.add_parameter("ANGLE", list(angles), "ANGLE.%%")
    generator.add_parameter("SPEED", list(speeds), "SPEED.%%")
    return generator
