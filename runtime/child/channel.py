"""What passes between a process and its child: values over one socket, and the results in a file without a name.

Over the socket, pickled. From the process: what the child prepares with, then one question after the other. From the
child: None once it is ready, and None when all results for a question are in their file. The child is our own code
under our own user: pickle opens no door that is not open.

The file keeps the results of a child that ends: it begins with how many of them are complete. Its pages are used again
for the next question: to free them and fetch them again costs more than to copy what a message says.
"""

import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Iterator
from io import BufferedReader, FileIO
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

_COUNT = struct.Struct("=Q")
MOST_KEPT_BYTES = 4 << 20


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


def new_file() -> FileIO:
    """In memory, on Linux."""
    if hasattr(os, "memfd_create"):
        return FileIO(os.memfd_create("results"), "w+")
    return tempfile.TemporaryFile(buffering=0)


def clear(file: FileIO) -> None:
    """Before a question. The asking side does it: the other may have ended already."""
    if os.fstat(file.fileno()).st_size > MOST_KEPT_BYTES:
        file.truncate(MOST_KEPT_BYTES)
    _set_count(file.fileno(), 0)


class ResultWriter:
    """The results for one question on their way into the file."""

    def __init__(self, file: FileIO) -> None:
        self._file = file.fileno()
        self._end = _COUNT.size
        self._count = 0
        self._sink = cast(BinaryIO, SimpleNamespace(write=self._write))

    def add(self, result: Any) -> None:
        # Each by itself: a pickler of several keeps all of them. What is large goes on without a second copy.
        pickle.dump(result, self._sink, pickle.HIGHEST_PROTOCOL)
        self._count += 1
        _set_count(self._file, self._count)  # last, so that none counts of which a part is missing

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file, rest, self._end)
            self._end += written
            rest = rest[written:]


def read_all(file: FileIO) -> Iterator[Any]:
    """Those that are complete in the file."""
    count = _COUNT.unpack(os.pread(file.fileno(), _COUNT.size, 0))[0]
    file.seek(_COUNT.size)
    stream = BufferedReader(FileIO(file.fileno(), closefd=False))
    return (pickle.load(stream) for _ in range(count))


def _set_count(file: int, count: int) -> None:
    os.pwrite(file, _COUNT.pack(count), 0)
