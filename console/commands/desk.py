"""`mailcall calls`: what is in the service desk."""

from typing import Annotated

import typer

from console.commands.options import Json, config_of
from console.output import harmless, print_fields, print_json, print_table

calls = typer.Typer(help="Calls, tasks and requests of the desk.", no_args_is_help=True)

_COLUMNS = ("reference", "partition", "status", "priority", "user_name", "logging_analyst", "opened_at", "subject")
# The kinds of journal entries that name whom they were for; all others name who did it.
_FOR = ("notification-", "not-told", "address-marked")


@calls.command("list")
def list_calls(
    context: typer.Context,
    partition: Annotated[str | None, typer.Option(help="Only of this partition.")] = None,
    status: Annotated[str | None, typer.Option(help="open or closed.")] = None,
    kind: Annotated[str | None, typer.Option(help="call, task or request.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    json: Json = False,
) -> None:
    """The newest items first."""
    from console.operations.desk import list_items

    items = list_items(config_of(context), kind=kind, partition=partition, status=status, limit=limit)
    if json:
        print_json(items)
    else:
        print_table(_COLUMNS, ([getattr(item, name) for name in _COLUMNS] for item in items), "there are no such items")


@calls.command("show")
def show_call(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="Item reference, such as C-000001.")],
    json: Json = False,
) -> None:
    """One item with its journal and files."""
    from console.operations.desk import show_item

    item = show_item(config_of(context), reference)
    if json:
        print_json(item)
        return
    apart = ("description", "journal", "files")
    print_fields((name, getattr(item, name)) for name in item.__slots__ if name not in apart)
    for file in item.files:
        print(f"file  {harmless(file.name)}  {file.content_type}  {file.size} bytes")
    for entry in item.journal:
        who = f"{'for' if entry.kind.startswith(_FOR) else 'by'} {harmless(entry.person_id)}"
        print(f"\n{harmless(entry.at)}  {entry.kind}  {who}  {harmless(entry.reason)}".rstrip())
        print("\n".join(f"    {harmless(line)}" for line in entry.reply.splitlines()))


@calls.command("page")
def show_page(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="Item reference, such as C-000001.")],
) -> None:
    """One item with its mails as they looked, as an HTML page: safe to open, it loads nothing and runs nothing."""
    from console.operations.desk import show_item
    from console.operations.item_page import item_page

    print(item_page(show_item(config_of(context), reference)))
