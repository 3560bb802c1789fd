"""Settings of the outbound process."""

from desk.config import DeskConfig


class OutboundConfig(DeskConfig):
    """What outbound needs to know: that of every process, and where the desk is."""
