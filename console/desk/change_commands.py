"""`mailcall calls log`, `tasks create`, `requests create` and `items update|close|reopen`: as commands to the desk."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.command_line.options import Json, services_of
from console.command_line.output import print_fields, print_json

if TYPE_CHECKING:
    from schemas.desk_commands import DeskCommand

tasks = typer.Typer(help="Tasks of the desk.", no_args_is_help=True)
requests = typer.Typer(help="Requests of the desk.", no_args_is_help=True)
items = typer.Typer(help="Update, close, reopen and watch calls, tasks and requests.", no_args_is_help=True)

By = Annotated[str, typer.Option(help="Id of the person performing the action.")]
Text = Annotated[str, typer.Option(help="Text; - reads it from standard input.")]
Notify = Annotated[bool, typer.Option("--notify/--silent", help="Whether those concerned are notified by mail.")]
RequestId = Annotated[str | None, typer.Option(help="Idempotency key: the same id has one effect. Default: a new one.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome; 0 does not wait.")]
Reference = Annotated[str, typer.Argument(metavar="REFERENCE", help="Item reference, such as T-000123.")]


def _pairs(words: list[str] | None) -> dict[str, str]:
    pairs = [word.partition("=") for word in words or ()]
    if any(not equals for _, equals, _ in pairs):
        raise typer.BadParameter("write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _making(kind: str, help_: str) -> Callable[..., None]:
    """The command that makes an item. `kind`: name of its model in `schemas.desk_commands`."""

    def make(
        context: typer.Context,
        by: By,
        template: Annotated[str, typer.Option(help="Call Template that gives the properties.")],
        subject: Annotated[str, typer.Option(help="Subject, one line.")],
        text: Text = "",
        user: Annotated[
            str | None, typer.Option(help="User: a person's id, or an address, also a new one; else --by.")
        ] = None,
        logging_analyst: Annotated[str | None, typer.Option(help="Logging Analyst; --by when left out.")] = None,
        linked_to: Annotated[str | None, typer.Option(help="Reference of the item that it belongs to.")] = None,
        impact: Annotated[str | None, typer.Option(help="Instead of the template's.")] = None,
        urgency: Annotated[str | None, typer.Option(help="Instead of the template's.")] = None,
        assigned_group: Annotated[str | None, typer.Option(help="Instead of the template's.")] = None,
        field: Annotated[
            list[str] | None, typer.Option(metavar="NAME=VALUE", help="A further field; repeatable.")
        ] = None,
        notify: Notify = True,
        request_id: RequestId = None,
        wait: Wait = 10,
        json: Json = False,
    ) -> None:
        from console.desk.desk_commands import checked_reference
        from schemas import desk_commands

        given = {
            "by": by,
            "call_template": template,
            "subject": subject,
            "text": _read(text),
            "user": user,
            "logging_analyst": logging_analyst,
            "linked_to": checked_reference(linked_to) if linked_to else None,
            "impact": impact,
            "urgency": urgency,
            "assigned_group": assigned_group,
            "fields": _pairs(field),
            "notify": notify,
            "request_id": request_id,
        }
        _ask(context, getattr(desk_commands, kind), given, wait, json)

    make.__doc__ = help_
    return make


def _changing(kind: str, help_: str) -> Callable[..., None]:
    """The command that does something with an item. `kind` as for `_making`."""

    def change(
        context: typer.Context,
        reference: Reference,
        by: By,
        text: Text = "",
        notify: Notify = True,
        request_id: RequestId = None,
        wait: Wait = 10,
        json: Json = False,
    ) -> None:
        from console.desk.desk_commands import checked_reference
        from schemas import desk_commands

        item = checked_reference(reference)
        given = {"item": item, "by": by, "text": _read(text), "notify": notify, "request_id": request_id}
        _ask(context, getattr(desk_commands, kind), given, wait, json)

    change.__doc__ = help_
    return change


log_call = _making("CallToLog", "Log a call, with the properties of a Call Template.")
tasks.command("create")(_making("TaskToCreate", "Create a task, with the properties of a Call Template."))

requests.command("create")(_making("RequestToCreate", "Create a request, with the properties of a Call Template."))

items.command("update")(_changing("ItemToUpdate", "Add a text to an open call, task or request."))
items.command("close")(_changing("ItemToClose", "Close a call, task or request."))


def _watching(kind: str, help_: str) -> Callable[..., None]:
    """The command that makes somebody a watcher, or no watcher any more. `kind` as for `_making`."""

    def watch(
        context: typer.Context,
        reference: Reference,
        by: By,
        person: Annotated[str | None, typer.Option(help="Id of the watcher; --by when left out.")] = None,
        request_id: RequestId = None,
        wait: Wait = 10,
        json: Json = False,
    ) -> None:
        from console.desk.desk_commands import checked_reference
        from schemas import desk_commands

        given = {"item": checked_reference(reference), "by": by, "person": person, "request_id": request_id}
        _ask(context, getattr(desk_commands, kind), given, wait, json)

    watch.__doc__ = help_
    return watch


items.command("reopen")(_changing("ItemToReopen", "Reopen a closed call, task or request."))
items.command("watch")(
    _watching("ItemToWatch", "Add a watcher, who is notified of changes of a call, task or request.")
)
items.command("unwatch")(_watching("ItemToUnwatch", "Remove a watcher."))


def _read(text: str) -> str:
    return sys.stdin.read() if text == "-" else text


def _ask(context: typer.Context, model: "type[DeskCommand]", given: dict[str, Any], wait: float, json: bool) -> None:
    from console.desk import desk_commands
    from console.settings.state import read_state

    services, now = services_of(context), datetime.now(UTC)
    request = desk_commands.build(model, given, now)
    desk_commands.check(request, read_state(services.config))
    answer = desk_commands.ask(services.config, services.publisher, request, now, wait)
    if json:
        print_json(answer)
    else:
        shown = ((name, getattr(answer, name)) for name in answer.__slots__)
        print_fields((name, value) for name, value in shown if value)
    if wait and (answer.event is None or answer.reason):
        raise typer.Exit(1)
