"""`mailcall secrets`: the keys that passwords are sealed with, and sealing one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import config_of
from console.operations.errors import UserError

app = typer.Typer(help="Passwords, sealed for the processes that use them.", no_args_is_help=True)


@app.command("make-keys")
def make_keys(
    path: Annotated[Path, typer.Argument(help="File for the private key; the public one gets .pub.")],
) -> None:
    """Make a key pair. The private key goes to ingest and outbound, the public one to whoever enters passwords."""
    from console.operations.secrets import new_keys

    public = new_keys(path)
    print(f"private key: {path}      MAILCALL_SECRET_KEY_FILE of ingest and outbound")
    print(f"public key:  {path}.pub  MAILCALL_PUBLIC_KEY_FILE of the console")
    print(public)


@app.command()
def seal(
    context: typer.Context,
    public_key_file: Annotated[Path | None, typer.Option(help="[env: MAILCALL_PUBLIC_KEY_FILE]")] = None,
) -> None:
    """Seal a password, read unseen from the terminal or from standard input, and print it for a settings file."""
    from console.operations.secrets import sealer

    key_file = public_key_file or config_of(context).public_key_file
    if key_file is None:
        raise UserError("there is no public key to seal with", "set MAILCALL_PUBLIC_KEY_FILE or --public-key-file")
    sealed = sealer(key_file)
    password = typer.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UserError("there is no password", "write it on the first line of standard input")
    print(f"password: {{sealed: {sealed(password).sealed}}}")
