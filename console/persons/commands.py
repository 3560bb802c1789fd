"""`mailcall persons`: Users and Analysts, their details, and the addresses that mails came back from."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.options import ChangeReason, Json, Who, config_of, services_of
from console.command_line.output import harmless, print_fields, print_json, print_table
from console.errors import UserError
from console.persons import csv_commands

if TYPE_CHECKING:
    from console.persons.persons import Details
    from desk.bounced_addresses import BouncedAddress
    from schemas.persons import Person

app = typer.Typer(help="Persons: Users, who ask, and Analysts, who work.", no_args_is_help=True)

_LIST = ("id", "name", "addresses", "user", "analyst", "email_format", "office", "disabled")

app.command("import")(csv_commands.import_)
app.command("export")(csv_commands.export)

PersonId = Annotated[str, typer.Argument(metavar="ID", help="The person's id.")]


@app.command("list")
def list_(
    context: typer.Context,
    user: Annotated[bool, typer.Option("--user", help="Only those who are flagged as a User.")] = False,
    analyst: Annotated[bool, typer.Option("--analyst", help="Only those who are flagged as an Analyst.")] = False,
    address: Annotated[str | None, typer.Option(help="Only those who have this address.")] = None,
    json: Json = False,
) -> None:
    """Every person on the persons topic, those made by mail too."""
    from console.persons.persons import chosen
    from console.settings.state import read_state

    persons = read_state(config_of(context)).persons.values()
    found = chosen(persons, user=user, analyst=analyst, address=address)
    if json:
        print_json(found)
    else:
        print_table(_LIST, map(_row, found), "there are no such persons")


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID_OR_ADDRESS", help="The person's id, or one of the addresses.")],
    json: Json = False,
) -> None:
    """One person's details, whether the Email Format is used, and which addresses mails came back from."""
    from console.desk.items import desk_engine
    from console.persons.current import CurrentPersons
    from console.persons.persons import details, find_person
    from console.settings.state import read_settings

    config = config_of(context)
    options = read_settings(config).email_options()
    with desk_engine(config) as engine:
        current = CurrentPersons(config, engine)
        found = details(engine, current, find_person(current, name), options)
    if json:
        print_json(found)
        return
    person = found.person
    shown = {**{field: getattr(person, field) for field in type(person).model_fields}, **_told(found)}
    print_fields(shown.items())
    for one in found.bounced:
        print(_bounced(one))


@app.command("update")
def update(
    context: typer.Context,
    person_id: PersonId,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Fields as `persons show` names them: email_format=text, office=North; KEY= takes the value away.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show, publish nothing.")] = False,
    who: Who = "",
    change_reason: ChangeReason = "",
    json: Json = False,
) -> None:
    """Change fields of a person's details; the others stay as they are. What the CMDB publishes later counts again."""
    from console.command_line.assignments import fields_of
    from console.persons.person_changes import change, planned
    from console.settings.saving import Author, check_reason_now
    from console.settings.state import read_state
    from schemas.persons import Person

    if not words:
        raise UserError("there is nothing to change", f"write `mailcall persons update {person_id} KEY=VALUE`")
    services = services_of(context)
    config = services.config
    fields = fields_of(Person, words)
    if dry_run:
        plan = planned(read_state(config), person_id, fields)
    else:
        check_reason_now(config, Author(who, change_reason))
        plan = change(config, services.publisher, lambda: read_state(config), person_id, fields, who, change_reason)
    [done] = plan.changes
    saved = bool(plan.effective) and not dry_run
    if json:
        print_json({"key": done.key, "effect": done.effect, "saved": saved, "person": done.after})
    else:
        print(f"{done.key}: {done.effect}, {'saved' if saved else 'nothing is published'}")


@app.command("unmark")
def unmark(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address that mails came back from.")],
    by: Annotated[str, typer.Option(help="Id of the person performing the action.")],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until it is done; 0 does not wait.")] = 10,
    json: Json = False,
) -> None:
    """Have mails sent again to an address that is marked because too many of them came back."""
    from console.persons.person_changes import unmark as unmarked
    from console.settings.state import read_state

    services = services_of(context)
    config = services.config
    state = read_state(config)
    done = unmarked(config, services.publisher, state, address, by, datetime.now(UTC), wait)
    if json:
        print_json({"address": address, "done": done})
    elif done:
        print(f"mails are sent to {harmless(address)} again")
    else:
        print("asked for, and not done yet: the logger does it once it comes to it")
    if wait and not done:
        raise typer.Exit(1)


def _row(person: "Person") -> list[object]:
    return [
        person.id,
        person.name,
        ", ".join(person.addresses),
        "yes" if person.is_user else "",
        "yes" if person.is_analyst else "",
        person.email_format,
        person.office,
        "yes" if person.disabled else "",
    ]


def _told(found: "Details") -> dict[str, object]:
    """The fields that need more than their value."""
    format_ = found.person.email_format
    told: dict[str, object] = {"addresses": ", ".join(found.person.addresses)}
    if format_ and not found.email_format_used:
        told["email_format"] = f"{format_} (not used: Message Format per Analyst/User is off)"
    if found.same_address:
        told["same address"] = ", ".join(found.same_address)
    return told


def _bounced(one: "BouncedAddress") -> str:
    at, status = harmless(one.last_at), harmless(one.status)
    counted = f"{harmless(one.address)}: {one.bounces} hard bounces, the last at {at} ({status})"
    if one.marked_at is None:
        return counted
    return f"{counted}; marked: nothing more is sent there. `mailcall persons unmark {harmless(one.address)} --by ID`"
