"""Queries for Prometheus, taken apart: which metrics they ask for, by which labels and with which values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics import MetricWrapperBase

from runtime.telemetry import metrics

# What is neither metric nor label in PromQL, as far as our queries use it.
WORDS = frozenset(
    "absent and bool by clamp_min count delta deriv group_left group_right histogram_quantile ignoring increase max "
    "max_over_time min offset on or rate sum time unless vector without".split()
)
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}
# What Prometheus itself, its Python client and kafka_exporter (1.9, kafka_exporter.go) tell.
OTHERS: Mapping[str, frozenset[str]] = {
    "ALERTS": frozenset({"alertname", "alertstate"}),
    "process_cpu_seconds_total": frozenset(),
    "process_resident_memory_bytes": frozenset(),
    "kafka_consumergroup_members": frozenset({"consumergroup"}),
    "kafka_consumergroup_lag": frozenset({"consumergroup", "topic", "partition"}),
}
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\d[\w.]*|[a-zA-Z_][\w:]*|=~|!~|!=|[^\s]')


@dataclass(frozen=True, slots=True)
class Selected:
    """One metric of a query. `matchers`: label, operator, value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def selected(query: str) -> Iterator[Selected]:
    """Every metric that a query names."""
    tokens, skipped = _TOKEN.findall(query), _grouped_places(query)
    for place, token in enumerate(tokens):
        is_name = re.fullmatch(r"[a-zA-Z_][\w:]*", token) and token not in WORDS
        if is_name and place not in skipped and not _inside_braces(tokens[:place]):
            yield Selected(token, tuple(_matchers(tokens[place + 1 :])))


def grouped(query: str) -> set[str]:
    """The labels that a query groups or joins by."""
    tokens = _TOKEN.findall(query)
    return {tokens[place] for place in _grouped_places(query)}


def exported() -> Mapping[str, frozenset[str]]:
    """Every series name of our processes' /metrics, with its labels."""
    found: dict[str, frozenset[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (described,) = metric.describe()
            for suffix in SUFFIXES[described.type]:
                labels = {*metric._labelnames, *(["le"] if suffix == "_bucket" else [])}
                found[described.name + suffix] = frozenset(labels)
    return found


def _grouped_places(query: str) -> set[int]:
    """Which tokens stand in the list of a `by (...)` or the like."""
    tokens, places = _TOKEN.findall(query), set()
    for place, token in enumerate(tokens[:-1]):
        if token in _GROUPING and tokens[place + 1] == "(":
            end = tokens.index(")", place)
            places |= {one for one in range(place + 2, end) if tokens[one] != ","}
    return places


def _inside_braces(before: list[str]) -> bool:
    return before.count("{") > before.count("}")


def _matchers(after: list[str]) -> Iterator[tuple[str, str, str]]:
    """Label, operator and value of each matcher, where a brace follows the metric at once."""
    if after[:1] != ["{"]:
        return
    inside = after[1 : after.index("}")]
    for label, operator, value in zip(inside[0::4], inside[1::4], inside[2::4], strict=False):
        yield label, operator, value[1:-1]
