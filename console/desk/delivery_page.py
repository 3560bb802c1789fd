"""One notification: every attempt to send it, and what it told, as far as that is known for certain.

The mail itself is kept nowhere. What is kept for a while is the record that asked for it: its words, which filled the
message template of that time. To fill today's template with them would show a mail that nobody got.
"""

from collections.abc import Iterator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.desk.journal_words import explained
from console.desk.partitions import visible_partitions
from console.mails.index.records import MailRecords
from console.web.current import view_of
from console.web.events import event_words
from console.web.labels import label
from console.web.render import page
from desk.attempts import attempts
from desk.delivery_list import are_visible
from desk.engine import read_transaction
from runtime.outcomes import OutageError
from schemas.events import NotificationRequested, NotificationResult
from schemas.settings import OutgoingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import NOTIFICATION_REQUESTED
from schemas.wire import UndecodableError, decode

_ELSEWHERE = ("event", "reference", "role", "text")  # words that the page shows in other places, or not


def show(request: Request) -> Response:
    services, partitions = request.app.state.services, visible_partitions(request)
    id_ = request.path_params["notification_id"]
    with read_transaction(services.engine) as connection:
        tried = list(attempts(connection, [id_]))
        if not tried or not (partitions is None or are_visible(connection, [id_], partitions)):
            raise HTTPException(404)
    asked = _asked(services.mail_records, tried)
    reference = tried[-1].reference
    return page(
        request,
        "desk/delivery.html",
        title=f"Notification of {reference}" if reference else "Notification",
        reference=reference,
        tried=tried,
        asked=asked,
        event=event_words(asked.event) if asked else "",
        words=list(_words(asked)) if asked else [],
        caused_by=next((one.mail_id for one in tried if one.mail_id and one.outcome != "bounced"), None),
        copies=sorted(set(_copies(view_of(request).settings, tried))),
        explained=explained,
    )


def _asked(records: MailRecords, tried: Sequence[NotificationResult]) -> NotificationRequested | None:
    """The record that asked for it, where the index of mails knows its place. None where it is kept no more, where no
    mail caused it, or where the broker does not answer."""
    mail_ids = {one.mail_id for one in tried if one.mail_id and one.outcome != "bounced"}
    try:
        found = records.known(NOTIFICATION_REQUESTED, mail_ids) if mail_ids else []
    except OutageError:
        return None
    for record in found:
        try:
            _, request = decode(NOTIFICATION_REQUESTED, record)
        except UndecodableError:
            continue
        assert isinstance(request, NotificationRequested)
        if request.notification_id == tried[0].notification_id:
            return request
    return None


def _words(asked: NotificationRequested) -> Iterator[tuple[str, str]]:
    """What filled the template, by labels; its text is apart."""
    for name, value in asked.data.items():
        if value and name not in _ELSEWHERE:
            yield label(name), value


def _copies(settings: SettingsSnapshot, tried: Sequence[NotificationResult]) -> Iterator[str]:
    """The mailboxes in whose Sent Items a copy is, as the servers are set up now."""
    servers = {server.id: server for server in settings.all_of(OutgoingServer) if server.protocol == "mapi"}
    for one in tried:
        server = servers.get(one.server_id or "")
        if one.outcome in ("sent", "bounced") and server is not None and server.save_sent:
            yield server.mailbox or ""
