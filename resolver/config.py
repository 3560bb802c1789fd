"""Configuration of the resolver."""

from desk.engine import DeskConfig


class ResolverConfig(DeskConfig):
    """The resolver needs what every process needs, and nothing more."""
