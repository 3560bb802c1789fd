"""A server's limit of mails a minute: never passed, used up where there is enough to send, shared by the processes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.server_availability import MINUTE, RateLimiter
from schemas.settings import OutgoingServer

SERVER = OutgoingServer(id="out", from_address="it@desk.example", mails_per_minute=6)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _sent(pace: RateLimiter, clock: Clock, asked_at: list[float]) -> list[float]:
    """When the mails that were asked for at these times go out, each coming back when it is told to."""
    waiting, sent = sorted(asked_at), []
    while waiting:
        clock.now = waiting.pop(0)
        seconds = pace.seconds_to_wait(SERVER)
        if seconds:
            waiting = sorted([*waiting, clock.now + seconds])
        else:
            sent.append(clock.now)
    return sent


def test_a_server_without_a_limit_takes_any_number() -> None:
    pace = RateLimiter(lambda: 1.0, Clock())
    unlimited = SERVER.model_copy(update={"mails_per_minute": 0})
    assert {pace.seconds_to_wait(unlimited) for _ in range(1000)} == {0.0}


@given(st.lists(st.floats(1000, 1300), min_size=1, max_size=60))
def test_no_minute_ever_holds_more_than_the_limit_and_every_mail_goes_out(asked: list[float]) -> None:
    sent = _sent(RateLimiter(lambda: 1.0, clock := Clock()), clock, asked)
    assert len(sent) == len(asked)
    assert all(later - first >= MINUTE - 1e-6 for first, later in zip(sent, sent[6:], strict=False))


def test_a_backlog_goes_out_as_fast_as_the_limit_allows() -> None:
    sent = _sent(RateLimiter(lambda: 1.0, clock := Clock()), clock, [1000.0] * 30)
    assert sent[-1] - sent[0] <= 5 * MINUTE


@pytest.mark.parametrize(("share", "expected"), [(1.0, 6), (0.5, 3), (0.01, 1)])
def test_a_process_takes_its_share_of_the_limit(share: float, expected: int) -> None:
    pace = RateLimiter(lambda: share, Clock())
    assert [pace.seconds_to_wait(SERVER) for _ in range(10)].count(0.0) == expected


def test_each_server_has_a_limit_of_its_own() -> None:
    pace: RateLimiter = RateLimiter(lambda: 1.0, Clock())
    ask: Callable[[str], float] = lambda id_: pace.seconds_to_wait(SERVER.model_copy(update={"id": id_}))  # noqa: E731
    assert [ask("a") for _ in range(7)][-1] > 0
    assert ask("b") == 0.0
