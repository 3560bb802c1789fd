"""`mailcall mail`: mails that are held in quarantine, and letting a rejected mail through."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from console.commands.options import Json, Who, config_of
from console.output import print_json, print_table

app = typer.Typer(help="Mails that were held or rejected.", no_args_is_help=True)

_COLUMNS = ("mail_id", "received", "server_id", "sender", "subject", "evidence")


@app.command()
def held(context: typer.Context, json: Json = False) -> None:
    """What is in quarantine now, and why: neither released nor in the desk since."""
    from console.operations.rejected import held as held_now

    mails = held_now(config_of(context))
    if json:
        print_json(mails)
    else:
        rows = ([getattr(mail, name) for name in _COLUMNS] for mail in mails)
        print_table(_COLUMNS, rows, "no mail is held")


@app.command()
def release(
    context: typer.Context,
    mail_id: Annotated[list[str], typer.Argument(metavar="MAIL_ID...", help="As `mailcall mail held` shows them.")],
    who: Who = "",
    json: Json = False,
) -> None:
    """Let rejected mails through: each becomes a call, or goes to its item, as if it had not been rejected."""
    from console.operations import rejected
    from runtime.publisher import Publisher

    config = config_of(context)
    with closing(Publisher(config, "console")) as publisher:
        released = rejected.release(config, publisher, mail_id, who, datetime.now(UTC))
    if json:
        print_json(released)
        return
    for one in released:
        print(f"released {one}")
