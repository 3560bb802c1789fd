"""`mailcall notifications`: who was to be notified of what, how that stands, and sending it again."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from console.command_line.options import Json, Who, config_of, services_of
from console.command_line.output import print_fields, print_json, print_table
from console.errors import Remedy, UserError

app = typer.Typer(help="Notifications: their status and attempts, and sending failed ones again.", no_args_is_help=True)

_COLUMNS = ("notification_id", "requested_at", "recipient", "event", "reference", "status", "detail")
_STATUSES = "sent, failed, dead-lettered, deferred, on-the-way, missing or double"
_ATTEMPT = ("at", "attempt", "recipient", "outcome", "server_id", "reason", "smtp_reply")


@app.command("list")
def list_(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help=f"Only those with this status: {_STATUSES}.")] = None,
    item: Annotated[str | None, typer.Option(help="Only those about this item, such as C-000123.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    json: Json = False,
) -> None:
    """The notifications of the last days, the newest first: recipient, event and status of each."""
    from console.notifications.notifications import notifications

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
    from console.notifications.notifications import notification

    found, attempts = notification(config_of(context), notification_id)
    if json:
        print_json({"notification": found, "attempts": attempts})
        return
    shown = ((name, getattr(found, name)) for name in found.__slots__)
    print_fields((name, value) for name, value in shown if value)
    print()
    print_table(_ATTEMPT, ([getattr(one, name) for name in _ATTEMPT] for one in attempts), "not attempted yet")


@app.command("send-again")
def send_again(
    context: typer.Context,
    notification_id: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")],
    to: Annotated[
        list[str] | None,
        typer.Option(help="Only to this recipient; repeatable. Default: everybody for whom it failed."),
    ] = None,
    although_doubtful: Annotated[
        bool, typer.Option("--although-doubtful", help="Even if a server may have accepted it: it may arrive twice.")
    ] = False,
    who: Who = "",
    json: Json = False,
) -> None:
    """Send a failed notification again, as a notification of its own to each recipient for whom it failed.

    Given twice, it is sent once.
    """
    from console.notifications.send_again import failed_recipients, send_again
    from desk.engine import read_transaction

    services = services_of(context)
    if not to:
        with read_transaction(services.engine) as connection:
            to = failed_recipients(connection, notification_id)
        if not to:
            raise UserError(f"notification {notification_id!r} has failed for nobody", Remedy.FIND_NOTIFICATION)
    done = send_again(
        services.mail_records,
        services.publisher,
        [(notification_id, recipient) for recipient in to],
        who,
        datetime.now(UTC),
        although_doubtful=although_doubtful,
    )
    if json:
        print_json(done)
    else:
        columns = ("recipient", "notification_id")
        print_table(columns, ([getattr(one, name) for name in columns] for one in done), "")
