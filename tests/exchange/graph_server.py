"""A fake of Microsoft Graph's mail (v1.0), written from Microsoft's published documents, with faults as switches.

Folders, messages, delta, $value, moving, drafts, attachments, sending. What it answers is checked by Microsoft's own
client, too (test_graph_by_the_sdk.py), so that a fake which only we understand is noticed.
"""

import json
import random
import re
import socket
import ssl
import threading
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from deploy.local.servers.certificates import Certificates
from mailserver.exchange.account import ExchangeAccount
from schemas.settings import MapiProfile
from tests.exchange import graph_sending as sending
from tests.exchange.graph_drafts import addressed, refusal_of
from tests.exchange.graph_sending import RefusedMailError, Sent, Upload
from tests.exchange.graph_store import (
    ONLY_SELECTED,
    Folder,
    Item,
    Mailbox,
    extended,
    folder_json,
    message_json,
    new_id,
    timestamp,
)

# Faults that an answer has with the probability that they are switched on with (`GraphServer.faults`).
EVERY_ANSWER = (
    "429", "429 without Retry-After", "503", "503 without Retry-After", "500", "token refused", "no JSON", "truncated",
    "dropped", "dropped after", "slow",
)  # fmt: skip
READING = ("404 for content", "410", "page twice", "page loop", "foreign link", "delta misses")
LASTING = ("no delta", "replace Message-ID", "drop headers", "delta tells changes")
FAULTS = frozenset((*EVERY_ANSWER, *READING, *LASTING))

DEFAULT_DELTA_PAGE = 10
DEFAULT_PAGE = 10
MOST_PAGE = 1_000
FOREIGN = "https://graph.elsewhere.example/v1.0/stolen"
VERSION = "/v1.0"


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_json(self) -> bool:
        return self.headers.get("Content-Type", "").startswith("application/json")


@dataclass(frozen=True)
class Asked:
    """A request. `query`: the last value of each option."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def prefers(self) -> str:
        return self.headers.get("prefer", "")


@dataclass
class _Round:
    """What a delta token stands for: ids still to be given, and what the next round begins at."""

    folder: str
    items: list[str]
    removed: list[str]
    until: int
    query: Mapping[str, str]
    page: int
    misses_told: bool = False


class RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.answer = error(status, code, message, headers)


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An OData error: https://learn.microsoft.com/graph/errors."""
    ids = {"date": timestamp(datetime.now(UTC))[:-1], "request-id": "r", "client-request-id": "c"}
    answer = json_answer(status, {"error": {"code": code, "message": message, "innerError": ids}})
    answer.headers.update(headers or {})
    return answer


def json_answer(status: int, value: Mapping[str, object]) -> Answer:
    kind = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    return Answer(status, json.dumps(value).encode(), {"Content-Type": kind})


Handler = Callable[..., Answer]


class GraphServer:
    """Serves on a free port of this machine. `faults`: what goes wrong, each with its probability.

    Every token is good but "wrong" and those that were refused once. `now`: what the Date of its answers says.
    """

    def __init__(
        self,
        addresses: Iterable[str] = ("desk@example.test",),
        *,
        certificates: Certificates | None = None,
        draw: random.Random | None = None,
    ) -> None:
        self.mailboxes = {address: Mailbox(address) for address in addresses}
        self.faults: dict[str, float] = {}
        self.happened: Counter[str] = Counter()  # how often each fault did
        self.retry_after = "0"
        self.slow_seconds = 0.05
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.requests: list[str] = []  # "GET /users/..." with its query, without the version
        self.sent: list[Sent] = []
        self.refused_tokens = {"wrong"}
        self.not_given: dict[str, tuple[int, str]] = {}  # by an item's id: status and code instead of its content
        self.closed: set[str] = set()  # addresses of mailboxes that the application has no right to
        self.refusals: dict[str, tuple[int, str]] = {}  # by recipient or From: status and code when it is to be sent
        self.most_at_once = 0
        self._at_once = 0
        self._draw = draw or random.Random(7)
        self._lock = threading.Lock()
        self._rounds: dict[str, _Round] = {}
        self._missed: dict[str, bool] = {}  # by id of an item: whether delta never tells of it
        self._vanished: set[str] = set()
        self._uploads: dict[str, Upload] = {}
        self._httpd = _Server(("127.0.0.1", 0), self, certificates.context() if certificates else None)
        self.port: int = self._httpd.server_address[1]
        self.url = f"{'https://localhost' if certificates else 'http://127.0.0.1'}:{self.port}/"
        self.ca_file = str(certificates.authority) if certificates else None

    @contextmanager
    def running(self) -> Iterator["GraphServer"]:
        thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._httpd.shutdown()
            self._httpd.server_close()

    @property
    def mailbox(self) -> Mailbox:
        """The first one."""
        return next(iter(self.mailboxes.values()))

    def forget_states(self) -> None:
        """Every delta token that was given is lost: 410 from now on."""
        self._rounds.clear()

    def fault(self, name: str) -> bool:
        assert name in FAULTS
        rate = self.faults.get(name, 0.0)
        with self._lock:
            happens = rate > 0 and self._draw.random() < rate
            self.happened[name] += happens
            return happens

    # ---- one request ----

    def answer(self, asked: Asked) -> Answer | None:
        """None: the connection is closed without one."""
        with self._lock:
            self.requests.append(f"{asked.method} {asked.url.removeprefix(VERSION)}")
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self._answer(asked)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, asked: Asked) -> Answer | None:
        if self.fault("slow"):
            time.sleep(self.slow_seconds)
        if self.fault("dropped"):
            return None
        try:
            self._let_in(asked)
            self._be_in_trouble()
            answer = self._routed(asked)
        except RefusedError as refused:
            answer = refused.answer
        except RefusedMailError as refused:
            answer = error(refused.status, refused.code, refused.message)
        if self.fault("dropped after"):
            return None
        if answer.is_json and self.fault("no JSON"):
            return Answer(200, b"<html><body>Please log in to the network</body></html>", {"Content-Type": "text/html"})
        return answer

    def _let_in(self, asked: Asked) -> None:
        if asked.path.startswith("/upload/"):
            return  # the address is the secret
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or token in self.refused_tokens:
            challenge = {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}
            text = "Lifetime validation failed, the token is expired."
            raise RefusedError(401, "InvalidAuthenticationToken", text, challenge)
        if self.fault("token refused"):
            self.refused_tokens.add(token)
            raise RefusedError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")

    def _be_in_trouble(self) -> None:
        after = {"Retry-After": self.retry_after}
        for name, status, code in (
            ("429", 429, "ApplicationThrottled"),
            ("503", 503, "ErrorServerBusy"),
        ):
            if self.fault(name):
                raise RefusedError(status, code, "Application is over its MailboxConcurrency limit.", after)
            if self.fault(f"{name} without Retry-After"):
                raise RefusedError(status, code, "The server cannot service your request right now.")
        if self.fault("500"):
            raise RefusedError(500, "ErrorInternalServerError", "An internal server error occurred.")

    def _routed(self, asked: Asked) -> Answer:
        if asked.path.startswith("/upload/"):
            return self._upload(asked)
        if not asked.path.startswith(VERSION + "/"):
            raise RefusedError(404, "ResourceNotFound", "Resource not found.")
        path = asked.path.removeprefix(VERSION)
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == asked.method:
                address, *rest = map(unquote, match.groups())
                mailbox = self.mailboxes.get(address.lower())
                if mailbox is None:
                    raise RefusedError(404, "ErrorInvalidUser", f"The requested user '{address}' is invalid.")
                if address.lower() in self.closed:
                    raise RefusedError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
                with mailbox.lock:
                    return handler(self, asked, mailbox, *rest)
        raise RefusedError(400, "BadRequest", f"Resource not found for the segment {path!r}.")

    # ---- folders ----

    def _folder(self, mailbox: Mailbox, name: str) -> Folder:
        folder = mailbox.folder(name)
        if folder is None:
            raise RefusedError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return folder

    def get_folder(self, _asked: Asked, mailbox: Mailbox, name: str) -> Answer:
        folder = folder_json(mailbox, self._folder(mailbox, name))
        context = self._context(f"users('{mailbox.address}')/mailFolders/$entity")
        return json_answer(200, {"@odata.context": context, **folder})

    def list_folders(self, asked: Asked, mailbox: Mailbox, parent: str = "msgfolderroot") -> Answer:
        folders = [folder_json(mailbox, one) for one in mailbox.children(self._folder(mailbox, parent).id)]
        wanted = [one for one in folders if _matches(one, asked.query.get("$filter", ""))]
        return self._page(asked, wanted, f"users('{mailbox.address}')/mailFolders")

    def add_folder(self, asked: Asked, mailbox: Mailbox, parent: str = "msgfolderroot") -> Answer:
        made = mailbox.add_folder(sending.message_of(asked.body)["displayName"], self._folder(mailbox, parent).id)
        return json_answer(201, folder_json(mailbox, made))

    # ---- reading ----

    def _item(self, mailbox: Mailbox, id_: str) -> Item:
        item = mailbox.items.get(id_)
        if item is None:
            raise RefusedError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return item

    def get_message(self, asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        context = self._context(f"users('{mailbox.address}')/messages/$entity")
        return json_answer(200, {"@odata.context": context, **_shown(self._item(mailbox, id_), asked.query)})

    def content(self, _asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        item = self._item(mailbox, id_)
        if id_ in self.not_given:
            raise RefusedError(*self.not_given[id_], "The content cannot be had.")
        if id_ not in self._vanished and self.fault("404 for content"):
            self._vanished.add(id_)
            raise RefusedError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return Answer(200, item.raw, {"Content-Type": "text/plain"})

    def list_messages(self, asked: Asked, mailbox: Mailbox, folder: str | None = None) -> Answer:
        items = mailbox.mails(self._folder(mailbox, folder).id) if folder else list(mailbox.items.values())
        marked = _EXTENDED.search(asked.query.get("$filter", ""))  # first, since it costs little
        if marked:
            items = [item for item in items if _unquoted(marked[3]) in item.properties.values()]
        found = [(item, message_json(item)) for item in items]
        wanted = [one for one in found if _matches(one[1], asked.query.get("$filter", ""), one[0])]
        by, _, way = asked.query.get("$orderby", "receivedDateTime desc").partition(" ")
        wanted.sort(key=lambda one: str(one[1].get(by)), reverse=way.lower() == "desc")
        shown = [_shown(item, asked.query) for item, _ in wanted]
        return self._page(asked, shown, f"users('{mailbox.address}')/messages")

    def _page(self, asked: Asked, values: list[dict[str, object]], context: str) -> Answer:
        top = min(int(asked.query.get("$top", DEFAULT_PAGE)), MOST_PAGE)
        skip = int(asked.query.get("$skip", 0))
        page: dict[str, object] = {"@odata.context": self._context(context)}
        if asked.query.get("$count", "").lower() == "true":
            page["@odata.count"] = len(values)
        page["value"] = values[skip : skip + top]
        if skip + top < len(values):
            page["@odata.nextLink"] = self._next_link(
                asked, self._link(asked, {**asked.query, "$skip": str(skip + top)})
            )
        return json_answer(200, page)

    def _next_link(self, asked: Asked, link: str) -> str:
        if self.fault("foreign link"):
            return FOREIGN
        if self.fault("page loop") or self.fault("page twice"):
            return f"{self.url.rstrip('/')}{asked.url}"
        return link

    def _link(self, asked: Asked, query: Mapping[str, str]) -> str:
        options = "&".join(f"{quote(name, safe='$')}={quote(value)}" for name, value in query.items())
        return f"{self.url.rstrip('/')}{asked.path}?{options}"

    def _context(self, what: str) -> str:
        return f"{self.url.rstrip('/')}{VERSION}/$metadata#{what}"

    def delta(self, asked: Asked, mailbox: Mailbox, folder: str) -> Answer:
        if self.fault("no delta"):
            raise RefusedError(400, "BadRequest", "Resource not found for the segment 'delta'.")
        found = self._folder(mailbox, folder)
        token = asked.query.get("$deltatoken") or asked.query.get("$skiptoken")
        if token and (token not in self._rounds or self.fault("410")):
            raise RefusedError(
                410, "syncStateNotFound", "The sync state generation is not found; a full sync is needed."
            )
        state = self._rounds[token] if token else self._new_round(asked, mailbox, found)
        if token and "$deltatoken" in asked.query:
            state = self._following(mailbox, found, state)
        return self._delta_page(asked, mailbox, state)

    def _new_round(self, asked: Asked, mailbox: Mailbox, folder: Folder) -> _Round:
        query = {
            name: value for name, value in asked.query.items() if name.lower() in ("$select", "$expand", "changetype")
        }
        wanted = re.search(r"odata\.maxpagesize=(\d+)", asked.prefers)
        page = min(int(wanted[1]) if wanted else DEFAULT_DELTA_PAGE, MOST_PAGE)
        items = [item.id for item in reversed(mailbox.mails(folder.id)) if not self._is_missed(item)]
        return _Round(folder.id, items, [], mailbox.last, query, page)

    def _following(self, mailbox: Mailbox, folder: Folder, before: _Round) -> _Round:
        items = [item.id for item in mailbox.created_since(folder, before.until) if not self._is_missed(item)]
        kind = before.query.get("changeType", "")
        if self.faults.get("delta tells changes"):
            items = [item.id for item in mailbox.mails(folder.id)]
            kind = ""
        removed = [] if kind == "created" else list(mailbox.removed_since(folder, before.until))
        return _Round(folder.id, items, removed, mailbox.last, before.query, before.page)

    def _is_missed(self, item: Item) -> bool:
        if item.id not in self._missed:
            self._missed[item.id] = self.fault("delta misses")
        return self._missed[item.id]

    def _delta_page(self, asked: Asked, mailbox: Mailbox, state: _Round) -> Answer:
        given, left = state.items[: state.page], state.items[state.page :]
        values = [
            {"@odata.type": "#microsoft.graph.message", **_shown(mailbox.items[id_], state.query)}
            for id_ in given
            if id_ in mailbox.items
        ]
        token = new_id("tok", 120)
        page: dict[str, object] = {"@odata.context": self._context("Collection(message)")}
        if left:
            self._rounds[token] = _Round(state.folder, left, state.removed, state.until, state.query, state.page)
            link = self._link(asked, {"$skiptoken": token})
            page["@odata.nextLink"] = self._next_link(asked, link)
        else:
            values += [
                {"@odata.type": "#microsoft.graph.message", "id": id_, "@removed": {"reason": "deleted"}}
                for id_ in state.removed
            ]
            self._rounds[token] = _Round(state.folder, [], [], state.until, state.query, state.page)
            page["@odata.deltaLink"] = self._link(asked, {"$deltatoken": token})
        page["value"] = values
        return json_answer(200, page)

    # ---- changing ----

    def patch_message(self, asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        item, change = self._item(mailbox, id_), sending.message_of(asked.body)
        item.is_read = bool(change.get("isRead", item.is_read))
        if item.is_draft:
            item.raw = addressed(item.raw, change)
        for one in change.get("singleValueExtendedProperties") or ():
            item.properties[one["id"]] = one["value"]
        mailbox.changed(item)
        return json_answer(200, _shown(item, asked.query))

    def move(self, asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        item = self._item(mailbox, id_)
        target = self._folder(mailbox, sending.parameters_of(asked.body)["destinationid"])
        return json_answer(201, _shown(mailbox.move(item, target), asked.query))

    def delete_message(self, _asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        item, deleted = self._item(mailbox, id_), self._folder(mailbox, "deleteditems")
        if item.folder == deleted.id:
            mailbox.remove(item)
        else:
            mailbox.move(item, deleted)
        return Answer(204)

    # ---- sending ----

    def add_message(self, asked: Asked, mailbox: Mailbox) -> Answer:
        return json_answer(201, _shown(sending.draft_of(mailbox, asked.body, asked.kind), asked.query))

    def attach(self, asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        item, wanted = self._item(mailbox, id_), sending.message_of(asked.body)
        sending.attached(item, wanted["name"], wanted.get("contentType") or "", b64decode(wanted["contentBytes"]))
        return json_answer(201, sending.attachments_json(item)[-1])

    def attachments(self, asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        values = sending.attachments_json(self._item(mailbox, id_))
        return self._page(asked, values, f"users('{mailbox.address}')/messages('{id_}')/attachments")

    def begin_upload(self, asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        self._item(mailbox, id_)
        wanted = sending.parameters_of(asked.body)["attachmentitem"]
        key = sending.upload_id()
        self._uploads[key] = Upload(mailbox, id_, wanted["name"], wanted.get("contentType") or "", wanted["size"])
        return json_answer(
            201,
            {
                "@odata.context": self._context("microsoft.graph.uploadSession"),
                "uploadUrl": f"{self.url}upload/{quote(key)}",
                "expirationDateTime": timestamp(datetime.now(UTC)),
                "nextExpectedRanges": ["0-"],
            },
        )

    def _upload(self, asked: Asked) -> Answer:
        upload = self._uploads.get(unquote(asked.path.removeprefix("/upload/")))
        if upload is None:
            raise RefusedError(404, "ErrorItemNotFound", "The upload session was not found.")
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", asked.headers.get("content-range", ""))
        if asked.method != "PUT" or span is None or "authorization" in asked.headers:
            raise RefusedError(400, "BadRequest", "Bad upload.")
        first, last, size = map(int, span.groups())
        if first != len(upload.came) or last - first + 1 != len(asked.body) or size != upload.size:
            raise RefusedError(416, "ErrorInvalidRange", "The range is not the next one expected.")
        upload.came += asked.body
        if len(upload.came) < size:
            ranges = {
                "expirationDateTime": timestamp(datetime.now(UTC)),
                "nextExpectedRanges": [f"{len(upload.came)}-"],
            }
            return json_answer(200, ranges)
        item = self._item(upload.mailbox, upload.item)
        sending.attached(item, upload.name, upload.kind, bytes(upload.came))
        return Answer(201, b"", {"Location": f"{self.url}v1.0/users/x/messages/{quote(item.id)}/attachments/a"})

    def send_draft(self, _asked: Asked, mailbox: Mailbox, id_: str) -> Answer:
        item = self._item(mailbox, id_)
        if not item.is_draft:
            raise RefusedError(400, "ErrorInvalidRequest", "The item is no draft.")
        raw = self._send(mailbox, item.raw)
        mailbox.remove(item)
        copy = mailbox.put(raw, "sentitems", is_read=True)
        copy.properties, copy.conversation = dict(item.properties), item.conversation
        return Answer(202)

    def send_mail(self, asked: Asked, mailbox: Mailbox) -> Answer:
        if asked.kind.startswith("text/plain"):
            raw, save = sending.of_base64(asked.body), True
        else:
            wanted = sending.parameters_of(asked.body)
            raw, save = sending.of_json(wanted["message"]), wanted.get("savetosentitems", True)
        as_sent = self._send(mailbox, raw)
        if save:
            mailbox.put(as_sent, "sentitems", is_read=True)
        return Answer(202)

    def _send(self, mailbox: Mailbox, raw: bytes) -> bytes:
        """The mail as the copy in Sent Items has it: delivered without Bcc."""
        to = sending.recipients_of(raw)
        if not to:
            raise RefusedError(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
        refusal = refusal_of(raw, self.refusals)
        if refusal is not None:
            raise refusal
        leaving = sending.as_sent(
            raw,
            mailbox.address,
            replace_id=bool(self.faults.get("replace Message-ID")),
            drop_headers=bool(self.faults.get("drop headers")),
        )
        delivered = sending.without_bcc(leaving)
        self.sent.append(Sent(mailbox.address, to, delivered))
        for address in to:
            there = self.mailboxes.get(address.lower())
            if there is not None:
                there.put(delivered)
        return leaving


USER = r"/users/([^/]+)"
MESSAGE = rf"{USER}/messages/([^/]+)"
FOLDER = rf"{USER}/mailFolders/([^/]+)"
ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", rf"{USER}/mailFolders", GraphServer.list_folders),
    ("POST", rf"{USER}/mailFolders", GraphServer.add_folder),
    ("GET", FOLDER, GraphServer.get_folder),
    ("GET", rf"{FOLDER}/childFolders", GraphServer.list_folders),
    ("POST", rf"{FOLDER}/childFolders", GraphServer.add_folder),
    ("GET", rf"{FOLDER}/messages", GraphServer.list_messages),
    ("GET", rf"{FOLDER}/messages/(?:microsoft\.graph\.)?delta(?:\(\))?", GraphServer.delta),
    ("GET", rf"{USER}/messages", GraphServer.list_messages),
    ("POST", rf"{USER}/messages", GraphServer.add_message),
    ("GET", MESSAGE, GraphServer.get_message),
    ("PATCH", MESSAGE, GraphServer.patch_message),
    ("DELETE", MESSAGE, GraphServer.delete_message),
    ("GET", rf"{MESSAGE}/\$value", GraphServer.content),
    ("POST", rf"{MESSAGE}/(?:microsoft\.graph\.)?move", GraphServer.move),
    ("POST", rf"{MESSAGE}/(?:microsoft\.graph\.)?send", GraphServer.send_draft),
    ("GET", rf"{MESSAGE}/attachments", GraphServer.attachments),
    ("POST", rf"{MESSAGE}/attachments", GraphServer.attach),
    ("POST", rf"{MESSAGE}/attachments/(?:microsoft\.graph\.)?createUploadSession", GraphServer.begin_upload),
    ("POST", rf"{USER}/(?:microsoft\.graph\.)?sendMail", GraphServer.send_mail),
)


def _shown(item: Item, query: Mapping[str, str]) -> dict[str, object]:
    """A message as $select and $expand want it; its id and etag are always there."""
    whole = message_json(item)
    wanted = set(filter(None, query.get("$select", "").split(",")))
    shown = {
        name: value
        for name, value in whole.items()
        if name in ("@odata.etag", "id") or (name in wanted if wanted else name not in ONLY_SELECTED)
    }
    property_ = re.search(r"singleValueExtendedProperties\(\$filter=id eq '([^']+)'\)", query.get("$expand", ""))
    if property_ and (found := extended(item, property_[1])):
        shown["singleValueExtendedProperties"] = found
    return shown


_PLAIN = re.compile(r"(\w+) (eq|ne|ge|gt|le|lt) ('(?:[^']|'')*'|\S+)")
_CONTAINS = re.compile(r"(contains|startswith)\((\w+), ?'((?:[^']|'')*)'\)")
_EXTENDED = re.compile(
    r"singleValueExtendedProperties/any\((\w+): ?\1/id eq '((?:[^']|'')*)' and \1/value eq '((?:[^']|'')*)'\)",
    re.IGNORECASE,
)
_COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "le": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}


def _matches(values: Mapping[str, object], condition: str, item: Item | None = None) -> bool:
    """$filter: conditions joined by `and`; of other ones nothing is known here."""
    rest = condition.strip()
    while rest:
        if match := _EXTENDED.match(rest):
            properties = {id_.lower(): value for id_, value in (item.properties if item else {}).items()}
            holds = properties.get(_unquoted(match[2]).lower()) == _unquoted(match[3])
        elif match := _CONTAINS.match(rest):
            value, wanted = str(values.get(match[2])).lower(), _unquoted(match[3]).lower()
            holds = wanted in value if match[1] == "contains" else value.startswith(wanted)
        elif match := _PLAIN.match(rest):
            holds = _COMPARED[match[2]](_text(values.get(match[1])), _unquoted(match[3].strip("'")).lower())
        else:
            raise RefusedError(
                400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes."
            )
        if not holds:
            return False
        rest = rest[match.end() :].strip()
        if rest and not rest.startswith("and "):
            raise RefusedError(
                400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes."
            )
        rest = rest.removeprefix("and ").strip()
    return True


def _text(value: object) -> str:
    return str(value).lower()


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


# ---- HTTP ----


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def __init__(self, address: tuple[str, int], graph: GraphServer, context: ssl.SSLContext | None) -> None:
        self.graph = graph
        super().__init__(address, _Handler)
        if context is not None:  # the handshake is the thread's of each client
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves, or trusts us not, is no news; what is wrong in here is."""
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self.rfile.read(length)
        if len(body) > sending.MOST_REQUEST_BYTES:
            self._write(error(413, "ErrorMessageSizeExceeded", "The request is too large."), cut=False)
            return
        where = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(where.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, where.path.replace("%24", "$"), query, headers, body, self.path)
        graph = self.server.graph
        answer = graph.answer(asked)
        if answer is None:
            self.close_connection = True
            return
        self._write(answer, cut=bool(answer.body) and graph.fault("truncated"))

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815 - http.server's names

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _write(self, answer: Answer, *, cut: bool) -> None:
        moment = self.server.graph.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        lines = [f"HTTP/1.1 {answer.status} -", f"Date: {moment}", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        body = answer.body[: len(answer.body) // 2] if cut else answer.body
        self.close_connection = self.close_connection or cut
        self.wfile.write(head + body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        pass


# ---- what a client needs ----


def profile_of(server: GraphServer, **settings: Any) -> MapiProfile:
    values: Mapping[str, Any] = {
        "id": "exchange",
        "transport": "graph",
        "tenant": "example.test",
        "client_id": "11111111-2222-3333-4444-555555555555",
        "client_secret": {"env": "NOT_READ"},
        "graph_url": server.url,
        "ca_file": server.ca_file,
        "timeout_seconds": 10,
        **settings,
    }
    return MapiProfile.model_validate(values)


class Tokens:
    """Gives a token, and the next one once that was refused; `most` of them."""

    def __init__(self, first: str = "token-1", most: int = 1_000_000) -> None:
        self.newest = first
        self._most = most
        self._given = 1

    def access_token(self) -> str:
        return self.newest

    def token_refused(self) -> bool:
        self._given += 1
        self.newest = f"token-{self._given}"
        return self._given <= self._most


def account_of(
    server: GraphServer, mailbox: str = "", tokens: Tokens | None = None, **settings: Any
) -> ExchangeAccount:
    given = tokens or Tokens()
    address = mailbox or server.mailbox.address
    return ExchangeAccount(profile_of(server, **settings), address, given.access_token, given.token_refused)
