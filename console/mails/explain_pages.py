"""Explain: what would happen to a message if it came now, step by step with reasons; the code of `mailcall explain`."""

import threading
from contextlib import closing
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.errors import UserError
from console.mails.explain_sources import explainer_of
from console.mails.pages import visible_mails
from console.mails.presentation import SHOWN
from console.settings.editing import names_of
from console.web.current import view_of
from console.web.form_errors import PageError
from console.web.page import Entry, Page
from console.web.render import page
from schemas.settings import IncomingServer

MAX_MAIL_BYTES = 26_000_000
# Each reads its mail in a child process, which may take two seconds of CPU and 256 MiB.
_AT_ONCE = threading.BoundedSemaphore(2)


def show(request: Request) -> Response:
    return _page(request)


def explain(request: Request) -> Response:
    form = request.state.form
    name, raw = _given(form.get("file"), str(form.get("source", "")))
    server_id, servers = str(form.get("server", "")), _servers(request)
    if not raw:
        return _page(request, errors=[PageError("file", "Choose a mail's file, or paste its source.")])
    if server_id and server_id not in servers:
        return _page(request, errors=[PageError("server", f"There is no incoming server {server_id!r}.")])
    if not server_id and len(servers) == 1:
        [server_id] = servers
    if not server_id:
        return _page(request, errors=[PageError("server", "Choose an incoming server.")])
    services = request.app.state.services
    try:
        with (
            _AT_ONCE,
            closing(
                explainer_of(view_of(request).settings, services.engine, server_id, services.config.token_key_file)
            ) as explainer,
        ):
            account = explainer.explain(name, raw)
    except UserError as refused:
        return _page(request, errors=[PageError("server", str(refused))])
    return _page(request, account=account)


def _given(file: Any, source: str) -> tuple[str, bytes]:
    """The file that was chosen, else what was pasted."""
    if isinstance(file, UploadFile) and file.size:
        return file.filename or "mail.eml", file.file.read()
    return "pasted", source.encode("utf-8", "replace")


def _servers(request: Request) -> dict[str, str]:
    """Names by id of the incoming servers whose mails may be seen."""
    within = visible_mails(request)
    found = view_of(request).settings.all_of(IncomingServer)
    return {one.id: one.name or one.id for one in found if within is None or one.id in within.servers}


def _page(request: Request, account: dict[str, Any] | None = None, errors: list[PageError] | None = None) -> Response:
    form = getattr(request.state, "form", {})
    return page(
        request,
        "mails/explain.html",
        title="Explain a mail",
        status=422 if errors else 200,
        errors=errors or (),
        account=account,
        analyst=_analyst(request, account),
        servers=list(_servers(request).items()),
        server=str(form.get("server", "")),
        source=str(form.get("source", "")),
        most=MAX_MAIL_BYTES // 1_000_000,
        **SHOWN,
    )


def _analyst(request: Request, account: dict[str, Any] | None) -> str:
    """The Logging Analyst by name."""
    sender = (account or {}).get("sender")
    if not sender:
        return ""
    id_ = str(sender["logging_analyst"])
    return names_of(request, [id_]).get(id_, id_)


PAGES = (
    Page("explain.show", "/explain", show, Right.HELD_MAIL),
    Page("explain.run", "/explain", explain, Right.HELD_MAIL, ("POST",), max_body_bytes=MAX_MAIL_BYTES),
)
ENTRIES = (Entry("Mail", "Explain a mail", "explain.show"),)
