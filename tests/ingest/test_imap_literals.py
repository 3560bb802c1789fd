"""Whatever bytes a mail has, and in whatever order a server gives the mails, each comes whole and under its own UID."""

import re
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.connectors.base import open_mailbox
from ingest.connectors.imap import ImapConnector
from mailserver.sasl import Credentials
from tests.examples import examples
from tests.ingest.conftest import Script
from tests.ingest.test_hostile_servers import imap_server

# What looks like protocol within a mail is a mail's.
LIKE_PROTOCOL = [
    b"* 2 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n", b")\r\n", b"a1 OK done\r\n", b"* BYE\r\n", b"{9}\r\n", b'BODY[] ""',
    b'say "\\o/"', b"", b"(UID 7)", b'" UID 7',
]  # fmt: skip
BODY = st.binary(max_size=40) | st.sampled_from(LIKE_PROTOCOL)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60))
@given(bodies=st.lists(BODY, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_each_mail_comes_whole(
    serve: Callable[[Script], int], incoming_server: Any, bodies: list[bytes], order: Any
) -> None:
    numbered = list(enumerate(bodies, 1))
    listed = b"".join(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (n, n, len(body)) for n, body in numbered)
    given_ = [_answer(n, body) for n, body in numbered]
    order.shuffle(given_)
    port = serve(imap_server(listed + b"TAG OK done\r\n", b"".join(given_) + b"* 9 EXISTS\r\nTAG OK done\r\n"))
    connector = ImapConnector(incoming_server(port=port), Credentials("desk", "pw"))
    try:
        open_mailbox(connector)
        block = connector.next_batch(None)
    finally:
        connector.close()
    assert block is not None
    assert [(mail.handle, mail.raw) for mail in block.mails] == [(str(n), body) for n, body in numbered]


def _answer(number: int, body: bytes) -> bytes:
    """Servers put the body first, last or in the middle, as a literal or, where that can be, quoted."""
    literal = b"BODY[] {%d}\r\n%s" % (len(body), body)
    if number % 2 and not re.search(rb"[\r\n\0\x80-\xff]", body):
        literal = b'BODY[] "%s"' % re.sub(rb'(["\\])', rb"\\\1", body)
    parts = [b"UID %d" % number, literal, b'INTERNALDATE "01-Nov-2026 08:00:00 +0000"']
    turned = parts[number % 3 :] + parts[: number % 3]
    return b"* %d FETCH (%s)\r\n" % (number, b" ".join(turned))
