"""What was posted after a session's end: kept for its account and its browser, to be sent again once signed in.

It is sealed with a key that only the browser has, in a cookie: a posted form may hold the password of a mail server.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from console.access.credentials import digest, new_token
from desk.tables import kept_input as table

LIFETIME = timedelta(hours=1)
MAX_BYTES = 256_000
_MOST_OF_ACCOUNT = 5  # the newest: nobody fills the database by posting without a session


@dataclass(frozen=True, slots=True)
class Posted:
    """A request as it came. `path` is within the window; `body` in Latin-1, so that every byte is kept."""

    path: str
    query: str
    content_type: str
    body: str


def keep(connection: Connection, account_id: str, posted: Posted, now: datetime) -> str:
    """The key to it, for the browser."""
    key = new_token()
    sealed = _box(key).encrypt(json.dumps(asdict(posted)).encode())
    values = {"account_id": account_id, "sealed": bytes(sealed), "expires_at": now + LIFETIME}
    connection.execute(insert(table).values(key_digest=digest(key), **values))
    mine = table.c.account_id == account_id
    newest = select(table.c.key_digest).where(mine).order_by(table.c.expires_at.desc()).limit(_MOST_OF_ACCOUNT)
    connection.execute(delete(table).where(mine, table.c.key_digest.not_in(newest)))
    return key


def look(connection: Connection, account_id: str, key: str, now: datetime) -> Posted | None:
    """None where it has expired, or is another account's."""
    query = select(table.c.sealed).where(*_is(account_id, key), table.c.expires_at > now)
    sealed = connection.scalar(query)
    if sealed is None:
        return None
    try:
        return Posted(**json.loads(_box(key).decrypt(sealed)))
    except (CryptoError, ValueError, TypeError):  # of another release
        return None


def forget(connection: Connection, account_id: str, key: str) -> bool:
    """Whether it was there: of two that send it at the same moment one does."""
    return connection.execute(delete(table).where(*_is(account_id, key))).rowcount == 1


def _is(account_id: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return (table.c.key_digest == digest(key), table.c.account_id == account_id)


def _box(key: str) -> SecretBox:
    return SecretBox(hashlib.sha256(b"kept input\0" + key.encode()).digest())
