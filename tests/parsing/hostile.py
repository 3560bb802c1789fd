"""Mails made to do harm, by what they hold. Small to send, dear to read."""

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
    "100,000 parts": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\nx\n" * 100_000,
    "100,000 empty parts": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n" * 100_000,
    "50,000 headers": b"".join(b"X-%d: y\n" % i for i in range(50_000)) + HEAD + b"\nHello\n",
    "carriage returns in a header": b"X: " + b"\r" * 500_000 + b"\n" + HEAD + b"\nHello\n",
    "50,000 junk lines in the headers": b"junk\n" * 50_000 + HEAD + b"\nHello\n",
    "60,000 encoded words": b"Subject: " + b"=?utf-8?Q?=C3=BC?=\n " * 60_000 + b"\n" + HEAD + b"\nHello\n",
    "60,000 encoded words not closed": b"Subject: " + b"=?utf-8?Q?x " * 60_000 + b"\n" + HEAD + b"\nHello\n",
    "100,000 addresses": b"To: " + b"a@example.org, " * 100_000 + b"\n" + HEAD + b"\n",
    "open quotes": b"To: " + b'"' * 100_001 + b"\nCc: " + b'"\\' * 50_000 + b"\n" + HEAD + b"\n",
    "open comments": b"To: " + b"(" * 100_000 + b"\nCc: " + b"()" * 50_000 + b"\n" + HEAD + b"\n",
    "open brackets": b"To: " + b"<" * 100_000 + b"\nCc: " + b"[" * 100_000 + b"\n" + HEAD + b"\n",
    "colons and blanks": b"To: " + b": " * 100_000 + b"\nCc: " + b"a " * 100_000 + b"\n" + HEAD + b"\n",
    "an address in quotes without an end": b'To: "<' + b"@" * 30_000 + b'" <a@example.org>\n' + HEAD + b"\n",
    "dots": b"To: " + b". " * 50_000 + b"@ " * 50_000 + b"\n" + HEAD + b"\n",
    "a long date": b"Date: " + b"1" * 500_000 + b"(" * 100_000 + b"\n" + HEAD + b"\n",
    "references": b"References: " + b"<" * 200_000 + b"<a@x>" * 100_000 + b"\n" + HEAD + b"\n",
    "parameters": HEAD + b"Content-Type: text/plain" + b"; a*0*=x" * 100_000 + b"\n\nHello\n",
    "a long parameter": HEAD + b'Content-Type: text/plain; name="' + b"\\" * 500_000 + b"\n\nHello\n",
    "quotes in a name": HEAD + b'Content-Type: text/plain; name="' + b'" ;a\\"' * 150_000 + b"\n\nHello\n",
    "names without a last quote": HEAD + b"Content-Type: text/plain" + b'; a*0*="x' * 100_000 + b"\n\nHello\n",
    "multiparts in each other": HEAD + nested(5_000),
    "the same boundary inside": HEAD + b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\nContent-Type: "
    b"multipart/mixed; boundary=B\n\n" * 5_000,
    "signed mails in each other": HEAD + signed(1_000, b"Content-Type: text/plain\n\nHello\n"),
    "large signed mails in each other": HEAD + signed(50, b"Content-Type: text/plain\n\n" + b"Hello\n" * 500_000),
    "a signed mail in 300,000 pieces": HEAD + SMIME + der.message(der.in_pieces([b"\n"] + [b"a"] * 300_000)),
    "a signed mail in empty pieces": HEAD + SMIME + der.message(der.in_pieces([b""] * 1_000_000)),
    "open elements of a signed mail": HEAD
    + SMIME
    + b"\x30\x80"
    + der.SIGNED
    + b"\xa0\x80\x30\x80\x02\x01\x01"
    + b"\x31\x80" * 1_000_000,
    "a small mail that grows": HEAD + compressed(compressed(b"Content-Type: text/plain\n\n" + b"a" * 20_000_000)),
    "encoded multiparts in each other": HEAD + encoded(25, b"Content-Type: text/plain\n\nHello\n"),
    "words said to be base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"Hello, " * 300_000,
    "padding": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"QQ=*" * 300_000,
    "NULs": HEAD + b"Content-Type: text/plain; charset=utf-16\n\n" + b"\0" * 1_000_001,
    "lines that look like boundaries": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"--C\n" * 200_000,
    "nested elements": HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 50_000 + b"Hello",
    "nested quotations": HEAD + b"Content-Type: text/html\n\n" + b"<blockquote>x" * 50_000,
    "open elements": HEAD + b"Content-Type: text/html\n\n" + b"<a " * 100_000 + b"Hello",
    "open attributes": HEAD + b"Content-Type: text/html\n\n" + b"<a b='" * 100_000 + b"Hello",
    "open attributes of one element": HEAD + b"Content-Type: text/html\n\n<a " + b"b='c' " * 100_000,
    "open comments in a page": HEAD + b"Content-Type: text/html\n\n" + b"<!-- " * 100_000 + b"Hello",
    "nested tables": HEAD + b"Content-Type: text/html\n\n" + b"<p><table><tr><td>" * 25_000 + b"</p></div>" * 25_000,
    "blanks in an item": HEAD + b"Content-Type: text/html\n\n<ol><li>" + b" <p> </p>" * 200_000,
    "classes that hide": HEAD
    + b"Content-Type: text/html\n\n<style>"
    + b".a{display:none}" * 50_000
    + b"</style>"
    + b"<b class=a>" * 50_000,
    "one boundary in itself": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\nContent-Type: multipart/mixed; boundary=B\n\n" * 20_000,
    "boundaries that are nowhere": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\nContent-Type: multipart/mixed; boundary=C\n\n--D\nX: y\n\n" * 20_000,
    "strays in UTF-8": HEAD
    + b"Content-Type: text/plain; charset=utf-8\n\n"
    + "üü\n".encode() * 300_000
    + b"\xfcx\n" * 100_000,
    "commas in an address": HEAD + b"Cc: " + b"a, " * 100_000 + b"b <c@d.example>\n\n",
    "semicolons in a name": HEAD + b"Content-Type: text/plain; name=a" + b"; " * 200_000 + b"\n\n",
    "items that hide": HEAD + b"Content-Type: text/html\n\n" + b"<li><div><p hidden>" * 25_000 + b"</ul></p>" * 25_000,
    "pictures in each other": HEAD + b"Content-Type: text/html\n\n" + b"<svg><g>" * 50_000 + b"<p>" * 50_000,
    "raw elements without end": HEAD + b"Content-Type: text/html\n\n" + b"<title><textarea><iframe><xmp>" * 20_000,
    "style sheets up to the body": HEAD + b"Content-Type: text/html\n\n" + b"<style><title><body>" * 25_000,
    "style rules": HEAD + b"Content-Type: text/html\n\n<style>white-space" + b"{/*a{;:" * 50_000 + b"</style>Hello",
    "quotes in tags": HEAD + b"Content-Type: text/html\n\n" + b"<a b='\"<a b=\"'" * 40_000 + b"Hello",
    "styles that hold nothing": HEAD + b"Content-Type: text/html\n\n" + b"<b style='display:none;white-space" * 15_000,
    "lines to keep": HEAD + b"Content-Type: text/html\n\n<b style=white-space:pre>" + b" \n" * 200_000,
    "data without pictures": HEAD + b"Content-Type: text/html\n\n" + b"data:;base64,a;base64, " * 20_000,
    "text beside a page": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"a b " * 200_000
    + b"\n--B\nContent-Type: text/html\n\n"
    + b"<p>b a " * 200_000,
    "links of a stub": HEAD
    + b"Content-Type: multipart/alternative; boundary=B\n\n--B\n\n"
    + (b"http://" + b"/" * 90_000 + b" ") * 9
    + b"\n--B\nContent-Type: text/html\n\n"
    + b"<style><p>one two three http:////" * 100_000,
    "texts with file names": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n"
    + b"--B\nContent-Type: text/html; name=x\n\n<p>x\n--B\nContent-Type: text/plain; name=x\n\nx\n" * 1_000,
    "calendars": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nSUMMARY:x\n" * 50_000,
    "a line of a calendar": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nSUMMARY" + b';a="b"' * 200_000,
    "folds of a calendar": HEAD + b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nREPLY" + b"\n ;" * 300_000,
    "enriched text": HEAD + b"Content-Type: text/enriched\n\n" + b"<param><nofill><excerpt><verbatim>x\n\n" * 30_000,
    "signs of enriched text": HEAD
    + b"Content-Type: text/richtext\n\n"
    + b"<" * 200_001
    + b"<comment></nofill>" * 20_000,
    "entities": HEAD + b"Content-Type: text/html\n\n" + b"&amp" * 200_000,
    "cid": HEAD + b"Content-Type: text/html\n\n" + b"cid:" * 200_000,
    "quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"= " * 300_000,
    "base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"= a" * 300_000,
    "uuencode": HEAD + b"\n" + b"begin 644 x\n" * 100_000 + b"end\n",
    "flowed": HEAD + b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 300_000,
    "quotations": HEAD + b"\n" + b">" * 500_000 + b"\n" + b"> a\nb\n" * 50_000,
    "announcements": HEAD + b"\n" + b"On 1 Jan x@example.org\nwrote:\n" * 30_000,
    "bare cr": HEAD + b"\n" + b"\r" * 500_000,
    "raw 8-bit": b"Subject: " + bytes(range(128, 256)) * 4_000 + b"\n" + HEAD + b"\n" + bytes(range(128, 256)) * 4_000,
    "winmail.dat": HEAD
    + b"Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(b"\x78\x9f\x3e\x22\1\0" + b"\1\3\x90\6\0\4\0\0\0\xff\xff\xff\xff\0\0" * 20_000),
    "delivery status": HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n"
    b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@example.org\n\n" * 50_000,
    "a bounce in words": b"From: MAILER-DAEMON\nSubject: failure notice\n\n"
    + b"<a@example.org>:\n" * 20_000
    + b"\n" * 20_000,
    "a mebibyte of words for an address": b"To: " + b"a " * (1 << 19) + b"\n" + HEAD + b"\nHello\n",
    "a mebibyte of a subject": b"Subject: " + b"re: " * (1 << 18) + b"\n" + HEAD + b"\nHello\n",
    "blanks for an author": b"From: " + b" " * 100_000 + b"x\n" + HEAD + b"\nHello\n",
    "addresses without commas": b"To: " + b"a@b " * 25_000 + b"\n" + HEAD + b"\nHello\n",
    "dots for a sender": b"Sender: " + b"." * 100_000 + b"\n" + HEAD + b"\nHello\n",
    "owners for a sender": b"Sender: " + b"-owner+" * 15_000 + b"\n" + HEAD + b"\nHello\n",
    "lines of stars": HEAD + b"\n" + (b"*" * 990 + b"\n") * 2_000,
    "lines of verbs": HEAD + b"\n" + ((b"wrote" + b" " * 60) * 7 + b":\n") * 2_000,
    "lines of times": HEAD + b"\n" + (b"10:00<a@" * 60 + b":\n") * 2_000,
    "open declarations": HEAD + b"Content-Type: text/html\n\n" + b"<![CDATA[" * 30_000,
    "blank lines from a daemon": b"From: MAILER-DAEMON\nSubject: failure notice\n\n" + b"\n" * 100_000,
    "matches of a search with the lines about them": HEAD + b"\nFound:\n\n" + b"--\na.c-1- x\na.c:2: y\n" * 3_000,
    "carriage returns alone": b"\r" * 3_000_000,
    "folds of a subject": b"Subject: x" + b"\n x" * 700_000 + b"\n" + HEAD + b"\nHello\n",
    "charsets that nobody knows": b"Subject: "
    + b" ".join(b"=?x-unknown-%d?q?a?=" % i for i in range(40_000))
    + b"\n"
    + HEAD
    + b"\nHello\n",
    "lines that begin as the boundary": HEAD
    + b"Content-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    + b"--Bx\n" * 800_000,
    "dashes for a boundary": HEAD + b'Content-Type: multipart/mixed; boundary=""\n\n' + b"--\n\na\n" * 200_000,
    "equals signs alone": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 8_000_000,
    "shifts of ISO-2022-CN": HEAD
    + b"Content-Type: text/plain; charset=iso-2022-cn\n\n"
    + b"\x1b$)A\x0e0!\x0f\n" * 400_000,
    "NUL": HEAD + b"\n" + b"\0" * 1_000_000,
    "ten million bytes of base64": HEAD
    + b"Content-Type: application/octet-stream; name=x\nContent-Transfer-Encoding: base64\n\n"
    + (b"QUJD" * 19 + b"\r\n") * 130_000,
}
