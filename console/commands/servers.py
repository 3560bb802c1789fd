"""`mailcall servers`: how the mail servers are."""

import typer

from console.commands.options import Json, config_of
from console.output import print_json, print_table

app = typer.Typer(help="Incoming and outgoing mail servers.", no_args_is_help=True)

_COLUMNS = ("server_id", "direction", "state", "since", "last_success", "backlog", "last_error")


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """How each mail server is, with its last error in an administrator's words."""
    from console.operations.servers import server_statuses

    statuses = server_statuses(config_of(context))
    if json:
        print_json(statuses)
    else:
        rows = ([getattr(one, name) for name in _COLUMNS] for one in statuses)
        print_table(_COLUMNS, rows, "no mail server has a status yet: do ingest and outbound run?")
