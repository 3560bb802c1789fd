"""Items and deliveries in the window: found, shown safely, of one's own partitions alone, and acted upon."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.desk import item_pages
from console.desk.desk_commands import CommandResult
from console.notifications import pages as delivery_pages
from console.notifications.send_again import again_id
from console.web import home
from desk import tables
from desk.engine import open_desk
from runtime.blobs import BlobStore
from schemas.desk_commands import DeskCommand, DeskRequested, ItemToClose, ItemToWatch
from schemas.events import NotificationRequested
from schemas.settings import OutgoingServer
from schemas.topics import NOTIFICATION_REQUESTED, Topic
from schemas.wire import OutputRecord, Record, encode
from tests.console.web.people import HOSTILE, HTML, TURN, named, services, views_of
from tests.console.web.signed_in import ADMINISTRATOR, browser, window
from tests.desk.rows import NOW, add, add_attempt, add_entry, add_file, add_item, add_person, add_waiting

IT_ONLY = Identity("2", "Ivo", frozenset({Right.READ_CALLS}), frozenset({"it"}))
ROUTES = (
    "/items/{}",
    "/items/{}/mails/mail",
    "/items/{}/files/0",
)


@pytest.fixture
def engine(desk_url: str) -> Iterator[Engine]:
    engine = open_desk(desk_url)
    yield engine
    engine.dispose()


@pytest.fixture
def blobs(tmp_path: Path) -> str:
    return (tmp_path / "blobs").as_uri()


@pytest.fixture
def open_window(engine: Engine, blobs: str, logger: "Logger") -> Callable[..., TestClient]:
    made = services(engine, blob_url=blobs, topic_prefix="t")
    made.answers = made.publisher = logger

    def open_(identity: Identity | None = ADMINISTRATOR) -> TestClient:
        return browser(window(made, identity, subjects=(home, item_pages, delivery_pages)))

    return open_


@pytest.fixture
def desk(engine: Engine, blobs: str) -> Engine:
    """Two partitions with an item each; that of `it` has a hostile mail with a hostile file."""
    add_person(engine, "ann", HOSTILE[:60], "Lee", "ann@example.test")
    add_person(engine, "ida", "Ida", "Ingram", "ida@desk.test", is_user=False, is_analyst=True)
    add_item(engine, 1, subject=HOSTILE, description=HOSTILE, fields={HOSTILE: HOSTILE}, priority="P2")
    add_item(engine, 2, partition="hr", subject="Salary of Ann", status="closed", kind="task")
    for item, mail in ((1, "mail"), (2, "other")):
        add_entry(engine, item, "call-logged", mail_id=mail, html=HTML)
        add_file(engine, item, 0, f"photo{TURN}gpj.svg", BlobStore(blobs).put(b"<svg onload=alert(1)/>"), mail_id=mail)
    add_entry(engine, 1, "item-updated", 5, mail_id="m2", reason="no-part-proved", text="All\n> quoted", reply="All")
    add_attempt(engine, "n1", "failed", reference="C-000001", smtp_reply=f"550 {HOSTILE}", server_id="out")
    add_attempt(engine, "n2", "sent", reference="T-000002", recipient="hr-only@example.test")
    add_attempt(engine, "n3", "sent", recipient="nobody-knows@example.test")
    add_waiting(engine, "n4", "it/it-only@example.test", 1, 5)
    add_waiting(engine, "n5", "hr/hr-waits@example.test", 2, 6)
    add_waiting(engine, "n6", "it/it-only@example.test", 3, 7)
    return engine


def _body(text: str) -> str:
    """What a page says, without the scripts' nonce, which is another each time."""
    return re.sub(r'nonce="[^"]+"', "", text)


def is_harmless(text: str) -> bool:
    """Nothing of a mail is markup, and nothing turns the direction of a text."""
    return not re.search(r"<script>alert|<img src=x|onclick|href=\"javascript|\u202e|\{\{|>49<", text)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("path", ["/items", "/items/C-000001", "/deliveries", "/deliveries?state=failed"])
def test_nothing_of_a_mail_is_markup(open_window: Callable[..., TestClient], path: str) -> None:
    answer = open_window().get(path)
    assert answer.status_code == 200
    assert "&lt;script&gt;alert(1)" in answer.text
    assert is_harmless(answer.text.replace("{{ 7*7 }}", ""))
    assert "{{ 7*7 }}" in answer.text


@pytest.mark.usefixtures("desk")
def test_a_mail_is_shown_in_a_frame_that_may_nothing(open_window: Callable[..., TestClient]) -> None:
    client = open_window()
    page, frame = client.get("/items/C-000001").text, client.get("/items/C-000001/mails/mail")
    assert '<iframe class="mail-frame" sandbox=""' in page and 'src="/items/C-000001/mails/mail"' in page
    assert "<b>there</b>" in frame.text
    assert is_harmless(frame.text) and "evil.example" not in frame.text and "alert(2)" not in frame.text
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "sandbox" in policy and "script-src" not in policy
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert client.get("/items/C-000001/mails/m2").status_code == 404
    assert client.get("/items/C-000001/mails/other").status_code == 404


@pytest.mark.usefixtures("desk")
def test_a_file_is_saved_and_never_shown(open_window: Callable[..., TestClient]) -> None:
    answer = open_window().get("/items/C-000001/files/0")
    assert answer.content == b"<svg onload=alert(1)/>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="photo[U+202E]gpj.svg"')
    assert "%E2%80%AE" not in disposition
    assert open_window().get("/items/C-000001/files/1").status_code == 404


def test_a_file_that_is_no_longer_stored_is_not_found(open_window: Callable[..., TestClient], desk: Engine) -> None:
    add_file(desk, 1, 1, "gone.txt", f"sha256/00/{'0' * 64}")
    assert open_window().get("/items/C-000001/files/1").status_code == 404


@pytest.mark.usefixtures("desk")
def test_another_partitions_item_is_not_there(open_window: Callable[..., TestClient]) -> None:
    mine, every = open_window(IT_ONLY), open_window()
    assert every.get("/items/T-000002").status_code == 200
    missing = mine.get("/items/T-000099")
    for route in ROUTES:
        hidden = mine.get(route.format("T-000002").replace("mails/mail", "mails/other"))
        assert (hidden.status_code, _body(hidden.text)) == (404, _body(missing.text))
        assert "Salary" not in hidden.text
    assert mine.get("/items/C-000001").status_code == 200
    assert mine.post("/items/T-000002/actions", data={"action": "close", "by": "ida"}).status_code == 404


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "path",
    [
        "/items",
        "/items?q=salary",
        "/items?partition=hr",
        "/items?user=ann",
        "/items?status=closed",
        "/deliveries",
        "/deliveries?state=sent",
        "/deliveries?state=waiting",
        "/deliveries?recipient=hr-only@example.test",
    ],
)
def test_lists_and_search_hide_other_partitions(open_window: Callable[..., TestClient], path: str) -> None:
    text = open_window(IT_ONLY).get(path).text
    assert not [word for word in ("T-000002", "Salary", "hr-waits", "nobody-knows") if word in text]
    assert text.count("hr-only@example.test") == path.count("hr-only@example.test")


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("path", ["/items", "/items/C-000001", "/items/C-000001/files/0", "/deliveries"])
def test_without_the_right_the_page_says_so(open_window: Callable[..., TestClient], path: str) -> None:
    identity = replace(ADMINISTRATOR, rights=frozenset(Right) - {Right.READ_CALLS})
    answer = open_window(identity).get(path)
    assert answer.status_code == 403 and "Read Calls" in answer.text


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/items", ["T-000002", "C-000001"]),
        ("/items?kind=task", ["T-000002"]),
        ("/items?status=open", ["C-000001"]),
        ("/items?partition=hr", ["T-000002"]),
        ("/items?q=salary", ["T-000002"]),
        ("/items?user=ann@example.test", ["T-000002", "C-000001"]),
        ("/items?user=nobody@example.test", []),
        ("/items?logging_analyst=ida&kind=call", ["C-000001"]),
        ("/items?kind=nonsense&status=%00&after=WzFd", ["T-000002", "C-000001"]),
    ],
)
def test_items_are_listed_and_filtered(open_window: Callable[..., TestClient], path: str, found: list[str]) -> None:
    text = open_window().get(path).text
    assert re.findall(r'<a href="/items/([CTR]-\d+)"', text) == found
    assert ("Nothing is found" in text) is not bool(found)


@pytest.mark.usefixtures("desk")
def test_a_reference_leads_to_its_item(open_window: Callable[..., TestClient]) -> None:
    answer = open_window().get("/items", params={"q": " c-000001 "})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/items/C-000001")


def test_a_long_list_has_parts(open_window: Callable[..., TestClient], desk: Engine) -> None:
    for number in range(3, 120):
        add_item(desk, number)
    client = open_window()
    seen: list[str] = []
    path: str | None = "/items?status=open"
    while path:
        text = client.get(path).text
        seen += re.findall(r'<a href="/items/([CTR]-\d+)"', text)
        link = re.search(r'rel="next" href="([^"]+)"', text)
        path = link and link[1].replace("&amp;", "&")
    assert seen == [f"C-{number:06}" for number in [*range(119, 2, -1), 1]]


@pytest.mark.usefixtures("desk")
def test_the_journal_is_in_order_and_tells_what_is_not_proved(open_window: Callable[..., TestClient]) -> None:
    text = open_window().get("/items/C-000001").text
    logged, updated = text.index("Call logged"), text.index("Not proved: for Analysts alone")
    assert logged < updated
    assert "Nothing proves that the sender is a party to the item" in text
    assert "The whole text" in text and "&gt; quoted" in text
    assert "Not proved" not in open_window().get("/items/T-000002").text


@pytest.mark.usefixtures("desk")
def test_deliveries_show_the_failed_first_and_why_others_wait(open_window: Callable[..., TestClient]) -> None:
    text = open_window().get("/deliveries").text
    places = [text.index(f"<h2>{title}</h2>") for title in ("Failed", "Waiting", "Sent")]
    assert places == sorted(places)
    assert "550 &lt;script&gt;" in text
    assert "It has had no turn yet." in text
    assert "An earlier notification to the same recipient goes first" in text


class MailTopics:
    """In the place of `MailRecords`: what `notification.requested` holds, all of it told by mails."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config = SimpleNamespace(topic_prefix="t")
        self.records: list[Record] = []

    def of(self, topic: Topic, _mail_ids: Collection[str]) -> list[Record]:
        assert topic is NOTIFICATION_REQUESTED
        return self.records

    known = of

    def ask(self, id_: str, recipient: str, reference: str, outcome: str = "failed", **asked_for: Any) -> None:
        """What was asked for, and failed."""
        values = {
            "notification_id": id_,
            "recipient": recipient,
            "data": {"reference": reference},
            "event": "CallLogged",
        }
        more = {"mail_id": id_, "requested_at": NOW, **asked_for}
        asked = NotificationRequested.model_validate(values | more)
        message = encode(NOTIFICATION_REQUESTED, recipient, asked, id=id_, source="/t", time=NOW)
        self.records.append(Record("t", 0, len(self.records), b"k", message.value, message.headers))
        told: dict[str, Any] = {"reference": reference, "recipient": recipient, "mail_id": id_}
        if outcome == "failed":
            told |= {"reason": "recipient-refused", "smtp_reply": "550 no"}
        add_attempt(self.engine, id_, outcome, **told)


F, G, H = "f" * 32, "9" * 32, "0" * 32
BOX = r'<input type="checkbox" name="delivery" value="{}/[^"]*" aria-label="[^"]*"( disabled| checked)?>'


@pytest.fixture
def failed(desk: Engine) -> MailTopics:
    topics = MailTopics(desk)
    topics.ask(F, "ann@example.test", "C-000001")
    topics.ask(G, "hr@example.test", "T-000002")
    more: dict[str, Any] = {"reference": "C-000001", "recipient": "late@example.test", "server_id": "out"}
    add_attempt(desk, H, "failed", **more, reason="retries-exhausted", smtp_reply="the connection broke")
    return topics


def sending(
    engine: Engine, topics: MailTopics, identity: Identity = ADMINISTRATOR
) -> tuple[TestClient, list[OutputRecord]]:
    """A window of deliveries, and what it publishes."""
    published: list[OutputRecord] = []
    made = sending_services(engine, topics, published)
    return browser(window(made, identity, subjects=(home, item_pages, delivery_pages))), published


def sending_services(engine: Engine, topics: MailTopics, published: list[OutputRecord]) -> SimpleNamespace:
    publisher = SimpleNamespace(publish=published.extend)
    views = views_of(*named())
    return SimpleNamespace(engine=engine, mail_records=topics, publisher=publisher, config=topics.config, views=views)


def test_a_failed_notification_is_sent_again_and_then_offered_no_more(desk: Engine, failed: MailTopics) -> None:
    client, published = sending(desk, failed)
    assert re.search(BOX.format(F), client.get("/deliveries").text)
    assert "deliveries?state=failed&amp;recipient=ann%40example.test" in client.get("/items/C-000001").text
    for _ in range(2):
        sent = client.post("/deliveries?state=failed", data={"delivery": f"{F}/ann@example.test"})
        assert (sent.status_code, sent.headers["Location"]) == (303, "/deliveries")
    first, second = published
    asked = NotificationRequested.model_validate_json(first.value or b"")
    assert (asked.notification_id, asked.recipient) == (again_id((F, "ann@example.test")), "ann@example.test")
    assert ("ce_againby", b"Ada") in first.headers
    assert NotificationRequested.model_validate_json(second.value or b"").notification_id == asked.notification_id
    add_attempt(desk, asked.notification_id, "sent", recipient="ann@example.test", reference="C-000001")
    text = client.get("/deliveries?state=failed").text
    box = re.search(BOX.format(F), text)
    assert box and box[1] == " disabled" and "Sent again: it went out." in text
    refused = client.post("/deliveries", data={"delivery": f"{F}/ann@example.test"})
    assert refused.status_code == 422 and "was sent again already" in refused.text and len(published) == 2


def test_what_may_have_arrived_says_so_and_is_asked_for(desk: Engine, failed: MailTopics) -> None:
    client, published = sending(desk, failed)
    text = client.get("/deliveries?state=failed").text
    assert text.count("It may have arrived: no server said that it did not take it.") == 1
    both = {"delivery": [f"{F}/ann@example.test", f"{H}/late@example.test"]}
    refused = client.post("/deliveries?state=failed", data=both)
    assert refused.status_code == 422 and "Also those that may have arrived" in refused.text and not published
    boxes = [re.search(BOX.format(id_), refused.text) for id_ in (F, H)]
    assert [box and box[1] for box in boxes] == [" checked", " checked"], "what was chosen stays chosen"


def test_nobody_sends_what_tells_of_another_partition(desk: Engine, failed: MailTopics) -> None:
    client, published = sending(desk, failed, IT_ONLY)
    assert f"{G}/" not in client.get("/deliveries?state=failed").text
    for chosen in ([f"{G}/hr@example.test"], [f"{F}/ann@example.test", f"{G}/hr@example.test"], [], ["nonsense"]):
        assert client.post("/deliveries", data={"delivery": chosen}).status_code == 422
    assert not published
    assert client.post("/deliveries", data={"delivery": f"{F}/ann@example.test"}).status_code == 303
    assert len(published) == 1


def test_a_notification_shows_its_words_and_says_that_the_mail_is_not_kept(desk: Engine, failed: MailTopics) -> None:
    id_ = "a" * 32
    words = {"reference": "C-000001", "subject": "Printer", "person": "Ida Ingram", "text": f"Try again. {HOSTILE}"}
    failed.ask(id_, "ann@example.test", "C-000001", "sent", data=words, event="CallUpdated")
    client, _ = sending(desk, failed)
    assert f'href="/deliveries/{id_}"' in client.get("/deliveries?state=sent").text
    assert f'href="/deliveries/{id_}"' in client.get("/items/C-000001").text
    text = client.get(f"/deliveries/{id_}").text
    assert "Call updated" in text and "Ida Ingram" in text
    assert '<pre class="mail-text hostile">Try again. &lt;script&gt;' in text and is_harmless(
        text.replace("{{ 7*7 }}", "")
    )
    assert "These words filled the message template of that time. The mail itself is kept nowhere in Mailcall" in text
    assert "Dear" not in text, "no template is filled"


def test_a_notification_that_was_given_whole_shows_subject_and_text(desk: Engine, failed: MailTopics) -> None:
    failed.ask("b" * 32, "ann@example.test", "C-000001", "sent", subject="Back at nine", text="The lift\nworks.")
    text = sending(desk, failed)[0].get(f"/deliveries/{'b' * 32}").text
    assert "The subject and the text that were given to be sent." in text
    assert "Back at nine" in text and "The lift\nworks.</pre>" in text


@pytest.mark.usefixtures("failed")
def test_a_notification_whose_words_are_not_known_says_so_and_every_attempt_is_told(desk: Engine) -> None:
    add_attempt(desk, H, "sent", 2, recipient="late@example.test", reference="C-000001", message_id="<m@desk.test>")
    client, _ = sending(desk, MailTopics(desk))
    text = client.get(f"/deliveries/{H}").text
    assert "no mail caused it, so that its record is in no index" in text
    assert '<a href="/items/C-000001">journal of C-000001</a>' in text
    assert text.index("the connection broke") < text.index("&lt;m@desk.test&gt;")
    assert "kept no more, or cannot be read now" in client.get(f"/deliveries/{F}").text
    assert client.get("/deliveries/n3").status_code == 200
    assert client.get("/deliveries/nothing").status_code == 404


def test_where_a_copy_lies_is_said_of_a_server_that_keeps_one(desk: Engine, failed: MailTopics) -> None:
    mapi = {"id": "x", "protocol": "mapi", "profile": "p", "mailbox": "it@desk.test", "from_address": "it@desk.test"}
    made = sending_services(desk, failed, [])
    client = browser(window(made, subjects=(home, item_pages, delivery_pages)))
    add_attempt(desk, "d" * 32, "sent", server_id="x", reference="C-000001")
    for keeps, told in ((True, "lies in Sent Items of"), (False, "is with its recipients alone")):
        made.views = views_of(OutgoingServer.model_validate({**mapi, "save_sent": keeps}))
        text = client.get(f"/deliveries/{'d' * 32}").text
        assert told in text and ("it@desk.test" in text) is keeps


def test_a_notification_of_another_partition_is_not_there(desk: Engine, failed: MailTopics) -> None:
    client, _ = sending(desk, failed, IT_ONLY)
    assert client.get(f"/deliveries/{F}").status_code == 200
    for hidden in (G, "n2", "n3"):
        assert client.get(f"/deliveries/{hidden}").status_code == 404


@pytest.mark.usefixtures("desk")
def test_partitions_and_servers_are_called_by_their_names(open_window: Callable[..., TestClient]) -> None:
    client = open_window()
    assert "Information Technology" in client.get("/items").text
    assert '<dt>Partition</dt><dd class="hostile">Information Technology</dd>' in client.get("/items/C-000001").text
    deliveries = client.get("/deliveries").text
    assert "Main relay" in deliveries and "Information Technology" in deliveries
    chosen = open_window(IT_ONLY).get("/items").text
    assert '<option value="it">Information Technology</option>' in chosen


class Logger:
    """In the place of the logger, and of what its answers are waited for with."""

    def __init__(self) -> None:
        self.requests: list[DeskCommand] = []
        self.reply: CommandResult | None = CommandResult("", "CallClosed")
        self._questions: dict[str, Future[CommandResult]] = {}

    def expect(self, id_: str) -> "Future[CommandResult]":
        return self._questions.setdefault(id_, Future())

    def answer(self, id_: str) -> "Future[CommandResult] | None":
        return self._questions.get(id_)

    def publish(self, messages: Sequence[OutputRecord]) -> None:
        for message in messages:
            assert message.value is not None
            request: DeskCommand = TypeAdapter(DeskRequested).validate_json(message.value)
            self.requests.append(request)
            if self.reply is None:
                self._questions[request.request_id].cancel()
            else:
                self._questions[request.request_id].set_result(self.reply)


@pytest.fixture
def logger() -> Logger:
    return Logger()


@pytest.mark.usefixtures("desk")
def test_an_item_is_closed_by_an_analyst(open_window: Callable[..., TestClient], logger: Logger) -> None:
    client = open_window()
    assert 'value="close">Close the call</button>' in client.get("/items/C-000001").text  # Close alone leaves a page
    form = {"action": "close", "by": "IDA@desk.test", "text": "Done.\r\nBye", "request_id": "abc"}
    answer = client.post("/items/C-000001/actions", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/items/C-000001")
    [request] = logger.requests
    assert isinstance(request, ItemToClose)
    assert (request.item, request.by, request.text, request.notify) == ("C-000001", "ida", "Done.\nBye", False)
    assert request.request_id == "window/1/abc"
    assert "It is closed." in client.get("/items/C-000001").text
    assert client.post("/items/C-000001/actions", data=form).status_code == 303
    assert logger.requests == [request]  # sent twice, asked once


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            CommandResult("", "ActionRefused", reason="item-closed", note="It is closed already."),
            "Not done. It is closed",
        ),
        (None, "No logger has answered yet"),
    ],
)
def test_what_became_of_it_is_said(
    open_window: Callable[..., TestClient], logger: Logger, reply: CommandResult | None, said: str
) -> None:
    logger.reply = reply
    client = open_window()
    assert client.post("/items/C-000001/actions", data={"action": "close", "by": "ida"}).status_code == 303
    assert said in client.get("/items/C-000001").text


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"action": "close", "by": ""}, "Person performing the action is missing"),
        ({"action": "close", "by": "nobody"}, "There is no such person"),
        ({"action": "close", "by": "ann"}, "This person is no Analyst"),
        ({"action": "update", "by": "ida", "text": ""}, "text"),
        ({"action": "watch", "by": "ida", "person": "nobody"}, "There is no such person"),
        ({"action": "burn", "by": "ida"}, "There is no such action"),
        ({"action": "close", "by": "ida\0"}, "There is no such person"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(
    open_window: Callable[..., TestClient], logger: Logger, form: dict[str, str], told: str
) -> None:
    answer = open_window().post("/items/C-000001/actions", data={"text": "what I typed", **form})
    assert answer.status_code == 422 and told in answer.text and "<title>Error: " in answer.text
    assert "what I typed" in answer.text or form.get("text") == ""
    assert logger.requests == []


def test_a_disabled_analyst_acts_no_more(open_window: Callable[..., TestClient], logger: Logger, desk: Engine) -> None:
    add_person(desk, "old", is_analyst=True, disabled=True)
    assert open_window().post("/items/C-000001/actions", data={"action": "close", "by": "old"}).status_code == 422
    assert logger.requests == []


@pytest.mark.parametrize(("address", "offered"), [("ida@desk.test", "ida@desk.test"), ("ann@example.test", "")])
def test_an_analyst_who_is_signed_in_need_not_say_who_it_is(
    open_window: Callable[..., TestClient], desk: Engine, address: str, offered: str
) -> None:
    account = {"id": ADMINISTRATOR.account_id, "name": "Ida", "key": "ida", "address": address, "version": 1}
    add(desk, tables.accounts, {**account, "must_change": False, "disabled": False, "created_at": datetime.now(UTC)})
    page = open_window().get("/items/C-000001").text
    [field] = re.findall(r'<input[^>]* name="by"[^>]*>', page)
    assert re.findall(r'value="([^"]*)"', field) == ([offered] if offered else [""] * field.count("value="))


@pytest.mark.usefixtures("desk")
def test_a_watcher_is_named_by_address(open_window: Callable[..., TestClient], logger: Logger) -> None:
    form = {"action": "watch", "by": "ida", "person": "ann@example.test"}
    assert open_window().post("/items/C-000001/actions", data=form).status_code == 303
    [request] = logger.requests
    assert isinstance(request, ItemToWatch) and request.person == "ann"


def test_the_buttons_are_those_of_its_status(open_window: Callable[..., TestClient], desk: Engine) -> None:
    add(desk, tables.watchers, {"item_id": 1, "person_id": "ida"})
    client = open_window()
    opened, closed = client.get("/items/C-000001").text, client.get("/items/T-000002").text
    assert 'value="close"' in opened and 'value="reopen"' not in opened
    assert 'value="reopen"' in closed and 'value="close"' not in closed
