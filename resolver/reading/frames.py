"""What goes between the resolver and its reading child, over one socket: plain data, pickled.

From the resolver: the desk's own addresses once, then lists of raw mails. From the child: None once it is ready, then
a list of `Examined` for each list of mails. Made plain first, because pickled models cost twice as much.
"""

import pickle
import socket
from collections.abc import Iterable
from functools import cache
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from resolver.resolve import Examined


def send(channel: socket.socket, value: Any) -> None:
    """Raises `OSError` where the other side is gone, or does not take it within the channel's time-out."""
    channel.sendall(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def receive(stream: BinaryIO) -> Any:
    """Raises `EOFError` where the other side has ended, even in the middle of a value; `OSError` as `send`."""
    try:
        return pickle.load(stream)
    except pickle.UnpicklingError:
        raise EOFError from None


def plain(examined: Iterable[Examined]) -> Any:
    return _form().dump_python(list(examined))


def from_plain(value: Any) -> list[Examined]:
    return _form().validate_python(value)


@cache
def _form() -> TypeAdapter[list[Examined]]:
    return TypeAdapter(list[Examined])
