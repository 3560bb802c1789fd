"""The small decisions: format, server, when to try again."""

from collections.abc import Callable

import pytest

from outbound.choose import NoServer, choose_format, choose_server
from outbound.retry_policy import FEWEST_ATTEMPTS, exhausted, retry_after
from schemas.reasons import Reason
from schemas.settings import EmailOptions, Format, OutgoingServer, Partition, Setting
from schemas.snapshot import SettingsSnapshot
from tests.outbound.conftest import by

MakeServer = Callable[..., OutgoingServer]


@pytest.mark.parametrize(
    ("per_person", "default", "own", "expected"),
    [
        (False, Format.HTML, Format.TEXT, Format.HTML),
        (False, Format.TEXT, Format.HTML, Format.TEXT),
        (False, Format.TEXT, None, Format.TEXT),
        (True, Format.HTML, Format.TEXT, Format.TEXT),
        (True, Format.TEXT, Format.HTML, Format.HTML),
        (True, Format.HTML, None, Format.HTML),
        (True, Format.TEXT, None, Format.TEXT),
    ],
)
def test_a_persons_own_format_counts_only_where_message_format_per_person_is_selected(
    per_person: bool, default: Format, own: Format | None, expected: Format
) -> None:
    options = EmailOptions(default_format=default, message_format_per_person=per_person)
    assert choose_format(options, own) is expected


def _snapshot(*settings: Setting) -> SettingsSnapshot:
    return SettingsSnapshot({f"{one.kind}/{one.id}": one for one in settings})


def _well(_server: OutgoingServer) -> None:
    """No server is in trouble."""


def _partition(outgoing_server: str | None) -> Partition:
    return Partition(
        id="it", outgoing_server=outgoing_server, impacts=("a",), urgencies=("b",), priorities=("P1",),
        priority_matrix={"a": {"b": "P1"}},
    )  # fmt: skip


def test_a_partition_sends_through_its_own_server_and_others_through_the_default_one(make_server: MakeServer) -> None:
    own, default = make_server(id="it-out"), make_server(id="default-out")
    options = EmailOptions(default_outgoing_server="default-out")
    assert choose_server(_snapshot(own, default, options, _partition("it-out")), "it", _well) == by(own)
    assert choose_server(_snapshot(own, default, options, _partition(None)), "it", _well) == by(default)
    assert choose_server(_snapshot(own, default, options), None, _well) == by(default)


def test_no_server_fails_the_mail_and_a_disabled_one_lets_it_wait(make_server: MakeServer) -> None:
    assert choose_server(_snapshot(), "it", _well) == NoServer(Reason.NO_OUTGOING_SERVER, "failed")
    disabled = make_server(enabled=False)
    found = choose_server(_snapshot(disabled, _partition("it-out")), "it", _well)
    assert found == NoServer(Reason.SERVER_DISABLED, "deferred", "it-out")


def test_tries_come_at_doubling_times_up_to_an_hour_and_are_spread() -> None:
    waits = [retry_after("id", attempt) for attempt in range(1, 12)]
    for attempt, seconds in enumerate(waits):
        least = min(30 * 2**attempt, 3600)
        assert least <= seconds <= least * 1.2
    assert retry_after("id", 1) == retry_after("id", 1)
    assert len({retry_after(f"id-{n}", 1) for n in range(50)}) > 40


def test_a_mail_is_given_up_after_two_days_and_not_before_it_was_tried_for_a_while() -> None:
    lifetime = 2 * 86400.0
    assert not exhausted(lifetime - 1, lifetime, 100)
    assert exhausted(lifetime, lifetime, FEWEST_ATTEMPTS)
    assert not exhausted(10 * lifetime, lifetime, FEWEST_ATTEMPTS - 1)
