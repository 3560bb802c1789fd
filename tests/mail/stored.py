"""The desk that every mail of this folder arrives at: made by the migrations, filled from two files beside this one."""

import re
import shutil
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, Engine, insert

from console.settings.file_reading import read_settings_file
from desk.engine import open_desk, write_transaction
from desk.item_references import parse_reference
from desk.migrate import upgrade
from desk.tables import items, message_ids, person_addresses, persons
from schemas import ids
from schemas.addresses import normalise
from schemas.persons import Person
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import TokenKeys

FOLDER = Path(__file__).parent
_FILE = read_settings_file(FOLDER / "settings.yaml")
_DESK: Mapping[str, Any] = yaml.safe_load((FOLDER / "desk.yaml").read_text("utf-8"))

NOW: datetime = _DESK["now"].astimezone(UTC)
SETTINGS = SettingsSnapshot().with_changes((key, value, 1) for key, value in _FILE.settings.items())
TOKEN_KEYS = TokenKeys((_DESK["token_key"].encode(),))


_USERS: Mapping[str, str] = {one["item"]: one["user"] for one in _DESK["items"]}


def _address_of_user(item: str) -> str:
    """Where the desk writes to its User."""
    [address] = [one.addresses[0] for one in _FILE.persons.values() if one.id == _USERS[item]]
    return address


def _own_id(one: Mapping[str, Any]) -> str:
    sent = datetime.combine(one.get("sent", NOW.date()), time(12), UTC)
    recipient = one.get("to") or _address_of_user(one["item"])
    return ids.message_id(TOKEN_KEYS.sign(one["id"], sent, recipient), one["domain"])


# What stands in a mail for something that is signed -> what it stands for.
SIGNED: Mapping[str, str] = {
    **{f"@@OWN-ID:{name}@@": _own_id(one) for name, one in _DESK["notifications"].items()},
    **{
        f"@@TAG:{one['item']}@@": TOKEN_KEYS.sign(one["item"], NOW, _address_of_user(one["item"]))
        for one in _DESK["items"]
    },
}
_PLACE = re.compile(rb"@@[A-Z-]+:[\w-]+@@")


def with_signed(raw: bytes) -> bytes:
    """`@@OWN-ID:name@@` becomes the Message-ID of that notification, `@@TAG:C-000101@@` the signed tag of that item."""
    return _PLACE.sub(lambda match: SIGNED[match[0].decode()].encode(), raw)


def with_places(text: str) -> str:
    """The opposite of `with_signed`."""
    for place, signed in SIGNED.items():
        text = text.replace(signed, place)
    return text


class FixedDesk:
    """That desk in an SQLite file of this folder, again and again as it was made."""

    def __init__(self, folder: Path) -> None:
        self._made, self._used = folder / "made.sqlite", folder / "desk.sqlite"
        engine = open_desk(f"sqlite:///{self._made}")
        upgrade(engine)
        with write_transaction(engine) as connection:
            store_persons(connection, _FILE.persons.values())
            _store_items(connection)
            _store_hints(connection)
        engine.dispose()  # the last connection that ends leaves one whole file
        self._engine = open_desk(f"sqlite:///{self._used}")

    def fresh(self) -> Engine:
        """The same engine each time, since it keeps the statements that it has compiled; its desk is a new one."""
        self._engine.dispose()
        shutil.copyfile(self._made, self._used)
        return self._engine

    def close(self) -> None:
        self._engine.dispose()


def store_persons(connection: Connection, some: Collection[Person]) -> None:
    for person in some:
        connection.execute(insert(persons), person.model_dump(exclude={"addresses"}, mode="json"))
        for position, address in enumerate(person.addresses):
            row = {"address": address, "normalised": normalise(address), "position": position}
            connection.execute(insert(person_addresses), {**row, "person_id": person.id})


def _store_items(connection: Connection) -> None:
    nothing = "description call_template screen_set ipk_status ipk_stream assigned_office assigned_group call_type"
    for one in _DESK["items"]:
        kind, number = parse_reference(one["item"]) or ("", 0)
        closed = one.get("closed")
        row = {
            **dict.fromkeys(f"{nothing} impact urgency priority".split(), ""),
            "id": number,
            "kind": kind,
            "status": "closed" if closed else "open",
            "fields": {},
            "partition": one["partition"],
            "subject": one["subject"],
            "user_id": one["user"],
            "logging_analyst": one["logging_analyst"],
            "settings_versions": {},
            "version": 1,
            "opened_at": NOW - timedelta(days=90),
            "closed_at": closed and datetime(closed.year, closed.month, closed.day, 12, tzinfo=UTC),
        }
        connection.execute(insert(items), row)


def _store_hints(connection: Connection) -> None:
    known = {**_DESK["message_ids"], **{one["id"]: one["item"] for one in _DESK["notifications"].values()}}
    for key, reference in known.items():
        _, number = parse_reference(reference) or ("", 0)
        connection.execute(insert(message_ids), {"message_id": key, "item_id": number})
