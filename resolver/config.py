"""Configuration of the resolver."""

from runtime.config import ProcessConfig


class ResolverConfig(ProcessConfig):
    """The resolver needs what every process needs, and nothing more."""
