"""When Python looks for objects that only refer to one another, so that nothing else frees them."""

import gc

# Objects made before it looks through the youngest, ten times as many as by itself: a message makes thousands of them,
# and hardly any cycle. 4 % of the CPU of logger and outbound.
YOUNG_OBJECTS = 7_000


def collect_nothing() -> None:
    """Until `collect_seldom`: to look through what imports make, again and again, is a tenth of a process's start."""
    gc.disable()


def collect_seldom() -> None:
    """Called once, when everything is imported: that is looked through no more."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()
