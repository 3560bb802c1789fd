"""What passes between a process and its child: signals over one socket; question and results in a file without a name.

All of it pickled. Over the socket, from the process: what the child prepares with, then None for each question that
stands in the file. From the child: None once it is ready, and None when all results, which take the question's place,
are in the file. The child is our own code under our own user: pickle opens no door that is not open.

The file keeps the results of a child that ends: it begins with how many of them are complete. Its pages are used again
for the next question: to free them and fetch them again costs more than to copy what a message says. Both sides map
its beginning: what fits into that is copied once on its way in and once on its way out, without a system call. A socket
would hold a tenth of a group of messages, and every further part would cost a change of process.
"""

import mmap
import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Iterator
from io import BufferedReader, FileIO
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

_NUMBER = struct.Struct("=Q")
KEPT_BYTES = 4 << 20  # mapped, and never given back: a place that the file no longer had would end its reader


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


class SharedFile:
    """The file of a question and its results, as one of the two sides has it: they take turns.

    After the number of complete results each value stands with its size before it; the question is a value as well.
    """

    def __init__(self, file: FileIO) -> None:
        """`file`: as `new_file` makes it, on this side or on the other; `close` closes it."""
        file.truncate(max(KEPT_BYTES, os.fstat(file.fileno()).st_size))
        self._file = file
        self._map = mmap.mmap(file.fileno(), KEPT_BYTES)
        self._start = memoryview(self._map)
        self._sink = cast(BinaryIO, SimpleNamespace(write=self._append))
        self._begin()

    def close(self) -> None:
        self._start.release()
        self._map.close()
        self._file.close()

    def write_question(self, question: Any) -> None:
        """In the place of the results for the one before, of which none counts any more."""
        if os.fstat(self._file.fileno()).st_size > KEPT_BYTES:
            self._file.truncate(KEPT_BYTES)
        self._begin()
        self._write(question)

    def read_question(self) -> Any:
        """All of it: its place is free then for the results."""
        question, _ = self._read(_NUMBER.size)
        self._begin()
        return question

    def add(self, result: Any) -> None:
        self._write(result)
        self._count += 1
        _NUMBER.pack_into(self._start, 0, self._count)  # last, so that none counts of which a part is missing

    def results(self) -> Iterator[Any]:
        """Those that are complete in the file."""
        place = _NUMBER.size
        for _ in range(self._number(0)):
            result, place = self._read(place)
            yield result

    def _begin(self) -> None:
        """What is written next takes the place of all that is there."""
        self._end, self._count = _NUMBER.size, 0
        _NUMBER.pack_into(self._start, 0, 0)

    def _write(self, value: Any) -> None:
        place = self._end
        self._end += _NUMBER.size
        # Each by itself: a pickler of several keeps all of them. What is large goes on without a second copy.
        pickle.dump(value, self._sink, pickle.HIGHEST_PROTOCOL)
        self._put(place, _NUMBER.pack(self._end - place - _NUMBER.size))

    def _append(self, data: bytes) -> None:
        self._put(self._end, data)
        self._end += len(data)

    def _put(self, place: int, data: bytes) -> None:
        end = place + len(data)
        if end <= KEPT_BYTES:
            self._start[place:end] = data
            return
        rest = memoryview(data)
        while rest:
            rest = rest[os.pwrite(self._file.fileno(), rest, end - len(rest)) :]

    def _read(self, place: int) -> tuple[Any, int]:
        """The value that stands there, and the place behind it."""
        begin = place + _NUMBER.size
        end = begin + self._number(place)
        if end <= KEPT_BYTES:
            return pickle.loads(self._start[begin:end]), end
        # Behind what is mapped. Both sides have one position in the file, and never read at one time.
        self._file.seek(begin)
        return pickle.load(BufferedReader(FileIO(self._file.fileno(), closefd=False))), end

    def _number(self, place: int) -> int:
        if place + _NUMBER.size <= KEPT_BYTES:
            found = _NUMBER.unpack_from(self._start, place)
        else:
            found = _NUMBER.unpack(os.pread(self._file.fileno(), _NUMBER.size, place))
        return int(found[0])
