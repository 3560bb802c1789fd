"""How much work something is, counted and not timed: the same on every machine."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps(action: Callable[[], object]) -> int:
    """Lines of Python that it runs, calls and returns among them; one more than once where it stands in a loop."""
    count = 0

    def note(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def grows_no_faster(action: Callable[[int], object], size: int) -> bool:
    """Whether it takes about twice the steps for twice the size, or fewer; `action` does it for a size.

    Where something before the pieces swallows many of them at once, only those behind them take steps: then what the
    next two doublings add is compared.
    """
    action(size)  # what is only done once, and then remembered
    once, twice = steps(lambda: action(size)), steps(lambda: action(2 * size))
    if twice <= 2.3 * once + 500:
        return True
    four_times, eight_times = steps(lambda: action(4 * size)), steps(lambda: action(8 * size))
    return eight_times - four_times <= 2.3 * (four_times - twice) + 500
