"""A connection to PostgreSQL on which no answer is waited for longer than a while.

A server that is frozen, with its machine running, keeps its connections open: neither TCP nor the server's own
time-outs end the wait.
"""

from typing import Any

import psycopg
from psycopg import errors


class BoundedConnection(psycopg.Connection[Any]):
    """`answer_seconds`: for each statement. It is closed when they have passed, so that nobody is given it again."""

    answer_seconds: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As the driver's. Raises `psycopg.errors.OperationalError` when the time is over."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except errors._WaitTimeout:
            if self.answer_seconds is None:
                raise
            self.pgconn.finish()
            raise errors.OperationalError(f"it has not answered for {self.answer_seconds:.0f} s") from None
