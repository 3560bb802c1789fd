"""Configuration of the logger."""

from desk.engine import DeskConfig


class LoggerConfig(DeskConfig):
    """The logger needs what every process needs, and nothing more."""
