"""The service desk's items, looked at: lists, one with its journal and files, and one as an HTML page.

On that page, what mails brought is sanitised; the page loads and runs nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from markupsafe import Markup
from sqlalchemy import URL, Connection, Engine

from console.errors import Remedy, UserError
from console.mails.safe_html import safe_html
from desk import item_detail, items
from desk.engine import open_desk, read_transaction
from desk.errors import DeskUrlError, tables_missing
from desk.item_detail import Item, JournalEntry
from desk.items import ItemStatus, ItemSummary
from desk.persons import load_persons
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
        item = item_detail.show_item(connection, reference)
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


_PAGE = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>{reference}</title>
<style>body {{ font: 1rem/1.4 sans-serif; margin: 2rem; }} article {{ border-top: 1px solid; }} \
pre {{ white-space: pre-wrap; }}</style></head>
<body><h1>{reference} {subject}</h1>
<p>{status}, priority {priority}, User {user}, Logging Analyst {logging_analyst}</p>
{entries}
</body></html>"""
)
_ENTRY = Markup("<article><h2>{at} {kind} {person}</h2>\n{content}\n</article>")


def item_page(item: Item, names: Mapping[str, str]) -> Markup:
    """The page, ready to be written into a file. An entry without HTML shows its text. `names` of persons, by id."""
    made_safe = iter(safe_html([entry.html for entry in item.journal if entry.html is not None]))
    contents = (
        Markup("<pre>{}</pre>").format(entry.text) if entry.html is None else Markup(next(made_safe))
        for entry in item.journal
    )
    return _PAGE.format(
        reference=item.reference,
        subject=item.subject,
        status=item.status,
        priority=item.priority,
        user=item.user_name or item.user,
        logging_analyst=names.get(item.logging_analyst, item.logging_analyst),
        entries=Markup("\n").join(_entry(*one, names) for one in zip(item.journal, contents, strict=True)),
    )


def _entry(entry: JournalEntry, content: Markup, names: Mapping[str, str]) -> Markup:
    person = names.get(entry.person_id, entry.person_id)
    return _ENTRY.format(at=entry.at.isoformat(timespec="seconds"), kind=entry.kind, person=person, content=content)
