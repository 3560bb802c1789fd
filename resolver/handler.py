"""The resolver's work on a batch of `mail.fetched`: open, examine, look all senders up in one query, resolve, write."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from resolver.outputs import Origin, notification_result, rejected, reported_notification, resolved
from resolver.resolve import Examined, examine, own_addresses, resolve
from runtime.blobs import BlobMissingError
from runtime.decoding import decode_batch
from runtime.outcomes import Dead, Ok, Outcome, Reject
from schemas import ids
from schemas.fetched import FetchedMail, open_fetched
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate, IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import MAIL_FETCHED, Topic
from schemas.wire import Record

# Normalised addresses in, the persons who have each out; one query, whatever the number.
Directory = Callable[[Collection[str]], Mapping[str, tuple[Person, ...]]]


class Blobs(Protocol):
    """What the handler needs of the blob store."""

    def put(self, data: bytes, sha256: str) -> str: ...

    def get(self, key: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Opened:
    """A fetched mail with the settings that apply to it, examined."""

    origin: Origin
    server: IncomingServer
    template: CallTemplate
    examined: Examined


class ResolverHandler:
    """See `runtime.outcomes.Handler`. Its one effect: files in the blob store, whose keys follow from their content.

    `settings` gives the settings in force here. `newest` gives them as they are at the broker this moment: it is asked
    when a mail names a server that is not in force yet, since whoever fetched the mail may have seen it first.
    """

    stage = "resolver"
    topics: tuple[Topic, ...] = (MAIL_FETCHED,)

    def __init__(
        self,
        settings: Callable[[], SettingsSnapshot],
        newest: Callable[[], SettingsSnapshot],
        directory: Directory,
        blobs: Blobs,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._newest = newest
        self._directory = directory
        self._blobs = blobs
        self._now = now

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        fetched, outcomes = decode_batch(records, open_fetched)
        snapshot = self._snapshot(mail for _, mail in fetched)
        own = own_addresses(snapshot)
        opened = [(index, self._open(mail, records[index], snapshot, own)) for index, mail in fetched]
        persons = self._persons(one for _, one in opened if isinstance(one, _Opened))
        now = self._now()
        for index, one in opened:
            outcomes[index] = one if isinstance(one, Dead) else self._answer(one, persons, now)
        return [outcome for outcome in outcomes if outcome is not None]

    def _snapshot(self, mails: Iterable[FetchedMail]) -> SettingsSnapshot:
        snapshot = self._settings()
        if all(snapshot.incoming_server(server_id) for server_id in {mail.server_id for mail in mails}):
            return snapshot
        return self._newest()

    def _persons(self, opened: Iterable[_Opened]) -> Mapping[str, tuple[Person, ...]]:
        """Everybody who sent a mail of the batch: one query."""
        senders = {one.examined.sender.address for one in opened if one.examined.screening.verdict == "person"}
        senders.discard("")
        return self._directory(senders) if senders else {}

    def _open(
        self, fetched: FetchedMail, record: Record, snapshot: SettingsSnapshot, own: frozenset[str]
    ) -> _Opened | Dead:
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
            notification_id = reported_notification(screening, examined.mail)
            if notification_id is not None:
                return Ok((notification_result(one.origin, notification_id, screening, now),))
        return Reject(screening.reason or Reason.AUTO_REPLY, (rejected(one.origin, examined, now),))
