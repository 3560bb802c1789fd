"""`mailcall notifications`: who was to be told what by mail, and what became of it."""

from typing import Annotated

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import print_fields, print_json, print_table

app = typer.Typer(help="Mails that were to be sent: how each stands.", no_args_is_help=True)

_COLUMNS = ("notification_id", "requested_at", "recipient", "event", "reference", "status", "detail")
_STATUSES = "sent, failed, dead-lettered, deferred, on-the-way, missing or double"
_ATTEMPT = ("at", "attempt", "recipient", "outcome", "server_id", "reason", "smtp_reply")


@app.command("list")
def list_(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help=f"Only those with this status: {_STATUSES}.")] = None,
    item: Annotated[str | None, typer.Option(help="Only those that tell of this item, such as C-000123.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    json: Json = False,
) -> None:
    """The notifications of the last days, the newest first: whom they are for, and how each stands."""
    from console.mails.notifications import notifications

    found = notifications(config_of(context), status=status, item=item, limit=limit)
    if json:
        print_json(found)
    else:
        rows = ([getattr(one, name) for name in _COLUMNS] for one in found)
        print_table(_COLUMNS, rows, "there are no such notifications")


@app.command()
def show(
    context: typer.Context,
    notification_id: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")],
    json: Json = False,
) -> None:
    """One notification: every attempt to send it, and reports that it came back. Its text is not shown."""
    from console.mails.notifications import notification

    found, attempts = notification(config_of(context), notification_id)
    if json:
        print_json({"notification": found, "attempts": attempts})
        return
    shown = ((name, getattr(found, name)) for name in found.__slots__)
    print_fields((name, value) for name, value in shown if value)
    print()
    print_table(_ATTEMPT, ([getattr(one, name) for name in _ATTEMPT] for one in attempts), "not tried yet")
