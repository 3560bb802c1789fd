"""Mails, quarantine, dead letters and Explain in the window, with mails that are hostile in every field."""

import re
import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.audit import dead_letter_pages, quarantine_pages
from console.config import ConsoleConfig
from console.mails import contents, explain_pages
from console.mails import pages as mails
from console.mails.contents import MailContents
from console.mails.index.records import MailRecords
from console.mails.safe_html import safe_html
from console.settings.file_reading import read_settings_file
from console.views.views import Freshness
from console.web import home
from console.web.foreign import disposition, foreign
from desk.engine import open_desk
from runtime.blobs import BlobStore
from runtime.security.token_keys import make_token_key
from schemas.reasons import Reason
from schemas.settings import Secret
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED
from schemas.wire import Record, encode
from tests.console.test_mail_index import (
    NOW,
    asked,
    dead,
    fetched,
    logged,
    mail_id,
    record,
    rejected,
    resolved,
    sent,
    settlement,
    take,
)
from tests.console.web.signed_in import ADMINISTRATOR, browser, window

DEMO = Path(__file__).parents[3] / "deploy/local/demo/demo.yaml"
RLO = "\u202e"
HOSTILE = f'{RLO}gpj.exe"><script>alert(1)</script><img src=x onerror=alert(1)>{{{{7*7}}}}\u2066'
PAGES = (home, mails, quarantine_pages, dead_letter_pages, explain_pages)
EML = (
    'From: "' + "=?utf-8?q?=E2=80=AEgpj.exe=22=3E=3Cscript=3Ealert=281=29=3C/script=3E?=" + '" <ann@example.org>\r\n'
    "To: desk@example.com\r\nSubject: =?utf-8?q?=E2=80=AE=3Cscript=3Ealert=281=29=3C/script=3E?=\r\n"
    "Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    "<p onclick=alert(1)>Hello \u202eworld <script>alert(1)</script><a href=javascript:alert(1)>a</a>"
    "<img src=https://tracker.example/x.png><form action=/x><input name=p></form><svg onload=alert(1)></svg></p>\r\n"
    "--b\r\nContent-Type: image/svg+xml; name*=utf-8''..%2F..%2F%E2%80%AEgvs.svg\r\n"
    "Content-Disposition: attachment\r\n\r\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>\r\n--b--\r\n"
).encode()


class Reader:
    """In the place of the broker: records by their places. `kept_from`: what retention has left."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int, int], Record] = {}
        self.kept_from = 0

    def at(self, places: Collection[Any]) -> dict[Any, Record]:
        return {place: self.records[place] for place in places if place in self.records and place[2] >= self.kept_from}

    def starts(self, partitions: Collection[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.kept_from)


class Publisher:
    def __init__(self) -> None:
        self.published: list[Any] = []

    def publish(self, messages: Any) -> None:
        self.published += messages


@pytest.fixture
def desk(desk_url: str) -> Iterator[Engine]:
    engine = open_desk(desk_url)
    yield engine
    engine.dispose()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def services(
    desk: Engine, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    key_file = tmp_path / "token.key"
    make_token_key(key_file)
    config = ConsoleConfig(topic_prefix="p", token_key_file=key_file, blob_url=(tmp_path / "blobs").as_uri())
    complete = threading.Event()
    complete.set()
    records = MailRecords(config, desk, reader, complete)  # type: ignore[arg-type]
    settings = read_settings_file(DEMO, seal=lambda _clear: Secret(env="X")).settings
    snapshot = SettingsSnapshot().with_changes((key, value, 1) for key, value in settings.items())
    for module in (quarantine_pages, dead_letter_pages):
        monkeypatch.setattr(module, "catch_up", lambda *_a, **_k: True)
    made = SimpleNamespace(
        config=config, engine=desk, mail_records=records, publisher=Publisher(), jobs=None,
        mail_index=SimpleNamespace(complete=complete),
        mail_contents=MailContents(records, BlobStore(config.blob_url)),
        views=SimpleNamespace(current=SimpleNamespace(settings=snapshot), freshness=Freshness(True, None)),
    )  # fmt: skip
    yield made
    made.mail_contents.close()


@pytest.fixture
def client(services: SimpleNamespace) -> TestClient:
    return browser(window(services, subjects=PAGES))


def put(desk: Engine, reader: Reader, *records: Record) -> None:
    """Onto the topics and into the index."""
    take(desk, *records)
    for one in records:
        reader.records[one.topic, one.partition, one.offset] = one


def eml(number: int, offset: int = 0, raw: bytes = EML) -> Record:
    known = {"serverid": "it-mailbox", "internaldate": NOW.isoformat(), "mailbox": HOSTILE}
    message = encode(MAIL_FETCHED, "ann@example.org", raw, id=mail_id(number), source="/t", time=NOW, extensions=known)
    return record(message, offset)


def harmless(html: str) -> None:
    """Nothing of a mail is markup, and no sign in it turns or hides words."""
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "49" not in re.sub(r"&#34;|nonce=\S+|/static/\S+", "", html)  # {{7*7}}; a hash may hold it, too
    for sign in (RLO, "\u2066"):
        assert sign not in html


def test_hostile_words_are_shown_as_what_they_are(client: TestClient, desk: Engine, reader: Reader) -> None:
    put(
        desk,
        reader,
        eml(1),
        resolved(1, subject=HOSTILE, message_id=f"<{HOSTILE}>", address=HOSTILE),
        eml(2, 1),
        rejected(2, 1, Reason.QUARANTINE, subject=HOSTILE, sender=HOSTILE, evidence=HOSTILE, message_id=HOSTILE),
        eml(3, 2),
        rejected(3, 2, Reason.QUARANTINE, released=HOSTILE, note=HOSTILE),
        dead(fetched(4, 3, mailbox=HOSTILE), 0),
    )
    pages = ["/mails", "/quarantine", "/dead-letters", "/dead-letters/mail.fetched/0/0"]
    pages += [f"/mails?words={HOSTILE}", f"/mails/{mail_id(1)}/contents"]
    pages += [f"/mails/{mail_id(number)}" for number in (1, 2, 3)]
    for path in pages:
        response = client.get(path)
        assert response.status_code == 200, path
        harmless(re.sub(r'id="words"[^>]*>', "", response.text))  # that is what the reader typed
        if path not in ("/dead-letters",):
            assert "U+202E" in response.text, path


@pytest.mark.parametrize("path", ["/mails", "/quarantine", "/dead-letters", "/dead-letters?state=discarded"])
@pytest.mark.parametrize(
    "cursor", ["", "bm9uc2Vuc2U", "W251bGxd", "WzFd", "W3siYXQiOiIyMDI2LTExLTAxIn0sIngiXQ", "////"]
)
def test_an_empty_list_and_a_cursor_that_means_nothing(path: str, cursor: str, client: TestClient) -> None:
    response = client.get(path, params={"after": cursor} if cursor else None)
    assert response.status_code in (200, 422)
    assert 'class="empty"' in response.text


@pytest.mark.parametrize(
    "address",
    [
        "/mails?server=%00&reference=%00&words=%00&sender=%00&subject=%00&message_id=%00",
        "/quarantine?words=%00",
        "/dead-letters?reason=%00",
        "/dead-letters/%00/0/0",
        "/mails/%00",
    ],
)
def test_a_sign_that_no_database_can_be_asked_for_finds_nothing(address: str, client: TestClient) -> None:
    assert client.get(address).status_code in (200, 404)


def test_mails_are_found_by_the_form_and_listed_in_parts(client: TestClient, desk: Engine) -> None:
    take(desk, *(resolved(number, number, received=NOW + timedelta(minutes=number)) for number in range(120)))
    first = client.get("/mails")
    found = re.findall(r"/mails/([0-9a-f]{32})", first.text)
    assert [int(one, 16) for one in found] == list(range(119, 69, -1))
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older is not None
    second = client.get(older[1].replace("&amp;", "&"))
    assert [int(one, 16) for one in re.findall(r"/mails/([0-9a-f]{32})", second.text)] == list(range(69, 19, -1))
    one = client.get("/mails", params={"subject": "printer 77", "server": "it-mailbox", "since": "2026-11-01"})
    assert re.findall(r"/mails/([0-9a-f]{32})", one.text) == [mail_id(77)]
    assert 'value="printer 77"' in one.text
    assert "No mail is like that" in client.get("/mails", params={"words": "nothing like it"}).text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/dead-letters", {"letter": "\0", "action": "replay"}),
        ("/dead-letters", {"reason": "\0", "action": "replay-all"}),
        ("/dead-letters", {"letter": "x" * 100_000, "action": "discard", "note": "x"}),
        ("/quarantine", {"mail": "\0", "action": "release", "note": "x"}),
    ],
)
def test_what_was_never_offered_is_not_settled(path: str, form: dict[str, str], client: TestClient) -> None:
    assert client.post(path, data=form).status_code == 422


@pytest.mark.parametrize("given", [{"since": "yesterday"}, {"since": "2026-11-02", "until": "2026-11-01"}])
def test_a_day_that_cannot_be_read_is_told(given: dict[str, str], client: TestClient) -> None:
    response = client.get("/mails", params=given)
    assert response.status_code == 422
    assert "Error:" in response.text
    assert given["since"] in response.text


def test_a_way_tells_each_stage_with_its_place_time_and_reason(
    client: TestClient, desk: Engine, reader: Reader
) -> None:
    put(desk, reader, fetched(1, 3), resolved(1, 400), logged(1, 5_000), asked(1, 6_000), sent(1, 7_000))
    text = client.get(f"/mails/{mail_id(1)}").text
    stages = re.findall(r"<h3>(\w+)", text)
    assert stages == ["Fetched", "Read", "Screened", "Resolved", "Logged", "Notified", "Sent"]
    for told in (
        "mail.resolved, partition 0, offset 400", "after 397 ms", "after 4.6 s", "a known User", "C-000007",
        "ann@example.org: 250 ok", "Call logged to ann@example.org", "not checked",
    ):  # fmt: skip
        assert told in text, told
    assert "let this one go" not in text

    reader.kept_from = 1_000
    text = client.get(f"/mails/{mail_id(1)}").text
    assert text.count("let this one go") == 2
    assert re.findall(r"<h3>(\w+)", text) == ["Fetched", "Resolved", "Logged", "Notified", "Sent"]


@pytest.mark.parametrize("id_", [mail_id(9), "x", "0" * 33])
@pytest.mark.parametrize("part", ["", "/contents", "/text", "/raw", "/files/0"])
def test_a_mail_that_is_not_there(id_: str, part: str, client: TestClient) -> None:
    response = client.get(f"/mails/{id_}{part}")
    assert response.status_code in (404, 409) or "no longer kept" in response.text
    assert "Traceback" not in response.text


def test_what_a_mail_says_is_shown_in_a_frame_that_can_do_nothing(
    client: TestClient, desk: Engine, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def sanitise(pieces: list[str]) -> list[str]:
        made.extend(pieces)
        return safe_html(pieces)

    monkeypatch.setattr(contents, "safe_html", sanitise)
    put(desk, reader, eml(1), resolved(1, 1))
    outer = client.get(f"/mails/{mail_id(1)}/contents").text
    frame = client.get(f"/mails/{mail_id(1)}/text")

    assert re.search(r"<iframe [^>]*\ssandbox(=\"\")?\s", outer)
    harmless(outer)
    harmless(frame.text)
    assert "Hello [U+202E]world" in frame.text
    for bad in ("script", "onclick", "javascript:", "<img", "<form", "<input", "<svg", "tracker"):
        assert bad not in frame.text.lower(), bad
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for part in ("sandbox", "frame-ancestors 'self'", "form-action 'none'", "base-uri 'none'"):
        assert f"; {part}" in policy
    assert "script-src" not in policy
    assert frame.headers["x-frame-options"] == "SAMEORIGIN"
    assert len(made) == 1  # made safe once


def test_the_text_of_a_mail_without_html_is_no_markup(client: TestClient, desk: Engine, reader: Reader) -> None:
    put(desk, reader, eml(1, raw=f"Subject: x\r\n\r\n<b>bold</b>\r\nsecond line {RLO}\r\n".encode()))
    frame = client.get(f"/mails/{mail_id(1)}/text").text
    assert "<pre>&lt;b&gt;bold&lt;/b&gt;\nsecond line [U+202E]" in frame.replace("\r", "")


def test_bytes_of_a_mail_are_only_ever_downloaded(client: TestClient, desk: Engine, reader: Reader) -> None:
    put(desk, reader, eml(1))
    raw, svg = client.get(f"/mails/{mail_id(1)}/raw"), client.get(f"/mails/{mail_id(1)}/files/0")
    assert raw.content == EML
    assert b"onload" in svg.content
    for response in (raw, svg):
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"].startswith("attachment; filename=")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in response.headers["content-security-policy"]
    assert ".eml" in raw.headers["content-disposition"]
    assert "/" not in svg.headers["content-disposition"].replace("''", "")
    assert client.get(f"/mails/{mail_id(1)}/files/1").status_code == 409


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a"; filename=evil.exe', "a_; filename=evil.exe"),
        ("a\r\nSet-Cookie: x=1", "a_Set-Cookie_ x=1"),
        (f"{RLO}gpj.exe", "[U+202E]gpj.exe"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ("ü.txt", "_.txt"),
        ("x" * 500 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_the_name_of_a_download_is_a_name_and_nothing_else(name: str, shown: str) -> None:
    made = disposition(name)
    assert made.startswith(f'attachment; filename="{shown}"; ')
    assert "\r" not in made
    assert "\n" not in made


def test_words_keep_what_they_need_and_lose_what_hides() -> None:
    kept = "می\u200cخواهم 👨\u200d👩\u200d👧 a\u0301"
    assert str(foreign(kept)) == f'<bdi class="hostile">{kept}</bdi>'
    assert foreign("a\u00adb\U000e0041").count('class="sign"') == 2


# ---- quarantine ------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(desk: Engine, reader: Reader) -> list[str]:
    """Three mails in quarantine."""
    for number in range(3):
        put(desk, reader, eml(number, number), rejected(number, number, Reason.QUARANTINE, evidence="dmarc=fail"))
    return [mail_id(number) for number in range(3)]


def test_many_are_released_at_once_with_a_reason(
    client: TestClient, held: list[str], services: SimpleNamespace, desk: Engine
) -> None:
    listed = client.get("/quarantine").text
    assert all(one in listed for one in held)
    assert "dmarc=fail" in listed
    assert listed.count(" checked") == 0
    assert client.get("/quarantine?all=1").text.count(" checked") == 3

    done = client.post("/quarantine", data={"mail": held[:2], "action": "release", "note": "a customer"})

    assert (done.status_code, done.headers["location"]) == (303, "/quarantine")
    again = [one for one in services.publisher.published if one.topic is MAIL_FETCHED]
    notes = [one for one in services.publisher.published if one.topic is MAIL_REJECTED]
    assert len(again) == len(notes) == 2
    headers = dict(again[0].headers)
    assert (headers["ce_released"], again[0].value) == (b"Ada", EML)
    assert re.fullmatch(rb"[0-9a-f]{64}", headers["ce_releasemark"])
    take(desk, *(record(one, 50 + place) for place, one in enumerate(notes)))
    listed = client.get("/quarantine").text
    assert [one in listed for one in held] == [False, False, True]
    assert "by Ada: a customer" in client.get(f"/mails/{held[0]}").text


def test_the_way_of_a_held_mail_leads_to_its_release(client: TestClient, held: list[str]) -> None:
    way = client.get(f"/mails/{held[0]}").text
    assert f'href="/quarantine?words={held[0]}">Release or discard it' in way
    assert "<code>mailcall mail release</code>" in way and "`" not in way
    listed = client.get(f"/quarantine?words={held[0]}").text
    assert held[0] in listed and held[1] not in listed


def test_a_release_says_nothing_of_who_the_sender_is(
    client: TestClient, held: list[str], services: SimpleNamespace
) -> None:
    """Whatever is posted beside it: the mail goes its way as it came, and its sender is judged by its own headers."""
    more = {"trust": "passed", "sender": "ida@example.com", "released": "root", "server": "hr-mailbox"}
    client.post("/quarantine", data={**more, "mail": held[:1], "action": "release", "note": "x"})
    again = next(one for one in services.publisher.published if one.topic is MAIL_FETCHED)
    assert again.value == EML
    assert again.key == "ann@example.org"
    headers = dict(again.headers)
    assert (headers["ce_serverid"], headers["ce_released"]) == (b"it-mailbox", b"Ada")
    assert not any("trust" in name for name in headers)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"action": "release", "note": "x"}, "Choose at least one mail"),
        ({"action": "release", "mail": [mail_id(1)]}, "Say why"),
        ({"action": "discard", "mail": [mail_id(1)], "note": "   "}, "Say why"),
        ({"action": "forgive", "mail": [mail_id(1)], "note": "x"}, "Choose Release or Discard"),
        ({"action": "release", "mail": ["../x"], "note": "x"}, "Choose at most"),
        ({"action": "release", "mail": [mail_id(n) for n in range(201)], "note": "x"}, "Choose at most"),
        ({"action": "release", "mail": [mail_id(1), mail_id(99)], "note": "x"}, "Nothing was done"),
        ({"action": "discard", "mail": [mail_id(1), mail_id(99)], "note": "x"}, "Nothing was done"),
        ({"action": "discard", "mail": [mail_id(1)], "note": "a\u202eb"}, "one line"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_choice_is_kept(
    data: dict[str, Any], told: str, client: TestClient, held: list[str], services: SimpleNamespace
) -> None:
    response = client.post("/quarantine", data=data)
    assert response.status_code == 422
    assert told in response.text
    assert services.publisher.published == []
    if mail_id(1) in data.get("mail", ()):
        assert re.search(rf'value="{mail_id(1)}"[^>]* checked', response.text)


def test_mails_are_discarded_with_a_reason(client: TestClient, held: list[str], services: SimpleNamespace) -> None:
    assert client.post("/quarantine", data={"mail": held, "action": "discard", "note": "spam"}).status_code == 303
    assert [one.topic for one in services.publisher.published] == [MAIL_REJECTED] * 3
    assert b'"discarded":"Ada"' in services.publisher.published[0].value


# ---- dead letters ----------------------------------------------------------------------------------------------------


@pytest.fixture
def letters(desk: Engine, reader: Reader) -> list[str]:
    for number in range(3):
        put(desk, reader, fetched(number, number), dead(fetched(number, number), number))
    return [f"mail.fetched/0/{number}" for number in range(3)]


def test_dead_letters_are_listed_by_cause_shown_and_replayed(
    client: TestClient, letters: list[str], services: SimpleNamespace, desk: Engine
) -> None:
    listed = client.get("/dead-letters").text
    assert all(one in listed for one in letters)
    assert "wrong-schema" in listed
    assert ">3</data>" in listed
    assert all(one not in client.get("/dead-letters?reason=blob-missing").text for one in letters)
    shown = client.get(f"/dead-letters/{letters[1]}").text
    assert "ce_serverid" in shown
    assert "no good" in shown

    done = client.post("/dead-letters", data={"letter": letters[:2], "action": "replay"})

    assert done.status_code == 303
    assert [one.topic for one in services.publisher.published] == ["p.mail.fetched.v1", "p.mail.fetched.v1.dlq"] * 2
    take(desk, *(settlement(MAIL_FETCHED, one, 60 + place, discarded=False) for place, one in enumerate(letters[:2])))
    assert letters[0] not in client.get("/dead-letters").text
    assert letters[0] in client.get("/dead-letters?state=replayed").text


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_all_of_a_cause_at_once(action: str, client: TestClient, letters: list[str], services: SimpleNamespace) -> None:
    given = {"reason": "wrong-schema", "action": f"{action}-all", "note": "spam"}
    assert client.post("/dead-letters", data=given).status_code == 303
    notes = [one for one in services.publisher.published if one.topic.endswith(".dlq")]
    assert len(notes) == 3
    assert ("dlq-settled-by", b"Ada") in notes[0].headers
    assert ("dlq-settled-why", b"spam") in notes[0].headers
    assert client.post("/dead-letters", data={**given, "reason": "blob-missing"}).status_code == 422


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"action": "replay"}, "Choose at least one"),
        ({"action": "discard", "letter": ["mail.fetched/0/1"]}, "Say why"),
        ({"action": "burn", "letter": ["mail.fetched/0/1"]}, "Choose Replay or Discard"),
        ({"action": "replay", "letter": ["mail.fetched/0/1", "mail.fetched/0/99"]}, "Nothing was done"),
        ({"action": "replay", "letter": ["nonsense"]}, "Nothing was done"),
    ],
)
def test_what_cannot_be_done_about_dead_letters_is_told(
    data: dict[str, Any], told: str, client: TestClient, letters: list[str], services: SimpleNamespace
) -> None:
    response = client.post("/dead-letters", data=data)
    assert response.status_code == 422
    assert told in response.text
    assert services.publisher.published == []


# ---- explain, rights -------------------------------------------------------------------------------------------------


def test_explain_tells_every_step_as_the_command_does(client: TestClient, services: SimpleNamespace) -> None:
    from console.mails.explain_sources import explainer_of

    page = client.post("/explain", data={"server": "it-mailbox"}, files={"file": (f"{RLO}x.eml", EML)})
    explainer = explainer_of(services.views.current.settings, services.engine, "it-mailbox", None)
    account = explainer.explain("x", EML)
    explainer.close()

    assert page.status_code == 200
    harmless(page.text)
    assert [step["step"] for step in account["steps"]] == [
        name.lower() for name in re.findall(r"<h3>([\w ]+): ", page.text)
    ]
    told = re.sub(r"<[^>]+>", "", page.text)
    for words in ("Trust: not checked", "Wanted: to log or update", "Sender: not known: "):
        assert words in told
    assert account["call"]["partition"] in page.text
    assert "U+202E" in page.text
    assert "pasted" in client.post("/explain", data={"server": "it-mailbox", "source": "Subject: x\n\nHello"}).text


def test_explain_needs_a_mail_a_server_that_exists_and_a_bounded_body(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Choose a mail" in client.post("/explain", data={"server": "it-mailbox"}).text
    wrong = client.post("/explain", data={"server": "nowhere", "source": "Subject: x\n\nHello"})
    assert wrong.status_code == 422
    assert "no incoming server" in wrong.text
    large = client.post("/explain", files={"file": ("x.eml", b"x" * (explain_pages.MAX_MAIL_BYTES + 1))})
    assert large.status_code == 413


def test_whoever_has_no_right_to_held_mail_sees_nothing_of_it(services: SimpleNamespace, held: list[str]) -> None:
    someone = Identity("2", "Eve", frozenset(Right) - {Right.HELD_MAIL})
    client = browser(window(services, someone, subjects=PAGES))
    for subject in PAGES[1:]:
        for one in subject.PAGES:
            path = (
                one.path.format(topic="mail.fetched", partition=0, offset=0, number=0, mail_id=held[0])
                if ("{" not in one.path)
                else re.sub(r"\{[^}]*\}", "0", one.path.replace("{mail_id}", held[0]))
            )
            response = client.request(one.methods[0], path, data={"mail": held, "action": "release", "note": "x"})
            assert response.status_code == 403, path
            assert held[1] not in response.text
    assert services.publisher.published == []
    assert ADMINISTRATOR.may(Right.HELD_MAIL)


# ---- rights by object ------------------------------------------------------------------------------------------------

OF_IT = Identity("2", "Ivo", frozenset(Right), frozenset({"it"}), frozenset({"it"}))
THEIRS = (11, 12, 13, 14)  # mails that are none of IT's


@pytest.fixture
def of_both(services: SimpleNamespace, desk: Engine, reader: Reader) -> SimpleNamespace:
    """Of each partition a held mail (1, 11), a call (2, 12; HR's by the mailbox of IT) and a dead letter (3, 13).

    A held mail (14) and a dead letter are of a server that there is no more.
    """
    hr, gone = {"server_id": "hr-mailbox"}, {"server_id": "gone-mailbox"}
    put(
        desk,
        reader,
        eml(1, 1),
        rejected(1, 1, Reason.QUARANTINE, subject="Printer held"),
        eml(2, 2),
        resolved(2, 2),
        logged(2, 2),
        fetched(3, 3),
        dead(fetched(3, 3), 0),
        fetched(11, 11, serverid="hr-mailbox"),
        rejected(11, 11, Reason.QUARANTINE, subject="Salary held", **hr),
        eml(12, 12),
        resolved(12, 12, subject="Salary of Ben"),
        logged(12, 12, "C-000008", "hr"),
        fetched(13, 13, serverid="hr-mailbox"),
        dead(fetched(13, 13, serverid="hr-mailbox"), 1),
        rejected(14, 14, Reason.QUARANTINE, subject="Salary of whom", **gone),
        dead(fetched(15, 15, serverid="gone-mailbox"), 2),
    )
    return services


def test_another_partitions_mail_is_answered_like_one_that_is_not_there(of_both: SimpleNamespace) -> None:
    client, everybody = (browser(window(of_both, who, subjects=PAGES)) for who in (OF_IT, ADMINISTRATOR))
    of_a_mail = [page for page in mails.PAGES if "{mail_id}" in page.path]
    assert len(of_a_mail) > 3
    for page in of_a_mail:
        path = page.path.replace("{number:int}", "0")
        nobodys = client.get(path.replace("{mail_id}", mail_id(99)))
        assert nobodys.status_code == 404
        for number in THEIRS:
            theirs = client.get(path.replace("{mail_id}", mail_id(number)))
            assert (theirs.status_code, _main(theirs.text)) == (404, _main(nobodys.text)), page.name
        assert client.get(path.replace("{mail_id}", mail_id(2))).status_code == 200, page.name
    assert "Salary of Ben" in everybody.get(f"/mails/{mail_id(12)}").text


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"words": "salary"},
        {"words": "salary of ben"},
        {"words": "C-000008"},
        {"words": mail_id(11)},
        {"words": "<12@example.org>"},
        {"reference": "C-000008"},
        {"message_id": "12@example.org"},
        {"server": "hr-mailbox"},
        {"outcome": "quarantined"},
        {"outcome": "dead-lettered"},
    ],
)
def test_search_finds_nothing_of_another_partition(of_both: SimpleNamespace, given: dict[str, str]) -> None:
    found = {}
    for who in (OF_IT, ADMINISTRATOR, replace(OF_IT, mail_partitions=frozenset())):
        text = browser(window(of_both, who, subjects=PAGES)).get("/mails", params=given).text
        found[who] = {int(one, 16) for one in re.findall(r"/mails/([0-9a-f]{32})", text)}
        if who is OF_IT:
            assert "Salary" not in text and 'value="hr-mailbox"' not in text
    mine, every, none = found.values()
    assert every and mine == every & {1, 2, 3} and not none


def test_held_mails_of_another_partition_are_neither_shown_nor_settled(of_both: SimpleNamespace) -> None:
    client = browser(window(of_both, OF_IT, subjects=PAGES))
    for path in ("/quarantine", "/quarantine?words=held", f"/quarantine?words={mail_id(11)}"):
        assert "Salary" not in client.get(path).text
    assert "Printer held" in client.get("/quarantine").text
    for number in (11, 14, 99):
        for action in ("release", "discard"):
            chosen = {"mail": [mail_id(1), mail_id(number)], "action": action, "note": "let it go"}
            refused = client.post("/quarantine", data=chosen)
            assert refused.status_code == 422 and "mails of the list" in refused.text and "Salary" not in refused.text
    assert of_both.publisher.published == []
    assert client.post("/quarantine", data={"mail": mail_id(1), "action": "discard", "note": "x"}).status_code == 303


def test_dead_letters_of_another_partition_are_neither_shown_nor_settled(of_both: SimpleNamespace) -> None:
    client, everybody = (browser(window(of_both, who, subjects=PAGES)) for who in (OF_IT, ADMINISTRATOR))
    letters = r"/dead-letters/mail\.fetched/0/(\d)"
    assert set(re.findall(letters, client.get("/dead-letters").text)) == {"0"}
    assert set(re.findall(letters, everybody.get("/dead-letters").text)) == {"0", "1", "2"}
    answers = [client.get(f"/dead-letters/mail.fetched/0/{offset}").status_code for offset in range(4)]
    assert answers == [200, 404, 404, 404]
    for action in ("replay", "discard"):
        chosen = {"letter": ["mail.fetched/0/0", "mail.fetched/0/1"], "action": action, "note": "it is mended"}
        assert client.post("/dead-letters", data=chosen).status_code == 422
    assert of_both.publisher.published == []
    reason = Reason.WRONG_SCHEMA.value
    assert (
        client.post("/dead-letters", data={"reason": reason, "action": "discard-all", "note": "x"}).status_code == 303
    )
    assert len(of_both.publisher.published) == 1


def test_a_mail_is_explained_at_servers_of_own_partitions_only(of_both: SimpleNamespace) -> None:
    client = browser(window(of_both, OF_IT, subjects=PAGES))
    form = client.get("/explain").text
    assert 'value="it-mailbox"' in form and "hr-mailbox" not in form
    mail = "From: ben@example.org\n\nHello"
    refused, unknown = (client.post("/explain", data={"server": id_, "source": mail}) for id_ in ("hr-mailbox", "none"))
    assert (refused.status_code, unknown.status_code) == (422, 422) and "hr-by-mail" not in refused.text
    assert _main(refused.text).replace("hr-mailbox", "none") == _main(unknown.text)
    own = client.post("/explain", data={"source": mail})  # there is one to choose from
    assert own.status_code == 200 and "it-by-mail" in own.text


def _main(html: str) -> str:
    return html.partition("<main")[2].partition("</main>")[0]
