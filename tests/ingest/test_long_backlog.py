"""A mailbox that holds more than one answer may bring is read over one connection, block after block."""

import imaplib
from typing import Any

import pytest

from deploy.local.servers.mail_host import MailHost
from ingest.connectors import imap_connection
from ingest.connectors.base import BATCH_MAILS, open_mailbox
from ingest.connectors.imap import ImapConnector
from mailserver.sasl import Credentials

MAILS = 3 * BATCH_MAILS
BODY = b"Subject: long\r\n\r\n" + b"x" * 5_000 + b"\r\n"


def test_the_bound_is_that_of_one_answer_not_of_the_whole_backlog(
    mail_host: MailHost, mail_account: tuple[str, str], incoming_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_connection, "MAX_RESPONSE_BYTES", 2 * BATCH_MAILS * len(BODY))
    address, password = mail_account
    with imaplib.IMAP4(mail_host.host, mail_host.imap_port) as client:
        client.login(address, password)
        for number in range(MAILS):
            client.append("INBOX", "", "", b"X-Number: %d\r\n" % number + BODY)

    connector = ImapConnector(
        incoming_server(port=mail_host.imap_port, username=address), Credentials(address, password)
    )
    open_mailbox(connector)
    try:
        cursor, read = None, 0
        while (block := connector.next_batch(cursor)) is not None:
            cursor, read = block.cursor, read + len(block.mails)
    finally:
        connector.close()
    assert read == MAILS
