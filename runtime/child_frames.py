"""What goes between a process and a child of its own, over one socket: values, pickled.

From the process: what the child gets ready with, then one question after the other. From the child: None once it is
ready, and None when all answers to a question stand in their file (`runtime/child_answers.py`). The child is our own
code under our own user: pickle opens no door that is not open.
"""

import pickle
import socket
from types import SimpleNamespace
from typing import Any, BinaryIO, cast


def send(channel: socket.socket, value: Any) -> None:
    """Raises `OSError` where the other side is gone, or does not take it within the channel's time-out."""
    # Piece by piece: no second copy of what is large.
    pickle.dump(value, cast(BinaryIO, SimpleNamespace(write=channel.sendall)), pickle.HIGHEST_PROTOCOL)


def receive(stream: BinaryIO) -> Any:
    """Raises `EOFError` where the other side has ended, even in the middle of a value; `OSError` as `send`."""
    try:
        return pickle.load(stream)
    except pickle.UnpicklingError:
        raise EOFError from None
