"""Ways of running tasks: on this machine, or through a scheduler."""
