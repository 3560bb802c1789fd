"""The brokers' addresses as they are written, and why none of them could be used."""

import socket

import pytest

from runtime.config import ProcessConfig
from runtime.kafka.clients import make_admin
from runtime.kafka.connection_check import why_unreachable
from runtime.kafka.security import Security
from runtime.kafka.settings import addresses
from runtime.outages import OutageError
from schemas.reasons import Reason


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("broker", [("broker", 9092)]),
        ("broker:1, other.example.org:65535", [("broker", 1), ("other.example.org", 65535)]),
        ("127.0.0.1:29092", [("127.0.0.1", 29092)]),
        ("[::1]:1,[2001:db8::7],::1", [("::1", 1), ("2001:db8::7", 9092), ("::1", 9092)]),
        ("PLAINTEXT://broker:1", [("broker", 1)]),
    ],
)
def test_addresses(written: str, read: list[tuple[str, int]]) -> None:
    assert list(addresses(written)) == read


@pytest.mark.parametrize(
    "written", ["", ",", "a:1,,b:2", "foo:bar", "broker:", "broker:0", "broker:70000", ":1", "[::1", "a b:1", "a:1:2"]
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        addresses(written)


def test_each_broker_is_told_with_its_own_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        servers = f"127.0.0.1:1,no-such-host.invalid,127.0.0.1:{port},{'x' * 64}.example"
        outage = why_unreachable(servers, Security("PLAINTEXT", None, None))
    assert outage.reason is Reason.BROKER_AWAY
    refused, unknown, silent, impossible = str(outage).split("; ")
    assert refused == "the Kafka broker cannot be reached: 127.0.0.1:1: Connection refused"
    assert unknown.startswith("no-such-host.invalid:9092: ")
    assert silent == f"127.0.0.1:{port}: takes a connection, but does not answer as a Kafka broker without TLS does"
    assert "x" * 64 in impossible


def test_a_client_that_finds_no_broker_says_why() -> None:
    with pytest.raises(OutageError) as caught:
        make_admin(ProcessConfig(kafka_bootstrap_servers="127.0.0.1:1"))
    assert caught.value.reason is Reason.BROKER_AWAY
    assert str(caught.value) == "the Kafka broker cannot be reached: 127.0.0.1:1: Connection refused"
