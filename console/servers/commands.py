"""`mailcall servers`: the mail servers, how they are, and everything that can be done with them."""

from typing import TYPE_CHECKING

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import print_fields, print_json, print_setting, print_table
from console.servers.change_commands import add, delete, update
from console.servers.command_parts import ServerId
from console.servers.test_commands import test

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.config import ConsoleConfig
    from console.servers.server_settings import Direction
    from console.servers.servers import ServerAndStatus
    from schemas.servers import ServerStatus

app = typer.Typer(help="Incoming and outgoing mail servers.", no_args_is_help=True)
_STATUS = (
    "server_id",
    "direction",
    "state",
    "since",
    "last_success",
    "backlog",
    "left_alone",
    "not_given",
    "secret_ends",
    "last_error",
)
_LIST = ("id", "name", "enabled", "protocol", "at", "username", "trust", "state", "since", "secret_ends", "last_error")
_NEVER_SEEN = "no mail server has a status yet: do ingest and outbound run?"


def list_(context: typer.Context, json: Json = False) -> None:
    """Every outgoing and incoming server, with how it is."""
    parts = _servers(config_of(context))
    if json:
        print_json({direction: [one.plain() for one in found] for direction, found in parts.items()})
        return
    for direction, found in parts.items():
        print(f"{direction} servers")
        print_table(
            _LIST, map(_row, found), f"there is none: `mailcall servers add {direction} ID KEY=VALUE` makes one"
        )
        print()


def show(context: typer.Context, server_id: ServerId, json: Json = False) -> None:
    """Every setting of one server, secrets only named, and the last that was heard of it."""
    from console.servers.servers import server_with_status

    found = server_with_status(config_of(context), server_id)
    if json:
        print_json(found.plain())
        return
    print_setting(found.server)
    print("\nstatus")
    if found.status is None:
        print("  none yet: does the process run that looks after it?")
    else:
        print_fields((f"  {name}", _shown(found.status, name)) for name in _STATUS if name != "server_id")


def status(context: typer.Context, json: Json = False) -> None:
    """How each mail server is, with its last error in an administrator's words."""
    parts = _servers(config_of(context))
    statuses = [one.status for found in parts.values() for one in found if one.status]
    if json:
        print_json(statuses)
    else:
        print_table(_STATUS, ([_shown(one, name) for name in _STATUS] for one in statuses), _NEVER_SEEN)


def _shown(status: "ServerStatus", name: str) -> object:
    value = getattr(status, name)
    return "; ".join(value) if isinstance(value, tuple) else value


def _servers(config: "ConsoleConfig") -> "Mapping[Direction, list[ServerAndStatus]]":
    from console.servers.servers import servers_with_status

    return servers_with_status(config)


def _row(one: "ServerAndStatus") -> list[object]:
    server, status = one.server, one.status
    at = (
        getattr(server, "path", None)
        or server.mailbox
        or (f"{server.host}:{server.port}" if server.port else server.host)
    )
    return [
        server.id,
        server.name,
        "yes" if server.enabled else "no",
        server.protocol,
        at,
        server.username,
        getattr(server, "trust", ""),  # of an incoming server
        status.state if status else "",
        status.since if status else "",
        status.secret_ends if status else "",
        status.last_error if status else "",
    ]


for name, command in (
    ("list", list_),
    ("show", show),
    ("add", add),
    ("update", update),
    ("delete", delete),
    ("test", test),
    ("status", status),
):
    app.command(name)(command)
