"""`mailcall export`, `delete` and `secrets`: the other commands of settings."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.asking import Yes, confirm_deletion, needed_sealer, read_password
from console.command_line.options import ChangeReason, Json, Who, config_of, services_of
from console.command_line.output import harmless, print_json, print_setting
from console.settings.apply_commands import warn_of_undecodable

if TYPE_CHECKING:
    from console.services import Services
    from console.settings.apply import Plan

_MEANWHILE = {
    "person": "calls refer to persons: the desk keeps this one, disabled",
    "partition": "mail to its calls, tasks and requests becomes a dead letter (unknown-partition)",
    "email-options": "every option has its default again",
}


def export(
    context: typer.Context,
    every_field: Annotated[
        bool, typer.Option("--every-field", help="Name fields that hold their default, too: for a backup.")
    ] = False,
    json: Json = False,
) -> None:
    """Print all settings and persons as the file that `mailcall apply` reads. No password in clear is in it."""
    import yaml

    from console.settings.export import export as exported
    from console.settings.file_reading import EXPORTED
    from console.settings.state import read_state

    state = read_state(config_of(context))
    warn_of_undecodable(state, ())
    sections = exported(state, every_field=every_field)
    if json:
        print_json(sections)
        return
    versions = {EXPORTED: sections.pop(EXPORTED)} if EXPORTED in sections else {}
    dump = partial(yaml.safe_dump, allow_unicode=True, sort_keys=False, width=120)
    print(dump(sections), end="")
    if versions:
        print("# What this file was exported from: `mailcall apply` refuses to undo what has been changed since.")
        print(dump(versions), end="")


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
    from console.settings.references import plan_deletion
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


secrets = typer.Typer(help="Passwords, sealed for the processes that use them, and the keys.", no_args_is_help=True)


@secrets.command("make-keys")
def make_keys(
    path: Annotated[Path, typer.Argument(help="File for the private key; the public one gets .pub.")],
) -> None:
    """Make a key pair. The private key goes to ingest and outbound, the public one to those who enter passwords."""
    from console.settings.secrets import new_keys

    public = new_keys(path)
    print(f"private key: {path}      MAILCALL_SECRET_KEY_FILE of ingest and outbound")
    print(f"public key:  {path}.pub  MAILCALL_PUBLIC_KEY_FILE of the console")
    print(public)


@secrets.command("make-token-key")
def make_token_key(
    path: Annotated[Path, typer.Argument(help="File for the key.")],
) -> None:
    """Make the key that signs what is sent, so that a reply proves which call, task or request it belongs to."""
    from console.settings.secrets import new_token_key

    new_token_key(path)
    print(f"token key: {path}  MAILCALL_TOKEN_KEY_FILE of outbound, resolver and console")


@secrets.command()
def seal(
    context: typer.Context,
    public_key_file: Annotated[
        Path | None, typer.Option(help="The public key. [env: MAILCALL_PUBLIC_KEY_FILE]")
    ] = None,
) -> None:
    """Seal a password, read unseen from the terminal or from standard input, and print it for a settings file."""
    sealer = needed_sealer(public_key_file or config_of(context).public_key_file)
    print(f"password: {{sealed: {sealer(read_password()).sealed}}}")
