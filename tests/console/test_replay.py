"""Stored mails through today's rules: what differs, one by one and against the real broker."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.audit import replay as operation
from console.audit.decisions import Difference, dead_lettered, decision, differences
from console.config import ConsoleConfig
from desk.engine import read_transaction
from desk.items import list_items
from runtime.kafka.clients import make_producer
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_between, read_to_end
from runtime.security.token_keys import make_token_key
from schemas import ids
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail
from schemas.topics import MAIL_FETCHED
from tests.console.conftest import DEMO, Mailcall, fetched, mail
from tests.logger.harness import make_mail

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
PERIOD = ("--from", (NOW - HOUR).isoformat(), "--to", (NOW + HOUR).isoformat())
ANN = Person(id="ann", addresses=("ann@example.test",), is_user=True)
REJECTED = decision(RejectedMail(mail_id="a" * 32, server_id="it", reason=Reason.LOOP))


# ---- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "now"),
    [
        # The mail itself has made the person, and a User of the Analyst: no difference of the rules.
        ({}, {"kind": "user-only", "new_person": False}),
        (
            {"kind": "analyst-only", "new_person": False, "set_user_flag": True},
            {"kind": "analyst-and-user", "new_person": False},
        ),
    ],
)
def test_what_the_mail_itself_has_changed_is_no_difference(then: dict[str, Any], now: dict[str, Any]) -> None:
    before, after = (decision(make_mail("one", sender=sender), "P1") for sender in (then, now))
    assert list(differences("one", before, after)) == []


def test_every_field_that_changed_is_a_difference() -> None:
    then = decision(make_mail("one", person=ANN), "P1")
    sender = {"person_id": "bob", "kind": "analyst-and-user", "logging_analyst": "bob"}
    changed = make_mail("one", person=ANN, sender=sender, wanted="close", call_template="hr-call", trust="failed")
    assert {one.field: (one.then, one.now) for one in differences("one", then, decision(changed, "P2"))} == {
        "user": ("ann", "bob"),
        "kind": ("user-only", "analyst-and-user"),
        "logging_analyst": ("desk", "bob"),
        "trust": ("passed", "failed"),
        "wanted": ("log-or-update", "close"),
        "call_template": ("it-call", "hr-call"),
        "priority": ("P1", "P2"),
    }


def test_a_mail_that_updated_an_item_has_no_priority_to_compare() -> None:
    mail = make_mail("one", person=ANN)
    assert list(differences("one", decision(mail), decision(mail, "P2"))) == []


def test_of_a_mail_that_was_no_persons_only_verdict_and_reason_differ() -> None:
    person = decision(make_mail("one"), "P1")
    assert list(differences("m", REJECTED, person)) == [
        Difference("m", "verdict", "rejected", "person"),
        Difference("m", "reason", "loop", ""),
    ]
    assert [one.now for one in differences("m", person, dead_lettered(Reason.UNKNOWN_SERVER))] == [
        "dead-lettered",
        "unknown-server",
    ]


# ---- the command -----------------------------------------------------------------------------------------------------

OWN = b"From: it@desk.example\r\nAuto-Submitted: auto-generated\r\nSubject: ours\r\n\r\nHello\r\n"
MACHINE = b"From: cron@example.net\r\nX-Cron-Env: <HOME=/root>\r\nSubject: cron\r\n\r\nHello\r\n"
PERSON, ANALYST = mail(1), mail(2, "alan@desk.example")


def id_of(raw: bytes, server: str = "it-mailbox") -> str:
    return ids.mail_id(server, raw)


def other_rules(tmp_path: Path) -> Path:
    """The demo, but the desk writes as another address, IT links no Analysts and has another priority."""
    text = DEMO.read_text()
    for old, new in (
        ("from_address: it@desk.example", "from_address: other@desk.example"),
        ("use_linked_analyst: true", "use_linked_analyst: false"),
        ("urgency: Work hindered", "urgency: Question"),
    ):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "other.yaml"
    file.write_text(text)
    return file


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_mails_that_are_a_persons_today_become_calls_and_all_others_stay_as_they_are(
    run: Mailcall,
    config: ConsoleConfig,
    publisher: Publisher,
    desk: Any,
    start_stages: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operation, "BATCH", 2)
    monkeypatch.setattr(operation, "SLICE", 3)
    assert run("apply", DEMO).code == 0
    hr = fetched(mail(3), "hr-mailbox")
    publisher.publish([*map(fetched, (OWN, MACHINE, PERSON, ANALYST)), hr, fetched(mail(4), "nowhere")])
    start_stages()
    assert run("reconcile", "--wait", "60").code == 0
    assert lines(run("replay", *PERIOD, "--json", "--dry-run").out) == [
        {"mails": 6, "differ": 0, "undecided": 1, "persons_today": 0, "sent_on": 0}
    ]
    assert run("apply", other_rules(tmp_path)).code == 0

    *differing, counts = lines(run("replay", *PERIOD, "--dry-run", "--json").out)

    assert {(one["mail_id"], one["field"]): (one["then"], one["now"]) for one in differing} == {
        (id_of(OWN), "verdict"): ("rejected", "person"),
        (id_of(OWN), "reason"): ("loop", ""),
        (id_of(ANALYST), "logging_analyst"): ("alan", "ida"),
        (id_of(PERSON), "priority"): ("P3", "P4"),
        (id_of(ANALYST), "priority"): ("P3", "P4"),
    }
    assert counts == {"mails": 6, "differ": 3, "undecided": 1, "persons_today": 1, "sent_on": 0}
    assert f"{id_of(OWN)}  verdict  rejected -> person" in run("replay", *PERIOD, "--dry-run").out
    assert lines(run("replay", *PERIOD, "--server", "hr-mailbox", "--dry-run", "--json").out)[-1]["mails"] == 1

    assert lines(run("replay", *PERIOD, "--yes", "--json").out)[-1]["sent_on"] == 1
    balanced = run("reconcile", "--wait", "60", "--each", "--json")
    ends = {one["mail_id"]: one["end"] for one in json.loads(balanced.out)["each"]}
    assert balanced.code == 0
    assert (ends[id_of(OWN)], ends[id_of(MACHINE)]) == ("call-logged", "rejected")
    with read_transaction(desk) as connection:
        assert len(list_items(connection)) == 4
    topic = MAIL_FETCHED.name(config.topic_prefix)
    first, again = (one for one in read_to_end(config, [topic]) if one.value == OWN)
    assert (again.key, [header for header in again.headers if header[0] != "replayed"]) == (first.key, first.headers)
    assert lines(run("replay", *PERIOD, "--yes", "--json").out)[-1]["sent_on"] == 0


def test_a_period_is_read_from_its_first_moment_on_and_before_its_last(
    at_broker: Mailcall, config: ConsoleConfig
) -> None:
    topic, start = MAIL_FETCHED.name(config.topic_prefix), int(NOW.timestamp() * 1000)
    with closing(make_producer(config, "test")) as producer:
        for partition, after in ((0, 0), (0, 10), (0, 30), (0, 20), (1, 5), (1, 20)):
            producer.send(topic, b"mail", partition=partition, timestamp_ms=start + after)

    def read(*period: int) -> list[tuple[int, int]]:
        return [(record.partition, record.timestamp_ms - start) for record in read_between(config, [topic], *period)]

    assert read(start + 10, start + 20) == [(0, 10)]
    assert sorted(read(start + 10)) == [(0, 10), (0, 20), (0, 30), (1, 20)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "yesterday", "--to", "2026-01-01"), "--from: 'yesterday' is no moment"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--to does not lie after --from"),
        (("--from", "2999-01-01", "--to", "2999-01-02"), "lies in the future"),
        (("--from", "2020-01-01", "--to", "2020-01-02"), "say it with --yes"),
    ],
)
def test_a_period_that_cannot_be_is_told(mailcall: Mailcall, arguments: tuple[str, ...], told: str) -> None:
    ran = mailcall("replay", *arguments)
    assert ran.code == 2
    assert told in ran.err


def test_where_no_mail_is_it_is_said_from_when_on_mails_are_stored(
    run: Mailcall, publisher: Publisher, desk: Any
) -> None:
    long_ago = ("replay", "--from", "2020-01-01T00:00Z", "--to", "2020-01-02T00:00Z", "--dry-run")
    run("apply", DEMO)
    empty = run(*long_ago)
    publisher.publish([fetched(PERSON)])
    older = run(*long_ago)
    unknown = run("replay", *PERIOD, "--server", "nowhere", "--dry-run")
    elsewhere = run("replay", *PERIOD, "--server", "hr-mailbox", "--dry-run")

    assert {ran.code for ran in (empty, older, unknown, elsewhere)} == {2}
    assert "no mail is stored at all" in empty.err
    assert "no mail was fetched from 2020-01-01T00:00:00+00:00" in older.err
    assert f"mails are stored from {datetime.now(UTC):%Y-%m-%d}" in older.err
    assert "there are: hr-mailbox, it-mailbox" in unknown.err
    assert "no mail at hr-mailbox" in elsewhere.err


RECEIPT = f"""From: ann@example.net
In-Reply-To: <mailcall.{"a" * 32}.20000.{"b" * 16}@desk.example>
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b
Content-Type: message/disposition-notification

Disposition: manual-action/MDN-sent-manually; displayed
--b--
""".encode()


def test_with_token_keys_a_report_about_a_forged_id_is_none_about_a_notification(
    run: Mailcall,
    publisher: Publisher,
    start_stages: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run("apply", DEMO).code == 0
    publisher.publish([fetched(RECEIPT)])
    start_stages()  # without keys
    assert run("reconcile", "--wait", "60").code == 0
    key_file = tmp_path / "token.key"
    monkeypatch.setenv("MAILCALL_TOKEN_KEY_FILE", str(key_file))
    unreadable = run("replay", *PERIOD, "--dry-run")
    make_token_key(key_file)

    difference, _ = lines(run("replay", *PERIOD, "--dry-run", "--json").out)

    assert unreadable.code == 2
    assert "MAILCALL_TOKEN_KEY_FILE" in unreadable.err
    assert (difference["then"], difference["now"]) == ("notification-result", "rejected")
