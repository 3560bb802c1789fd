"""Where an explanation gets its settings and persons from: a settings file, or the topics and the desk."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.errors import UserError
from console.mails.explain import Directory, Explainer, directory_of
from console.settings.checks import check_references
from console.settings.file_reading import read_settings_file
from console.settings.state import State, read_state
from schemas.persons import Person
from schemas.settings import IncomingServer, Secret
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenVerifier

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from runtime.config import ProcessConfig


def explainer_from_file(path: Path, server_id: str | None, token_key_file: Path | None = None) -> Explainer:
    """Explains by a settings file alone; its persons are the directory. Raises `UserError`."""
    file = read_settings_file(path, seal=lambda _clear: Secret(env="NOT_READ_HERE"))
    check_references(file, State(), persons_too=False)
    snapshot = SettingsSnapshot().with_changes((key, value, 0) for key, value in file.settings.items())
    return _explainer(snapshot, server_id, directory_of(file.persons.values()), token_key_file, f"in {path}")


def explainer_from_topics(config: "ProcessConfig", server_id: str | None, token_key_file: Path | None) -> Explainer:
    """Explains by the settings in force; persons are looked up in the desk. Raises `UserError`, `OutageError`."""
    from desk.engine import open_desk

    return explainer_of(read_state(config).settings, open_desk(config.desk_url), server_id, token_key_file)


def explainer_of(
    settings: SettingsSnapshot, engine: "Engine", server_id: str | None, token_key_file: Path | None
) -> Explainer:
    """Explains by these settings; persons are looked up in the desk. Raises `UserError`."""
    from desk.engine import read_transaction
    from desk.persons import find_persons

    def directory(addresses: Collection[str]) -> Mapping[str, tuple[Person, ...]]:
        with read_transaction(engine) as connection:
            return find_persons(connection, addresses)

    return _explainer(settings, server_id, directory, token_key_file, "set up")


def _explainer(
    settings: SettingsSnapshot, server_id: str | None, directory: Directory, token_key_file: Path | None, where: str
) -> Explainer:
    servers = {server.id: server for server in settings.all_of(IncomingServer)}
    if not servers:
        raise UserError(f"there is no incoming server {where}", "add one to the section incoming_servers")
    known = ", ".join(servers)
    if server_id is None and len(servers) > 1:
        raise UserError(f"there are several incoming servers {where}", f"choose one of: {known}", place="server")
    server = servers.get(server_id or next(iter(servers)))
    if server is None:
        raise UserError(f"there is no incoming server {server_id!r} {where}", f"there are: {known}", place="server")
    try:
        return Explainer.at(settings, server, directory, _judge(settings, token_key_file))
    except LookupError as error:
        raise UserError(str(error), "apply the call template, or name another in the incoming server") from None


def _judge(settings: SettingsSnapshot, token_key_file: Path | None) -> TokenVerifier:
    """Tokens are judged as of now: a file does not say when it was received."""
    from console.settings.secrets import token_keys

    keys = token_keys(token_key_file)
    return partial(keys.verdict, at=datetime.now(UTC), valid_days=settings.email_options().token_days)
