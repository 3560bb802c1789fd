"""`mailcall admin`: accounts of the window from the command line; the first one, and the way back in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from console.command_line.options import ChangeReason, Json, Who, config_of
from console.command_line.output import print_json, print_table
from console.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from console.access.accounts import Account
    from console.access.history import By

app = typer.Typer(help="Accounts of the window: the first administrator, and the way back in.", no_args_is_help=True)

_LIST = ("name", "address", "roles", "password", "oidc", "disabled", "signed_in_at")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]


@app.command("create")
def create(
    context: typer.Context,
    name: Name,
    address: Annotated[str, typer.Option(help="An e-mail address, for information only.")] = "",
    who: Who = "",
    change_reason: ChangeReason = "",
) -> None:
    """An account with the role Administrator, and a link to its first sign-in: good once, for a day."""
    from console.access.account_changes import add_administrator
    from console.access.sessions import make_link

    by = _by(who, change_reason)
    with _changing(context) as connection:
        account = add_administrator(connection, by, name, address)
        token = make_link(connection, by, account.id)
    _print_link(context, account.name, token)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every account with its roles."""
    from console.access.accounts import all_accounts
    from console.desk.items import desk

    with desk(config_of(context)) as connection:
        rows = [_row(account) for account in all_accounts(connection)]
    if json:
        print_json([dict(zip(_LIST, row, strict=True)) for row in rows])
    else:
        print_table(_LIST, rows, "there are no accounts; `mailcall admin create NAME` creates the first one")


@app.command("link")
def link(context: typer.Context, name: Name, who: Who = "", change_reason: ChangeReason = "") -> None:
    """A link that signs in once, for a day, to set a new password; earlier ones are good no longer."""
    from console.access.sessions import make_link

    by = _by(who, change_reason)
    with _changing(context) as connection:
        account = _named(connection, name)
        if account.disabled:
            raise UserError(f"the account {account.name} is disabled", "enable it first: `mailcall admin enable`")
        token = make_link(connection, by, account.id)
    _print_link(context, account.name, token)


@app.command("disable")
def disable(context: typer.Context, name: Name, who: Who = "", change_reason: ChangeReason = "") -> None:
    """Nobody signs in by it any more, and its sessions end at once."""
    from console.access.account_changes import set_disabled

    by = _by(who, change_reason)
    with _changing(context) as connection:
        account = set_disabled(connection, by, _named(connection, name), True)
    print(f"{account.name} is disabled")


@app.command("enable")
def enable(context: typer.Context, name: Name, who: Who = "", change_reason: ChangeReason = "") -> None:
    """It signs in again, with the password that it had."""
    from console.access.account_changes import set_disabled

    by = _by(who, change_reason)
    with _changing(context) as connection:
        account = set_disabled(connection, by, _named(connection, name), False)
    print(f"{account.name} is enabled")


@app.command("end-sessions")
def end_sessions(context: typer.Context, name: Name, who: Who = "", change_reason: ChangeReason = "") -> None:
    """It is signed out everywhere."""
    from console.access.account_changes import end_all_sessions

    by = _by(who, change_reason)
    with _changing(context) as connection:
        account = _named(connection, name)
        ended = end_all_sessions(connection, by, account)
    print(f"{ended} sessions of {account.name} are ended")


@contextmanager
def _changing(context: typer.Context) -> "Iterator[Connection]":
    from console.desk.items import desk_engine
    from desk.engine import write_transaction

    with desk_engine(config_of(context)) as engine, write_transaction(engine) as connection:
        yield connection


def _named(connection: "Connection", name: str) -> "Account":
    from console.access.accounts import account_named

    account = account_named(connection, name)
    if account is None:
        raise UserError(f"there is no account {name!r}", "`mailcall admin list` shows them")
    return account


def _by(who: str, reason: str) -> "By":
    from console.access.history import By

    return By(who, datetime.now(UTC), reason)


def _print_link(context: typer.Context, name: str, token: str) -> None:
    """The only place where it is ever shown."""
    from console.access.sessions import LINK_LIFETIME, link_path

    hours = LINK_LIFETIME.total_seconds() / 3600
    print(f"{config_of(context).window_url.rstrip('/')}{link_path(token)}")
    print(f"signs in {name} once, within {hours:g} hours: give it to nobody else")


def _row(account: "Account") -> tuple[object, ...]:
    return (
        account.name,
        account.address,
        [name for _, name in account.roles],
        account.password is not None,
        account.oidc_subject is not None,
        account.disabled,
        account.signed_in_at,
    )
