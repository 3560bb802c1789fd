"""Asking at the terminal: for a password, unseen, and its key; and before something is deleted."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.errors import Remedy, UserError

if TYPE_CHECKING:
    from console.settings.secrets import Seal

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether to delete it.")]


def read_password() -> str:
    """From the terminal, unseen, or the first line of standard input. Raises `UserError`."""
    from console.settings.secrets import unfit

    password = _typed() if sys.stdin.isatty() else _first_line()
    if not password:
        raise UserError("there is no password", "write it on the first line of standard input")
    if fault := unfit(password):
        raise UserError(*fault)
    return password


def sealer_of(public_key_file: Path | None) -> "Seal | None":
    """Seals with this key; None where none is configured. Raises `UserError` for a key that cannot be read."""
    from console.settings.secrets import sealer

    return None if public_key_file is None else sealer(public_key_file)


def needed_sealer(public_key_file: Path | None) -> "Seal":
    """Raises `UserError` where there is no key."""
    seal = sealer_of(public_key_file)
    if seal is None:
        raise UserError(
            "there is no public key to seal with",
            Remedy.CONFIGURE_PUBLIC_KEY,
        )
    return seal


def _typed() -> str:
    typed: str = typer.prompt("Password", hide_input=True, err=True)
    return typed


def _first_line() -> str:
    """Its bytes as they are: text mode would take a carriage return for the line's end, and seal half a password."""
    try:
        return sys.stdin.buffer.readline().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UserError("the password is no UTF-8 text", "enter it in UTF-8") from None


def confirm_deletion(key: str) -> None:
    """Raises `UserError` where nobody can be asked, `typer.Exit` where the answer is no."""
    if not sys.stdin.isatty():
        raise UserError("a deletion has to be confirmed, and there is no terminal to ask at", "say it with --yes")
    if not typer.confirm(f"Delete {key}?", err=True):
        print("nothing is deleted")
        raise typer.Exit(1)
