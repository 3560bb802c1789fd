"""Files between their dry run and the confirmation: kept in memory for a while, for the account that sent them."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from console.persons.importing import Import

KEPT_SECONDS = 1800.0
MAX_KEPT_BYTES = 30_000_000  # of all files together: the oldest go first


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent, and what its dry run showed (`shown`: a digest of it)."""

    account_id: str
    name: str
    data: bytes
    encoding: str | None
    separator: str | None
    shown: str
    at: float


class Uploads:
    """For many threads. A restart forgets all of them: the file is sent again then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, Upload] = {}  # the oldest first

    def keep(
        self, account_id: str, name: str, data: bytes, encoding: str | None, separator: str | None, shown: str
    ) -> str:
        """The token to come back with. An account has one file: another takes its place."""
        token = secrets.token_urlsafe(24)
        upload = Upload(account_id, name, data, encoding, separator, shown, self._clock())
        with self._lock:
            self._forget(lambda kept: kept.account_id == account_id)
            self._kept[token] = upload
            while len(self._kept) > 1 and sum(len(kept.data) for kept in self._kept.values()) > MAX_KEPT_BYTES:
                del self._kept[next(iter(self._kept))]
        return token

    def find(self, account_id: str, token: str) -> Upload | None:
        """None where it is another account's, too old, or gone."""
        with self._lock:
            self._forget(lambda kept: self._clock() - kept.at > KEPT_SECONDS)
            upload = self._kept.get(token)
        return upload if upload and upload.account_id == account_id else None

    def forget(self, account_id: str) -> None:
        with self._lock:
            self._forget(lambda kept: kept.account_id == account_id)

    def _forget(self, which: Callable[[Upload], bool]) -> None:
        self._kept = {token: kept for token, kept in self._kept.items() if not which(kept)}


def digest(plan: Import) -> str:
    """Of everything that an import would publish: another digest means that somebody has changed persons since."""
    lines = (f"{change.key} {change.effect} {change.after!r}" for _, change in plan.effective)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()
