"""Settings of the outbound process."""

from pydantic import Field

from runtime.config import ProcessConfig


class OutboundConfig(ProcessConfig):
    """What outbound needs to know beyond every process."""

    smtp_connections: int = Field(
        2, ge=1, le=20, description="connections to each outgoing server at a time; one is enough where it answers fast"
    )
