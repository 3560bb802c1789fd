"""Configuration of ingest."""

from pathlib import Path

from pydantic import Field

from mailserver.config import ConnectingConfig


class IngestConfig(ConnectingConfig):
    """What ingest needs to know beyond every process."""

    folder_root: Path = Field(
        Path("/"), description="incoming servers of protocol folder may read in this directory only, links resolved"
    )
