"""Settings of the processes that connect to mail servers."""

from pydantic import Field, field_validator

from runtime.config import ProcessConfig
from runtime.net.dialling import DEFAULT, parse_networks


class ConnectingConfig(ProcessConfig):
    """What a process that connects to servers of the settings needs beyond every other one."""

    refused_networks: str = Field(
        DEFAULT,
        description="no mail server and no token endpoint is connected to in these networks, whatever name leads "
        "there: words (metadata, link-local, private, loopback) and networks such as 10.1.0.0/16, separated by "
        "commas; off: none are refused",
    )

    @field_validator("refused_networks")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        parse_networks(text)
        return text
