"""`mailcall apply`: settings and persons as one YAML file, checked, shown and published."""

import sys
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.asking import sealer_of
from console.command_line.options import ChangeReason, Json, Who, one_line, services_of
from console.command_line.output import format_value, harmless, print_json, print_table

if TYPE_CHECKING:
    from console.audit.history import PastChange
    from console.settings.apply import Plan
    from console.settings.state import State

_FIELDS = ("what", "effect", "field", "old", "new", "set last by", "at")
_PERHAPS = "some of it may be published: apply the file again, what has arrived is not published twice"
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check, and show each field, old and new; publish nothing.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Apply an exported file over what has been changed since.")
]


def _label(value: str | None) -> str | None:
    return None if value is None else one_line(value)


ManagedBy = Annotated[
    str | None,
    typer.Option(
        callback=_label, help="Label the file's settings as managed there, such as a repository; '' takes it off."
    ),
]


def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="YAML file of settings and persons.")],
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    managed_by: ManagedBy = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a broker that is slow.")] = 120,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Publish a file of settings and persons: all of it, or nothing where anything in it is wrong."""
    from console.audit.history import read_history
    from console.settings.apply import plan
    from console.settings.export import check_not_outdated
    from console.settings.file_reading import open_settings_file
    from console.settings.saving import Author, save
    from console.settings.state import read_state
    from console.topics.waiting import BrokerWait
    from runtime.outages import OutageError

    services = services_of(context)
    config = services.config
    document = open_settings_file(file)
    broker_wait = BrokerWait(config, wait, warn)
    state = broker_wait.run("reading what is set up", partial(read_state, config))
    history = partial(broker_wait.run, "reading the history", partial(read_history, config))
    read = document.checked(sealer_of(config.public_key_file), state)
    planned = plan(read, state, managed_by)
    if not overwrite:
        check_not_outdated(read, planned, state, history)
    warn_of_undecodable(state, {change.key for change in planned.changes})
    _warn_of_unchecked(planned)
    if dry_run:
        _print_preview(file, planned, state, history() if planned.effective else [], json)
        return
    author, now = Author(who, change_reason), datetime.now(UTC)
    try:
        broker_wait.run("publishing", lambda: save(services, planned, author, now, overwrite=overwrite))
    except OutageError as error:
        raise OutageError(error.reason, f"{error}\n{_PERHAPS}") from error
    _print_published(file, planned, json)


def _print_published(file: Path, planned: "Plan", json: bool) -> None:
    """What has been published."""
    if json:
        changes = [{"key": change.key, "effect": change.effect} for change in planned.changes]
        print_json({"applied": True, "changes": changes})
        return
    print_table(
        ("what", "effect"), ((change.key, change.effect) for change in planned.changes), f"{file} holds nothing"
    )
    print(f"{len(planned.effective)} published, {len(planned.changes) - len(planned.effective)} unchanged")
    if any(change.is_server for change in planned.effective):
        print("`mailcall servers status` tells how the mail servers are, once ingest and outbound have looked")


def _print_preview(file: Path, planned: "Plan", state: "State", history: "list[PastChange]", json: bool) -> None:
    """What would be published: each field, old and new, and who set it last."""
    from console.settings.export import field_changes

    changes = [(change, field_changes(change, history, state)) for change in planned.changes]
    if json:
        plain = [{"key": change.key, "effect": change.effect, "fields": fields} for change, fields in changes]
        print_json({"applied": False, "changes": plain})
        return
    rows = (
        (change.key, change.effect, one.field, format_value(one.old), format_value(one.new), one.set_by, one.set_at)
        for change, fields in changes
        for one in fields
    )
    without = ((change.key, change.effect, "", "", "", "", "") for change, fields in changes if not fields)
    print_table(_FIELDS, (*rows, *without), f"{file} holds nothing")
    print(f"{len(planned.effective)} would be published, {len(planned.changes) - len(planned.effective)} unchanged")


def warn_of_undecodable(state: "State", named: Collection[str]) -> None:
    """Of records that cannot be decoded and are not about to be replaced."""
    for key, why in state.undecodable.items():
        if key not in named:
            warn(
                f"the newest record of {key} cannot be decoded ({why}); the one before it is in force until the broker "
                f"compacts the topic: apply a file that names {key}, or `mailcall delete {key}`"
            )


def _warn_of_unchecked(planned: "Plan") -> None:
    """Of servers that take every mail for its sender's own, the default."""
    if planned.checking_nobody:
        warn(
            f"trust is off for {', '.join(planned.checking_nobody)}: anybody can write there in anybody's name. Only "
            "an answer to the desk's own mail closes an item, and a confirmation names no subject. With trust: mark "
            "and authserv_id, senders are proved: docs/trust.md"
        )


def warn(text: str) -> None:
    print(f"mailcall: {harmless(text)}", file=sys.stderr, flush=True)
