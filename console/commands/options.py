"""Options that every command has: where broker, desk and blobs are.

They win over the environment, and the environment over the file named by --config.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.operations.errors import UserError

if TYPE_CHECKING:
    from console.config import ConsoleConfig

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@dataclass(frozen=True, slots=True)
class Options:
    """The global options as given; `settings` by the names of `ConsoleConfig`."""

    config_file: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)


def config_of(context: typer.Context) -> "ConsoleConfig":
    """The configuration that this command runs with. Raises `UserError`; exits with 2 as every process does."""
    from pydantic import ValidationError

    from console.config import ConsoleConfig
    from runtime.config import load_config
    from runtime.logs import configure

    configure("mailcall", "error")  # to stderr: standard output holds what was asked for, and nothing else
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
        raise UserError(f"{option}: {fault['msg']}", "`mailcall --help` says what each option means") from None
