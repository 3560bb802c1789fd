"""The selector of our Kafka clients: it waits as Python's own does, and never asks a socket for its name."""

import selectors
import socket
from collections.abc import Callable, Iterator

import pytest
from kafka.net.selector import NetworkSelector

from runtime.config import ProcessConfig
from runtime.kafka.clients import _common
from runtime.kafka.selector import QuietSelector


class Nameless(socket.socket):
    def __repr__(self) -> str:
        raise AssertionError("it was asked for its name")


@pytest.fixture
def ends() -> Iterator[tuple[Nameless, socket.socket]]:
    ours, theirs = socket.socketpair()
    with Nameless(fileno=ours.detach()) as nameless, theirs:
        nameless.setblocking(False)
        yield nameless, theirs


@pytest.fixture
def net() -> Iterator[NetworkSelector]:
    net = NetworkSelector(selector=_common(ProcessConfig(), "test")["selector"])
    yield net
    net.close()


def test_a_client_waits_again_and_again_without_the_sockets_name(
    net: NetworkSelector, ends: tuple[Nameless, socket.socket]
) -> None:
    ours, theirs = ends
    read: list[bytes] = []

    async def read_twice() -> None:
        for _ in range(2):
            await net.wait_read(ours)
            read.append(ours.recv(10))

    task = net.call_soon(read_twice)
    for sent in (b"one", b"two"):
        theirs.send(sent)
        while sent not in read:
            net.poll(timeout_ms=5_000)
    assert (task.is_done, read) == (True, [b"one", b"two"])


@pytest.mark.parametrize("selector", [selectors.DefaultSelector, QuietSelector])
def test_what_it_lacks_raises_what_pythons_own_raises(
    selector: Callable[[], selectors.DefaultSelector], ends: tuple[Nameless, socket.socket]
) -> None:
    _, theirs = ends
    with selector() as waits:
        with pytest.raises(KeyError):
            waits.get_key(theirs)
        registered = waits.register(theirs, selectors.EVENT_READ, "data")
        assert waits.get_key(theirs) == registered
        theirs.close()
        assert waits.get_key(theirs) == registered  # found by itself, so that it can still be taken out
        waits.unregister(theirs)
        with pytest.raises(ValueError, match="Invalid file"):
            waits.get_key(theirs)
