"""Mails: finding them, one mail's way, what it says in a frame of its own, and its bytes; and who may see which."""

from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Identity, Right
from console.errors import UserError
from console.mails.contents import Contents
from console.mails.index.conditions import Place, Query, Within
from console.mails.index.ends import ENDS
from console.mails.index.search import are_within, find_mails, indexed_servers
from console.mails.presentation import (
    SHOWN,
)
from console.mails.way import way_of
from console.web import keyset
from console.web.current import view_of
from console.web.foreign import download, foreign_page, visible
from console.web.form_errors import PageError
from console.web.page import Entry, Page
from console.web.render import page, url
from desk.engine import read_transaction
from schemas.ids import MAIL_ID
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot

FIELDS = ("words", "sender", "subject", "message_id", "reference", "outcome", "server", "since", "until")


def show_list(request: Request) -> Response:
    typed = {name: request.query_params.get(name, "").strip() for name in FIELDS}
    query, errors = query_of(request.query_params)
    after, within = place_asked(request), visible_mails(request)
    with read_transaction(request.app.state.services.engine) as connection:
        found = find_mails(connection, query, after, within=within) if not errors else None
        servers = [one for one in indexed_servers(connection) if within is None or one in within.servers]
    given = {name: value or None for name, value in typed.items()}
    older = keyset.written(found.after) if found and found.after else None
    return page(
        request,
        "mails/list.html",
        title="Mails",
        status=422 if errors else 200,
        errors=errors,
        typed=typed,
        found=found,
        servers=servers,
        outcomes=ENDS,
        more=url(request, "mails.list", {**given, "after": older}) if older else None,
        newest=url(request, "mails.list", given) if after else None,
        is_search=any(typed.values()),
        index=request.app.state.services.mail_index,
        **SHOWN,
    )


def show_mail(request: Request) -> Response:
    way = way_of(request.app.state.services.mail_records, visible_mail(request))
    if way is None:
        raise HTTPException(404)
    return page(request, "mails/way.html", title="One mail's way", way=way, **SHOWN)


def show_contents(request: Request) -> Response:
    """Apart from the way: reading a mail takes longer than looking up where it is."""
    mail_id = visible_mail(request)
    try:
        contents = request.app.state.services.mail_contents.of(mail_id)
    except UserError as gone:
        contents, why_not = None, str(gone)
    else:
        why_not = ""
    return page(
        request,
        "mails/contents.html",
        title="What the mail says",
        mail_id=mail_id,
        contents=contents,
        why_not=why_not,
        **SHOWN,
    )


def show_text(request: Request) -> Response:
    contents = request.app.state.services.mail_contents.of(visible_mail(request))
    return foreign_page("What the mail says", _content(contents))


def download_raw(request: Request) -> Response:
    mail_id = visible_mail(request)
    return download(request.app.state.services.mail_contents.raw(mail_id), f"{mail_id}.eml")


def download_file(request: Request) -> Response:
    file, content = request.app.state.services.mail_contents.file(visible_mail(request), request.path_params["number"])
    return download(content, file.name)


def query_of(given: QueryParams) -> tuple[Query, list[PageError]]:
    """What the form asks for, and what is wrong with it. Days are those of UTC; `until` is the last one."""
    errors: list[PageError] = []
    since, until = (_day(given.get(name, ""), name, errors) for name in ("since", "until"))
    if since and until and until < since:
        errors.append(PageError("until", "The last day lies before the first one."))
    texts = {name: given.get(name, "").strip() for name in ("words", "sender", "subject", "message_id", "reference")}
    outcome = given.get("outcome", "")
    query = Query(
        **texts,
        outcome=outcome if outcome in ENDS else "",
        server_id=given.get("server", ""),
        since=since,
        until=until and until + timedelta(days=1),
    )
    return query, errors


def place_asked(request: Request) -> Place | None:
    """Behind which mail the list is to go on; None: from the newest."""
    match keyset.asked(request, datetime, str).key:
        case (datetime() as received, str() as mail_id):
            return received, mail_id
    return None


def _day(text: str, field: str, errors: list[PageError]) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        errors.append(PageError(field, "Write the day as 2026-11-29."))
        return None


def _content(contents: Contents) -> Markup:
    if contents.html is not None:
        return Markup(visible(contents.html))
    return Markup("<pre>{}</pre>").format(escape(visible(contents.mail.text)))


PAGES = (
    Page("mails.list", "/mails", show_list, Right.HELD_MAIL),
    Page("mails.show", "/mails/{mail_id}", show_mail, Right.HELD_MAIL),
    Page("mails.contents", "/mails/{mail_id}/contents", show_contents, Right.HELD_MAIL),
    Page("mails.text", "/mails/{mail_id}/text", show_text, Right.HELD_MAIL),
    Page("mails.raw", "/mails/{mail_id}/raw", download_raw, Right.HELD_MAIL),
    Page("mails.file", "/mails/{mail_id}/files/{number:int}", download_file, Right.HELD_MAIL),
)
ENTRIES = (Entry("Mail", "Mails", "mails.list"),)


def visible_mails(request: Request) -> Within | None:
    """None: all of them. Raises `OutageError` where it is not known which servers are whose."""
    identity: Identity = request.state.identity
    if identity.mail_partitions is None:
        return None
    return Within(identity.mail_partitions, servers_of(view_of(request).settings, identity.mail_partitions))


def servers_of(settings: SettingsSnapshot, partitions: frozenset[str]) -> frozenset[str]:
    """Ids of the incoming servers whose calls are logged in one of the partitions."""
    found = ((server.id, settings.call_template(server.call_template)) for server in settings.all_of(IncomingServer))
    return frozenset(id_ for id_, template in found if template is not None and template.partition in partitions)


def visible_mail(request: Request) -> str:
    """The mail id of the address. Raises 404 where it is none, and just so where the mail is another partition's."""
    mail_id: str = request.path_params["mail_id"]
    if not MAIL_ID.fullmatch(mail_id):
        raise HTTPException(404)
    within = visible_mails(request)
    if within is not None:
        with read_transaction(request.app.state.services.engine) as connection:
            if not are_within(connection, [mail_id], within):
                raise HTTPException(404)
    return mail_id
