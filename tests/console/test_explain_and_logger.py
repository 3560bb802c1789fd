"""What `mailcall explain` says of a mail is what the logger decides about the record that the resolver makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from console.mails.explain import Explainer, directory_of
from logger.core.commands import CloseItem, CreateItem, RefuseCommand, UpdateItem
from logger.core.mail_decisions import decide_mail, mail_command
from logger.core.state import DeskState, ItemState
from resolver.handler import ResolverHandler
from resolver.sandbox.sandboxed_parser import SandboxedParser
from runtime.processing.outcomes import Ok
from schemas import ids
from schemas.persons import Person
from schemas.resolved_mail import ResolvedMail
from schemas.settings import CallTemplate, IncomingServer, Partition, Setting
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenKeys
from schemas.topics import MAIL_FETCHED, MAIL_RESOLVED
from schemas.wire import Record, encode
from tests.resolver.in_process import examine_here

NOW = datetime.now(UTC)
KEYS = TokenKeys((b"k" * 32,))
URSULA = Person(id="ursula", addresses=("ursula@example.org",), is_user=True)
IDA = Person(id="ida", addresses=("ida@example.org",), is_analyst=True)
NOTIFICATION = "0123456789abcdef" * 2
OURS = ids.message_id(KEYS.sign(NOTIFICATION, NOW, "ursula@example.org"), "desk.example")
OLD = KEYS.sign("C-000007", NOW - timedelta(days=400), "ursula@example.org")
PASSES = "Authentication-Results: mx.desk.example; dmarc=pass header.from=example.org\r\n"
FAILS = "Authentication-Results: mx.desk.example; dmarc=fail header.from=example.org\r\n"


@dataclass(frozen=True)
class Reading:
    """A child process to read mails in is another test's matter."""

    examine: Any = field(default=staticmethod(examine_here))

    def close(self) -> None:
        pass


class NoFiles:
    """None of these mails has any."""

    def put(self, _data: bytes, sha256: str) -> str:
        raise AssertionError(sha256)

    def get(self, key: str) -> bytes:
        raise AssertionError(key)


def desk_with(kind: Any) -> DeskState:
    """A desk that has one item of Ursula's, number 7, about which she was notified."""
    item = ItemState(7, kind, True, "it", "Printer", user="ursula", logging_analyst="ida", priority="P3")
    return DeskState({7: item}, {NOTIFICATION: 7})


def settings_with(trust: str, may_close: tuple[Any, ...], impact: str = "Person") -> SettingsSnapshot:
    server = IncomingServer(
        id="it-mailbox",
        protocol="imap",
        call_template="it-call",
        default_logging_analyst="ida",
        trust=trust,
        authserv_id="mx.desk.example",
        may_close=may_close,
    )
    partition = Partition(
        id="it",
        impacts=("Person", "Everybody"),
        urgencies=("Now",),
        priorities=("P1", "P3"),
        priority_matrix={"Person": {"Now": "P3"}, "Everybody": {"Now": "P1"}},
    )
    template = CallTemplate(id="it-call", partition="it", impact=impact, urgency="Now")
    some: dict[str, Setting] = {
        "partition/it": partition,
        "call-template/it-call": template,
        "incoming-server/it-mailbox": server,
    }
    return SettingsSnapshot().with_changes((key, value, number) for number, (key, value) in enumerate(some.items()))


def explained(settings: SettingsSnapshot, raw: bytes) -> dict[str, Any]:
    server = settings.incoming_server("it-mailbox")
    assert server is not None
    judge = partial(KEYS.verdict, at=NOW, valid_days=settings.email_options().token_days)
    at: Callable[..., Explainer] = Explainer.at
    reader: SandboxedParser = Reading()  # type: ignore[assignment]
    return replace(at(settings, server, directory_of((URSULA, IDA)), judge), _reader=reader).explain("mail", raw)


def resolved(settings: SettingsSnapshot, raw: bytes) -> ResolvedMail:
    """As it stands on `mail.resolved`."""
    handler = ResolverHandler(
        lambda: settings,
        lambda: settings,
        directory_of((URSULA, IDA)),
        NoFiles(),
        lambda: NOW,
        examine_here,
        KEYS,
    )
    mail_id = ids.mail_id("it-mailbox", raw)
    known = {"serverid": "it-mailbox", "internaldate": NOW.isoformat()}
    message = encode(
        MAIL_FETCHED,
        "",
        raw,
        id=mail_id,
        source="/mailcall/ingest",
        time=NOW,
        traceparent=ids.traceparent(mail_id),
        extensions=known,
    )
    record = Record("mail.fetched", 0, 0, b"", message.value, message.headers, int(NOW.timestamp() * 1000))
    [outcome] = handler.handle([record])
    assert isinstance(outcome, Ok), outcome
    [written] = outcome.outputs
    assert written.topic is MAIL_RESOLVED
    return ResolvedMail.model_validate_json(written.value or b"")


ACTIONS = {CreateItem: "log a call", UpdateItem: "update an item", CloseItem: "close an item"}
REPLY = f"In-Reply-To: {OURS}\r\n"


BARE = f"In-Reply-To: {ids.message_id(NOTIFICATION, 'desk.example')}\r\n"
# Headers, subject, and the kind of the item.
CASES: dict[str, tuple[str, str, Any]] = {
    "no item": ("", "Printer", "call"),
    "a number": ("", "[C-000007] Printer", "call"),
    "a number, authenticated": (PASSES, "[C-000007] Printer", "call"),
    "a number, forged": (FAILS, "[C-000007] Printer", "call"),
    "close by number": ("", "[C-000007] #close", "call"),
    "close by number, authenticated": (PASSES, "[C-000007] #close", "call"),
    "close by number, forged": (FAILS, "[C-000007] #close", "call"),
    "a reply": (REPLY, "more about it", "call"),
    "close by reply": (REPLY, "#close", "call"),
    "close by reply, authenticated": (PASSES + REPLY, "#close", "call"),
    "close by reply, forged": (FAILS + REPLY, "#close", "call"),
    "an expired token": (PASSES, f"[{OLD}] Printer", "call"),
    "an expired token and a reply": (PASSES + REPLY, f"[{OLD}] Printer", "call"),
    "close by an expired token": (PASSES, f"[{OLD}] #close", "call"),
    "close a request": (PASSES, "[R-000007] #close", "request"),
    "close a task": (PASSES, "[T-000007] #close", "task"),
    "a reply to somebody else": ("In-Reply-To: <a@example.net>\r\n", "Re: Printer", "call"),
    "an unsigned id of ours": (BARE, "Re: Printer", "call"),
    "an unsigned id of ours, forged": (FAILS + BARE, "Re: Printer", "call"),
}


@pytest.mark.parametrize("may_close", [("user",), ()])
@pytest.mark.parametrize("trust", ["off", "mark"])
@pytest.mark.parametrize("case", CASES)
def test_action(case: str, trust: str, may_close: tuple[str, ...]) -> None:
    headers, subject, kind = CASES[case]
    settings = settings_with(trust, may_close)
    raw = f"{headers}From: ursula@example.org\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()

    account = explained(settings, raw)
    decision = decide_mail(mail_command(resolved(settings, raw), "", settings), URSULA, settings, desk_with(kind), 8)

    [step] = [step for step in account["steps"] if step["step"] == "action"]
    assert account["action"] == step["outcome"]
    if isinstance(decision, RefuseCommand):
        assert account["action"] == f"{decision.action} an item"
        assert f"this is refused ({decision.reason})" in step["reason"]
    else:
        assert account["action"] == ACTIONS[type(decision)]
        assert "refused" not in step["reason"]
    if isinstance(decision, CreateItem):
        assert ("linked" in step["reason"]) == (decision.linked_to is not None)


@pytest.mark.parametrize(("impact", "priority"), [("Person", "P3"), ("Everybody", "P1")])
def test_priority(impact: str, priority: str) -> None:
    settings = settings_with("off", ("user",), impact)
    raw = b"From: ursula@example.org\r\nSubject: Printer\r\n\r\nHello\r\n"

    decision = decide_mail(mail_command(resolved(settings, raw), "", settings), URSULA, settings, desk_with("call"), 8)

    assert isinstance(decision, CreateItem)
    assert explained(settings, raw)["call"]["priority"] == decision.item.priority == priority
