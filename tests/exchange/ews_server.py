"""A fake of Exchange Web Services, written from Microsoft's published reference of its operations (EWS schema 2013 SP1).

It answers what a mail program needs of folders, items, synchronisation and sending, over HTTP or HTTPS on the loopback;
it lets in by Basic, NTLM or a bearer token; and it fails in every way that is asked of it (`Fault`). Other programs than
Mailcall drive it as well: test_ews_foreign_clients.py.
"""

import base64
import json
import os
import re
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import spnego

from tests.exchange.ews_store import EwsError, Folder, Item, Mailbox, Store

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
T = "http://schemas.microsoft.com/exchange/services/2006/types"
M = "http://schemas.microsoft.com/exchange/services/2006/messages"
E = "http://schemas.microsoft.com/exchange/services/2006/errors"
NAMES = {"s": SOAP, "t": T, "m": M}
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a0 "boom">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)
MOST_CHANGES = 512

Step = Literal["before", "after"]


@dataclass
class Fault:
    """What goes wrong with the next requests of one operation ("" for any), so many times.

    status: an HTTP status, with headers. busy: ErrorServerBusy with BackOffMilliseconds (None: without). code: the
    operation's own response code. For the answer, once the operation is done: cut, damaged, bomb, deep, endless, lost.
    unheard: the connection goes before anything is done. call: whatever the test wants, before it is done.
    """

    operation: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    busy: int | None = None
    is_busy: bool = False
    code: str = ""
    answer: Literal["", "cut", "damaged", "holed", "bomb", "deep", "endless", "lost", "no xml"] = ""
    unheard: bool = False
    call: Callable[[], None] | None = None
    times: int = 1

    def meets(self, operation: str) -> bool:
        return self.times > 0 and self.operation in ("", operation)


class EwsServer:
    """Start it with `with`. `url` is what a profile names."""

    def __init__(self, context: ssl.SSLContext | None = None, authentication: str = "basic") -> None:
        self.store = Store()
        self.users: dict[str, tuple[str, str]] = {}  # password and address, by user name
        self.tokens: dict[str, str] = {}  # address, by bearer token
        self.impersonators: set[str] = set()  # addresses
        self.delegates: dict[str, set[str]] = {}  # which mailboxes another one may open, by its address
        self.authentication = authentication
        self.faults: list[Fault] = []
        self.chaos: Callable[[str], Fault | None] = lambda _operation: None  # what else may go wrong with a request
        self.requests: list[str] = []  # operations, as they came
        self.bodies: list[bytes] = []
        self.anchors: list[str] = []
        self.connections = 0
        self._context = context
        self._ntlm_users = ""

    def __enter__(self) -> "EwsServer":
        server = self

        class Handler(_Handler):
            ews = server

        self._http = _Http(("127.0.0.1", 0), Handler)
        if self._context is not None:
            self._http.socket = self._context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def host(self) -> str:
        return "localhost" if self._context else "127.0.0.1"

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.host}:{self.port}/EWS/Exchange.asmx"

    def account(self, address: str, password: str = "right", user: str | None = None) -> Mailbox:
        """A mailbox and who may open it."""
        self.users[user or address] = (password, address)
        return self.store.add(address)

    def fail(self, operation: str = "", **what: Any) -> Fault:
        fault = Fault(operation, **what)
        self.faults.append(fault)
        return fault

    def forget_sync_states(self) -> None:
        self.store.era += 1

    @contextmanager
    def ntlm_credentials_of(self, address: str, user: str, password: str = "right") -> Iterator[None]:
        """An account, and where pyspnego looks for the users of its own acceptor."""
        self.account(address, password, user)
        with tempfile.NamedTemporaryFile("w", suffix=".users") as file:
            file.writelines(f"{user.replace(chr(92), ':') if chr(92) in user else ':' + user}:{password}\n"
                            for user, (password, _) in self.users.items())  # fmt: skip
            file.flush()
            before = os.environ.get("NTLM_USER_FILE")
            os.environ["NTLM_USER_FILE"] = file.name
            try:
                yield
            finally:
                os.environ.pop("NTLM_USER_FILE")
                if before is not None:
                    os.environ["NTLM_USER_FILE"] = before

    def next_fault(self, operation: str) -> Fault | None:
        with self.store.lock:
            for fault in self.faults:
                if fault.meets(operation):
                    fault.times -= 1
                    return fault
            return self.chaos(operation)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ews: EwsServer

    def setup(self) -> None:
        super().setup()
        self.user = ""  # of this connection, by NTLM
        self._ntlm: Any = None
        self.ews.connections += 1

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        """Autodiscover version 2: where EWS is, told to anybody."""
        if self.path.lower().startswith("/autodiscover/autodiscover.json"):
            self._answer(200, json.dumps({"Protocol": "EWS", "Url": self.ews.url}).encode(), kind="application/json")
        elif not self._who():
            return
        else:
            self._answer(200, b"<html>the service's page</html>", kind="text/html")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        acting = self._who()
        if acting is None:
            return
        operation = _operation(body)
        self.ews.requests.append(operation)
        self.ews.bodies.append(body)
        self.ews.anchors.append(self.headers.get("X-AnchorMailbox", ""))
        fault = self.ews.next_fault(operation) or Fault()
        if fault.unheard:
            self._hang_up()
            return
        if fault.call is not None:
            fault.call()
        if fault.status is not None:
            self._answer(fault.status, b"<html>trouble</html>", fault.headers, kind="text/html")
            return
        if fault.is_busy or fault.busy is not None:
            self._answer(500, _busy(fault.busy))
            return
        try:
            with self.ews.store.lock:
                if fault.code:
                    raise EwsError(fault.code, f"{fault.code}: as the test wants it.")
                text, status = Operations(self.ews, acting).run(body), 200
        except EwsError as error:
            text, status = _refused(operation, error), 200
        except _SoapFaultError as error:
            text, status = _soap_fault(error.code, error.text), 500
        self._give(_envelope(text), status, fault)

    def _give(self, answer: bytes, status: int, fault: Fault) -> None:
        kind = fault.answer
        if kind == "lost":
            self._hang_up()
        elif kind == "cut":
            self._begin(status, len(answer))
            self.wfile.write(answer[: len(answer) // 2])
            self._hang_up()
        elif kind == "damaged":  # the middle is gone, and the length is that of what is left
            middle = len(answer) // 2
            self._answer(status, answer[: middle - 20] + b"<" + answer[middle + 20 :])
        elif kind == "holed":  # in the same way, so that it is an answer all the same
            middle = len(answer) // 2
            self._answer(status, answer[: middle - 20] + answer[middle + 21 :])
        elif kind == "bomb":
            self._answer(status, BOMB.encode() + answer.replace(b"NoError", b"&a9;").split(b"?>", 1)[1])
        elif kind == "deep":
            self._answer(status, b"<a>" * 200_000)
        elif kind == "no xml":
            self._answer(status, b"It works!", kind="text/html")
        elif kind == "endless":
            self._begin(status, 10**15)
            self.wfile.write(answer.split(b"<m:ResponseCode>")[0])
            try:
                while True:
                    self.wfile.write(b"<!-- and on -->" * 10_000)
            except OSError:
                self._hang_up()
        else:
            self._answer(status, answer)

    def _begin(
        self, status: int, length: int, headers: dict[str, str] | None = None, kind: str = "text/xml; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, kind: str = "text/xml; charset=utf-8"
    ) -> None:
        self._begin(status, len(body), headers, kind)
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()

    def _who(self) -> str | None:
        """The address of the account that asks; None where it was answered with 401."""
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        kind = self.ews.authentication
        if kind == "ntlm" and self.user:
            return self.ews.users[self.user][1]
        if kind == "bearer" and scheme.lower() == "bearer" and given in self.ews.tokens:
            return self.ews.tokens[given]
        if kind == "basic" and scheme.lower() == "basic":
            user, _, password = base64.b64decode(given).decode("utf-8").partition(":")
            if self.ews.users.get(user, ("", ""))[0] == password and password:
                return self.ews.users[user][1]
        if kind == "ntlm" and scheme.upper() == "NTLM":
            return self._ntlm_step(base64.b64decode(given))
        offer = {"basic": 'Basic realm="ews"', "ntlm": "NTLM", "bearer": 'Bearer client_id="ews"'}[kind]
        self._answer(401, b"", {"WWW-Authenticate": offer})
        return None

    def _ntlm_step(self, token: bytes) -> str | None:
        if self._ntlm is None:
            self._ntlm = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        try:
            answer = self._ntlm.step(token)
        except spnego.exceptions.SpnegoError:
            self._ntlm = None
            self._answer(401, b"", {"WWW-Authenticate": "NTLM"})
            return None
        if not self._ntlm.complete:
            self._answer(401, b"", {"WWW-Authenticate": f"NTLM {base64.b64encode(answer).decode()}"})
            return None
        principal = self._ntlm.client_principal
        names = {name.lower(): name for name in self.ews.users}
        self.user = names.get(principal.lower()) or names[principal.rpartition("\\")[2].lower()]
        return self.ews.users[self.user][1]


class _SoapFaultError(Exception):
    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Operations:
    """One request of one account."""

    def __init__(self, ews: EwsServer, acting: str) -> None:
        self._ews, self._store, self._acting = ews, ews.store, acting

    def run(self, body: bytes) -> str:
        envelope = ElementTree.fromstring(body)
        sid = envelope.find("s:Header/t:ExchangeImpersonation/t:ConnectingSID", NAMES)
        if sid is not None:
            if self._acting not in self._ews.impersonators:
                raise _SoapFaultError(
                    "ErrorImpersonateUserDenied",
                    "The account does not have permission to impersonate the requested user.",
                )
            self._acting = self._store.mailbox(sid[0].text or "").address
        request = envelope.find("s:Body", NAMES)[0]  # type: ignore[index]
        name = _local(request.tag)
        handler = getattr(self, f"_{name}", None)
        if handler is None:
            raise _SoapFaultError("ErrorInvalidRequest", f"The request {name} is not known here.")
        return f'<m:{name}Response xmlns:m="{M}" xmlns:t="{T}">{handler(request)}</m:{name}Response>'

    # Folders

    def _GetFolder(self, request: ElementTree.Element) -> str:
        shape = _shape(request, "m:FolderShape")
        return _messages(
            "GetFolder",
            [
                self._one(lambda one=one: f"<m:Folders>{_folder(self._folder(one), shape, self)}</m:Folders>")
                for one in request.find("m:FolderIds", NAMES)
            ],
        )  # type: ignore[union-attr, misc]

    def _FindFolder(self, request: ElementTree.Element) -> str:
        shape = _shape(request, "m:FolderShape")
        deep = request.get("Traversal") == "Deep"
        restriction = request.find("m:Restriction", NAMES)
        answers = []
        for parent in request.find("m:ParentFolderIds", NAMES):  # type: ignore[union-attr]

            def found(parent: ElementTree.Element = parent) -> str:
                mailbox, folder = self._at(parent)
                there = [
                    one
                    for one in mailbox.below(folder.id, deep=deep)
                    if _fits(restriction, lambda uri, one=one: _folder_value(one, uri))
                ]
                page, attributes = _page(there, request.find("m:IndexedPageFolderView", NAMES))
                return f"<m:RootFolder {attributes}><t:Folders>{''.join(_folder(one, shape, self) for one in page)}</t:Folders></m:RootFolder>"

            answers.append(self._one(found))
        return _messages("FindFolder", answers)

    # Items

    def _FindItem(self, request: ElementTree.Element) -> str:
        shape = _shape(request, "m:ItemShape")
        restriction = request.find("m:Restriction", NAMES)
        answers = []
        for parent in request.find("m:ParentFolderIds", NAMES):  # type: ignore[union-attr]

            def found(parent: ElementTree.Element = parent) -> str:
                folder = self._folder(parent)
                there = [
                    one
                    for one in folder.items.values()
                    if _fits(restriction, lambda uri, one=one: _item_value(one, uri))
                ]
                for order in reversed(request.findall("m:SortOrder/t:FieldOrder", NAMES)):
                    there.sort(
                        key=lambda one, order=order: _item_value(one, order[0]) or "",
                        reverse=order.get("Order") == "Descending",
                    )
                page, attributes = _page(there, request.find("m:IndexedPageItemView", NAMES))
                items = "".join(_item(one, folder, shape, mime=False) for one in page)
                return f"<m:RootFolder {attributes}><t:Items>{items}</t:Items></m:RootFolder>"

            answers.append(self._one(found))
        return _messages("FindItem", answers)

    def _GetItem(self, request: ElementTree.Element) -> str:
        shape = _shape(request, "m:ItemShape")
        mime = request.findtext("m:ItemShape/t:IncludeMimeContent", "", NAMES) == "true" or "item:MimeContent" in shape

        def got(one: ElementTree.Element) -> str:
            folder, item = self._item(one)
            return f"<m:Items>{_item(item, folder, shape, mime=mime)}</m:Items>"

        return _messages(
            "GetItem", [self._one(lambda one=one: got(one), "Items") for one in request.find("m:ItemIds", NAMES)]
        )  # type: ignore[union-attr, misc]

    def _SyncFolderItems(self, request: ElementTree.Element) -> str:
        def synchronised() -> str:
            folder = self._folder(request.find("m:SyncFolderId", NAMES)[0])  # type: ignore[index]
            state = request.findtext("m:SyncState", "", NAMES)
            most = int(request.findtext("m:MaxChangesReturned", "0", NAMES))
            if not 1 <= most <= MOST_CHANGES:
                raise _SoapFaultError("ErrorSchemaValidation", "MaxChangesReturned is between 1 and 512.")
            shape = _shape(request, "m:ItemShape")
            changes, place, last = folder.since(self._store.place(folder, state) if state else 0, most)
            if self._store.newest_first and not state:
                changes.reverse()
            lines = []
            for what, one in changes:
                if what == "Delete":
                    lines.append(f'<t:Delete><t:ItemId Id="{one}" ChangeKey="AAAA"/></t:Delete>')
                elif what == "ReadFlagChange":
                    item = folder.items[one]
                    lines.append(
                        f"<t:ReadFlagChange>{_item_id(item)}<t:IsRead>{_bool(item.is_read)}</t:IsRead></t:ReadFlagChange>"
                    )
                else:
                    lines.append(f"<t:{what}>{_item(folder.items[one], folder, shape, mime=False)}</t:{what}>")
            return (
                f"<m:SyncState>{self._store.state(folder, place)}</m:SyncState>"
                f"<m:IncludesLastItemInRange>{_bool(last)}</m:IncludesLastItemInRange>"
                f"<m:Changes>{''.join(lines)}</m:Changes>"
            )

        return _messages("SyncFolderItems", [self._one(synchronised)])

    def _UpdateItem(self, request: ElementTree.Element) -> str:
        def updated(change: ElementTree.Element) -> str:
            folder, item = self._item(
                change.find("t:ItemId", NAMES), write=request.get("ConflictResolution") != "AlwaysOverwrite"
            )
            for update in change.find("t:Updates", NAMES):  # type: ignore[union-attr]
                uri = update[0]
                if _local(uri.tag) == "ExtendedFieldURI":
                    value = update.findtext(".//t:ExtendedProperty/t:Value", "", NAMES)
                    item.extended[_extended(uri)] = value
                elif uri.get("FieldURI") == "message:IsRead":
                    item.is_read = update.findtext(".//t:IsRead", "", NAMES) in ("true", "1")
                    folder.changes.append(("ReadFlagChange", item.id))
            item.version += 1
            return f"<m:Items><t:Message>{_item_id(item)}</t:Message></m:Items><m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>"

        return _messages(
            "UpdateItem",
            [self._one(lambda one=one: updated(one), "Items") for one in request.find("m:ItemChanges", NAMES)],
        )  # type: ignore[union-attr, misc]

    def _MoveItem(self, request: ElementTree.Element) -> str:
        target = self._folder(request.find("m:ToFolderId", NAMES)[0])  # type: ignore[index]

        def moved(one: ElementTree.Element) -> str:
            folder, item = self._item(one)
            folder.take(item.id)
            new = target.add(Item(item.raw, item.received, item.is_read, item.kind, dict(item.extended)))
            return f"<m:Items><t:Message>{_item_id(new)}</t:Message></m:Items>"

        return _messages(
            "MoveItem", [self._one(lambda one=one: moved(one), "Items") for one in request.find("m:ItemIds", NAMES)]
        )  # type: ignore[union-attr, misc]

    def _DeleteItem(self, request: ElementTree.Element) -> str:
        def deleted(one: ElementTree.Element) -> str:
            mailbox = self._mailbox_of_item(one)
            folder, item = self._item(one)
            folder.take(item.id)
            if request.get("DeleteType") == "MoveToDeletedItems":
                mailbox.by_name["deleteditems"].add(
                    Item(item.raw, item.received, item.is_read, item.kind, dict(item.extended))
                )
            return ""

        return _messages(
            "DeleteItem", [self._one(lambda one=one: deleted(one)) for one in request.find("m:ItemIds", NAMES)]
        )  # type: ignore[union-attr, misc]

    # Sending

    def _CreateItem(self, request: ElementTree.Element) -> str:
        disposition = request.get("MessageDisposition", "")
        where = request.find("m:SavedItemFolderId", NAMES)

        def created(message: ElementTree.Element) -> str:
            mime = message.find("t:MimeContent", NAMES)
            if mime is None:
                raise EwsError("ErrorInvalidRequest", "This fake takes items as MIME only.")
            raw = base64.b64decode(mime.text or "", validate=True)
            folder = self._folder(where[0]) if where is not None else None
            mailbox = self._mailbox_of(folder) if folder else self._store.mailbox(self._acting)
            item = Item(raw, mailbox.now(), kind=_local(message.tag))
            for value in message.findall("t:ExtendedProperty", NAMES):
                item.extended[_extended(value[0])] = value.findtext("t:Value", "", NAMES)
            read = message.findtext("t:IsRead", "", NAMES)
            item.is_read = read == "true"
            beside = tuple(_local(one.tag) for one in message if one is not mime)
            more = tuple(
                one.text or ""
                for kind in ("To", "Cc", "Bcc")
                for one in message.findall(f"t:{kind}Recipients/t:Mailbox/t:EmailAddress", NAMES)
            )
            if disposition == "SaveOnly":
                item.extended[("beside",)] = ",".join(beside)
                item.extended[("more",)] = ",".join(more)
                (folder or mailbox.by_name["drafts"]).add(item)
                return f"<m:Items><t:Message>{_item_id(item)}</t:Message></m:Items>"
            self._store.send(mailbox, item, more, beside)
            if disposition == "SendAndSaveCopy":
                item.is_read = True
                (folder or mailbox.by_name["sentitems"]).add(item)
            return "<m:Items/>"

        return _messages(
            "CreateItem", [self._one(lambda one=one: created(one), "Items") for one in request.find("m:Items", NAMES)]
        )  # type: ignore[union-attr, misc]

    def _SendItem(self, request: ElementTree.Element) -> str:
        where = request.find("m:SavedItemFolderId", NAMES)

        def sent(one: ElementTree.Element) -> str:
            folder, item = self._item(one, write=True)
            mailbox = self._mailbox_of(folder)
            beside = tuple(filter(None, item.extended.pop(("beside",), "").split(",")))
            more = tuple(filter(None, item.extended.pop(("more",), "").split(",")))
            self._store.send(mailbox, item, more, beside)
            folder.take(item.id)
            if request.get("SaveItemToFolder") == "true":
                target = self._folder(where[0]) if where is not None else mailbox.by_name["sentitems"]
                target.add(Item(item.raw, mailbox.now(), True, item.kind, dict(item.extended)))
            return ""

        return _messages("SendItem", [self._one(lambda one=one: sent(one)) for one in request.find("m:ItemIds", NAMES)])  # type: ignore[union-attr, misc]

    def _ConvertId(self, request: ElementTree.Element) -> str:
        """Clients ask it to learn which version answers."""
        return _messages(
            "ConvertId",
            [_error("ErrorInvalidIdMalformed", "Id is malformed.") for _ in request.find("m:SourceIds", NAMES)],
        )  # type: ignore[union-attr]

    # Who may see what

    def _one(self, answer: Callable[[], str], container: str = "") -> str:
        try:
            return f'ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{answer()}'
        except EwsError as error:
            return _error(error.code, error.text, container)

    def _readable(self) -> list[Mailbox]:
        others = self._ews.delegates.get(self._acting.lower(), set())
        return [self._store.mailbox(one) for one in (self._acting, *sorted(others))]

    def _at(self, element: ElementTree.Element) -> tuple[Mailbox, Folder]:
        if _local(element.tag) == "DistinguishedFolderId":
            mailbox = self._store.mailbox(element.findtext("t:Mailbox/t:EmailAddress", self._acting, NAMES))
            if mailbox not in self._readable():
                raise EwsError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            try:
                return mailbox, mailbox.by_name[element.get("Id", "")]
            except KeyError:
                raise EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.") from None
        for mailbox in self._readable():
            if element.get("Id", "") in mailbox.folders:
                return mailbox, mailbox.folders[element.get("Id", "")]
        raise EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.")

    def _folder(self, element: ElementTree.Element) -> Folder:
        return self._at(element)[1]

    def _mailbox_of(self, folder: Folder) -> Mailbox:
        return next(one for one in self._readable() if folder.id in one.folders)

    def _mailbox_of_item(self, element: ElementTree.Element | None) -> Mailbox:
        item_id = element.get("Id", "") if element is not None else ""
        for mailbox in self._readable():
            if any(item_id in folder.items for folder in mailbox.folders.values()):
                return mailbox
        raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")

    def _item(self, element: ElementTree.Element | None, *, write: bool = False) -> tuple[Folder, Item]:
        assert element is not None
        folder, item = self._mailbox_of_item(element).find(element.get("Id", ""))
        if write and not element.get("ChangeKey"):
            raise EwsError("ErrorChangeKeyRequired", "A change key is required for this operation.")
        if write and element.get("ChangeKey") != item.change_key:
            raise EwsError(
                "ErrorIrresolvableConflict",
                "The send or update operation could not be performed because the change key is out of date.",
            )
        return folder, item

    def folder_counts(self, folder: Folder) -> tuple[int, int]:
        children = sum(one.parent == folder.id for mailbox in self._readable() for one in mailbox.folders.values())
        return children, sum(not one.is_read for one in folder.items.values())


def _operation(body: bytes) -> str:
    found = re.search(rb"Body[^>]*>\s*<(?:[\w.-]+:)?(\w+)", body)
    return found[1].decode() if found else ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _envelope(body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Header>'
        f'<h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" '
        f'Version="V2017_07_11" xmlns:h="{T}" xmlns="{T}"/></s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _soap_fault(code: str, text: str, more: str = "") -> str:
    return (
        f'<s:Fault><faultcode xmlns:a="{T}">a:{code}</faultcode><faultstring xml:lang="en-US">{escape(text)}</faultstring>'
        f'<detail><e:ResponseCode xmlns:e="{E}">{code}</e:ResponseCode><e:Message xmlns:e="{E}">{escape(text)}</e:Message>'
        f"{more}</detail></s:Fault>"
    )


def _busy(milliseconds: int | None) -> bytes:
    value = f'<t:Value Name="BackOffMilliseconds">{milliseconds}</t:Value>' if milliseconds is not None else ""
    more = f'<t:MessageXml xmlns:t="{T}">{value}</t:MessageXml>' if value else ""
    return _envelope(
        _soap_fault("ErrorServerBusy", "The server cannot service this request right now. Try again later.", more)
    )


def _error(code: str, text: str, container: str = "") -> str:
    return (
        f'ResponseClass="Error"><m:MessageText>{escape(text)}</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>'
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{f'<m:{container}/>' if container else ''}"
    )


def _messages(name: str, answers: Sequence[str]) -> str:
    ended = "".join(f"<m:{name}ResponseMessage {answer}</m:{name}ResponseMessage>" for answer in answers)
    return f"<m:ResponseMessages>{ended}</m:ResponseMessages>"


def _refused(operation: str, error: EwsError) -> str:
    return f'<m:{operation}Response xmlns:m="{M}" xmlns:t="{T}">{_messages(operation, [_error(error.code, error.text)])}</m:{operation}Response>'


def _shape(request: ElementTree.Element, name: str) -> list[Any]:
    """What is asked for: names of fields, and elements of extended ones."""
    shape = request.find(name, NAMES)
    wanted: list[Any] = []
    if shape is None:
        return wanted
    if shape.findtext("t:BaseShape", "", NAMES) in ("Default", "AllProperties"):
        wanted += [
            "item:Subject",
            "item:DateTimeReceived",
            "item:Size",
            "message:IsRead",
            "message:From",
            "message:InternetMessageId",
            "folder:DisplayName",
            "folder:TotalCount",
            "folder:FolderClass",
            "folder:ChildFolderCount",
            "folder:UnreadCount",
            "folder:ParentFolderId",
        ]
    for one in shape.findall("t:AdditionalProperties/*", NAMES):
        wanted.append(one.get("FieldURI") if _local(one.tag) == "FieldURI" else one)
    return wanted


def _extended(uri: ElementTree.Element) -> tuple[str, ...]:
    return tuple(
        uri.get(name, "")
        for name in (
            "DistinguishedPropertySetId",
            "PropertySetId",
            "PropertyTag",
            "PropertyName",
            "PropertyId",
            "PropertyType",
        )
    )


def _item_id(item: Item) -> str:
    return f"<t:ItemId Id={quoteattr(item.id)} ChangeKey={quoteattr(item.change_key)}/>"


def _time(item: Item) -> str:
    return item.received.strftime("%Y-%m-%dT%H:%M:%SZ")


def _tag_values(item: Item) -> dict[str, str]:
    return {
        "0xe08": str(item.size),
        "0xe07": str(int(item.is_read)),
        "0xe06": _time(item),
        "0x1035": item.header("Message-ID"),
        "0x37": item.header("Subject"),
        "0x7d": item.header("Received"),
    }


def _item_value(item: Item, uri: ElementTree.Element) -> str | None:
    name = uri.get("FieldURI")
    if name is None:
        tag = uri.get("PropertyTag")
        if tag is not None and (found := _tag_values(item).get(hex(int(tag, 0)))) is not None:
            return found
        return item.extended.get(_extended(uri))
    values = {
        "item:Subject": lambda: item.header("Subject"),
        "item:DateTimeReceived": lambda: _time(item),
        "item:DateTimeSent": lambda: _time(item),
        "item:DateTimeCreated": lambda: _time(item),
        "item:LastModifiedTime": lambda: _time(item),
        "item:Size": lambda: str(item.size),
        "item:ItemClass": lambda: "IPM.Note",
        "item:HasAttachments": lambda: "false",
        "message:IsRead": lambda: _bool(item.is_read),
        "message:InternetMessageId": lambda: item.header("Message-ID"),
    }
    return values[name]() if name in values else None


# In the order of the schema: it is a sequence.
_ITEM_FIELDS = (
    ("item:ItemClass", "ItemClass"), ("item:Subject", "Subject"), ("item:DateTimeReceived", "DateTimeReceived"),
    ("item:Size", "Size"), ("item:DateTimeSent", "DateTimeSent"), ("item:DateTimeCreated", "DateTimeCreated"),
    ("item:HasAttachments", "HasAttachments"),
)  # fmt: skip
_MESSAGE_FIELDS = (("message:InternetMessageId", "InternetMessageId"), ("message:IsRead", "IsRead"))


def _item(item: Item, folder: Folder, shape: Sequence[Any], *, mime: bool) -> str:
    parts = []
    if mime:
        parts.append(f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(item.raw).decode()}</t:MimeContent>')
    parts.append(_item_id(item))
    if "item:ParentFolderId" in shape:
        parts.append(f'<t:ParentFolderId Id="{folder.id}" ChangeKey="AQAAAA=="/>')

    def plain(fields: Sequence[tuple[str, str]]) -> Iterator[str]:
        for uri, name in fields:
            if uri in shape:
                value = _item_value(item, ElementTree.Element("FieldURI", FieldURI=uri))
                yield f"<t:{name}>{escape(value or '')}</t:{name}>"

    parts += plain(_ITEM_FIELDS)
    for uri in shape:
        if not isinstance(uri, str) and _local(uri.tag) == "ExtendedFieldURI":
            value = _item_value(item, uri)
            if value is not None:
                attributes = " ".join(f"{name}={quoteattr(text)}" for name, text in uri.attrib.items())
                parts.append(
                    f"<t:ExtendedProperty><t:ExtendedFieldURI {attributes}/><t:Value>{escape(value)}</t:Value></t:ExtendedProperty>"
                )
    parts += plain(_MESSAGE_FIELDS)
    return f"<t:{item.kind}>{''.join(parts)}</t:{item.kind}>"


def _folder_value(folder: Folder, uri: ElementTree.Element) -> str | None:
    return {"folder:DisplayName": folder.name, "folder:FolderClass": folder.folder_class}.get(uri.get("FieldURI", ""))


def _folder(folder: Folder, shape: Sequence[Any], operations: Operations) -> str:
    children, unread = operations.folder_counts(folder)
    parts = [f'<t:FolderId Id="{folder.id}" ChangeKey="AQAAAA=="/>']
    values = (
        ("folder:ParentFolderId", f'<t:ParentFolderId Id="{folder.parent}" ChangeKey="AQAAAA=="/>'),
        ("folder:FolderClass", f"<t:FolderClass>{folder.folder_class}</t:FolderClass>" if folder.folder_class else ""),
        ("folder:DisplayName", f"<t:DisplayName>{escape(folder.name)}</t:DisplayName>"),
        ("folder:TotalCount", f"<t:TotalCount>{len(folder.items)}</t:TotalCount>"),
        ("folder:ChildFolderCount", f"<t:ChildFolderCount>{children}</t:ChildFolderCount>"),
        ("folder:UnreadCount", f"<t:UnreadCount>{unread}</t:UnreadCount>"),
    )
    parts += [text for uri, text in values if uri in shape]
    kind = {"IPF.Appointment": "CalendarFolder", "IPF.Contact": "ContactsFolder", "IPF.Task": "TasksFolder"}.get(
        folder.folder_class, "Folder"
    )
    return f"<t:{kind}>{''.join(parts)}</t:{kind}>"


def _page(there: list[Any], view: ElementTree.Element | None) -> tuple[list[Any], str]:
    offset = int(view.get("Offset", "0")) if view is not None else 0
    most = int(view.get("MaxEntriesReturned", "1000")) if view is not None else 1000
    page = there[offset : offset + min(most, 1000)]
    last = offset + len(page) >= len(there)
    return (
        page,
        f'IndexedPagingOffset="{offset + len(page)}" TotalItemsInView="{len(there)}" IncludesLastItemInRange="{_bool(last)}"',
    )


def _fits(restriction: ElementTree.Element | None, value: Callable[[ElementTree.Element], str | None]) -> bool:
    return restriction is None or all(_holds(one, value) for one in restriction)


def _holds(test: ElementTree.Element, value: Callable[[ElementTree.Element], str | None]) -> bool:
    name = _local(test.tag)
    if name in ("And", "Or", "Not"):
        inner = [_holds(one, value) for one in test]
        return {"And": all(inner), "Or": any(inner), "Not": not any(inner)}[name]
    found = value(test[0])
    if name == "Exists":
        return found is not None
    if name == "Contains":
        wanted = test.find("t:Constant", NAMES).get("Value", "")  # type: ignore[union-attr]
        mode = test.get("ContainmentMode", "FullString")
        text, wanted = (found or "").lower(), wanted.lower()
        return {"FullString": text == wanted, "Prefixed": text.startswith(wanted)}.get(mode, wanted in text)
    constant = test.find("t:FieldURIOrConstant/t:Constant", NAMES)
    wanted = constant.get("Value", "") if constant is not None else ""
    if found is None:
        return name == "IsNotEqualTo"
    return {
        "IsEqualTo": found.lower() == wanted.lower(), "IsNotEqualTo": found.lower() != wanted.lower(),
        "IsGreaterThan": found > wanted, "IsGreaterThanOrEqualTo": found >= wanted,
        "IsLessThan": found < wanted, "IsLessThanOrEqualTo": found <= wanted,
    }[name]  # fmt: skip
