"""`mailcall delete`: one setting or person, of any kind."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.confirmation import Yes, confirm_deletion
from console.command_line.options import ChangeReason, Json, Who, services_of
from console.command_line.output import harmless, print_json
from console.servers.commands.server_output import print_setting

if TYPE_CHECKING:
    from console.services import Services
    from console.settings.apply import Plan

_MEANWHILE = {
    "person": "calls refer to persons: the desk keeps this one, disabled",
    "partition": "mail to its calls, tasks and requests becomes a dead letter (unknown-partition)",
    "email-options": "every option has its default again",
}


def delete(
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(metavar="KIND/ID", help="Such as call-template/it-by-mail, partition/hr or person/ursula.")
    ],
    yes: Yes = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Delete a setting or person, unless something refers to it: then what does is listed."""
    from console.settings.deletion import plan_deletion
    from console.settings.state import read_state

    services = services_of(context)
    plan = plan_deletion(read_state(services.config), key)
    confirm_and_delete(services, plan, yes, who, change_reason, json)


def confirm_and_delete(services: "Services", plan: "Plan", yes: bool, who: str, change_reason: str, json: bool) -> None:
    """Shows what is to be deleted, asks unless `yes`, and deletes it."""
    from console.settings.saving import Author, save

    [change] = plan.changes
    kind = change.key.partition("/")[0]
    if not json:
        if change.before is None:
            print(f"{harmless(change.key)} cannot be decoded")
        else:
            print_setting(change.before)
        if kind in _MEANWHILE:
            print(_MEANWHILE[kind])
    if not yes:
        confirm_deletion(harmless(change.key))
    save(services, plan, Author(who, change_reason), datetime.now(UTC))
    if json:
        print_json({"key": change.key, "effect": change.effect})
    else:
        print(f"{harmless(change.key)} is deleted")
