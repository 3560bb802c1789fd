"""`mailcall servers test`: asks the process that uses a mail server to test it, and shows each step."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.command_line.options import Json, one_line, services_of
from console.command_line.output import print_json
from console.errors import UserError
from console.servers.command_parts import AskPassword, Direction, Words, asked_password, print_answer, print_probed

if TYPE_CHECKING:
    from console.servers.server_settings import Server
    from console.settings.state import State
    from schemas.settings import Secret

New = Annotated[Direction | None, typer.Option("--new", help="Test a server that is not saved, of these fields alone.")]
Marker = Annotated[
    str, typer.Option(callback=one_line, help="Show the newest message whose subject contains this; else the newest.")
]
Probe = Annotated[
    str,
    typer.Option(
        callback=one_line,
        metavar="ID",
        help="Outgoing servers: send to this incoming server's mailbox a message of many kinds of headers and parts, "
        "and show what came back changed.",
    ),
]
Wait = Annotated[float, typer.Option(min=1, help="Seconds to wait for the result, and with --probe for the message.")]


def _addresses(values: list[str] | None) -> list[str]:
    from schemas.addresses import check_address

    try:
        return [check_address(value) for value in values or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _recipients(help_: str) -> Any:
    return typer.Option(callback=_addresses, help=f"Outgoing servers: {help_}; may be given often.")


def test(
    context: typer.Context,
    server_id: Annotated[str, typer.Argument(metavar="ID", help="The server's id; with --new any id.")],
    words: Words = None,
    new: New = None,
    ask_password: AskPassword = False,
    marker: Marker = "",
    to: Annotated[list[str] | None, _recipients("To Address")] = None,
    cc: Annotated[list[str] | None, _recipients("CC")] = None,
    bcc: Annotated[list[str] | None, _recipients("BCC")] = None,
    subject: Annotated[str, typer.Option(callback=one_line, help="Outgoing servers: Subject.")] = "",
    message: Annotated[str, typer.Option(help="Outgoing servers: Message.")] = "",
    probe: Probe = "",
    wait: Wait = 60,
    json: Json = False,
) -> None:
    """Test a mail server, as saved or with fields changed for the test only. The mailbox is not changed, nothing saved.

    Incoming: send a message to the mailbox first; its sender, subject and text are shown. Outgoing: a message is sent
    to --to, --cc and --bcc; without any, the test ends with the login. Exit code 1 if a step failed or no process
    responded.
    """
    from console.servers import server_tests
    from console.settings.state import read_state

    services = services_of(context)
    config = services.config
    password = asked_password(ask_password, config)
    server, asked = _tested(read_state(config), server_id, new, words or [], password)
    recipients = {"to": tuple(to or ()), "cc": tuple(cc or ()), "bcc": tuple(bcc or ())}
    mail = {**recipients, "subject": subject, "message": message}
    if server.kind == "incoming-server" and any(mail.values()):
        raise UserError(f"{server_id} is an incoming server", "leave --to, --cc, --bcc, --subject and --message out")
    now = datetime.now(UTC)
    if probe:
        _probe(context, server, asked, probe, mail, wait, now, json)
        return
    request = server_tests.make_request(now, **asked, marker=marker, **mail)
    answer = server_tests.ask(config, services.publisher, server, request, now, wait)
    if json:
        print_json(answer)
    else:
        print_answer(answer)
    if answer.result is None or not answer.result.ok:
        raise typer.Exit(1)


def _probe(
    context: typer.Context,
    server: "Server",
    asked: "dict[str, Any]",
    incoming_id: str,
    mail: "dict[str, Any]",
    wait: float,
    now: datetime,
    json: bool,
) -> None:
    """Exit code 1 where the mail was not sent or did not come; that it was changed is no failure."""
    from console.servers import server_tests
    from console.servers.probe import address_to_probe, probe
    from console.settings.state import read_state
    from schemas.settings import OutgoingServer

    services = services_of(context)
    incoming = read_state(services.config).settings.incoming_server(incoming_id.rpartition("/")[2])
    if not isinstance(server, OutgoingServer):
        raise UserError(
            f"{server.id} is an incoming server", "name the outgoing one first, and the incoming in --probe"
        )
    if incoming is None:
        raise UserError(f"there is no incoming server {incoming_id!r}", "see `mailcall servers list`")
    if mail["cc"] or mail["bcc"] or mail["subject"] or mail["message"] or len(mail["to"]) > 1:
        raise UserError("a probe goes to one mailbox and has words of its own", "leave all but one --to out")
    to = mail["to"] or (address_to_probe(incoming),)
    request = server_tests.make_request(now, **asked, to=to, probe=True)
    found = probe(services.config, services.publisher, server, incoming, request, now, wait)
    if json:
        print_json(found)
    else:
        print_probed(found)
    if not found.rows:
        raise typer.Exit(1)


def _tested(
    state: "State", server_id: str, new: Direction | None, words: list[str], password: "Secret | None"
) -> "tuple[Server, dict[str, Any]]":
    """The server that is tested, and the fields of the request that say which. Raises `UserError`.

    A changed server goes with the id of the stored one, whose password is used where none is given, and where it does
    not go elsewhere.
    """
    from console.command_line.assignments import fields_of
    from console.servers.server_settings import MODELS, as_file, changed_server, check_secrets, find_server, new_server
    from console.settings.apply import plan

    if new is not None:
        server = new_server(state.settings, new, server_id, fields_of(MODELS[new], words, password))
        asked: dict[str, Any] = {"server": server}
    elif words or password:
        stored = find_server(state.settings, server_id)
        server = changed_server(stored, fields_of(type(stored), words, password))
        given = {word.partition("=")[0].rpartition(".")[0] for word in words} | ({"password"} if password else set())
        check_secrets(server, stored, given)
        asked = {"server_id": server.id, "server": server}
    else:
        server = find_server(state.settings, server_id)
        return server, {"server_id": server.id}
    plan(as_file(server), state)
    return server, asked
