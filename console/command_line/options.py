"""Options that many commands have: who changes what and why, moments, and where broker, desk and blobs are.

The last win over the environment, and the environment over the file named by --config.
"""

import getpass
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.errors import UserError

if TYPE_CHECKING:
    from console.config import ConsoleConfig
    from console.services import Services

MAX_LINE = 1000
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def one_line(value: str) -> str:
    """Refuses what is no single line of text: it would not fit the record it is kept in."""
    if len(value) > MAX_LINE or any(ord(character) < 0x20 or character == "\x7f" for character in value):
        raise typer.BadParameter(f"one line of at most {MAX_LINE} characters, without control characters")
    return value


def _author(value: str) -> str:
    """Who is named, else the account's name, else its number: containers run accounts that have no name."""
    try:
        return one_line(value or getpass.getuser())
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


Who = Annotated[str, typer.Option(callback=_author, help="Who makes the change; you when left out.")]
ChangeReason = Annotated[str, typer.Option(callback=one_line, help="Change Reason, kept with the change.")]


@dataclass(frozen=True, slots=True)
class Options:
    """The global options as given; `settings` by the names of `ConsoleConfig`."""

    config_file: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)


def logs_to_stderr() -> None:
    """Standard output holds what was asked for, and nothing else. What the broker's client has to say we say."""
    import logging

    from runtime.telemetry.logs import configure

    configure("mailcall", "error")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def services_of(context: typer.Context) -> "Services":
    """What this command works with; closed when it ends. Raises as `config_of`."""
    from console.services import Services

    services = Services(config_of(context))
    context.call_on_close(services.close)
    return services


def config_of(context: typer.Context) -> "ConsoleConfig":
    """The configuration that this command runs with. Raises `UserError`; exits with 2 as every process does."""
    from pydantic import ValidationError

    from console.config import ConsoleConfig
    from runtime.config import load_config

    logs_to_stderr()
    options: Options = context.find_root().obj or Options()
    file = ["--config", str(options.config_file)] if options.config_file else []
    config = load_config(ConsoleConfig, "mailcall", file)
    if not options.settings:
        return config
    try:
        return ConsoleConfig(**{**config.model_dump(), **options.settings})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        option = "--" + str(fault["loc"][0]).replace("_", "-").removeprefix("kafka-")
        text = fault["msg"].removeprefix("Value error, ")
        raise UserError(f"{option}: {text}", "`mailcall --help` says what each option means") from None


def parse_moment(option: str, text: str) -> datetime:
    """The moment that is written behind an option; without an offset this machine's time. Raises `UserError`."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError):
        raise UserError(
            f"{option}: {text[:80]!r} is no moment", "write it as ISO 8601: 2026-11-20T08:00+01:00, or 2026-11-20"
        ) from None
