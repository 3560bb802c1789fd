"""A logger that freezes while it stores an answer, and does its batch again when it goes on.

    python -m tests.logger.frozen DESK_URL PLACE

PLACE: `between statements`, `in a copy`. It stops itself (SIGSTOP) once, there. What became of each try is written.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import psycopg

from desk import postgresql
from logger import transaction
from runtime.outages import OutageError
from schemas.resolved_mail import ResolvedMail
from tests.logger.harness import make_mail, opened

PLACES: dict[str, tuple[Any, str]] = {
    "between statements": (transaction, "write_thread_index"),
    "in a copy": (psycopg.Copy, "write_row"),
}
TRIES = 3
SHORT = {**postgresql._SESSION, "idle_in_transaction_session_timeout": "1s", "lock_timeout": "3s"}


def batch() -> list[ResolvedMail]:
    """Answers to the call that is there, enough of them to be stored by COPY."""
    answer = {"message_ids": ["<original@example.test>"]}
    return [make_mail(f"frozen-{n}", f"{n}@example.test", conversation=answer) for n in range(10)]


def _freezing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, before whose first call all stands still."""
    frozen: list[bool] = []

    def called(*arguments: Any, **named: Any) -> Any:
        if not frozen:
            frozen.append(True)
            os.kill(os.getpid(), signal.SIGSTOP)
        return function(*arguments, **named)

    return called


def main(url: str, place: str) -> None:
    owner, name = PLACES[place]
    freezing, short = _freezing(getattr(owner, name)), mock.patch.object(postgresql, "_SESSION", SHORT)
    with short, opened(url) as logger, mock.patch.object(owner, name, freezing):
        for _ in range(TRIES):
            try:
                outcomes = logger.feed(*batch())
            except OutageError as error:
                sys.stdout.write(f"outage: {error}\n")
            else:
                sys.stdout.write(f"stored {len(outcomes)}\n")
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
