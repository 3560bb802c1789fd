"""Deliveries: what failed, and sending it again; what waits and why; what was sent; one with each attempt.

The mail itself is kept nowhere. What is kept for a while is the record that asked for it: its words, which filled the
message template of that time. To fill today's template with them would show a mail that nobody got.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.desk.item_pages import visible_partitions
from console.desk.journal_words import explained
from console.errors import UserError
from console.mails.index.records import MailRecords
from console.notifications.send_again import Key, attempts_of, may_have_arrived, send_again, sent_again
from console.web import form_errors
from console.web.current import view_of
from console.web.form_errors import PageError
from console.web.keyset import Cut, Part, asked, part
from console.web.labels import event_words, label
from console.web.page import Entry, Page
from console.web.render import page, redirect
from desk.delivery_list import Delivery, Ended, WaitingDelivery, are_visible, attempts, list_deliveries, list_waiting
from desk.engine import read_transaction
from runtime.outages import OutageError
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
        "notifications/delivery.html",
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


STATES: Mapping[str, tuple[Ended, ...]] = {"failed": ("failed", "bounced"), "sent": ("sent",)}
_FEW = 10  # rows of each kind where no kind was chosen
_MAX_TEXT = 320
MOST_AT_ONCE = 100
NOT_OF_THE_LIST = f"Choose at most {MOST_AT_ONCE} failed notifications of the list."
ALTHOUGH = "although_doubtful"  # name of a checkbox


def list_(request: Request, errors: Sequence[PageError] = ()) -> Response:
    """The failed ones first; where a state is chosen, all of that."""
    form = getattr(request.state, "form", None)
    chosen = {name: _filter(request, name) for name in ("state", "recipient", "server")}
    state = chosen["state"] if chosen["state"] in (*STATES, "waiting") else ""
    with read_transaction(request.app.state.services.engine) as connection:
        look = _Look(connection, request, chosen)
        lists: dict[str, Part[Any]] = {name: look(name, _cut(request, name, state)) for name in _shown(state)}
        failed = [_key(one) for one in lists["failed"].rows] if "failed" in lists else []
        again, tried = sent_again(connection, failed), attempts_of(connection, failed)
    return page(
        request,
        "notifications/deliveries.html",
        title="Deliveries",
        status=422 if errors else 200,
        errors=errors,
        again=again,
        doubtful={key for key, attempts in tried.items() if may_have_arrived(attempts)},
        key_of=_key,
        value_of=_written,
        ticked=frozenset(form.getlist("delivery")) if form is not None else frozenset(),
        lists=lists,
        state=state,
        chosen=chosen,
        asked={name: value for name, value in chosen.items() if value},
        explained=explained,
    )


def again(request: Request) -> Response:
    """Sends the chosen ones again."""
    services, form = request.app.state.services, request.state.form
    keys = [_read(str(one)) for one in form.getlist("delivery")]
    errors = [] if keys else [PageError("", "Choose at least one failed notification.")]
    if len(keys) > MOST_AT_ONCE or not _are_visible(request, keys):
        errors.append(PageError("", NOT_OF_THE_LIST))
    if errors:
        return list_(request, errors)
    who, now = request.state.identity.name, datetime.now(UTC)
    try:
        done = send_again(services.mail_records, services.publisher, keys, who, now, although_doubtful=ALTHOUGH in form)
    except UserError as refused:
        told = (form_errors.problem_text(problem.cause, problem.remedy) for problem in refused.problems)
        return list_(request, [PageError("", text) for text in told])
    said = "1 notification is" if len(done) == 1 else f"{len(done)} notifications are"
    return redirect(
        request,
        "deliveries.list",
        f"{said} being sent again. The outcome is in this list as soon as it was tried.",
    )


def _are_visible(request: Request, keys: Iterable[Key]) -> bool:
    partitions = visible_partitions(request)
    if partitions is None:
        return True
    with read_transaction(request.app.state.services.engine) as connection:
        return are_visible(connection, {id_ for id_, _ in keys}, partitions)


def _key(one: Delivery) -> Key:
    return one.notification_id, one.recipient


def _written(key: Key) -> str:
    return "/".join(key)


def _read(text: str) -> Key:
    id_, _, recipient = text.partition("/")
    return id_, recipient


class _Look:
    """One kind of deliveries with the other filters of the address."""

    def __init__(self, connection: Connection, request: Request, chosen: Mapping[str, str]) -> None:
        self._connection = connection
        self._partitions = visible_partitions(request)
        self._recipient = chosen["recipient"] or None
        self._server = chosen["server"] or None

    def __call__(self, name: str, cut: Cut) -> Part[Any]:
        place: Any = cut.key
        common: Any = {
            "partitions": self._partitions,
            "recipient": self._recipient,
            "place": place,
            "backwards": cut.backwards,
            "limit": cut.rows + 1,
        }
        if name == "waiting":
            waiting: Sequence[WaitingDelivery] = list_waiting(self._connection, **common)
            return part(waiting, cut, lambda one: one.place)
        ended: Sequence[Delivery] = list_deliveries(self._connection, STATES[name], server=self._server, **common)
        return part(ended, cut, lambda one: one.place)


def _shown(state: str) -> tuple[str, ...]:
    return (state,) if state else ("failed", "waiting", "sent")


def _cut(request: Request, name: str, state: str) -> Cut:
    if not state:
        return Cut(rows=_FEW)
    return asked(request, datetime, str) if name == "waiting" else asked(request, datetime, str, str)


def _filter(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()[:_MAX_TEXT]


PAGES = (
    Page("deliveries.list", "/deliveries", list_, Right.READ_CALLS),
    Page("deliveries.open", "/deliveries/{notification_id}", show, Right.READ_CALLS),
    Page("deliveries.again", "/deliveries", again, Right.READ_CALLS, ("POST",)),
)
ENTRIES = (Entry("Desk", "Deliveries", "deliveries.list"),)
