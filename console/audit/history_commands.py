"""`mailcall changes` and `restore`: who changed which setting or person, field by field, and putting that back."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.asking import Yes, confirm_deletion
from console.command_line.options import ChangeReason, Json, Who, config_of, parse_moment, services_of
from console.command_line.output import format_value, harmless, print_json, print_table
from console.errors import Remedy, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.audit.history import PastChange

_COLUMNS = ("id", "at", "who", "what", "effect", "field", "old", "new", "change reason")
_ID = 12  # characters of an id: enough to tell changes apart


def changes(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(metavar="KIND[/ID]", help="Only of this setting or person, or of this kind.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="T", help="From this moment on, ISO 8601: 2026-11-20T08:00+01:00.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Only changes that this administrator made.")] = None,
    json: Json = False,
) -> None:
    """The history of settings and persons, the newest change last. Secrets are only named."""
    from console.audit.history import read_history

    start = parse_moment("--from", since) if since else None
    found = [past for past in read_history(config_of(context)) if _wanted(past, key, start, by)]
    if json:
        print_json(found)
    else:
        print_table(_COLUMNS, (row for past in found for row in _rows(past)), "there are no such changes")


def restore(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of the change, as `mailcall changes` shows it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be changed, publish nothing.")] = False,
    yes: Yes = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Restore a setting or person as it was before a change; what the change added is deleted."""
    from console.audit.history import read_history
    from console.audit.restore import plan_restore
    from console.settings.saving import Author, save
    from console.settings.state import read_state

    services = services_of(context)
    history = read_history(services.config)
    found = [number for number, past in enumerate(history) if past.id.startswith(id_)]
    if len(found) != 1:
        raise UserError(f"{len(found) or 'no'} changes have an id that begins with {id_!r}", Remedy.FIND_CHANGE)
    past = history[found[0]]
    later = [one for one in history[found[0] + 1 :] if one.key == past.key]
    plan = plan_restore(past, read_state(services.config), later)
    [change] = plan.changes
    saved = bool(plan.effective) and not dry_run
    if not json:
        rows = ((one.field, format_value(one.old), format_value(one.new)) for one in change.fields)
        print_table(("field", "old", "new"), rows, f"{harmless(past.key)} is so already")
    if saved:
        if change.after is None and not yes:
            confirm_deletion(harmless(past.key))
        save(services, plan, Author(who, change_reason), datetime.now(UTC))
    if json:
        print_json({"key": change.key, "effect": change.effect, "saved": saved, "fields": change.fields})
    else:
        print(f"{harmless(change.key)}: {change.effect}, {'saved' if saved else 'nothing is published'}")


def _wanted(past: "PastChange", key: str | None, start: datetime | None, by: str | None) -> bool:
    return (
        (key is None or past.key == key or past.key.startswith(f"{key}/"))
        and (start is None or past.at >= start)
        and (by is None or past.who == by)
    )


def _rows(past: "PastChange") -> "Iterator[tuple[object, ...]]":
    """One a field; one without a field where the same value was published again."""
    for one in past.fields:
        values = format_value(one.old), format_value(one.new)
        yield past.id[:_ID], past.at, past.who, past.key, past.effect, one.field, *values, past.change_reason
    if not past.fields:
        yield past.id[:_ID], past.at, past.who, past.key, past.effect, "", "", "", past.change_reason
