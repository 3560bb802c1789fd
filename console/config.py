"""Configuration of the console and the command line."""

from pathlib import Path

from pydantic import Field

from desk.engine import DeskConfig


class ConsoleConfig(DeskConfig):
    """What every process needs, and the public key that passwords are sealed with: the console opens none."""

    public_key_file: Path | None = Field(
        None, description="public key that seals passwords given in clear (`mailcall secrets make-keys` makes it)"
    )
    window_url: str = Field(
        "http://localhost:8080",
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="the address that people open the window by, with its base path if it has one: links lead there",
    )
