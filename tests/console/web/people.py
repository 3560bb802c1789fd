"""What pages for persons and items are tested with: a publisher that is also the logger, and hostile text."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine

from console.views.snapshot import ViewSnapshot
from console.views.views import Freshness
from desk.engine import write_transaction
from logger.core.persons import PersonChange
from logger.db.persons import apply_changes
from runtime.outages import OutageError
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.servers import SettingsChange
from schemas.settings import OutgoingServer, Partition, Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import PERSONS, SETTINGS_CHANGES
from schemas.wire import OutputRecord

TURN = "\u202e"  # right-to-left override
HOSTILE = f"<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {TURN}gpj.exe {{{{ 7*7 }}}} javascript:alert(1)"
HTML = '<p onclick="alert(1)">Hello <b>there</b></p><script>alert(2)</script><img src="http://evil.example/x.png">'


class DeskPublisher:
    """Keeps what is published, and stores persons in the desk as the logger does. `away`: the broker is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.messages: list[OutputRecord] = []
        self.away = False

    def publish(self, messages: Sequence[Any]) -> None:
        if self.away:
            raise OutageError(Reason.BROKER_AWAY, "the broker cannot be reached")
        self.messages += messages
        changes = [_change(one) for one in messages if one.topic is PERSONS]
        with write_transaction(self._engine) as connection:
            apply_changes(connection, changes)

    @property
    def persons(self) -> list[Person]:
        return [Person.model_validate_json(one.value) for one in self.messages if one.topic is PERSONS and one.value]

    @property
    def changes(self) -> list[SettingsChange]:
        found = (one.value for one in self.messages if one.topic is SETTINGS_CHANGES)
        return [SettingsChange.model_validate_json(value) for value in found if value]


def _change(message: OutputRecord) -> PersonChange:
    key = message.key if isinstance(message.key, str) else message.key.decode()
    return PersonChange(key, Person.model_validate_json(message.value) if message.value else None, echo=False)


def services(engine: Engine, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(
        engine=engine, publisher=DeskPublisher(engine), config=SimpleNamespace(**more), views=views_of(*named())
    )


def named() -> tuple[Setting, ...]:
    """What pages call by its name."""
    matrix: dict[str, Any] = {"impacts": ("I",), "urgencies": ("U",), "priorities": ("P",)}
    return (
        Partition(id="it", name="Information Technology", **matrix, priority_matrix={"I": {"U": "P"}}),
        OutgoingServer(id="out", name="Main relay", from_address="desk@example.test"),
    )


def views_of(*settings: Setting) -> SimpleNamespace:
    """The kept view with these settings alone."""
    changes = [(f"{one.kind}/{getattr(one, 'id', one.kind)}", one, at) for at, one in enumerate(settings, 1)]
    current = ViewSnapshot(settings=SettingsSnapshot().with_changes(changes))
    return SimpleNamespace(current=current, freshness=Freshness(ready=True, stale_since=None))
