"""Lengths of time and rates in words, for pages. Pure."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
UNKNOWN = "not known"


def duration(seconds: float | None) -> str:
    """The two largest units: `2 h 5 min`."""
    if seconds is None:
        return UNKNOWN
    left = int(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or "0 s"


def per_minute(rate: float | None) -> str:
    """Records a minute; fractions of slow topics only."""
    if rate is None:
        return UNKNOWN
    if 0 < rate < 0.1:
        return "under 0.1"
    return f"{rate:.1f}" if 0 < rate < 10 else f"{rate:,.0f}"
