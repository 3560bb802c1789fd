"""The resolver's work on a batch of `mail.fetched`: open, examine, look all senders up in one query, resolve, write."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from resolver.outputs import Origin, notification_result, rejected, reported_notification, resolved
from resolver.resolve import Examined, examine, own_addresses, resolve
from runtime.blobs import BlobMissingError
from runtime.outcomes import Dead, Ok, Outcome, Reject
from schemas import ids
from schemas.fetched import open_fetched
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate, IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED
from schemas.wire import Record, UndecodableError

# Normalised addresses in, the persons who have each out; one query, whatever the number.
Directory = Callable[[Collection[str]], Mapping[str, tuple[Person, ...]]]


class Blobs(Protocol):
    """What the handler needs of the blob store."""

    def put(self, data: bytes) -> str: ...

    def get(self, key: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Opened:
    """A fetched mail with the settings that apply to it, examined."""

    origin: Origin
    server: IncomingServer
    template: CallTemplate
    examined: Examined


class ResolverHandler:
    """See `runtime.outcomes.Handler`. Its one effect: files in the blob store, whose keys follow from their content."""

    stage = "resolver"
    topics = (MAIL_FETCHED,)

    def __init__(
        self,
        settings: Callable[[], SettingsSnapshot],
        directory: Directory,
        blobs: Blobs,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._blobs = blobs
        self._now = now

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        snapshot = self._settings()
        own = own_addresses(snapshot)
        opened = [self._open(record, snapshot, own) for record in records]
        senders = {one.examined.sender.address for one in opened if isinstance(one, _Opened)} - {""}
        persons = self._directory(senders) if senders else {}
        now = self._now()
        return [one if isinstance(one, Dead) else self._answer(one, persons, now) for one in opened]

    def _open(self, record: Record, snapshot: SettingsSnapshot, own: frozenset[str]) -> _Opened | Dead:
        try:
            fetched = open_fetched(record)
        except UndecodableError as error:
            return Dead(error.reason, str(error))
        server = snapshot.incoming_server(fetched.server_id)
        if server is None:
            return Dead(
                Reason.UNKNOWN_SERVER,
                f"there is no incoming server {fetched.server_id!r}: apply its settings, then replay this dead letter",
            )
        template = snapshot.call_template(server.call_template)
        if template is None:
            return Dead(
                Reason.UNKNOWN_TEMPLATE,
                f"incoming server {server.id!r} names the call template {server.call_template!r}, which does not "
                "exist: apply it, then replay this dead letter",
            )
        try:
            raw = self._blobs.get(fetched.dataref) if fetched.dataref else fetched.raw
        except BlobMissingError as error:
            return Dead(Reason.BLOB_MISSING, str(error))
        keys = (f"incoming-server/{server.id}", f"call-template/{template.id}")
        origin = Origin(
            fetched=fetched,
            raw=raw,
            key=(record.key or b"").decode("utf-8", "replace"),
            traceparent=fetched.traceparent or ids.traceparent(fetched.mail_id),
            versions={key: snapshot.versions[key] for key in keys if key in snapshot.versions},
        )
        return _Opened(origin, server, template, examine(raw, own))

    def _answer(self, one: _Opened, persons: Mapping[str, tuple[Person, ...]], now: datetime) -> Outcome:
        examined, screening = one.examined, one.examined.screening
        if screening.verdict == "person":
            resolution = resolve(examined, one.server, one.template, persons.get(examined.sender.address, ()))
            return Ok((resolved(one.origin, examined, resolution, one.template.id, self._blobs.put, now),))
        if screening.verdict == "notification-result":
            notification_id = reported_notification(screening, examined.parsed.mail)
            if notification_id is not None:
                return Ok((notification_result(one.origin, notification_id, screening, now),))
        return Reject(screening.reason or Reason.AUTO_REPLY, (rejected(one.origin, examined, now),))
