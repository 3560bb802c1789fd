"""What a part hides is part of the mail: opaque S/MIME, multiparts that were encoded as a whole, attached mails."""

import base64
import binascii
import zlib

import pytest

from resolver.parsing import parse
from resolver.parsing.structure import MAX_HIDDEN, MAX_PARTS
from resolver.screening import screen
from schemas.mail import Defect, ParsedMail
from tests.parsing import der

HEAD = b"From: anna@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
PDF = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n"
SMIME = b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"


def multipart(*parts: bytes, boundary: bytes = b"B", kind: bytes = b"mixed", header: bytes = b"") -> bytes:
    lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    return b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"\r\n' + header + b"\r\n" + lines


def encoded(entity: bytes, encoding: bytes = b"base64") -> bytes:
    """A multipart whose body was encoded as a whole."""
    header, _, body = entity.partition(b"\r\n\r\n")
    done = base64.encodebytes(body) if encoding == b"base64" else binascii.b2a_qp(body, istext=True)
    return header + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + done


def wrapped(message: bytes, header: bytes = SMIME) -> bytes:
    return header + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(message)


def opaque(entity: bytes, header: bytes = SMIME) -> bytes:
    return wrapped(der.signed(entity), header)


def mail(entity: bytes) -> ParsedMail:
    return parse(HEAD + entity).mail


def names(parsed: ParsedMail) -> list[str]:
    return [attachment.name for attachment in parsed.attachments]


BOTH = multipart(TEXT, PDF)
COMPRESSED = der.message(der.element(0x04, zlib.compress(BOTH)), kind=der.COMPRESSED)


@pytest.mark.parametrize(
    "entity",
    [
        opaque(BOTH),
        opaque(BOTH, b"Content-Type: application/x-pkcs7-mime\r\n"),
        opaque(BOTH, b'Content-Type: application/octet-stream; name="SMIME.P7M"\r\n'),
        opaque(BOTH, b"Content-Type: application/octet-stream\r\nContent-Disposition: inline; filename=a.p7m\r\n"),
        opaque(BOTH, b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n"),
        opaque(BOTH, b"Content-Type: application/octet-stream\r\n"),
        opaque(BOTH.replace(b"\r\n", b"\n")),
        wrapped(der.message(der.in_pieces([BOTH[:9], BOTH[9:50], b"", BOTH[50:]]), indefinite=True)),
        opaque(opaque(opaque(BOTH))),
        wrapped(COMPRESSED, b"Content-Type: application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z\r\n"),
        opaque(wrapped(COMPRESSED)),
        opaque(encoded(BOTH)),
        opaque(multipart(opaque(TEXT), PDF)),
        multipart(opaque(BOTH), boundary=b"outer"),
        multipart(opaque(TEXT), PDF, boundary=b"outer"),
        opaque(b"Content-Type: message/rfc822\r\n\r\n" + HEAD + BOTH),
        encoded(BOTH),
        encoded(BOTH, b"quoted-printable"),
        encoded(multipart(TEXT, PDF, boundary=b"=_SAP1"), b"quoted-printable"),
        encoded(multipart(TEXT, PDF, boundary=b"=_SAP1")),
        encoded(encoded(multipart(TEXT, PDF, boundary=b"a")).replace(b"\n", b"\r\n")),
        multipart(encoded(multipart(TEXT, boundary=b"in")), PDF),
        encoded(multipart(encoded(multipart(TEXT, boundary=b"in")), PDF)),
        encoded(BOTH).replace(b'; boundary="B"', b""),
        encoded(BOTH).replace(b'boundary="B"', b'boundary="other"'),
    ],
)
def test_a_mail_inside_is_read_as_if_it_had_come_unwrapped(entity: bytes) -> None:
    parsed = mail(entity)
    assert (parsed.text, names(parsed)) == ("Hello", ["a.pdf"])
    assert parsed.from_ is not None
    assert parsed.from_.address == "anna@example.org"


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
def test_a_header_that_lies_about_a_multipart_is_ignored(encoding: bytes) -> None:
    part = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhttps://desk.example/?id=3D4711\r\n"
    parsed = mail(multipart(part, PDF, header=b"Content-Transfer-Encoding: " + encoding + b"\r\n"))
    assert (parsed.text, names(parsed), parsed.defects) == ("https://desk.example/?id=3D4711", ["a.pdf"], ())


def test_a_multipart_said_to_be_encoded_without_any_part_is_a_text() -> None:
    header = b"Content-Type: multipart/mixed; boundary=B\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert mail(header + b"Hello, it broke.\r\n").text == "Hello, it broke."


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.7\nContent-Type: text/plain\n\nHello", b"order.pdf.p7m"),
        (b'<?xml version="1.0"?><invoice/>', b"IT01234567890_00001.xml.p7m"),
        (b"Note: this is a text, and no mail.\n", b"note.txt.p7m"),
        (bytes(range(256)), b"smime.p7m"),
    ],
)
def test_a_signed_document_stays_a_file(content: bytes, name: bytes) -> None:
    message = der.signed(content)
    part = wrapped(message, b"Content-Type: application/pkcs7-mime; name=" + name + b"\r\n")
    parsed = parse(HEAD + multipart(TEXT, part))
    assert [(file.attachment.name, file.content) for file in parsed.files] == [(name.decode(), message)]


@pytest.mark.parametrize("text", [b"Hello", b"\r\nHello", b"Note: the printer is broken.\r\n\r\nHello"])
def test_a_signed_text_without_mime_headers_is_the_text(text: bytes) -> None:
    assert mail(opaque(text)).text == text.decode().strip().replace("\r\n", "\n")
    assert names(mail(opaque(text, b"Content-Type: application/pkcs7-mime; name=a.txt.p7m\r\n"))) == ["a.txt.p7m"]


@pytest.mark.parametrize("kind", [der.ENVELOPED, der.DATA])
def test_an_encrypted_mail_stays_a_file(kind: bytes) -> None:
    message = der.message(der.element(0x04, TEXT), kind=kind)
    parsed = parse(HEAD + wrapped(message))
    assert (parsed.mail.text, [file.content for file in parsed.files]) == ("", [message])


def test_a_signature_beside_the_text_stays_a_file() -> None:
    signature = wrapped(der.message(b""), b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n")
    parsed = mail(multipart(TEXT, signature, kind=b"signed"))
    assert (parsed.text, names(parsed)) == ("Hello", ["smime.p7s"])


def test_an_encrypted_mail_inside_a_signed_one_stays_a_file() -> None:
    message = der.message(der.element(0x04, TEXT), kind=der.ENVELOPED)
    parsed = parse(HEAD + opaque(wrapped(message)))
    assert [(file.attachment.name, file.content) for file in parsed.files] == [("smime.p7m", message)]


def test_a_forwarded_mail_that_is_signed_stays_a_file() -> None:
    inner = HEAD.replace(b"Subject: x", b"Subject: y") + TEXT
    assert names(mail(opaque(b"Content-Type: message/rfc822; forwarded=yes\r\n\r\n" + inner))) == ["y.eml"]
    assert names(mail(opaque(multipart(TEXT, b"Content-Type: message/rfc822\r\n\r\n" + inner)))) == ["y.eml"]


def test_a_signed_message_that_is_cut_gives_its_words_and_stays_a_file() -> None:
    whole = der.signed(TEXT.replace(b"Hello", b"Hello " * 200))
    parsed = parse(HEAD + wrapped(whole[:600]))
    assert set(parsed.mail.text.split()) <= {"Hello", "Hell", "Hel", "He", "H"}
    assert parsed.mail.text.startswith("Hello Hello")
    assert [(file.attachment.name, file.content) for file in parsed.files] == [("smime.p7m", whole[:600])]
    assert Defect.BAD_SMIME in parsed.mail.defects


def test_a_signature_that_is_cut_costs_the_mail_nothing() -> None:
    assert mail(wrapped(der.signed(TEXT)[:-4])).text == "Hello"


def test_the_header_of_the_mail_stays_that_outside() -> None:
    inside = b"From: bob@example.org\r\nSubject: other\r\nAuto-Submitted: auto-replied\r\n"
    parsed = parse(HEAD + opaque(inside + TEXT))
    assert (parsed.mail.from_ and parsed.mail.from_.address, parsed.mail.subject) == ("anna@example.org", "x")
    assert screen(parsed, frozenset()).verdict == "person"


def test_a_report_inside_a_signed_mail_is_one() -> None:
    status = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: "
    status += b"rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    report = multipart(TEXT, status, kind=b"report; report-type=delivery-status")
    for entity in (opaque(report), encoded(report), report):
        found = screen(parse(HEAD + entity), frozenset()).bounce
        assert found is not None
        assert found.recipients == ("bob@example.org",)


@pytest.mark.parametrize("kind", [b"message/rfc822", b"message/global"])
def test_an_attached_mail_in_base64_is_the_mail(kind: bytes) -> None:
    inner = b"From: bob@example.org\r\nSubject: y\r\n\r\ninside\r\n"
    part = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(inner)
    [file] = parse(HEAD + multipart(TEXT, part)).files
    assert (file.attachment.name, file.content) == ("y.eml", inner)


def test_parts_are_counted_over_all_layers() -> None:
    inner = multipart(*[b"\r\nx"] * (MAX_PARTS // 2), boundary=b"C")
    parsed = parse(HEAD + multipart(*[opaque(inner)] * 4))
    assert Defect.TOO_MANY_PARTS in parsed.mail.defects
    assert sum(1 for _ in parsed.root.walk()) == MAX_PARTS
    assert parsed.mail.text.startswith("x\nx")


def test_layers_are_counted_as_depth() -> None:
    entity = TEXT
    for _ in range(200):
        entity = SMIME + b"\r\n" + der.signed(entity)
    parsed = mail(entity)
    assert Defect.TOO_DEEP in parsed.defects
    assert (parsed.text, names(parsed)) == ("", ["smime.p7m"])


def test_the_bytes_of_all_layers_are_limited() -> None:
    entity = b"Content-Type: text/plain\r\n\r\n" + b"Hello\r\n" * (MAX_HIDDEN // 40)
    for _ in range(8):
        entity = SMIME + b"\r\n" + der.signed(entity)
    assert names(mail(entity)) == ["smime.p7m"]
