"""Mails made to do harm, by what they hold; so few of each that other readers of mail and HTML take no harm.

That no step takes more than in proportion is counted in `test_growth.py`.
"""

import base64
import zlib

from tests.parsing import der

HEAD = b"From: anna@example.org\nSubject: x\nMIME-Version: 1.0\n"


def nested(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(depth))


SMIME = b"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: binary\n\n"


def signed(times: int, content: bytes) -> bytes:
    for _ in range(times):
        content = SMIME + der.signed(content)
    return content


def compressed(content: bytes) -> bytes:
    return SMIME + der.message(der.element(0x04, zlib.compress(content)), kind=der.COMPRESSED)


def encoded(times: int, content: bytes) -> bytes:
    for i in range(times):
        lines = base64.encodebytes(b"--b%d\n%b\n--b%d--\n" % (i, content, i))
        header = b"Content-Type: multipart/mixed; boundary=b%d\nContent-Transfer-Encoding: base64\n\n" % i
        content = header + lines
    return content


HOSTILE: dict[str, bytes] = {
    "3,000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\nx\n" * 3_000,
    "3,000 empty parts": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n" * 3_000,
    "5,000 headers": b"".join(b"X-%d: y\n" % i for i in range(5_000)) + HEAD + b"\nHello\n",
    "carriage returns in a header": b"X: " + b"\r" * 50_000 + b"\n" + HEAD + b"\nHello\n",
    "5,000 junk lines in the headers": b"junk\n" * 5_000 + HEAD + b"\nHello\n",
    "6,000 encoded words": b"Subject: " + b"=?utf-8?Q?=C3=BC?=\n " * 6_000 + b"\n" + HEAD + b"\nHello\n",
    "600 encoded words not closed": b"Subject: " + b"=?utf-8?Q?x " * 600 + b"\n" + HEAD + b"\nHello\n",
    "2,000 addresses": b"To: " + b"a@example.org, " * 2_000 + b"\n" + HEAD + b"\n",
    "open quotes": b"To: " + b'"' * 2_001 + b"\nCc: " + b'"\\' * 1_000 + b"\n" + HEAD + b"\n",
    "open comments": b"To: " + b"(" * 2_000 + b"\nCc: " + b"()" * 1_000 + b"\n" + HEAD + b"\n",
    "open brackets": b"To: " + b"<" * 2_000 + b"\nCc: " + b"[" * 2_000 + b"\n" + HEAD + b"\n",
    "colons and blanks": b"To: " + b": " * 2_000 + b"\nCc: " + b"a " * 2_000 + b"\n" + HEAD + b"\n",
    "an address in quotes without an end": b'To: "<' + b"@" * 600 + b'" <a@example.org>\n' + HEAD + b"\n",
    "dots": b"To: " + b". " * 1_000 + b"@ " * 1_000 + b"\n" + HEAD + b"\n",
    "a long date": b"Date: " + b"1" * 10_000 + b"(" * 2_000 + b"\n" + HEAD + b"\n",
    "references": b"References: " + b"<" * 4_000 + b"<a@x>" * 2_000 + b"\n" + HEAD + b"\n",
    "parameters": HEAD + b"Content-Type: text/plain" + b"; a*0*=x" * 1_000 + b"\n\nHello\n",
    "a long parameter": HEAD + b'Content-Type: text/plain; name="' + b"\\" * 5_000 + b"\n\nHello\n",
    "quotes in a name": HEAD + b'Content-Type: text/plain; name="' + b'" ;a\\"' * 1_500 + b"\n\nHello\n",
    "names without a last quote": HEAD + b"Content-Type: text/plain" + b'; a*0*="x' * 1_000 + b"\n\nHello\n",
    "multiparts in each other": HEAD + nested(150),
    "the same boundary inside": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\nContent-Type: "
    b"multipart/mixed; boundary=B\n\n" * 500,
    "signed mails in each other": HEAD + signed(150, b"Content-Type: text/plain\n\nHello\n"),
    "large signed mails in each other": HEAD + signed(50, b"Content-Type: text/plain\n\n" + b"Hello\n" * 20_000),
    "a signed mail in 30,000 pieces": HEAD + SMIME + der.message(der.in_pieces([b"\n"] + [b"a"] * 30_000)),
    "a signed mail in empty pieces": HEAD + SMIME + der.message(der.in_pieces([b""] * 100_000)),
    "open elements of a signed mail": HEAD
    + SMIME
    + b"\x30\x80"
    + der.SIGNED
    + b"\xa0\x80\x30\x80\x02\x01\x01"
    + b"\x31\x80" * 100_000,
    "a small mail that grows": HEAD + compressed(compressed(b"Content-Type: text/plain\n\n" + b"a" * 2_000_000)),
    "encoded multiparts in each other": HEAD + encoded(25, b"Content-Type: text/plain\n\nHello\n"),
    "words said to be base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"Hello, " * 30_000,
    "padding": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"QQ=*" * 30_000,
    "NULs": HEAD + b"Content-Type: text/plain; charset=utf-16\n\n" + b"\0" * 100_001,
    "lines that look like boundaries": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"--C\n" * 20_000,
    "nested elements": HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 5_000 + b"Hello",
    "nested quotations": HEAD + b"Content-Type: text/html\n\n" + b"<blockquote>x" * 2_000,
    "open elements": HEAD + b"Content-Type: text/html\n\n" + b"<a " * 10_000 + b"Hello",
    "open attributes": HEAD + b"Content-Type: text/html\n\n" + b"<a b='" * 10_000 + b"Hello",
    "open attributes of one element": HEAD + b"Content-Type: text/html\n\n<a " + b"b='c' " * 10_000,
    "open comments in a page": HEAD + b"Content-Type: text/html\n\n" + b"<!-- " * 10_000 + b"Hello",
    "nested tables": HEAD + b"Content-Type: text/html\n\n" + b"<p><table><tr><td>" * 2_500 + b"</p></div>" * 2_500,
    "blanks in an item": HEAD + b"Content-Type: text/html\n\n<ol><li>" + b" <p> </p>" * 20_000,
    "classes that hide": HEAD
    + b"Content-Type: text/html\n\n<style>"
    + b".a{display:none}" * 5_000
    + b"</style>"
    + b"<b class=a>" * 5_000,
    "one boundary in itself": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\nContent-Type: multipart/mixed; boundary=B\n\n" * 400,
    "boundaries that are nowhere": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\nContent-Type: multipart/mixed; boundary=C\n\n--D\nX: y\n\n" * 400,
    "strays in UTF-8": HEAD
    + b"Content-Type: text/plain; charset=utf-8\n\n"
    + "üü\n".encode() * 30_000
    + b"\xfcx\n" * 10_000,
    "commas in an address": HEAD + b"Cc: " + b"a, " * 2_000 + b"b <c@d.example>\n\n",
    "semicolons in a name": HEAD + b"Content-Type: text/plain; name=a" + b"; " * 1_000 + b"\n\n",
    "items that hide": HEAD + b"Content-Type: text/html\n\n" + b"<li><div><p hidden>" * 2_500 + b"</ul></p>" * 2_500,
    "pictures in each other": HEAD + b"Content-Type: text/html\n\n" + b"<svg><g>" * 5_000 + b"<p>" * 5_000,
    "raw elements without end": HEAD + b"Content-Type: text/html\n\n" + b"<title><textarea><iframe><xmp>" * 2_000,
    "style sheets up to the body": HEAD + b"Content-Type: text/html\n\n" + b"<style><title><body>" * 2_500,
    "style rules": HEAD + b"Content-Type: text/html\n\n<style>white-space" + b"{/*a{;:" * 5_000 + b"</style>Hello",
    "quotes in tags": HEAD + b"Content-Type: text/html\n\n" + b"<a b='\"<a b=\"'" * 4_000 + b"Hello",
    "styles that hold nothing": HEAD + b"Content-Type: text/html\n\n" + b"<b style='display:none;white-space" * 1_500,
    "lines to keep": HEAD + b"Content-Type: text/html\n\n<b style=white-space:pre>" + b" \n" * 20_000,
    "data without pictures": HEAD + b"Content-Type: text/html\n\n" + b"data:;base64,a;base64, " * 2_000,
    "text beside a page": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"a b " * 20_000
    + b"\n--B\nContent-Type: text/html\n\n"
    + b"<p>b a " * 20_000,
    "links of a stub": HEAD
    + b"Content-Type: multipart/alternative; boundary=B\n\n--B\n\n"
    + (b"http://" + b"/" * 9_000 + b" ") * 9
    + b"\n--B\nContent-Type: text/html\n\n"
    + b"<style><p>one two three http:////" * 10_000,
    "texts with file names": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\nContent-Type: text/html; name=x\n\n<p>x\n--B\nContent-Type: text/plain; name=x\n\nx\n" * 400,
    "calendars": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nSUMMARY:x\n" * 5_000,
    "a line of a calendar": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nSUMMARY" + b';a="b"' * 20_000,
    "folds of a calendar": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nREPLY" + b"\n ;" * 30_000,
    "enriched text": HEAD + b"Content-Type: text/enriched\n\n" + b"<param><nofill><excerpt><verbatim>x\n\n" * 3_000,
    "signs of enriched text": HEAD + b"Content-Type: text/richtext\n\n" + b"<" * 20_001 + b"<comment></nofill>" * 2_000,
    "entities": HEAD + b"Content-Type: text/html\n\n" + b"&amp" * 20_000,
    "cid": HEAD + b"Content-Type: text/html\n\n" + b"cid:" * 20_000,
    "quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"= " * 30_000,
    "base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"= a" * 30_000,
    "uuencode": HEAD + b"\n" + b"begin 644 x\n" * 10_000 + b"end\n",
    "flowed": HEAD + b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 30_000,
    "quotations": HEAD + b"\n" + b">" * 50_000 + b"\n" + b"> a\nb\n" * 5_000,
    "announcements": HEAD + b"\n" + b"On 1 Jan x@example.org\nwrote:\n" * 3_000,
    "bare cr": HEAD + b"\n" + b"\r" * 50_000,
    "raw 8-bit": b"Subject: " + bytes(range(128, 256)) * 4_000 + b"\n" + HEAD + b"\n" + bytes(range(128, 256)) * 4_000,
    "winmail.dat": HEAD
    + b"Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(b"\x78\x9f\x3e\x22\1\0" + b"\1\3\x90\6\0\4\0\0\0\xff\xff\xff\xff\0\0" * 2_000),
    "delivery status": HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n"
    b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@example.org\n\n" * 5_000,
    "a bounce in words": b"From: MAILER-DAEMON\nSubject: failure notice\n\n"
    + b"<a@example.org>:\n" * 2_000
    + b"\n" * 2_000,
    "many words for an address": b"To: " + b"a " * (1 << 12) + b"\n" + HEAD + b"\nHello\n",
    "a long subject": b"Subject: " + b"re: " * (1 << 15) + b"\n" + HEAD + b"\nHello\n",
    "blanks for an author": b"From: " + b" " * 10_000 + b"x\n" + HEAD + b"\nHello\n",
    "addresses without commas": b"To: " + b"a@b " * 2_500 + b"\n" + HEAD + b"\nHello\n",
    "dots for a sender": b"Sender: " + b"." * 10_000 + b"\n" + HEAD + b"\nHello\n",
    "owners for a sender": b"Sender: " + b"-owner+" * 1_500 + b"\n" + HEAD + b"\nHello\n",
    "lines of stars": HEAD + b"\n" + (b"*" * 990 + b"\n") * 2_000,
    "lines of verbs": HEAD + b"\n" + ((b"wrote" + b" " * 60) * 7 + b":\n") * 2_000,
    "lines of times": HEAD + b"\n" + (b"10:00<a@" * 60 + b":\n") * 2_000,
    "open declarations": HEAD + b"Content-Type: text/html\n\n" + b"<![CDATA[" * 3_000,
    "blank lines from a daemon": b"From: MAILER-DAEMON\nSubject: failure notice\n\n" + b"\n" * 10_000,
    "matches of a search with the lines about them": HEAD + b"\nFound:\n\n" + b"--\na.c-1- x\na.c:2: y\n" * 3_000,
    "carriage returns alone": b"\r" * 300_000,
    "folds of a subject": b"Subject: x" + b"\n x" * 20_000 + b"\n" + HEAD + b"\nHello\n",
    "charsets that nobody knows": b"Subject: "
    + b" ".join(b"=?x-unknown-%d?q?a?=" % i for i in range(4_000))
    + b"\n"
    + HEAD
    + b"\nHello\n",
    "lines that begin as the boundary": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"--Bx\n" * 40_000,
    "dashes for a boundary": HEAD + b'Content-Type: multipart/mixed; boundary=""\n\n' + b"--\n\na\n" * 4_000,
    "equals signs alone": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 800_000,
    "shifts of ISO-2022-CN": HEAD
    + b"Content-Type: text/plain; charset=iso-2022-cn\n\n"
    + b"\x1b$)A\x0e0!\x0f\n" * 40_000,
    "NUL": HEAD + b"\n" + b"\0" * 100_001,
    "a million bytes of base64": HEAD
    + b"Content-Type: application/octet-stream; name=x\nContent-Transfer-Encoding: base64\n\n"
    + (b"QUJD" * 19 + b"\r\n") * 13_000,
}
