"""Arguments and options that several commands of `mailcall servers` share."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.command_line.passwords import needed_sealer, read_password

if TYPE_CHECKING:
    from console.config import ConsoleConfig
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
