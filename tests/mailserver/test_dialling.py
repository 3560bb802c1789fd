"""Which addresses are connected to: decided of the address itself, so that no name and no DNS leads elsewhere."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from pydantic import ValidationError

from ingest.config import IngestConfig
from mailserver.connection import connect
from mailserver.errors import MailServerError
from outbound.config import OutboundConfig
from runtime.net.dialling import DEFAULT, RefusedAddressError, dial, is_within, parse_networks, refuse_networks
from schemas.reasons import Reason
from schemas.settings import MailServer

METADATA = "169.254.169.254"
Names = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Has every name lead to these addresses, in this order; the next ones at the next look-up."""

    def lead_to(*answers: list[str]) -> None:
        rest = list(answers)

        def look_up(_host: str, port: int, *_: object) -> Sequence[tuple[object, ...]]:
            kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in rest[0]]
            found = [(kind, socket.SOCK_STREAM, 6, "", (at, port)) for kind, at in zip(kinds, rest[0], strict=True)]
            if len(rest) > 1:
                del rest[0]
            return found

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return lead_to


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def refusing() -> Iterator[Callable[[str], None]]:
    yield refuse_networks
    refuse_networks(DEFAULT)


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        "169.254.170.2",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::a9fe:a9fe%eth0",
    ],
)
def test_what_hands_out_a_machines_credentials_is_refused_by_default(names: Names, address: str) -> None:
    names([address])
    with pytest.raises(RefusedAddressError, match="MAILCALL_REFUSED_NETWORKS"):
        dial("mail.example", 143, 0.1)


@pytest.mark.parametrize(
    "address", ["10.0.0.25", "172.16.1.1", "192.168.1.1", "127.0.0.1", "::1", "fd00::25", "192.0.2.1", "169.254.1.1"]
)
def test_a_mail_server_in_a_private_network_is_not_refused_by_default(address: str) -> None:
    assert not is_within(address, parse_networks(DEFAULT))


def test_another_address_of_the_name_is_used(names: Names, listener: socket.socket) -> None:
    names([METADATA, "127.0.0.1"])
    port = listener.getsockname()[1]
    with dial("mail.example", port, 5) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)
        assert sock.gettimeout() == 5


def test_the_address_that_was_looked_at_is_the_one_connected_to(names: Names, listener: socket.socket) -> None:
    names(["127.0.0.1"], [METADATA])  # what a second look-up would say
    port = listener.getsockname()[1]
    with dial("mail.example", port, 5) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)


def test_of_several_addresses_the_first_that_answers_is_used(names: Names, listener: socket.socket) -> None:
    names(["127.0.0.2", "127.0.0.1"])
    port = listener.getsockname()[1]
    with dial("mail.example", port, 5) as sock:
        assert sock.getpeername() == ("127.0.0.1", port)


def test_behind_the_deadline_no_address_is_tried(names: Names, listener: socket.socket) -> None:
    names(["127.0.0.1"])
    with pytest.raises(TimeoutError):
        dial("mail.example", listener.getsockname()[1], 5, time.monotonic())


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
def test_a_mail_server_at_a_refused_address_is_an_error_that_does_not_pass(
    names: Names, protocol: str, refusing: Callable[[str], None]
) -> None:
    names(["192.168.7.7"])
    refusing("metadata, private")
    server = MailServer.model_validate({"id": "it", "host": "mail.example", "timeout_seconds": 1})
    with pytest.raises(MailServerError, match=r"192\.168\.7\.7") as caught:
        connect(server, protocol)  # type: ignore[arg-type]
    assert (caught.value.reason, caught.value.temporary) == (Reason.SECURITY_REFUSED, False)


@pytest.mark.parametrize(
    ("setting", "refused", "permitted"),
    [
        ("private", "192.168.1.1", METADATA),
        ("link-local", METADATA, "10.0.0.1"),
        ("loopback, 192.0.2.0/24", "192.0.2.9", "198.51.100.1"),
        ("loopback", "::1", "::2"),
    ],
)
def test_the_setting_names_networks_by_words_and_by_numbers(setting: str, refused: str, permitted: str) -> None:
    networks = parse_networks(setting)
    assert is_within(refused, networks)
    assert not is_within(permitted, networks)
    assert parse_networks("off") == ()


@pytest.mark.parametrize("config", [IngestConfig, OutboundConfig])
def test_a_setting_that_names_no_network_is_told_at_the_start(config: type[IngestConfig | OutboundConfig]) -> None:
    assert config().refused_networks == "metadata"
    with pytest.raises(ValidationError, match="neither a network such as"):
        config(refused_networks="10.0.0.0/8, privat")
