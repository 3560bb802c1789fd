"""Tests that administrators have started from the window: what was asked, whose answer may see it, how often."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from console.servers.server_tests import Tested

PER_ACCOUNT = RateLimitItemPerMinute(10)  # each makes a process of ours connect to wherever the details say
MAX_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class ServerTestRun:
    """The newest test of one account. `typed`: what stood in the fields of the test window."""

    test_id: str
    server: Tested
    started_at: datetime
    typed: Mapping[str, str] = field(default_factory=dict)


class ServerTestRuns:
    """May be used by many threads. The oldest run goes where there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, ServerTestRun] = OrderedDict()
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def may_start(self, account_id: str) -> bool:
        """Whether the account may start one more now, which is counted."""
        return self._limiter.hit(PER_ACCOUNT, account_id)

    def keep(self, account_id: str, run: ServerTestRun) -> None:
        with self._lock:
            self._runs[account_id] = run
            self._runs.move_to_end(account_id)
            while len(self._runs) > MAX_RUNS:
                self._runs.popitem(last=False)

    def newest(self, account_id: str) -> ServerTestRun | None:
        """The account's own: nobody sees the mail that another's test has found."""
        with self._lock:
            return self._runs.get(account_id)

    def of(self, account_id: str, test_id: str) -> ServerTestRun | None:
        """The account's newest run, where it is of this id."""
        run = self.newest(account_id)
        return run if run and run.test_id == test_id else None
