"""When Python looks for objects that only refer to one another, so that nothing else frees them."""

import gc

# Objects made and not yet freed before it looks through the youngest: more than a batch of records holds at once, so
# that they are gone by then. A message makes thousands of them, and hardly any cycle. At 7,000 it took 3 % of the CPU
# of the logger, 2.4 of the resolver and 1 of outbound; at Python's own 700 it takes 4 % more.
YOUNG_OBJECTS = 50_000


def collect_nothing() -> None:
    """Until `collect_seldom`: to look through what imports make, again and again, is a tenth of a process's start."""
    gc.disable()


def collect_seldom() -> None:
    """Called once, when everything is imported: that is looked through no more."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()
