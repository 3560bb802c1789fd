"""Settings of the outbound process."""

from desk.engine import DeskConfig
from mailserver.config import ConnectingConfig


class OutboundConfig(DeskConfig, ConnectingConfig):
    """That of every process, where the desk is, and where outbound may connect to."""
