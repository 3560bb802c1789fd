"""Record batches decompressed within a limit: a few bytes of a foreign producer may stand for gigabytes.

Both clients decompress a whole batch before they look at its first record. Their codecs (Kafka's: gzip, snappy, lz4,
zstd) are replaced by ones that stop at `MAX_UNPACKED_BYTES`. What becomes of a batch that has more:
`runtime/kafka/unreadable_records.py`.
"""

import gzip
import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol

MAX_UNPACKED_BYTES = 32 * 1024 * 1024  # two of the largest records; batches of many end at about a megabyte
_RATIO = 4  # how much more a batch is expected to have; what has still more is read in several steps
_LEAST_STEP = 64 * 1024
_XERIAL = b"\x82SNAPPY\0"  # snappy-java's blocks, each with its length before it; behind the magic are two versions
_XERIAL_BYTES = 16


class UnpackError(Exception):
    """A batch has more bytes than we take, or cannot be unpacked at all. The text quotes nothing of it."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def gunzip(packed: Any) -> bytes:
    """RFC 1952. Raises `UnpackError`, as those below."""
    with _faults("gzip"):
        return _read(gzip.GzipFile(fileobj=io.BytesIO(packed)), len(packed))


def unpack_zstd(packed: Any) -> bytes:
    """RFC 8878. Of the window that a frame asks for only what is unpacked into it takes memory."""
    import zstandard

    with _faults("zstd"):
        reader = zstandard.ZstdDecompressor().stream_reader(bytes(packed), read_across_frames=True)
        return _read(reader, len(packed))


def unpack_lz4(packed: Any) -> bytes:
    """LZ4 frame format; as Kafka's own reader one frame, and what follows it is not looked at."""
    with _faults("lz4"):
        return _read(_Lz4(bytes(packed)), len(packed))


def unpack_snappy(packed: Any) -> bytes:
    """Snappy's raw format, whole or in snappy-java's blocks. The size stands before each."""
    import cramjam

    data = bytes(packed)
    with _faults("snappy"):
        blocks = list(_xerial_blocks(data)) if data.startswith(_XERIAL) else [data]
        _check(sum(cramjam.snappy.decompress_raw_len(block) for block in blocks))
        return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


_CODECS: dict[str, Callable[[Any], bytes]] = {
    "gzip_decode": gunzip,
    "snappy_decode": unpack_snappy,
    "lz4_decode": unpack_lz4,
    "zstd_decode": unpack_zstd,
}


def bound_codecs(*modules: ModuleType) -> None:
    """Has the modules of a client that read batches use the codecs above."""
    for module in modules:
        for name in _CODECS.keys() & vars(module).keys():
            setattr(module, name, _CODECS[name])


class _Lz4:
    """One frame, to be read in steps."""

    def __init__(self, packed: bytes) -> None:
        import lz4.frame

        self._frame = lz4.frame.LZ4FrameDecompressor()
        self._packed = packed

    def read(self, size: int, /) -> bytes:
        """Empty at the end of the frame. Raises `EOFError` where the frame is cut off."""
        if self._frame.eof:
            return b""
        piece: bytes = self._frame.decompress(self._packed, size)
        self._packed = b""
        if not piece and not self._frame.eof:
            raise EOFError
        return piece


def _read(reader: _Readable, packed_bytes: int) -> bytes:
    step = _LEAST_STEP + _RATIO * packed_bytes
    pieces, size = [], 0
    while piece := reader.read(step):
        size += len(piece)
        _check(size)
        pieces.append(piece)
    return b"".join(pieces)


def _xerial_blocks(data: bytes) -> Iterator[bytes]:
    start = _XERIAL_BYTES
    while start < len(data):
        (length,) = struct.unpack_from(">I", data, start)
        start += 4
        yield data[start : start + length]
        start += length


def _check(size: int) -> None:
    if size > MAX_UNPACKED_BYTES:
        raise UnpackError(f"unpacked it has more than {MAX_UNPACKED_BYTES} bytes")


@contextmanager
def _faults(codec: str) -> Iterator[None]:
    try:
        yield
    except UnpackError:
        raise
    except Exception as error:  # each library has its own
        raise UnpackError(f"it is no {codec} ({type(error).__name__})") from error
