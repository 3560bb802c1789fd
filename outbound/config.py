"""Settings of the outbound process."""

from desk.config import DeskConfig
from mailserver.config import ConnectingConfig


class OutboundConfig(DeskConfig, ConnectingConfig):
    """What outbound needs to know: that of every process, where the desk is, and where it may connect to."""
