"""`mailcall secrets`: the keys that passwords are sealed with, and sealing one."""

from pathlib import Path
from typing import Annotated

import typer

from console.command_line.options import config_of
from console.command_line.passwords import needed_sealer, read_password

app = typer.Typer(help="Passwords, sealed for the processes that use them, and the keys.", no_args_is_help=True)


@app.command("make-keys")
def make_keys(
    path: Annotated[Path, typer.Argument(help="File for the private key; the public one gets .pub.")],
) -> None:
    """Make a key pair. The private key goes to ingest and outbound, the public one to whoever enters passwords."""
    from console.settings.secrets import new_keys

    public = new_keys(path)
    print(f"private key: {path}      MAILCALL_SECRET_KEY_FILE of ingest and outbound")
    print(f"public key:  {path}.pub  MAILCALL_PUBLIC_KEY_FILE of the console")
    print(public)


@app.command("make-token-key")
def make_token_key(
    path: Annotated[Path, typer.Argument(help="File for the key.")],
) -> None:
    """Make the key that signs what is sent, so that an answer proves which call, task or request it belongs to."""
    from console.settings.secrets import new_token_key

    new_token_key(path)
    print(f"token key: {path}  MAILCALL_TOKEN_KEY_FILE of outbound, resolver and console")


@app.command()
def seal(
    context: typer.Context,
    public_key_file: Annotated[
        Path | None, typer.Option(help="The public key. [env: MAILCALL_PUBLIC_KEY_FILE]")
    ] = None,
) -> None:
    """Seal a password, read unseen from the terminal or from standard input, and print it for a settings file."""
    sealer = needed_sealer(public_key_file or config_of(context).public_key_file)
    print(f"password: {{sealed: {sealer(read_password()).sealed}}}")
