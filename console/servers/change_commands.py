"""`mailcall servers add`, `update` and `delete`: changes of one mail server, checked and published as `apply` does."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.asking import Yes
from console.command_line.options import ChangeReason, Json, Who, services_of
from console.command_line.output import print_json
from console.errors import UserError
from console.servers.command_parts import AskPassword, Direction, ServerId, Words, asked_password, print_answer
from console.settings.commands import confirm_and_delete

if TYPE_CHECKING:
    from console.servers.server_settings import Server
    from console.services import Services
    from console.settings.apply import Plan
    from schemas.snapshot import SettingsSnapshot

DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and show, publish nothing.")]
Wait = Annotated[
    float, typer.Option(min=0, help="Seconds to wait for what ingest finds at the server; 0: do not ask it.")
]


def add(
    context: typer.Context,
    direction: Annotated[Direction, typer.Argument(help="Which way its mail goes.")],
    server_id: Annotated[str, typer.Argument(metavar="ID", help="The new server's id.")],
    words: Words = None,
    ask_password: AskPassword = False,
    wait: Wait = 30,
    dry_run: DryRun = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Add a mail server. Its account has to exist already: ingest looks at once, and what it finds is shown."""
    from console.command_line.assignments import fields_of
    from console.servers.server_settings import MODELS, new_server

    services = services_of(context)
    password = asked_password(ask_password, services.config)
    server, planned = _planned(
        services, lambda now: new_server(now, direction, server_id, fields_of(MODELS[direction], words or [], password))
    )
    _save(services, server, planned, dry_run, who, change_reason, wait, json)


def update(
    context: typer.Context,
    server_id: ServerId,
    words: Words = None,
    ask_password: AskPassword = False,
    wait: Wait = 30,
    dry_run: DryRun = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Change fields of a mail server; the others stay as they are. Ingest looks at once, and what it finds is shown."""
    from console.command_line.assignments import fields_of
    from console.servers.server_settings import changed_server, find_server

    if not words and not ask_password:
        raise UserError("there is nothing to change", f"write `mailcall servers update {server_id} KEY=VALUE`")
    services = services_of(context)
    password = asked_password(ask_password, services.config)

    def changed(now: "SettingsSnapshot") -> "Server":
        server = find_server(now, server_id)
        return changed_server(server, fields_of(type(server), words or [], password))

    server, planned = _planned(services, changed)
    _save(services, server, planned, dry_run, who, change_reason, wait, json)


def delete(
    context: typer.Context,
    server_id: ServerId,
    yes: Yes = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Delete a mail server, unless something refers to it. Mail that lies there stays there."""
    from console.servers.server_settings import find_server
    from console.settings.references import plan_deletion
    from console.settings.state import read_state

    services = services_of(context)
    state = read_state(services.config)
    server = find_server(state.settings, server_id)
    confirm_and_delete(services, plan_deletion(state, f"{server.kind}/{server.id}"), yes, who, change_reason, json)


def _planned(services: "Services", build: "Callable[[SettingsSnapshot], Server]") -> "tuple[Server, Plan]":
    """The server that `build` makes of the settings, and what saving it changes. Raises `UserError`."""
    from console.servers.server_settings import as_file
    from console.settings.apply import plan
    from console.settings.state import read_state

    state = read_state(services.config)
    server = build(state.settings)
    return server, plan(as_file(server), state)


def _save(
    services: "Services",
    server: "Server",
    planned: "Plan",
    dry_run: bool,
    who: str,
    change_reason: str,
    wait: float,
    json: bool,
) -> None:
    """Publishes the change and has ingest look, unless there is nothing to change or it is a dry run; shows both."""
    from console.servers.server_tests import ServerTestResponse, look_at_saved
    from console.settings.saving import Author, save

    [change] = planned.changes
    saved = bool(planned.effective) and not dry_run
    answer = ServerTestResponse()
    if saved:
        save(services, planned, Author(who, change_reason), datetime.now(UTC))
    if not json:
        print(f"{change.key}: {change.effect}, {'saved' if saved else 'nothing is published'}", flush=True)
    if saved:
        answer = look_at_saved(services.config, services.publisher, server, datetime.now(UTC), wait)
    if json:
        print_json({"key": change.key, "effect": change.effect, "saved": saved, "look": answer})
    else:
        print_answer(answer)
