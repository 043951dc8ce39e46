"""From a YAML file to the frozen values of `maestro.spec.model`, with every problem named."""
