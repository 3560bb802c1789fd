"""Settings of the outbound process."""

from pydantic import Field

from desk.config import DeskConfig


class OutboundConfig(DeskConfig):
    """What outbound needs to know beyond every process."""

    smtp_connections: int = Field(
        2, ge=1, le=20, description="connections to each outgoing server at a time; one is enough where it answers fast"
    )
