"""What records do to the kept view: decoded by key, bounded, and never by one that cannot be read."""

from datetime import UTC, datetime

from pydantic import BaseModel
from pytest import MonkeyPatch

from console.views import snapshot as module
from console.views.snapshot import ViewSnapshot
from schemas.servers import ServerStatus, ServerTestResult, SettingsChange
from schemas.settings import EmailOptions
from schemas.topics import SERVER_STATUS, SERVER_TEST_RESULTS, SETTINGS, SETTINGS_CHANGES, Topic
from schemas.wire import OutputRecord, Record, encode, tombstone

AT = datetime(2026, 11, 29, 8, tzinfo=UTC)
PREFIX = "t"


def record(message: OutputRecord, offset: int) -> Record:
    name = message.topic.name(PREFIX)
    return Record(name, 0, offset, message.key.encode(), message.value, message.headers)


def of(topic: Topic, key: str, body: BaseModel, id_: str = "id") -> OutputRecord:
    return encode(topic, key, body, id=id_, source="/test", time=AT)


def options(**fields: object) -> OutputRecord:
    return of(SETTINGS, "email-options/email-options", EmailOptions(**fields))


def status(server_id: str, state: str, direction: str = "incoming") -> OutputRecord:
    body = ServerStatus.model_validate({"server_id": server_id, "direction": direction, "state": state, "since": AT})
    return of(SERVER_STATUS, server_id, body)


def change(number: int, reason: str = "") -> OutputRecord:
    body = SettingsChange(key="email-options/email-options", who="ann", at=AT, change_reason=reason)
    return of(SETTINGS_CHANGES, body.key, body, str(number))


def answer(test_id: str, server: str, *, ok: bool = True) -> OutputRecord:
    body = ServerTestResult(test_id=test_id, ok=ok, steps=(), sender="a@b.c", subject="x", message="y", server=server)
    return of(SERVER_TEST_RESULTS, test_id, body)


def view(*messages: OutputRecord, before: ViewSnapshot | None = None) -> ViewSnapshot:
    records = [record(message, offset) for offset, message in enumerate(messages)]
    return (before or ViewSnapshot()).with_records(records, PREFIX)


def test_the_newest_record_of_a_setting_counts_with_its_offset_as_version() -> None:
    after = view(options(token_days=10), options(token_days=20))

    assert after.settings.email_options().token_days == 20
    assert after.settings.versions == {"email-options/email-options": 1}


def test_a_setting_that_cannot_be_read_leaves_the_one_before_in_force_and_is_named() -> None:
    broken = OutputRecord(SETTINGS, "email-options/email-options", b"{}")
    after = view(options(token_days=10), broken)

    assert after.settings.email_options().token_days == 10
    assert "email-options/email-options" in after.undecodable
    assert after.settings_at == 1
    assert view(options(token_days=30), before=after).undecodable == {}


def test_a_setting_under_the_key_of_another_counts_for_nothing() -> None:
    after = view(of(SETTINGS, "call-template/a", EmailOptions()))

    assert after.settings.settings == {}
    assert "key" in after.undecodable["call-template/a"]


def test_an_earlier_view_stays_as_it_was() -> None:
    before = view(options(token_days=10), status("it", "idle"))
    after = view(options(token_days=20), status("it", "unreachable"), before=before)

    assert (before.settings.email_options().token_days, after.settings.email_options().token_days) == (10, 20)
    found = before.status("incoming", "it"), after.status("incoming", "it")
    assert [one.state for one in found if one] == ["idle", "unreachable"]


def test_servers_of_both_directions_with_one_id_have_a_status_each_until_it_is_deleted() -> None:
    both = view(status("it", "idle"), status("it", "connected", "outgoing"))
    assert {key: one.state for key, one in both.statuses.items()} == {
        ("incoming", "it"): "idle",
        ("outgoing", "it"): "connected",
    }

    assert view(tombstone(SERVER_STATUS, "it"), before=both).statuses == {}


def test_a_foreign_record_says_nothing_of_a_server() -> None:
    known = view(status("it", "idle"))

    assert view(OutputRecord(SERVER_STATUS, "it", b"no JSON"), before=known).statuses == known.statuses


def test_a_change_that_was_published_twice_counts_once() -> None:
    after = view(change(1, "first"), change(1, "first"), change(2))

    assert list(after.changes) == ["1", "2"]
    assert after.changes_whole


def test_of_many_changes_the_newest_are_kept_and_it_is_said(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHANGES", 3)
    after = view(*(change(number) for number in range(5)))

    assert list(after.changes) == ["2", "3", "4"]
    assert not after.changes_whole
    assert not view(change(9), before=after).changes_whole


def test_of_large_changes_so_many_bytes_are_kept(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHANGES_BYTES", 3_000)
    after = view(*(change(number, "x" * 1_000) for number in range(5)))

    assert list(after.changes) == ["3", "4"]


def test_the_newest_test_of_each_server_is_kept_without_the_mail_that_it_found(monkeypatch: MonkeyPatch) -> None:
    key = "incoming-server/it"
    after = view(answer("1", key), answer("2", key, ok=False), answer("3", ""))

    assert [(name, one.test_id, one.ok) for name, one in after.tests.items()] == [(key, "2", False)]
    assert (after.tests[key].sender, after.tests[key].subject, after.tests[key].message) == ("", "", "")

    monkeypatch.setattr(module, "MAX_UNSAVED", 2)
    many = view(*(answer(str(number), f"incoming-server/{number}") for number in range(5)))
    assert list(many.tests) == ["incoming-server/3", "incoming-server/4"]
