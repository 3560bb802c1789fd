"""`mailcall profiles test`: asks ingest to log in by a MAPI profile, and shows each step."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.options import Json, one_line, services_of
from console.command_line.output import print_json
from console.servers.command_parts import AskPassword, Words, asked_password, print_answer

if TYPE_CHECKING:
    from console.settings.state import State
    from schemas.settings import MapiProfile, Secret

app = typer.Typer(help="MAPI profiles: how Exchange is reached and logged in to.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A group of one command stays a group."""


@app.command()
def test(
    context: typer.Context,
    profile_id: Annotated[str, typer.Argument(metavar="ID", help="The profile's id; with --new any id.")],
    words: Words = None,
    new: Annotated[
        bool, typer.Option("--new", help="Test a profile that is not saved, of these fields alone.")
    ] = False,
    ask_password: AskPassword = False,
    mailbox: Annotated[
        str,
        typer.Option(
            callback=one_line,
            metavar="ADDRESS",
            help="A mailbox to open, in which nothing is changed. Without one, of Microsoft Graph only the token is "
            "asked for; Exchange Web Services need one.",
        ),
    ] = "",
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the result.")] = 60,
    json: Json = False,
) -> None:
    """Test a MAPI profile's login, as saved or with fields changed for the test only. Nothing is changed or saved.

    Exit code 1 if a step failed or no process responded.
    """
    from console.servers import server_tests
    from console.settings.state import read_state

    services = services_of(context)
    now = datetime.now(UTC)
    password = asked_password(ask_password, services.config)
    profile = _tested(read_state(services.config), profile_id, words or [], password, new=new)
    request = server_tests.make_profile_request(profile, mailbox, now)
    answer = server_tests.ask(services.config, services.publisher, profile, request, now, wait)
    if json:
        print_json(answer)
    else:
        print_answer(answer)
    if answer.result is None or not answer.result.ok:
        raise typer.Exit(1)


def _tested(
    state: "State", profile_id: str, words: list[str], password: "Secret | None", *, new: bool
) -> "MapiProfile":
    from console.command_line.assignments import fields_of
    from console.servers.server_tests import profile_to_test
    from schemas.settings import MapiProfile

    given = {word.partition("=")[0].rpartition(".")[0] for word in words} | ({"password"} if password else set())
    fields = fields_of(MapiProfile, words, password)
    return profile_to_test(state.settings, profile_id, fields, given, new=new)
