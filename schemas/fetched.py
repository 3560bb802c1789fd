"""A message on `mail.fetched`: raw bytes as the value, and what is known about them as CloudEvents extensions.

Another system publishes a mail with `ce_serverid` alone: everything else is derived from the bytes and the record.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import NamedTuple, Self

from pydantic import TypeAdapter, ValidationError

from schemas import ids
from schemas.base import Id
from schemas.reasons import Reason
from schemas.tokens import TokenKeys
from schemas.topics import MAIL_FETCHED
from schemas.wire import CloudEvent, Record, UndecodableError, open_envelope

_ID: TypeAdapter[str] = TypeAdapter(Id)


class FetchedMail(NamedTuple):
    """One fetched mail. `raw` is empty where `dataref` names the blob that holds it (claim check).

    `size` in bytes and `sha256` (hexadecimal) are those of the raw bytes; `received` is the mail store's internal date,
    aware; `mailbox` says where it lay (`INBOX;UIDVALIDITY=1;UID=7`). `truncated` is the mail's size on its server where
    that was over the limit: then these bytes are only its beginning, and `wholeref` names the blob of all of it (None
    where it was too large even for that). `released` says who let the mail through after it had been rejected, and
    `release_mark` proves it (schemas/fetched.py).
    """

    mail_id: str
    server_id: str
    received: datetime
    size: int
    sha256: str
    mailbox: str = ""
    raw: bytes = b""
    dataref: str | None = None
    truncated: int | None = None
    wholeref: str | None = None
    traceparent: str = ""
    released: str = ""
    release_mark: str = ""

    def extensions(self) -> dict[str, str]:
        """CloudEvents extension attributes, by name: what `from_envelope` reads."""
        optional = {
            "mailbox": self.mailbox,
            "dataref": self.dataref or "",
            "truncated": "" if self.truncated is None else str(self.truncated),
            "wholeref": self.wholeref or "",
            "released": self.released,
            "releasemark": self.release_mark,
        }
        return {
            "serverid": self.server_id,
            "internaldate": self.received.isoformat(),
            "size": str(self.size),
            "sha256": self.sha256,
            **{name: value for name, value in optional.items() if value},
        }

    @classmethod
    def from_envelope(cls, envelope: CloudEvent, timestamp_ms: int) -> Self:
        """`timestamp_ms`: of the record, for a mail without a date of its own. Raises `UndecodableError`."""
        context, raw = envelope.context, envelope.data
        known = context.extensions
        server_id, dataref = known.get("serverid", ""), known.get("dataref") or None
        try:
            _ID.validate_python(server_id)
        except ValidationError:
            raise _wrong("ce_serverid is missing or no id: it names the incoming server the mail belongs to") from None
        has_id = ids.MAIL_ID.fullmatch(context.id) is not None
        size, truncated = _number(known.get("size")), _number(known.get("truncated"))
        if dataref and (not has_id or size is None or "sha256" not in known):
            raise _wrong("a record with ce_dataref needs ce_id (32 hexadecimal digits), ce_size and ce_sha256 as well")
        if not dataref and not raw:
            raise _wrong("the value is empty and no ce_dataref names a blob: there is no mail")
        return cls(
            mail_id=context.id if has_id else ids.mail_id(server_id, raw),
            server_id=server_id,
            received=_moment(known.get("internaldate")) or _moment(context.time) or record_moment(timestamp_ms),
            size=len(raw) if size is None else size,
            sha256=known.get("sha256") or hashlib.sha256(raw).hexdigest(),
            mailbox=known.get("mailbox", ""),
            raw=b"" if dataref else raw,
            dataref=dataref,
            truncated=truncated,
            wholeref=known.get("wholeref") or None,
            traceparent=context.traceparent,
            released=known.get("released", ""),
            release_mark=known.get("releasemark", ""),
        )


def open_fetched(record: Record) -> FetchedMail:
    """The mail of a record of `mail.fetched`, binary or structured. Raises `UndecodableError`."""
    return FetchedMail.from_envelope(open_envelope(MAIL_FETCHED, record), record.timestamp_ms)


def _wrong(text: str) -> UndecodableError:
    return UndecodableError(Reason.WRONG_SCHEMA, text)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _moment(text: str | None) -> datetime | None:
    """An ISO 8601 date with its offset; None where there is none, or none that can be read."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def record_moment(timestamp_ms: int) -> datetime:
    """A record's timestamp; the beginning of 1970 where the producer wrote nonsense."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def released_by(mail: FetchedMail, sha256: str, who: str, keys: TokenKeys) -> FetchedMail:
    """The mail, let through by `who`. `sha256`: of its bytes, hexadecimal, wherever they lie.

    Raises `ValueError` without a key: nobody would believe it.
    """
    if not keys.keys:
        raise ValueError("a release is signed with a token key, and there is none")
    mail = mail._replace(released=who)
    return mail._replace(release_mark=_mark(keys.keys[0], mail, sha256))


def is_released(mail: FetchedMail, raw: bytes, keys: TokenKeys) -> bool:
    """Whether one of our keys let through just this mail, with these bytes; without a key, none did."""
    sha256 = hashlib.sha256(raw).hexdigest()
    given = mail.release_mark.encode("utf-8", "replace")
    return any(hmac.compare_digest(_mark(key, mail, sha256).encode("ascii"), given) for key in keys.keys)


def _mark(key: bytes, mail: FetchedMail, sha256: str) -> str:
    said = sorted(mail._replace(release_mark="").extensions().items())
    signed = json.dumps(["mailcall-release", mail.mail_id, sha256, said])
    return hmac.digest(key, signed.encode("ascii"), "sha256").hex()
