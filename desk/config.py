"""Configuration of a process that uses the desk."""

from typing import Self

from pydantic import field_validator

from desk.engine import check_url
from runtime.config import ProcessConfig


class DeskConfig(ProcessConfig):
    """Says at the start, and not when the desk is first used, that `desk_url` is no URL of a desk."""

    @field_validator("desk_url")
    @classmethod
    def _is_desk_url(cls: type[Self], url: str) -> str:
        check_url(url)
        return url
