"""The pages of topics: the numbers of the last hour as tables that need no JavaScript."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from console.health.sample import Progress, Sample
from console.health.sampler import Traffic, Trouble
from console.health.words import duration, per_minute
from console.topics.overview import minutes, topic_lines
from schemas.topics import TOPICS
from tests.console.live.window import client, services

START = datetime(2026, 11, 29, 8, tzinfo=UTC)


def samples(seconds: int = 600, every: int = 10) -> list[Sample]:
    """Each second one record is written; the resolver takes every other one."""
    return [
        Sample(
            START + timedelta(seconds=at),
            {"mail.fetched": at},
            {"mail.fetched": at},
            progress={("resolver", "mail.fetched"): Progress(at - at // 2, at // 2, START)},
        )
        for at in range(0, seconds + 1, every)
    ]


def shown(path: str, traffic: Traffic | None = None) -> str:
    current = traffic or Traffic(samples())
    answer = client(services(sampler=SimpleNamespace(current=current))).get(f"/operations/{path}")
    assert answer.status_code == 200
    return str(answer.text)


def test_a_chart_has_one_row_a_minute() -> None:
    rows = minutes(samples(), "mail.fetched", "resolver")

    assert [row.at for row in rows[:2]] == [START + timedelta(seconds=50), START + timedelta(seconds=110)]
    assert [(row.written, row.taken, row.lag) for row in rows[1:3]] == [(60.0, 30.0, 55), (60.0, 30.0, 85)]
    assert len(rows) == 11


def test_every_topic_of_the_catalogue_is_listed_with_those_beside_it() -> None:
    names = [line.name for line in topic_lines(())]

    assert {topic.short for topic in TOPICS} < set(names)
    assert {"mail.fetched.dlq", "notification.requested.retry"} < set(names)
    assert len(names) == len(set(names))


def test_the_list_shows_what_is_written_waits_and_is_taken() -> None:
    text = shown("topics")
    row = re.search(r"<tr>\s*<th[^>]*><a[^>]*>mail.fetched</a>.*?</tr>", text, re.DOTALL)

    assert row is not None
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row[0], re.DOTALL)]
    assert cells[:4] == ["600", "60", "resolver", "300"]
    assert cells[5] == "30"


def test_before_the_first_sample_and_without_a_broker_it_is_said() -> None:
    assert "first look at the broker" in shown("topics", Traffic())
    away = Trouble(datetime.now(UTC) - timedelta(minutes=2), "away", "Start it.")
    assert "does not answer since 2 min" in shown("topics", Traffic(samples(), broker=away))


@pytest.mark.parametrize(
    ("name", "charts"),
    [("mail.fetched", 3), ("mail.fetched.dlq", 1), ("notification.requested.retry", 3), ("server.tests", 6)],
)
def test_a_topic_has_its_curves_as_tables(name: str, charts: int) -> None:
    text = shown(f"topics/{name}")

    assert text.count('<figure class="chart"') == charts
    assert "minute by minute" in text
    assert "<table" in text
    part = shown(f"topics/{name}/part")
    assert "<html" not in part and "<table" in part


def test_what_is_not_known_is_not_zero() -> None:
    text = shown("topics/mail.resolved")

    assert "not known" in text


@pytest.mark.parametrize(
    "path", ["nothing", "mail.fetched.dlq.dlq", "settings.dlq", "x%22onload=", "mail.fetched/part/x"]
)
def test_there_are_no_other_topics(path: str) -> None:
    assert client(services()).get(f"/operations/topics/{path}").status_code == 404


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "not known"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_665, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_lengths_of_time_in_words(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(None, "not known"), (0, "0"), (0.04, "under 0.1"), (2.46, "2.5"), (1234.4, "1,234")]
)
def test_rates_in_words(rate: float | None, words: str) -> None:
    assert per_minute(rate) == words
