"""Handles a batch of `mail.fetched`: open, examine, look all senders up in one query, resolve, write.

A record may name a blob in place of the message, so that a batch of small records may be messages of gigabytes: only
some of them are in memory at a time.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, Protocol

from resolver.admission import admit
from resolver.outputs import SourceRecord, rejected, resolved
from resolver.report_results import notification_results, reported_notification
from resolver.resolve import Examined, own_addresses, resolve
from resolver.sender import known_as, persons_known_as
from runtime.blobs import BlobMissingError
from runtime.processing.outcomes import Dead, FinalOutcome, Ok, Reject, decode_batch
from runtime.telemetry.logs import get_logger
from schemas import ids
from schemas.fetched import FetchedMail, is_released, open_fetched, record_moment
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import CallTemplate, EmailOptions, IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import NO_KEYS, TokenKeys, TokenVerifier
from schemas.topics import MAIL_FETCHED, Topic
from schemas.wire import MAX_INLINE_BYTES, Record

log = get_logger(__name__)

# Normalised addresses in, the persons with each address out; one query for all.
Directory = Callable[[Collection[str]], Mapping[str, tuple[Person, ...]]]
# Mail id and bytes of each message, and the desk's own addresses in; `Examined` of each out.
Examine = Callable[[Sequence[tuple[str, bytes]], frozenset[str]], Sequence[Examined]]

HELD_BYTES = 16_000_000  # of messages, with one more of any size: twice what a batch of records has


class Blobs(Protocol):
    """What the handler uses of the blob store."""

    def put(self, data: bytes, sha256: str) -> str: ...

    def get(self, key: str) -> bytes: ...


class _Route(NamedTuple):
    """An incoming server with the settings that apply to its messages, and their versions."""

    server: IncomingServer
    template: CallTemplate
    versions: dict[str, int]


class _Opened(NamedTuple):
    """A fetched message with the settings that apply to it."""

    origin: SourceRecord
    route: _Route
    verify_token: TokenVerifier

    def admit(self, examined: Examined, options: EmailOptions) -> Examined:
        fetched = self.origin.fetched
        return admit(examined, self.route.server, options, truncated=fetched.truncated, released=fetched.released)


class ResolverHandler:
    """A `Handler`. Its one effect: files in the blob store, whose keys follow from their content.

    `settings` returns this process's settings. `newest` reads them from the broker: it is used when a message names a
    server that is not known here yet, since ingest may have received its settings first. `token_keys` verify the items
    that messages reply to, and releases. Values of `mail.resolved` have less than `inline_bytes`. `since_0_1`: whether
    the desk may hold messages that 0.1 logged.
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
        examine: Examine,
        token_keys: TokenKeys = NO_KEYS,
        inline_bytes: int = MAX_INLINE_BYTES,
        since_0_1: bool = True,
    ) -> None:
        self._settings = settings
        self._newest = newest
        self._directory = directory
        self._blobs = blobs
        self._now = now
        self._examine = examine
        self._token_keys = token_keys
        self._inline_bytes = inline_bytes
        self._since_0_1 = since_0_1

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        fetched, outcomes = decode_batch(records, open_fetched)
        server_ids = {mail.server_id for _, mail in fetched}
        snapshot = self._snapshot(server_ids)
        options = snapshot.email_options()
        routes = {server_id: _route(server_id, snapshot) for server_id in server_ids}
        own, now = own_addresses(snapshot), self._now()
        held, held_bytes = list[tuple[int, _Opened]](), 0
        for index, fetched_mail in fetched:
            opened = self._open(fetched_mail, records[index], routes[fetched_mail.server_id], options)
            if isinstance(opened, Dead):
                outcomes[index] = opened
                continue
            held.append((index, opened))
            held_bytes += len(opened.origin.raw)
            if held_bytes >= HELD_BYTES:
                self._resolve_all(held, outcomes, options, own, now)
                held, held_bytes = [], 0
        self._resolve_all(held, outcomes, options, own, now)
        return [outcome for outcome in outcomes if outcome is not None]

    def _resolve_all(
        self,
        mails: Sequence[tuple[int, _Opened]],
        outcomes: list[FinalOutcome | None],
        options: EmailOptions,
        own: frozenset[str],
        now: datetime,
    ) -> None:
        """Sets the outcome of each, by its index in the batch. The senders are looked up in one query."""
        all_examined = self._examine([(mail.origin.fetched.mail_id, mail.origin.raw) for _, mail in mails], own)
        admitted = [mail.admit(examined, options) for (_, mail), examined in zip(mails, all_examined, strict=True)]
        persons = self._persons(admitted, options.plus_tags)
        for (index, mail), examined in zip(mails, admitted, strict=True):
            outcomes[index] = self._resolve(mail, examined, persons, options.plus_tags, now)

    def _snapshot(self, server_ids: Iterable[str]) -> SettingsSnapshot:
        snapshot = self._settings()
        if all(map(snapshot.incoming_server, server_ids)):
            return snapshot
        return self._newest()

    def _persons(self, examined: Iterable[Examined], plus_tags: bool) -> Mapping[str, tuple[Person, ...]]:
        by_persons = (mail for mail in examined if mail.screening.verdict == "person")
        senders = {address for mail in by_persons for address in known_as(mail.sender.address, plus_tags)}
        return self._directory(senders) if senders else {}

    def _open(
        self, fetched: FetchedMail, record: Record, route: _Route | Dead, options: EmailOptions
    ) -> _Opened | Dead:
        if isinstance(route, Dead):
            return route
        try:
            raw = self._blobs.get(fetched.dataref) if fetched.dataref else fetched.raw
        except BlobMissingError as error:
            return Dead(Reason.BLOB_MISSING, str(error))
        if fetched.released and not is_released(fetched, raw, self._token_keys):
            log.warning(
                "a message claims to be released, but no key of ours signed that; it is treated like any other",
                mail_id=fetched.mail_id,
                remedy="give console and resolver the same MAILCALL_TOKEN_KEY_FILE, then release it again "
                "(`mailcall mail release`); otherwise check who may write to mail.fetched",
            )
            fetched = fetched._replace(released="", release_mark="")
        origin = SourceRecord(
            fetched=fetched,
            raw=raw,
            key=(record.key or b"").decode("utf-8", "replace"),
            traceparent=fetched.traceparent or ids.traceparent(fetched.mail_id),
            versions=route.versions,
            fetched_at=record_moment(record.timestamp_ms) if record.timestamp_ms > 0 else None,
            since_0_1=self._since_0_1,
        )
        # As of when it was received: the same message gives the same result however late it is resolved.
        verify_token: TokenVerifier = partial(
            self._token_keys.verdict, at=fetched.received, valid_days=options.token_days
        )
        return _Opened(origin, route, verify_token)

    def _resolve(
        self,
        mail: _Opened,
        examined: Examined,
        persons: Mapping[str, tuple[Person, ...]],
        plus_tags: bool,
        now: datetime,
    ) -> FinalOutcome:
        screening = examined.screening
        if screening.verdict == "person":
            server, template, _ = mail.route
            senders = persons_known_as(examined.sender.address, plus_tags, persons)
            resolution = resolve(examined, server, senders, mail.verify_token, plus_tags=plus_tags)
            message = resolved(mail.origin, examined, resolution, template.id, self._blobs.put, now, self._inline_bytes)
            return Ok((message,))
        if screening.verdict == "notification-result":
            notification_id = reported_notification(screening, examined.mail, mail.verify_token)
            if notification_id is not None:
                return Ok(notification_results(mail.origin, notification_id, screening, now))
        return Reject(screening.reason or Reason.AUTO_REPLY, (rejected(mail.origin, examined, self._blobs.put, now),))


def _route(server_id: str, snapshot: SettingsSnapshot) -> _Route | Dead:
    server = snapshot.incoming_server(server_id)
    if server is None:
        return Dead(
            Reason.UNKNOWN_SERVER,
            f"there is no incoming server {server_id!r}: apply its settings, then replay this dead letter",
        )
    template = snapshot.call_template(server.call_template)
    if template is None:
        return Dead(
            Reason.UNKNOWN_TEMPLATE,
            f"incoming server {server.id!r} names the call template {server.call_template!r}, which does not "
            "exist: apply it, then replay this dead letter",
        )
    keys = (f"incoming-server/{server.id}", f"call-template/{template.id}")
    return _Route(server, template, {key: snapshot.versions[key] for key in keys if key in snapshot.versions})
