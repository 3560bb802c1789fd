"""The window of an installation like the demo's, without a broker: what is published is in its views at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Identity
from console.live import pages as live
from console.live.hub import Hub
from console.servers import pages as servers
from console.servers.drafts import Drafts
from console.servers.test_runs import ServerTestRuns
from console.services import KeyLocks
from console.settings import kind_pages
from console.settings.file_reading import read_settings_file
from console.settings.state import MANAGED_BY
from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from console.web import home
from desk.engine import open_desk
from logger.db.persons import write_persons
from runtime.outages import OutageError
from runtime.security.sealing import make_keys, unseal
from schemas import ids
from schemas.base import Model
from schemas.reasons import Reason
from schemas.servers import ServerStatus, ServerTest, ServerTestResult, SettingsChange, TestStep
from schemas.settings import Secret
from schemas.topics import SERVER_STATUS, SERVER_TEST_RESULTS, SERVER_TESTS, SETTINGS, SETTINGS_CHANGES
from schemas.wire import OutputRecord, Record, decode, encode, tombstone
from tests.console.web.signed_in import ADMINISTRATOR, browser, window
from tests.desks import new_desk

DEMO = Path(__file__).parents[3] / "deploy/local/demo/demo.yaml"
AT = datetime(2026, 11, 29, 8, tzinfo=UTC)
PREFIX = "t"
SUBJECTS: tuple[ModuleType, ...] = (home, live, servers, kind_pages)
CANARY = "canary-Pa55word"


class Administration:
    """One window with its services. `answer`: what the process that does tests answers; None: nobody does."""

    def __init__(self, directory: Path) -> None:
        make_keys(directory / "key")
        self.key = directory / "key"
        self.engine: Engine = open_desk(new_desk(directory / "desk.db"))
        self.messages: list[OutputRecord] = []
        self.away = False
        self.answer: Callable[[ServerTest], ServerTestResult] | None = None
        self.answers: dict[str, Future[Any]] = {}
        self.current = ViewSnapshot()
        self.freshness = Freshness(ready=True, stale_since=None)
        self._records: list[Record] = []
        self.live = Hub()
        self.services = SimpleNamespace(
            config=SimpleNamespace(public_key_file=directory / "key.pub", topic_prefix=PREFIX),
            engine=self.engine,
            publisher=self,
            views=self,
            answers=SimpleNamespace(expect=self.expect, answer=self.answers.get),
            live=self.live,
            drafts=Drafts(),
            test_runs=ServerTestRuns(),
            locks=KeyLocks(),
        )
        file = read_settings_file(DEMO)
        with self.engine.begin() as connection:
            write_persons(connection, list(file.persons.values()))
        for key, setting in file.settings.items():
            self.put(key, setting)
        self.messages.clear()

    # what pages use of the publisher, the views and the answers

    def publish(self, messages: Sequence[OutputRecord]) -> None:
        if self.away:
            raise OutageError(Reason.BROKER_AWAY, "the broker cannot be reached")
        for message in messages:
            self._take(message)

    def read_to_end(self, _config: Any, topics: Sequence[str]) -> list[Record]:
        """What a topic holds, for those who read it whole."""
        if self.away:
            raise OutageError(Reason.BROKER_AWAY, "the broker cannot be reached")
        return [record for record in self._records if record.topic in topics]

    def catch_up(self, _seconds: float) -> bool:
        return not self.away

    def expect(self, id_: str) -> "Future[Any]":
        if self.away:
            raise OutageError(Reason.BROKER_AWAY, "the topics of the answers cannot be read")
        return self.answers.setdefault(id_, Future())

    # what tests use

    def put(self, key: str, setting: Model, who: str = "", managed_by: str = "") -> None:
        """Somebody else sets it; with `who`, as the history has it."""
        label = {MANAGED_BY: managed_by} if managed_by else {}
        self.publish([encode(SETTINGS, key, setting, id="id", source="/test", time=AT, extensions=label)])
        if who:
            change = SettingsChange(key=key, who=who, at=datetime.now(UTC), change_reason="because")
            self.publish([encode(SETTINGS_CHANGES, key, change, id=f"by {who}", source="/test", time=AT)])

    def remove(self, key: str) -> None:
        """Somebody else deletes it."""
        self.publish([tombstone(SETTINGS, key)])

    @property
    def tests(self) -> list[ServerTest]:
        """What was asked of the processes that do tests."""
        return self.published(SERVER_TESTS)

    def spoil(self, key: str) -> None:
        """The newest record of the setting is of another version."""
        self._take(OutputRecord(SETTINGS, key, b'{"kind": "from the future"}', (("ce_type", b"mailcall.settings.v9"),)))

    def tell(self, server_id: str, state: str, direction: str = "incoming", **fields: Any) -> None:
        """The pipeline says how a server is."""
        values = {"server_id": server_id, "direction": direction, "state": state, "since": AT, **fields}
        status = ServerStatus.model_validate(values)
        self.publish([encode(SERVER_STATUS, server_id, status, id="id", source="/test", time=AT)])

    def test_result(self, key: str, server: Model, *, ok: bool) -> None:
        """A test of just these values came to an end."""
        step = TestStep(step="connect", ok=ok, status="connected" if ok else "unreachable: check host")
        tested = ids.event_id(key, server.model_dump_json())
        self.report(ServerTestResult(test_id="t", ok=ok, steps=(step,), server=key, tested=tested))

    def report(self, result: ServerTestResult) -> None:
        message = encode(SERVER_TEST_RESULTS, result.test_id, result, id="id", source="/test", time=AT)
        self.publish([message])

    def browser(self, identity: Identity = ADMINISTRATOR) -> TestClient:
        return browser(window(self.services, identity, SUBJECTS))

    def published(self, topic: Any) -> list[Any]:
        return [decode(topic, _record(m, 0))[1] for m in self.messages if m.topic is topic and m.value is not None]

    def setting(self, key: str) -> Any:
        return self.current.settings.settings.get(key)

    def revealed(self, secret: Secret | None) -> str:
        assert secret is not None and secret.sealed is not None
        return unseal(secret.sealed, self.key)

    def _take(self, message: OutputRecord) -> None:
        self.messages.append(message)
        if message.topic is SERVER_TESTS:
            self._test(decode(SERVER_TESTS, _record(message, 0))[1])
        elif message.topic in (SETTINGS, SETTINGS_CHANGES, SERVER_STATUS, SERVER_TEST_RESULTS):
            self._records.append(_record(message, len(self._records)))
            self.current = self.current.with_records(self._records[-1:], PREFIX)
            self.live.changed(("servers", "settings", "answers"))

    def _test(self, test: ServerTest) -> None:
        if self.answer is None:
            return
        result = self.answer(test)
        self.expect(test.test_id).set_result(result)
        self.report(result)


def _record(message: OutputRecord, offset: int) -> Record:
    return Record(message.topic.name(PREFIX), 0, offset, message.key.encode(), message.value, message.headers)


class Form(HTMLParser):
    """What a browser would send of the page's form that is posted to `action`: its fields as they stand."""

    def __init__(self, text: str, action: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.found = False
        self._action = action
        self._inside = False
        self._select = ""
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("action") == self._action
            self.found |= self._inside
        if not self._inside or "disabled" in given:
            return
        name, kind = given.get("name") or "", given.get("type") or "text"
        if tag == "input" and name and (kind not in ("radio", "checkbox") or "checked" in given):
            self.values.setdefault(name, []).append(given.get("value") or "")
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((given.get("value") or "", "selected" in given))
        elif tag == "textarea":
            self._area, self._text = name, ""

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            self.values.setdefault(self._select, []).extend(chosen)
            self._select = ""
        elif tag == "textarea" and self._area is not None:
            self.values.setdefault(self._area, []).append(self._text.removeprefix("\n"))
            self._area = None


def filled(text: str, action: str, **changes: str) -> dict[str, Any]:
    """The form's fields with these typed over; `__` in a name stands for a dot."""
    form = Form(text, action)
    assert form.found, f"no form for {action}"
    return {**form.values, **{name.replace("__", "."): value for name, value in changes.items()}}
