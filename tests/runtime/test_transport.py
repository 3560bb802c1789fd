"""Sockets of kafka-python: a request is sent at once, all of it in order, and a response is received whole."""

import os
import socket
from collections.abc import Iterator

import pytest
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaTCPTransport

from runtime.kafka.transport import RECEIVED_BYTES, use_sockets_quickly


class Received:
    """Stands for a connection: what its transport tells it."""

    _sensors = None

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.lost: list[BaseException | None] = []

    def data_received(self, data: bytes) -> None:
        self.data.append(data)

    def connection_lost(self, error: BaseException | None) -> None:
        self.lost.append(error)


@pytest.fixture
def net() -> Iterator[NetworkSelector]:
    use_sockets_quickly()
    net = NetworkSelector()
    yield net
    net.close()


@pytest.fixture
def broker() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end of a connection, and the broker's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with ours, theirs:
        ours.setblocking(False)
        theirs.settimeout(10)
        yield ours, theirs


@pytest.fixture
def told() -> Received:
    return Received()


@pytest.fixture
def transport(net: NetworkSelector, broker: tuple[socket.socket, socket.socket], told: Received) -> KafkaTCPTransport:
    transport = KafkaTCPTransport(net, broker[0])
    transport.set_protocol(told)
    return transport


def read_all(net: NetworkSelector, theirs: socket.socket, size: int) -> bytes:
    theirs.settimeout(0.01)
    read = b""
    for _ in range(10_000):
        net.poll(timeout_ms=0)
        try:
            read += theirs.recv(1 << 20)
        except TimeoutError:
            continue
        if len(read) >= size:
            break
    return read


def test_a_request_is_sent_before_the_loop_has_its_next_turn(
    transport: KafkaTCPTransport, broker: tuple[socket.socket, socket.socket]
) -> None:
    transport.last_write = 0.0
    transport.write(b"request")
    assert broker[1].recv(100) == b"request"
    assert transport.last_write > 0.0  # else the connection would be closed as one that nobody uses
    assert not transport._write_buffer


def test_what_the_socket_does_not_take_follows_in_order(
    net: NetworkSelector, transport: KafkaTCPTransport, broker: tuple[socket.socket, socket.socket]
) -> None:
    large, small = os.urandom(20_000_000), b"the next request"
    transport.write(large)
    assert transport._write_buffer
    transport.write(small)
    assert read_all(net, broker[1], len(large) + len(small)) == large + small
    transport.write(b"at once again")
    broker[1].settimeout(10)
    assert broker[1].recv(100) == b"at once again"


def test_a_broken_connection_is_told_of_by_the_loop_alone(
    net: NetworkSelector, transport: KafkaTCPTransport, broker: tuple[socket.socket, socket.socket], told: Received
) -> None:
    broker[0].shutdown(socket.SHUT_WR)
    transport.write(b"request")
    assert told.lost == []
    for _ in range(5):
        net.poll(timeout_ms=100)
    assert [type(error).__name__ for error in told.lost] == ["KafkaConnectionError"]


def test_a_closed_transport_takes_no_request(transport: KafkaTCPTransport) -> None:
    transport.close()
    with pytest.raises(RuntimeError, match="closed"):
        transport.write(b"request")


@pytest.mark.parametrize("size", [1, RECEIVED_BYTES - 1, RECEIVED_BYTES, RECEIVED_BYTES + 1, 300_000])
def test_a_response_is_received_whole_and_then_the_end_of_the_connection(
    net: NetworkSelector,
    transport: KafkaTCPTransport,
    broker: tuple[socket.socket, socket.socket],
    told: Received,
    size: int,
) -> None:
    response = os.urandom(size)
    transport.resume_reading()
    net.poll(timeout_ms=0)
    broker[1].sendall(response)
    broker[1].close()
    for _ in range(1_000):
        net.poll(timeout_ms=100)
        if told.lost:
            break
    assert b"".join(told.data) == response
    assert [str(error) for error in told.lost] == ["KafkaConnectionError: socket disconnected"]
