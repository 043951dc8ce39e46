"""Stand-ins for schedulers that cannot be installed for a test."""
