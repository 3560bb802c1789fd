"""Settings of ingest."""

from pydantic import Field

from runtime.config import ProcessConfig


class IngestConfig(ProcessConfig):
    """What ingest needs to know beyond what every process does."""

    watcher_stack_kb: int = Field(
        512,
        ge=256,
        le=8192,
        description="stack of each watcher's thread in kB: there is one watcher an incoming server",
    )
