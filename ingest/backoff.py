"""How long a watcher waits after a failure. Pure: the draw is an argument."""

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0
HOPELESS_SECONDS = 900.0  # what needs a person: no hammering, or the server locks the account


def delay(failures: int, *, temporary: bool, draw: float) -> float:
    """Seconds before the next try after `failures` in a row (1 or more). `draw` in 0..1 spreads many watchers out."""
    if not temporary:
        return HOPELESS_SECONDS * (1 + draw / 4)
    step: float = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 20), MOST_SECONDS)
    return step * (0.5 + draw / 2)
