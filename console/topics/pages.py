"""Topics: how much is written, who is how far and how old what waits is, over the last hour; and their records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.health.groups import DLQ, RETRY
from console.health.words import duration, per_minute
from console.topics.content import content_of, may_see, right_for
from console.topics.overview import WAITING_GROUPS, minutes, topic_by_name, topic_line, topic_lines, waiting_by_group
from console.topics.records import MOST, read_lines, read_record
from console.web.form_errors import PageError
from console.web.page import Entry, Page
from console.web.render import fragment, page
from runtime.security.redaction import conceal
from schemas.topics import Topic
from schemas.wire import Record

MANY = 25
CHOICES = (10, MANY, 50, MOST)
_COLUMNS = ("Written a minute", "Taken a minute", "Waiting", "Oldest waits (seconds)")


def list_(request: Request) -> Response:
    return page(request, "topics/list.html", title="Topics", **_overview(request))


def list_part(request: Request) -> Response:
    return fragment(request, "topics/list_part.html", **_overview(request))


def show(request: Request) -> Response:
    name, _ = _topic(request)
    return page(request, "topics/show.html", title=name, **_one(request))


def show_part(request: Request) -> Response:
    return fragment(request, "topics/show_part.html", **_one(request))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form of the records asks for; `typed` is kept as it was typed."""

    typed: str
    since: datetime | None
    most: int
    errors: tuple[PageError, ...] = ()


def records(request: Request) -> Response:
    """Metadata only. Keys are addresses on some topics, so they need the right of the content."""
    name, topic = _topic(request)
    asked = _asked(request)
    found = None
    if not asked.errors:
        found = read_lines(request.app.state.services.config, full_name(request, name, topic), asked.since, asked.most)
    return page(
        request,
        "topics/records.html",
        title=f"Records of {name}",
        status=422 if asked.errors else 200,
        errors=asked.errors,
        name=name,
        asked=asked,
        choices=CHOICES,
        found=found,
        may_see=may_see(topic, request.state.identity),
        right=_right_words(topic),
    )


def record(request: Request) -> Response:
    """One record with its content, for visitors with the topic's right; for others only that it exists."""
    name, topic = _topic(request)
    partition, offset = int(request.path_params["partition"]), int(request.path_params["offset"])
    if offset > 2**63 - 1 or partition > 2**31 - 1:
        raise HTTPException(404)
    found = read_record(request.app.state.services.config, full_name(request, name, topic), partition, offset)
    if found is None:
        raise HTTPException(404)
    allowed = may_see(topic, request.state.identity)
    return page(
        request,
        "topics/record.html",
        title=f"{name}, partition {partition}, offset {offset}",
        name=name,
        record=found,
        at=datetime.fromtimestamp(found.timestamp_ms / 1000, UTC),
        record_headers=_headers(found) if allowed else [],
        key=_text(found.key) if allowed else None,
        content=content_of(topic, found) if allowed else None,
        right=_right_words(topic),
    )


def full_name(request: Request, name: str, topic: Topic) -> str:
    """The topic's name at the broker."""
    prefix = request.app.state.services.config.topic_prefix
    if name.endswith(DLQ):
        return topic.dlq(prefix)
    return topic.retry(prefix) if name.endswith(RETRY) else topic.name(prefix)


def _overview(request: Request) -> Mapping[str, Any]:
    traffic = request.app.state.services.sampler.current
    return {
        "traffic": traffic,
        "lines": topic_lines(traffic.samples),
        "waiting": waiting_by_group(traffic.samples),
        "groups_that_wait": [group.name for group in WAITING_GROUPS],
        "now": datetime.now(UTC),
        "duration": duration,
        "per_minute": per_minute,
    }


def _one(request: Request) -> Mapping[str, Any]:
    name, topic = _topic(request)
    samples = request.app.state.services.sampler.current.samples
    line = topic_line(name, samples)
    groups: list[str | None] = [reader.group.name for reader in line.readers]
    return {
        "name": name,
        "topic": topic,
        "line": line,
        "curves": [(group, _rows(minutes(samples, name, group), group)) for group in groups or [None]],
        "columns": {True: _COLUMNS, False: _COLUMNS[:1]},
        "now": datetime.now(UTC),
        "duration": duration,
        "per_minute": per_minute,
    }


def _rows(points: Any, group: str | None) -> list[tuple[datetime, tuple[float | int | None, ...]]]:
    if group is None:
        return [(point.at, (point.written,)) for point in points]
    return [(point.at, (point.written, point.taken, point.lag, point.oldest_seconds)) for point in points]


def _topic(request: Request) -> tuple[str, Topic]:
    name: str = request.path_params["topic"]
    topic = topic_by_name(name)
    if topic is None:
        raise HTTPException(404)
    return name, topic


def _asked(request: Request) -> Asked:
    """`since` is in UTC where no zone is said, as the form tells."""
    typed = request.query_params.get("since", "").strip()
    last = request.query_params.get("last", str(MANY))
    most = int(last) if last.isdecimal() and len(last) < 5 else MANY
    if not typed:
        return Asked("", None, most)
    try:
        moment = datetime.fromisoformat(typed)
        since = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        since.timestamp()
    except (ValueError, OverflowError):
        told = f"{typed[:40]!r} is no moment - write it as 2026-11-29 08:00, in UTC"
        return Asked(typed[:100], None, most, (PageError("since", told),))
    return Asked(typed, max(since, datetime.fromtimestamp(0, UTC)), most)


def _headers(found: Record) -> list[tuple[str, str]]:
    return [(name, _text(value) or "") for name, value in found.headers]


def _text(value: bytes | None) -> str | None:
    """The producer's text: the page escapes it."""
    return None if value is None else conceal(value[:2_000].decode("utf-8", "replace"))


def _right_words(topic: Topic) -> str:
    right = right_for(topic)
    return str(right).replace("-", " ").title().replace("And", "and") if right else ""


_HERE = "/operations/topics/{topic}"
PAGES = (
    Page("topics.list", "/operations/topics", list_, Right.SYSTEM_SET_UP),
    Page("topics.list-part", "/operations/topics-part", list_part, Right.SYSTEM_SET_UP),
    Page("topics.show", _HERE, show, Right.SYSTEM_SET_UP),
    Page("topics.show-part", f"{_HERE}/part", show_part, Right.SYSTEM_SET_UP),
    Page("topics.records", f"{_HERE}/records", records, Right.SYSTEM_SET_UP),
    Page("topics.record", f"{_HERE}/records/{{partition:int}}/{{offset:int}}", record, Right.SYSTEM_SET_UP),
)
ENTRIES = (Entry("Operations", "Topics", "topics.list"),)
