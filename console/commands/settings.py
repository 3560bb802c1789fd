"""`mailcall apply` and `mailcall export`: settings and persons as one YAML file."""

import getpass
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import Json, config_of
from console.output import print_json, print_table

if TYPE_CHECKING:
    from console.config import ConsoleConfig
    from console.operations.settings_file import Seal


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="YAML file of settings and persons.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show, publish nothing.")] = False,
    who: Annotated[str | None, typer.Option(help="Who makes the change; you when left out.")] = None,
    change_reason: Annotated[str, typer.Option(help="Change Reason, kept with the change.")] = "",
    json: Json = False,
) -> None:
    """Publish a file of settings and persons: all of it, or nothing where anything in it is wrong."""
    from console.operations.apply import plan, publish
    from console.operations.settings_file import read_settings_file
    from console.operations.state import read_state
    from runtime.publisher import Publisher

    config = config_of(context)
    planned = plan(read_settings_file(file, _seal(config)), read_state(config))
    if not dry_run:
        with closing(Publisher(config, "console")) as publisher:
            publish(planned, publisher, who or getpass.getuser(), change_reason, datetime.now(UTC))
    changed = len(planned.effective)
    if json:
        changes = [{"key": change.key, "effect": change.effect} for change in planned.changes]
        print_json({"applied": not dry_run, "changes": changes})
        return
    print_table(
        ("what", "effect"), ((change.key, change.effect) for change in planned.changes), f"{file} holds nothing"
    )
    unchanged = len(planned.changes) - changed
    print(f"{changed} {'would be published' if dry_run else 'published'}, {unchanged} unchanged")


def export(context: typer.Context, json: Json = False) -> None:
    """Print all settings and persons as the file that `mailcall apply` reads. No password in clear is in it."""
    import yaml

    from console.operations.export import export as exported
    from console.operations.state import read_state

    sections = exported(read_state(config_of(context)))
    if json:
        print_json(sections)
    else:
        print(yaml.safe_dump(sections, allow_unicode=True, sort_keys=False, width=120), end="")


def _seal(config: "ConsoleConfig") -> "Seal | None":
    from console.operations.secrets import sealer

    return None if config.public_key_file is None else sealer(config.public_key_file)
