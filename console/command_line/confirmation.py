"""Asking before something is deleted."""

import sys
from typing import Annotated

import typer

from console.errors import UserError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether to delete it.")]


def confirm_deletion(key: str) -> None:
    """Raises `UserError` where nobody can be asked, `typer.Exit` where the answer is no."""
    if not sys.stdin.isatty():
        raise UserError("a deletion has to be confirmed, and there is no terminal to ask at", "say it with --yes")
    if not typer.confirm(f"Delete {key}?", err=True):
        print("nothing is deleted")
        raise typer.Exit(1)
