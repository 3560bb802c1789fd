"""`mailcall apply` and `mailcall export`: settings and persons as one YAML file."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import ChangeReason, Json, Who, config_of
from console.commands.passwords import sealer_of
from console.output import print_json, print_table


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="YAML file of settings and persons.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show, publish nothing.")] = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Publish a file of settings and persons: all of it, or nothing where anything in it is wrong."""
    from console.operations.apply import plan, publish
    from console.operations.settings_file import read_settings_file
    from console.operations.state import read_state
    from runtime.publisher import Publisher

    config = config_of(context)
    planned = plan(read_settings_file(file, sealer_of(config.public_key_file)), read_state(config))
    if not dry_run:
        with closing(Publisher(config, "console")) as publisher:
            publish(planned, publisher, who, change_reason, datetime.now(UTC))
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
    if not dry_run and any(change.is_server for change in planned.effective):
        print("`mailcall servers status` tells how the mail servers are, once ingest and outbound have looked")


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
