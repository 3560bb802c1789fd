"""Looking at the service desk's items."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from sqlalchemy import URL, Connection, Engine

from console.errors import Remedy, UserError
from desk import items
from desk.directory import load_persons
from desk.engine import open_desk, read_transaction
from desk.errors import DeskUrlError, tables_missing
from desk.items import Item, ItemStatus, ItemSummary
from runtime.config import ProcessConfig
from schemas.events import ItemKind


def list_items(
    config: ProcessConfig, *, kind: str | None, partition: str | None, status: str | None, limit: int
) -> list[ItemSummary]:
    """The newest items first. Raises `UserError` where kind or status is no such word, `OutageError`."""
    _one_of("kind", kind, get_args(ItemKind))
    _one_of("status", status, get_args(ItemStatus))
    with desk(config) as connection:
        return items.list_items(connection, kind=kind, partition=partition, status=status, limit=limit)  # type: ignore[arg-type]


def show_item(config: ProcessConfig, reference: str) -> Item:
    """One item with its journal and files. Raises `UserError` where there is none, `OutageError`."""
    with desk(config) as connection:
        item = items.show_item(connection, reference)
    if item is None:
        raise UserError(f"there is no item {reference!r}", Remedy.FIND_ITEM)
    return item


def names_of(config: ProcessConfig, ids: Iterable[str]) -> dict[str, str]:
    """Names of persons by id; who has none, or is unknown, is left out. Raises `OutageError`."""
    with desk(config) as connection:
        persons = load_persons(connection, sorted(set(ids)))
    return {id_: person.name for id_, person in persons.items() if person.name}


@contextmanager
def desk(config: ProcessConfig) -> Iterator[Connection]:
    """One look at the desk's database. Raises `UserError` for a URL that cannot be used, `OutageError`."""
    with desk_engine(config) as engine, read_transaction(engine) as connection:
        yield connection


@contextmanager
def desk_engine(config: ProcessConfig) -> Iterator[Engine]:
    """The desk for one command. Raises `UserError` for a URL that cannot be used, `OutageError`."""
    try:
        engine = open_desk(config.desk_url)
    except DeskUrlError as error:
        raise UserError(str(error), Remedy.CONFIGURE_DESK) from None
    try:
        if _is_file_not_there(engine.url):
            raise tables_missing(engine)  # a look would make an empty one
        yield engine
    finally:
        engine.dispose()


def _is_file_not_there(url: URL) -> bool:
    file = url.database or ":memory:"
    return url.drivername.startswith("sqlite") and not file.startswith((":", "file:")) and not Path(file).exists()


def _one_of(name: str, value: str | None, words: tuple[str, ...]) -> None:
    if value is not None and value not in words:
        raise UserError(f"{value!r} is no {name}", f"it is one of: {', '.join(words)}")
