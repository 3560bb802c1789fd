"""What commands of `mailcall servers` and `profiles` share: arguments, options, and how a test's result is shown."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.command_line.asking import needed_sealer, read_password
from console.command_line.output import harmless, print_fields, print_table

if TYPE_CHECKING:
    from console.config import ConsoleConfig
    from console.servers.probe import Probed
    from console.servers.server_tests import ServerTestResponse
    from schemas.settings import Secret

Direction = Literal["incoming", "outgoing"]
ServerId = Annotated[str, typer.Argument(metavar="ID", help="The server's id; incoming/ID where both kinds have it.")]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Fields as in docs/reference/settings.md: port=993, password.env=NAME; KEY= takes the value away.",
    ),
]
AskPassword = Annotated[
    bool,
    typer.Option(
        "--ask-password",
        help="Read the password unseen from the terminal, or standard input's first line; it is sealed.",
    ),
]


def asked_password(ask: bool, config: "ConsoleConfig") -> "Secret | None":
    """The password, sealed as soon as it is read; None where it is not to be asked for. Raises `UserError`."""
    if not ask:
        return None
    seal = needed_sealer(config.public_key_file)
    return seal(read_password())


def print_answer(answer: "ServerTestResponse") -> None:
    """Each step with its status, then the mail that was found; or why there is no answer."""
    result = answer.result
    if answer.note:
        print(harmless(answer.note))
    if result is None:
        return
    rows = ((step.step, "ok" if step.ok else "failed", step.status) for step in result.steps)
    print_table(("step", "", "status"), rows, "the process took no step")
    if result.sender or result.subject or result.message:
        print()
        print_fields((("Sender", result.sender), ("Subject", result.subject)))
        print("Message")
        print("\n".join(f"    {harmless(line)}".rstrip() for line in result.message.splitlines()))


def print_probed(found: "Probed") -> None:
    """The steps of sending, then what became of the mail on its way."""
    print_answer(found.answer)
    if found.note:
        print(harmless(found.note))
    if found.rows:
        print()
        print_table(("of the mail", "came back", ""), found.rows, "nothing was compared")
