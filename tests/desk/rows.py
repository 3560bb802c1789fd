"""Rows for the desk's tables, as tests put them there."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, insert

from desk import tables
from desk.engine import write_transaction
from schemas.addresses import normalise

NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
_TEXTS = (
    "description call_template screen_set ipk_status ipk_stream assigned_office assigned_group call_type "
    "impact urgency priority"
)


def add(engine: Engine, table: Table, row: Mapping[str, Any]) -> None:
    with write_transaction(engine) as connection:
        connection.execute(insert(table), dict(row))


def add_person(engine: Engine, id_: str, first: str = "", last: str = "", *addresses: str, **more: Any) -> None:
    row = {"is_user": True, "is_analyst": False, "disabled": False, "office": "", "version": 1, **more}
    add(engine, tables.persons, {"id": id_, "first_name": first, "last_name": last, **row})
    for position, address in enumerate(addresses):
        place = {"person_id": id_, "position": position, "address": address, "normalised": normalise(address)}
        add(engine, tables.person_addresses, place)


def add_item(engine: Engine, number: int, **more: Any) -> None:
    """Of the person `ann`, who has to be there, unless `user_id` names another."""
    row = {
        **dict.fromkeys(_TEXTS.split(), ""),
        "id": number,
        "kind": "call",
        "partition": "it",
        "status": "open",
        "subject": f"Item {number}",
        "user_id": "ann",
        "logging_analyst": "ida",
        "fields": {},
        "settings_versions": {},
        "opened_at": NOW,
        "version": 1,
    }
    add(engine, tables.items, {**row, **more})


def add_entry(engine: Engine, item: int, kind: str, minutes: int = 0, **more: Any) -> None:
    row = {"item_id": item, "kind": kind, "person_id": "ann", "at": NOW + timedelta(minutes=minutes)}
    add(engine, tables.journal, {**row, **more})


def add_file(engine: Engine, item: int, position: int, name: str, blob: str, **more: Any) -> None:
    row = {"item_id": item, "mail_id": "mail", "position": position, "name": name, "blob": blob, "sha256": "0" * 64}
    add(engine, tables.files, {**row, "content_type": "image/svg+xml", "size": 20, "inline": False, **more})


def add_attempt(engine: Engine, id_: str, outcome: str, attempt: int = 1, **more: Any) -> None:
    row = {"notification_id": id_, "recipient": "ann@example.test", "attempt": attempt, "outcome": outcome}
    add(engine, tables.deliveries, {**row, "smtp_reply": "", "at": NOW, **more})


def add_waiting(engine: Engine, id_: str, line: str, offset: int, minutes: int) -> None:
    row = {"notification_id": id_, "line": line, "topic_partition": 0, "topic_offset": offset, "yields_at": None}
    add(engine, tables.deferred_notifications, {**row, "due_at": NOW + timedelta(minutes=minutes)})
