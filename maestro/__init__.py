"""Maestro conducts parameter studies written as one YAML file, on a laptop or a cluster."""

__version__ = "0.1.0"
