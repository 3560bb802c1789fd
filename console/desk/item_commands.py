"""`mailcall calls`, and `tasks` and `requests list`: what is in the service desk; `mailcall desk`: its database."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from console.command_line.options import Json, config_of
from console.command_line.output import harmless, print_fields, print_json, print_table
from schemas.events import ItemKind

if TYPE_CHECKING:
    from desk.item_detail import Item, JournalEntry
    from desk.items import ItemSummary


calls = typer.Typer(help="Calls, tasks and requests of the desk.", no_args_is_help=True)

_COLUMNS = ("reference", "partition", "status", "priority", "user", "logging_analyst", "opened_at", "subject")
# What stands apart, or within another field.
_APART = ("description", "journal", "files", "user_name", "version")

PartitionId = Annotated[str | None, typer.Option("--partition", help="Only of this partition.")]
Status = Annotated[Literal["open", "closed"] | None, typer.Option(help="Only those that are open, or closed.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")]
Reference = Annotated[str, typer.Argument(help="Item reference, such as C-000001.")]


@calls.command("list")
def list_calls(
    context: typer.Context,
    partition: PartitionId = None,
    status: Status = None,
    kind: Annotated[
        ItemKind | None, typer.Option(help="Only calls, tasks or requests; all of them when left out.")
    ] = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """The newest items first."""
    _list(context, kind, partition, status, limit, json)


def listing(kind: ItemKind) -> Callable[..., None]:
    """The command that lists the items of one kind."""

    def list_(
        context: typer.Context,
        partition: PartitionId = None,
        status: Status = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        _list(context, kind, partition, status, limit, json)

    list_.__doc__ = f"The newest {kind}s first."
    return list_


@calls.command("show")
def show_call(context: typer.Context, reference: Reference, json: Json = False) -> None:
    """One item with its journal and files."""
    from console.desk.items import names_of, show_item

    config = config_of(context)
    item = show_item(config, reference)
    if json:
        print_json(item)
        return
    names = names_of(config, _persons_of(item))
    print_fields(_fields(item, lambda id_: f"{names[id_]} ({id_})" if id_ in names else id_))
    for file in item.files:
        print(f"file  {harmless(file.name)}  {file.content_type}  {file.size} bytes")
    for entry in item.journal:
        print(f"\n{harmless(entry.at)}  {entry.kind}  {_whom(entry, names)}  {harmless(entry.reason)}".rstrip())
        print("\n".join(f"    {harmless(line)}" for line in entry.reply.splitlines()))


@calls.command("page")
def show_page(context: typer.Context, reference: Reference) -> None:
    """One item with its mails as they looked, as an HTML page: safe to open, it loads nothing and runs nothing."""
    from console.desk.items import item_page, names_of, show_item

    config = config_of(context)
    item = show_item(config, reference)
    print(item_page(item, names_of(config, _persons_of(item))))


def _list(
    context: typer.Context, kind: ItemKind | None, partition: str | None, status: str | None, limit: int, json: bool
) -> None:
    from console.desk.items import list_items, names_of

    config = config_of(context)
    items = list_items(config, kind=kind, partition=partition, status=status, limit=limit)
    if json:
        print_json(items)
        return
    names = names_of(config, (item.logging_analyst for item in items))
    print_table(_COLUMNS, (_row(item, names) for item in items), f"there are no such {kind or 'item'}s")


def _row(item: "ItemSummary", names: dict[str, str]) -> list[object]:
    analyst = item.logging_analyst
    told = {"user": item.user_name or item.user, "logging_analyst": names.get(analyst, analyst)}
    return [told.get(name) or getattr(item, name) for name in _COLUMNS]


def _persons_of(item: "Item") -> Iterator[str]:
    from console.desk.journal_words import is_for

    yield from (item.user, item.logging_analyst, *item.watchers)
    yield from (entry.person_id for entry in item.journal if not is_for(entry))


def _fields(item: "Item", person: Callable[[str], str]) -> Iterator[tuple[str, object]]:
    told = {
        "user": person(item.user),
        "logging_analyst": person(item.logging_analyst),
        "watchers": [person(id_) for id_ in item.watchers],
    }
    for name in item.__slots__:
        if name not in _APART:
            yield name, told.get(name, getattr(item, name))


def _whom(entry: "JournalEntry", names: dict[str, str]) -> str:
    from console.desk.journal_words import is_for

    who = harmless(names.get(entry.person_id, entry.person_id))
    return f"{'for' if is_for(entry) else 'by'} {who}"


database = typer.Typer(help="The database that the desk is kept in.", no_args_is_help=True)


@database.callback()
def _group() -> None:
    """Without it one command alone would not be named."""


@database.command()
def migrate(context: typer.Context) -> None:
    """Bring the tables up to this release. May be run again at any time; what is there stays.

    The logger does so, too, when it starts. Processes of the previous release keep working meanwhile.
    """
    from desk.engine import open_desk
    from desk.migrate import upgrade

    engine = open_desk(config_of(context).desk_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    print("the desk's tables are those of this release")
