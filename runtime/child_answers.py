"""A child's answers in a file without a name, one after the other: what it had answered outlives it.

The file begins with how many stand in it whole. Its pages are used again for the next question: to free them and fetch
them anew costs more than to copy what a mail says.
"""

import os
import pickle
import struct
import tempfile
from collections.abc import Iterator
from io import BufferedReader, FileIO
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

_COUNT = struct.Struct("=Q")
MOST_KEPT_BYTES = 4 << 20


def new_file() -> FileIO:
    """In memory, on Linux."""
    if hasattr(os, "memfd_create"):
        return FileIO(os.memfd_create("answers"), "w+")
    return tempfile.TemporaryFile(buffering=0)


def clear(file: FileIO) -> None:
    """Before a question. The asking side does it: the other may be dead already."""
    if os.fstat(file.fileno()).st_size > MOST_KEPT_BYTES:
        file.truncate(MOST_KEPT_BYTES)
    _tell(file.fileno(), 0)


class Writer:
    """The answers to one question on their way into the file."""

    def __init__(self, file: FileIO) -> None:
        self._file = file.fileno()
        self._end = _COUNT.size
        self._count = 0
        self._sink = cast(BinaryIO, SimpleNamespace(write=self._write))

    def add(self, answer: Any) -> None:
        # Each by itself: a pickler of several keeps all of them. What is large goes on without a second copy.
        pickle.dump(answer, self._sink, pickle.HIGHEST_PROTOCOL)
        self._count += 1
        _tell(self._file, self._count)  # last, so that none counts of which a part is missing

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._file, rest, self._end)
            self._end += written
            rest = rest[written:]


def read_all(file: FileIO) -> Iterator[Any]:
    """Those that stand whole in the file."""
    count = _COUNT.unpack(os.pread(file.fileno(), _COUNT.size, 0))[0]
    file.seek(_COUNT.size)
    stream = BufferedReader(FileIO(file.fileno(), closefd=False))
    return (pickle.load(stream) for _ in range(count))


def _tell(file: int, count: int) -> None:
    os.pwrite(file, _COUNT.pack(count), 0)
