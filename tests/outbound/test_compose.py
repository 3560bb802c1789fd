"""The wire bytes of a notification, read back by the standard library's parser."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outbound import headers
from outbound.compose import Composed, compose, part
from outbound.render import Rendered
from schemas.events import NotificationRequested
from schemas.ids import OWN_MESSAGE_ID
from schemas.settings import OutgoingServer
from schemas.tokens import NO_KEYS, TokenKeys, own_token
from tests.outbound.conftest import by

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ALWAYS = {
    "from", "to", "subject", "date", "message-id", "x-mailcall-loop", "auto-submitted", "x-auto-response-suppress",
    "mime-version", "content-type",
}  # fmt: skip
OPTIONAL = {"reply-to", "in-reply-to", "references", "content-transfer-encoding"}


def _parsed(composed: Composed) -> EmailMessage:
    return message_from_bytes(composed.content, policy=policy.default)


def test_a_mail_carries_what_threads_it_and_what_keeps_machines_quiet(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    request = make_request(role="author", in_reply_to="<one@example.com>", references=("<root@example.com>",))
    server = make_server(reply_to="it-in@desk.example")
    composed = compose(request, Rendered("Printer", "Hello", None), by(server), now, NO_KEYS)
    mail = _parsed(composed)
    assert composed.sender == ""
    assert mail["From"] == "IT help desk <it@desk.example>"
    assert mail["To"] == "Ursula Usher <ursula@example.com>"
    assert mail["Reply-To"] == "it-in@desk.example"
    assert mail["Subject"] == "[C-000123] Printer"
    assert mail["Date"].datetime == now
    assert OWN_MESSAGE_ID.fullmatch(mail["Message-ID"])
    assert mail["Message-ID"] == composed.message_id == f"<mailcall.{request.notification_id}@desk.example>"
    assert mail["In-Reply-To"] == "<one@example.com>"
    assert mail["References"] == "<root@example.com> <one@example.com>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Mailcall-Loop"] == request.notification_id


def test_the_same_notification_is_the_same_message_however_often_it_is_tried(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    first, second = (
        compose(make_request(), Rendered("a", "b", None), by(make_server()), now, NO_KEYS) for _ in range(2)
    )
    assert first == second


KEYS = TokenKeys((b"k" * 32,))
TOKEN = re.compile(r"C-000123\.[0-9]+\.[a-z2-7]{24}")


def test_message_id_and_subject_are_signed_as_of_the_day_it_was_asked_for(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    request = make_request()
    later = now + timedelta(days=2)
    first, again = (
        compose(request, Rendered("Printer", "b", None), by(make_server()), at, KEYS) for at in (now, later)
    )
    mail = _parsed(first)
    assert first.message_id == again.message_id == mail["Message-ID"]
    assert KEYS.verdict(own_token(first.message_id) or "", [request.recipient], request.requested_at, 0) == "good"
    tag = TOKEN.search(mail["Subject"])
    assert tag and KEYS.verdict(tag[0], [request.recipient], request.requested_at, 0) == "good"
    assert mail["Subject"] == _parsed(again)["Subject"] == f"[{tag[0]}] Printer"


def test_the_tag_takes_the_place_that_a_template_gave_the_reference(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    composed = compose(make_request(), Rendered("Re: [C-000123] Printer", "b", None), by(make_server()), now, KEYS)
    assert TOKEN.sub("(tag)", _parsed(composed)["Subject"]) == "Re: [(tag)] Printer"


def test_a_subject_that_has_the_reference_already_gets_no_second_one(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    composed = compose(make_request(), Rendered("Re: [C-000123] Printer", "b", None), by(make_server()), now, NO_KEYS)
    assert _parsed(composed)["Subject"] == "Re: [C-000123] Printer"


def test_text_alone_is_one_part_and_html_is_an_alternative_to_text(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    plain = _parsed(compose(make_request(), Rendered("s", "Grüße\r\n.", None), by(make_server()), now, NO_KEYS))
    assert plain.get_content_type() == "text/plain"
    assert plain.get_content().splitlines() == ["Grüße", "."]
    both = _parsed(compose(make_request(), Rendered("s", "text", "<p>你好</p>"), by(make_server()), now, NO_KEYS))
    assert both.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in both.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().strip() for part in both.iter_parts()] == ["text", "<p>你好</p>"]


@pytest.mark.parametrize("before", ["", "a\n", "b" * 900 + "\n", "c\n" * 700, "d\r\n" * 451])
@pytest.mark.parametrize("after", ["", "\ne", "\n" + "f\n" * 700, "\r" + "g" * 900])
@pytest.mark.parametrize(("length", "encoding"), [(900, b"7bit"), (901, b"quoted-printable")])
def test_plain_text_goes_as_it_is_unless_a_line_is_too_long(
    before: str, after: str, length: int, encoding: bytes
) -> None:
    encoded = part("plain", before + "x" * length + after)
    assert b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" in encoded


def test_a_mail_without_item_or_thread_has_no_such_header(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    mail = _parsed(compose(make_request(data={}), Rendered("News", "b", None), by(make_server()), now, NO_KEYS))
    assert mail["Subject"] == "News"
    assert mail["In-Reply-To"] is None
    assert mail["References"] is None
    assert mail["Reply-To"] is None


def test_all_but_the_author_find_the_mails_of_an_item_in_one_conversation(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    threads = {
        role: _parsed(compose(make_request(role=role), Rendered("s", "b", None), by(make_server()), now, NO_KEYS))[
            "References"
        ]
        for role in ("author", "user", "watchers", None)
    }
    item = "<C-000123.item@desk.example>"
    assert threads == {"author": None, "user": item, "watchers": item, None: item}


def test_of_many_references_the_first_and_the_latest_are_kept(
    make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    request = make_request(role="author", references=tuple(f"<{n}@example.com>" for n in range(100)))
    kept = _parsed(compose(request, Rendered("s", "b", None), by(make_server()), now, NO_KEYS))["References"].split()
    assert kept == ["<0@example.com>", *(f"<{n}@example.com>" for n in range(81, 100))]


def test_a_domain_beyond_ascii_travels_as_idna() -> None:
    assert headers.wire_address("ursula@bücher.example") == "ursula@xn--bcher-kva.example"
    assert headers.wire_address("ürsula@bücher.example") == "ürsula@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "name", ["", "Ursula", 'Usher, "Ursula" \\', "ÄÖÜ 你好", "=?utf-8?q?x?=", "a" * 300, "a;b<c>@d"]
)
def test_every_display_name_comes_back_as_it_was(
    name: str, make_request: MakeRequest, make_server: MakeServer, now: datetime
) -> None:
    composed = compose(make_request(recipient_name=name), Rendered("s", "b", None), by(make_server()), now, NO_KEYS)
    # compat32: the newer parser shows a blank between encoded words, against RFC 2047, section 6.2
    found, address = parseaddr(message_from_bytes(composed.content)["To"].replace("\r\n", ""))
    assert str(make_header(decode_header(found))) == name
    assert address == "ursula@example.com"


@given(st.text("a ä中😀", min_size=1, max_size=200))
def test_each_encoded_word_is_short_and_holds_whole_characters(text: str) -> None:
    line = headers.clean_line(f"ä{text}")
    field = headers.unstructured(b"Subject", line).removeprefix(b"Subject:").decode("ascii")
    assert max(map(len, field.split())) <= 75  # RFC 2047, section 2
    assert "".join(base64.b64decode(word[10:-2]).decode("utf-8") for word in field.split()) == line


_hostile = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from('\r\n\0\t :;,<>@"\\=?.[]()')), max_size=120
) | st.sampled_from(
    ["\r\nBcc: <evil@example.com>\r\n\r\nbody", "a\nTo: x@y", "=?utf-8?q?=0D=0ABcc:_x=40y?=", "\u2028Bcc: x"]
)


@given(
    subject=_hostile, name=_hostile, text=_hostile, html=st.none() | _hostile, from_name=_hostile, reference=_hostile,
    in_reply_to=_hostile, references=st.lists(_hostile, max_size=3),
)  # fmt: skip
@example(
    subject="=?utf-8?q?=0D=0ABcc:_x=40y.z?=", name="\r\nBcc: x@y.z",
    text="a\n--=_mailcall_" + "0123456789abcdef" * 2 + "\n\nb",
    html="\r\n.\r\nMAIL FROM:<x@y>", from_name="x", reference="C-000001\r\nBcc: x@y.z",
    in_reply_to="<a@b>\r\nBcc: x@y.z", references=["<a@b>\nBcc: <x@y.z>"],
)  # fmt: skip
def test_no_text_adds_a_header_a_recipient_or_a_part(
    subject: str, name: str, text: str, html: str | None, from_name: str, reference: str,
    in_reply_to: str, references: list[str],
) -> None:  # fmt: skip
    values: dict[str, Any] = {
        "notification_id": "0123456789abcdef" * 2,
        "recipient": "ursula@example.com",
        "recipient_name": name,
        "event": "CallLogged",
        "data": {"reference": reference},
        "in_reply_to": in_reply_to,
        "references": tuple(references),
        "requested_at": NOW,
    }
    # model_construct: the border in front of us may have failed as well
    request = NotificationRequested.model_construct(None, **values)
    server = OutgoingServer.model_construct(
        None, id="it-out", from_address="it@desk.example", from_name=from_name, reply_to=None
    )
    composed = compose(request, Rendered(subject, text, html), by(server), NOW, NO_KEYS)

    content = composed.content
    assert content.isascii()
    assert b"\r" not in content.replace(b"\r\n", b"") and b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    mail = message_from_bytes(content)
    names = [name.lower() for name, _ in mail.items()]
    assert len(names) == len(set(names))
    assert ALWAYS <= set(names) <= ALWAYS | OPTIONAL
    parts = [part.get_content_type() for part in mail.walk()]
    assert parts == (["text/plain"] if html is None else ["multipart/alternative", "text/plain", "text/html"])
    strict = message_from_bytes(content, policy=policy.default)
    assert [address.addr_spec for address in strict["To"].addresses] == ["ursula@example.com"]
    assert [address.addr_spec for address in strict["From"].addresses] == ["it@desk.example"]
    assert composed.sender == ""
