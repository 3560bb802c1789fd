"""What passes between a process and its child: signals over one socket; question and results in a file without a name.

All of it pickled. Over the socket, from the process: what the child prepares with, then None for each question that
stands in the file. From the child: None once it is ready, and None when all results, which take the question's place,
are in the file. The child is our own code under our own user: pickle opens no door that is not open.

The file keeps the results of a child that ends: it begins with how many of them are complete. Its pages are used again
for the next question: to free them and fetch them again costs more than to copy what a message says. A socket would
hold a tenth of a group of messages, and every further part would cost a change of process.
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


def write_question(file: FileIO, question: Any) -> None:
    """In the place of the results for the one before, of which none counts any more."""
    clear(file)
    FileWriter(file).write(question)


def read_question(file: FileIO) -> Any:
    """All of it: its place is free then for the results."""
    return pickle.load(_reader(file))


class FileWriter:
    """A question, or the results for one, on their way into the file."""

    def __init__(self, file: FileIO) -> None:
        self._file = file.fileno()
        self._end = _COUNT.size
        self._count = 0
        self._sink = cast(BinaryIO, SimpleNamespace(write=self._append))

    def write(self, value: Any) -> None:
        # Each by itself: a pickler of several keeps all of them. What is large goes on without a second copy.
        pickle.dump(value, self._sink, pickle.HIGHEST_PROTOCOL)

    def add(self, result: Any) -> None:
        self.write(result)
        self._count += 1
        _set_count(self._file, self._count)  # last, so that none counts of which a part is missing

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file, rest, self._end)
            self._end += written
            rest = rest[written:]


def read_all(file: FileIO) -> Iterator[Any]:
    """Those that are complete in the file."""
    count = _COUNT.unpack(os.pread(file.fileno(), _COUNT.size, 0))[0]
    stream = _reader(file)
    return (pickle.load(stream) for _ in range(count))


def _reader(file: FileIO) -> BufferedReader:
    """Behind the count, whichever side reads: both have one position in the file, and never read at one time."""
    file.seek(_COUNT.size)
    return BufferedReader(FileIO(file.fileno(), closefd=False))


def _set_count(file: int, count: int) -> None:
    os.pwrite(file, _COUNT.pack(count), 0)
