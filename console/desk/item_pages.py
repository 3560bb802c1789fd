"""Pages for calls, tasks and requests: the list with its filters; one with journal, mails and files; who sees which."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.access.rights import Right
from console.desk import item_actions
from console.desk.journal_words import explained, is_for, is_internal, kind_words, tone
from console.mails.safe_html import safe_html
from console.web.foreign import download, foreign_page, short, visible
from console.web.form_errors import PageError
from console.web.keyset import asked, cut_list, part
from console.web.page import Entry, Page
from console.web.render import page, url
from desk.delivery_list import item_deliveries
from desk.engine import read_transaction
from desk.item_detail import Item, show_item
from desk.item_references import parse_reference, reference
from desk.items import ItemStatus, list_items
from desk.persons import find_persons, load_persons
from runtime.blobs import BlobMissingError, BlobStore
from schemas.addresses import normalise
from schemas.events import ItemKind
from schemas.persons import first_found

KINDS: Mapping[ItemKind, str] = {"call": "Call", "task": "Task", "request": "Request"}
_FILTERS = ("q", "kind", "status", "partition", "user", "logging_analyst")
_MAX_TEXT = 200  # characters of a filter
_ENTRIES = 100  # of a journal on one page
_NOBODY = ""  # no person has this id


def list_(request: Request) -> Response:
    filters = {name: _filter(request, name) for name in _FILTERS}
    parsed = parse_reference(filters["q"])
    if parsed is not None:
        return RedirectResponse(url(request, "items.open", reference=reference(*parsed)), 303)
    cut = asked(request, str)
    with read_transaction(request.app.state.services.engine) as connection:
        found = list_items(
            connection,
            kind=_one_of(ItemKind, filters["kind"]),
            status=_one_of(ItemStatus, filters["status"]),
            partition=filters["partition"] or None,
            partitions=visible_partitions(request),
            user=_person_id(connection, filters["user"]),
            logging_analyst=_person_id(connection, filters["logging_analyst"]),
            subject=filters["q"],
            place=cast("str | None", cut.key[0] if cut.key else None),
            backwards=cut.backwards,
            limit=cut.rows + 1,
        )
        names = _names(connection, (line.logging_analyst for line in found))
    return page(
        request,
        "desk/items.html",
        title="Calls, tasks and requests",
        items=part(found, cut, lambda line: (line.reference,)),
        names=names,
        filters=filters,
        asked={name: value for name, value in filters.items() if value},
        kinds=KINDS,
        partitions=sorted(visible_partitions(request) or ()),
    )


def open_(request: Request) -> Response:
    return show(request, visible_item(request))


def act(request: Request) -> Response:
    """Sends the desk the button's command, and returns with its outcome."""
    item = visible_item(request)
    refused = item_actions.refused(request, item)
    return refused if isinstance(refused, Response) else show(request, item, refused)


def show(request: Request, item: Item, errors: Sequence[PageError] = ()) -> Response:
    cut = asked(request, int, rows=_ENTRIES)
    entries = list(enumerate(item.journal))
    with read_transaction(request.app.state.services.engine) as connection:
        names = _names(connection, _persons_of(item))
        told = item_deliveries(connection, item.reference)
    return page(
        request,
        "desk/item.html",
        title=f"{item.reference} {short(item.subject)}",
        status=422 if errors else 200,
        errors=errors,
        item=item,
        kind=KINDS[item.kind],
        journal=cut_list(entries, cut, lambda entry: (entry[0],)),
        names=names,
        deliveries=told,
        kind_words=kind_words,
        tone=tone,
        is_for=is_for,
        is_internal=is_internal,
        explained=explained,
        files=[(number, file) for number, file in enumerate(item.files) if not file.inline],
        **item_actions.form_values(request, item, errors),
    )


def mail(request: Request) -> Response:
    """A mail of the item as it looked, for a frame without rights."""
    mail_id = request.path_params["mail_id"]
    htmls = (entry.html for entry in visible_item(request).journal if entry.mail_id == mail_id)
    html = next((html for html in htmls if html is not None), None)
    if html is None:
        raise HTTPException(404)
    return foreign_page("What the mail says", Markup(visible(_safe(html))))


def file(request: Request) -> Response:
    """A file of the item, always to be saved and never to be shown: an SVG or a page would run within the window."""
    files = visible_item(request).files
    number = request.path_params["number"]
    if number >= len(files):
        raise HTTPException(404)
    try:
        data = BlobStore(request.app.state.services.config.blob_url).get(files[number].blob)
    except BlobMissingError:
        raise HTTPException(404) from None
    return download(data, files[number].name)


@functools.lru_cache(maxsize=32)
def _safe(html: str) -> str:
    """Each takes a process of its own; a page is looked at more than once."""
    return safe_html([html])[0]


def _filter(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()[:_MAX_TEXT]


def _one_of(words: Any, value: str) -> Any:
    return value if value in get_args(words) else None


def _person_id(connection: Any, text: str) -> str | None:
    """The id itself, or that of the person who is found by an address."""
    if not text:
        return None
    found = first_found(find_persons(connection, [normalise(text)]).get(normalise(text), ())) if "@" in text else None
    return found.id if found else text


def _persons_of(item: Item) -> Iterator[str]:
    yield from (item.user, item.logging_analyst, *item.watchers)
    yield from (entry.person_id for entry in item.journal if not is_for(entry))


def _names(connection: Any, ids: Iterator[str]) -> dict[str, str]:
    return {id_: person.name for id_, person in load_persons(connection, sorted(set(ids))).items() if person.name}


_ONE = "/items/{reference}"
PAGES = (
    Page("items.list", "/items", list_, Right.READ_CALLS),
    Page("items.open", _ONE, open_, Right.READ_CALLS),
    Page("items.act", f"{_ONE}/actions", act, Right.READ_CALLS, ("POST",)),
    Page("items.mail", f"{_ONE}/mails/{{mail_id}}", mail, Right.READ_CALLS),
    Page("items.file", f"{_ONE}/files/{{number:int}}", file, Right.READ_CALLS),
)
ENTRIES = (Entry("Desk", "Calls, tasks and requests", "items.list"),)


def visible_partitions(request: Request) -> frozenset[str] | None:
    """None: all of them."""
    partitions: frozenset[str] | None = request.state.identity.partitions
    return partitions


def visible_item(request: Request) -> Item:
    """The item of the address. Raises 404 where there is none, and just so where it is another partition's."""
    partitions = visible_partitions(request)
    with read_transaction(request.app.state.services.engine) as connection:
        item = show_item(connection, request.path_params["reference"])
    if item is None or (partitions is not None and item.partition not in partitions):
        raise HTTPException(404)
    return item
