"""Requests and responses of kafka-python on their socket: sent at once, and received in large pieces.

kafka-python 3.0.12 sends a request two turns of its loop later: one to begin a task, one to wait until the socket takes
something, which it nearly always does. A response it receives in pieces of 4 kB, and once more to find nothing left.
"""

import time
from contextlib import suppress
from functools import cache
from typing import Any

RECEIVED_BYTES = 64 * 1024  # at most by one call; below what glibc's allocator maps anew each time


@cache
def use_sockets_quickly() -> None:
    """Once a process: every connection of kafka-python that is made from here on, or is there already."""
    from kafka.net.transport import KafkaTCPTransport

    write_later, receive_small = KafkaTCPTransport.write, KafkaTCPTransport._sock_recv

    def write(transport: Any, data: bytes) -> None:
        """What the socket does not take now is sent by the loop, whose thread this is.

        Where sending fails the loop meets the same error, and closes the connection as ever.
        """
        sent = 0
        if not (transport._writing or transport._closed) and transport._write:
            with suppress(OSError):
                sent = transport._sock.send(data)
                transport.last_write = time.monotonic()
        if sent < len(data):
            write_later(transport, memoryview(data)[sent:])

    def receive(transport: Any) -> tuple[bytes, Any]:
        """All that is there now, and None; or nothing, and the error. One that comes behind it is met the next time."""
        pieces: list[bytes] = []
        with suppress(OSError):
            while len(piece := transport._sock.recv(RECEIVED_BYTES)) == RECEIVED_BYTES:
                pieces.append(piece)
            pieces.append(piece)
        received = b"".join(pieces)
        return (received, None) if received else receive_small(transport)

    KafkaTCPTransport.write, KafkaTCPTransport._sock_recv = write, receive
