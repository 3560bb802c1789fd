"""Email Server Details that somebody has open: what was typed and is not saved yet, one for each account.

In the memory of the window's process: a page holds what was typed as well, so a restart costs the reminder only.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from console.servers.server_settings import Server
from console.servers.server_types import ServerType
from schemas.settings import Secret

MAX_DRAFTS = 1_000

Typed = str | bool


@dataclass(frozen=True, slots=True)
class Draft:
    """`server_id` None: a server that is not there yet. `before` and `version`: the setting that was looked at.

    `secrets` are by dotted field, sealed as soon as they were typed; `typed` holds none. `notes`: what is worth telling
    of a secret, by its field. `at`: when something was typed last; None where nothing was.
    """

    type: ServerType
    server_id: str | None
    typed: Mapping[str, Typed]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()
    before: Server | None = None
    version: int | None = None
    at: datetime | None = None

    @property
    def key(self) -> str:
        """Of the setting; of a new server by its type alone."""
        return f"{self.type.direction}-server/{self.server_id}" if self.server_id else f"new {self.type.id}"


class Drafts:
    """May be used by many threads. The oldest draft goes where there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._drafts: OrderedDict[str, Draft] = OrderedDict()

    def of(self, account_id: str) -> Draft | None:
        with self._lock:
            return self._drafts.get(account_id)

    def keep(self, account_id: str, draft: Draft) -> None:
        with self._lock:
            self._drafts[account_id] = draft
            self._drafts.move_to_end(account_id)
            while len(self._drafts) > MAX_DRAFTS:
                self._drafts.popitem(last=False)

    def close(self, account_id: str) -> None:
        with self._lock:
            self._drafts.pop(account_id, None)
