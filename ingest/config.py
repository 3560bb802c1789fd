"""Configuration of ingest."""

from runtime.config import ProcessConfig


class IngestConfig(ProcessConfig):
    """Ingest needs what every process needs, and nothing more."""
