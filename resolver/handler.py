"""The resolver's work on a batch of `mail.fetched`: open, examine, look all senders up in one query, resolve, write."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from resolver.admission import admit
from resolver.outputs import SourceRecord, rejected, resolved
from resolver.report_results import notification_results, reported_notification
from resolver.resolve import Examined, own_addresses, resolve
from resolver.sender import known_as, persons_known_as
from runtime.blobs import BlobMissingError
from runtime.decoding import decode_batch
from runtime.logs import get_logger
from runtime.outcomes import Dead, FinalOutcome, Ok, Reject
from schemas import ids
from schemas.fetched import FetchedMail, open_fetched, record_moment
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.release_marks import is_released
from schemas.settings import CallTemplate, EmailOptions, IncomingServer
from schemas.sizes import MAX_INLINE_BYTES
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import NO_KEYS, TokenKeys, TokenVerifier
from schemas.topics import MAIL_FETCHED, Topic
from schemas.wire import Record

log = get_logger(__name__)

# Normalised addresses in, the persons who have each out; one query, whatever the number.
Directory = Callable[[Collection[str]], Mapping[str, tuple[Person, ...]]]
# Mail id and bytes of each mail, and the desk's own addresses in; `Examined` of each out.
Examine = Callable[[Sequence[tuple[str, bytes]], frozenset[str]], Sequence[Examined]]


class Blobs(Protocol):
    """What the handler needs of the blob store."""

    def put(self, data: bytes, sha256: str) -> str: ...

    def get(self, key: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Opened:
    """A fetched mail with the settings that apply to it."""

    origin: SourceRecord
    server: IncomingServer
    template: CallTemplate
    judge: TokenVerifier
    plus_tags: bool

    def admit(self, examined: Examined, options: EmailOptions) -> Examined:
        fetched = self.origin.fetched
        return admit(examined, self.server, options, truncated=fetched.truncated, released=fetched.released)


class ResolverHandler:
    """See `runtime.outcomes.Handler`. Its one effect: files in the blob store, whose keys follow from their content.

    `settings` gives the settings in force here. `newest` gives them as they are at the broker this moment: it is asked
    when a mail names a server that is not in force yet, since whoever fetched the mail may have seen it first.
    `token_keys` prove the items that mails answer to, and that a mail was released. Values of `mail.resolved` have less
    than `inline_bytes`.
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
    ) -> None:
        self._settings = settings
        self._newest = newest
        self._directory = directory
        self._blobs = blobs
        self._now = now
        self._examine = examine
        self._token_keys = token_keys
        self._inline_bytes = inline_bytes

    def handle(self, records: Sequence[Record]) -> Sequence[FinalOutcome]:
        fetched, outcomes = decode_batch(records, open_fetched)
        snapshot = self._snapshot(mail for _, mail in fetched)
        opened: list[tuple[int, _Opened]] = []
        for index, mail in fetched:
            one = self._open(mail, records[index], snapshot)
            if isinstance(one, Dead):
                outcomes[index] = one
            else:
                opened.append((index, one))
        raws = [(one.origin.fetched.mail_id, one.origin.raw) for _, one in opened]
        examined = self._examine(raws, own_addresses(snapshot))
        options = snapshot.email_options()
        admitted = [one.admit(each, options) for (_, one), each in zip(opened, examined, strict=True)]
        persons = self._persons(admitted, options.plus_tags)
        now = self._now()
        for (index, one), each in zip(opened, admitted, strict=True):
            outcomes[index] = self._answer(one, each, persons, now)
        return [outcome for outcome in outcomes if outcome is not None]

    def _snapshot(self, mails: Iterable[FetchedMail]) -> SettingsSnapshot:
        snapshot = self._settings()
        if all(snapshot.incoming_server(server_id) for server_id in {mail.server_id for mail in mails}):
            return snapshot
        return self._newest()

    def _persons(self, examined: Iterable[Examined], plus_tags: bool) -> Mapping[str, tuple[Person, ...]]:
        """Everybody who sent a mail of the batch: one query."""
        by_persons = (one for one in examined if one.screening.verdict == "person")
        senders = {address for one in by_persons for address in known_as(one.sender.address, plus_tags)}
        return self._directory(senders) if senders else {}

    def _open(self, fetched: FetchedMail, record: Record, snapshot: SettingsSnapshot) -> _Opened | Dead:
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
        if fetched.released and not is_released(fetched, raw, self._token_keys):
            log.warning(
                "a mail says that it was released, and no key of ours says so: it is taken as any other",
                mail_id=fetched.mail_id,
                remedy="give console and resolver the same MAILCALL_TOKEN_KEY_FILE, then release it again "
                "(`mailcall mail release`); else see who may write to mail.fetched",
            )
            fetched = replace(fetched, released="", release_mark="")
        keys = (f"incoming-server/{server.id}", f"call-template/{template.id}")
        origin = SourceRecord(
            fetched=fetched,
            raw=raw,
            key=(record.key or b"").decode("utf-8", "replace"),
            traceparent=fetched.traceparent or ids.traceparent(fetched.mail_id),
            versions={key: snapshot.versions[key] for key in keys if key in snapshot.versions},
            fetched_at=record_moment(record.timestamp_ms) if record.timestamp_ms > 0 else None,
        )
        options = snapshot.email_options()
        # As it was when the mail came: the same mail gives the same result however late it is resolved.
        judge: TokenVerifier = partial(self._token_keys.verdict, at=fetched.received, valid_days=options.token_days)
        return _Opened(origin, server, template, judge, options.plus_tags)

    def _answer(
        self, one: _Opened, examined: Examined, persons: Mapping[str, tuple[Person, ...]], now: datetime
    ) -> FinalOutcome:
        screening = examined.screening
        if screening.verdict == "person":
            senders = persons_known_as(examined.sender.address, one.plus_tags, persons)
            resolution = resolve(examined, one.server, one.template, senders, one.judge, plus_tags=one.plus_tags)
            message = resolved(
                one.origin, examined, resolution, one.template.id, self._blobs.put, now, self._inline_bytes
            )
            return Ok((message,))
        if screening.verdict == "notification-result":
            notification_id = reported_notification(screening, examined.mail, one.judge)
            if notification_id is not None:
                return Ok(notification_results(one.origin, notification_id, screening, now))
        return Reject(screening.reason or Reason.AUTO_REPLY, (rejected(one.origin, examined, self._blobs.put, now),))
