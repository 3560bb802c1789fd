"""The benchmark's mails: a reproducible mix, each with its expected outcome. Pure: same seed, same bytes.

The mix: 70 % text of 1-4 kB, 20 % HTML of 10-30 kB, 8 % with a file of 100-300 kB, 2 % with one that makes it 1 MB
or more; 300 senders; 15 % replies; several charsets and transfer encodings.
"""

import base64
import hashlib
import quopri
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

SENDERS = 300
REPLY_SHARE = 0.15
KINDS = {"text": 70, "html": 20, "attachment": 8, "big": 2}  # per cent
TEXT_BYTES = (1_000, 4_000)
HTML_BYTES = (10_000, 30_000)
ATTACHMENT_BYTES = {"attachment": (100_000, 300_000), "big": (760_000, 1_100_000)}  # base64 makes 1 MB and more of big

ENGLISH = (
    "printer office door second floor please look again since this morning nobody can open shared folder password "
    "expired screen stays black after update laptop meeting room projector cable order new keyboard thanks regards"
).split()
GERMAN = (
    "Drucker Büro Tür zweiter Stock bitte prüfen seit heute früh öffnet niemand den gemeinsamen Ordner Kennwort "
    "abgelaufen Bildschirm bleibt schwarz Überprüfung Größe Straße Grüße"
).split()
RUSSIAN = (
    "принтер второй этаж пожалуйста посмотрите с утра никто не может открыть общую папку пароль истёк экран остаётся "
    "чёрным после обновления спасибо"
).split()
CHINESE = "打印机 二楼 请 看一下 今天 早上 没有人 能 打开 共享 文件夹 密码 过期 屏幕 更新 之后 谢谢".split()
JAPANESE = (
    "プリンター 二階 お願い します 今朝 から 共有 フォルダー が 開けません パスワード 画面 更新 ありがとう".split()
)

# charset, transfer encoding, words, weight: what a European desk with offices elsewhere gets
WRITINGS = (
    ("us-ascii", "7bit", ENGLISH, 30),
    ("utf-8", "quoted-printable", GERMAN, 20),
    ("utf-8", "base64", ENGLISH, 10),
    ("iso-8859-1", "quoted-printable", GERMAN, 10),
    ("windows-1252", "8bit", GERMAN, 5),
    ("utf-8", "8bit", RUSSIAN, 5),
    ("koi8-r", "base64", RUSSIAN, 5),
    ("windows-1251", "quoted-printable", RUSSIAN, 5),
    ("utf-8", "base64", CHINESE, 4),
    ("gb18030", "base64", CHINESE, 3),
    ("iso-2022-jp", "7bit", JAPANESE, 3),
)
OUTLOOK_STYLE = "p.MsoNormal, li.MsoNormal { margin: 0cm; font-size: 11.0pt; font-family: Calibri, sans-serif; }\r\n"


@dataclass(frozen=True, slots=True)
class BenchMail:
    """One mail and its expected outcome.

    `words` are those of its own body (`words_of`), without what it quotes; `files` the sha256 (hexadecimal) of each
    attached file in order; `answers` the number of the mail whose call it continues, None for a mail that logs a call.
    """

    number: int
    sender: str
    message_id: str
    raw: bytes
    words: str
    files: tuple[str, ...]
    answers: int | None


def sender_address(number: int) -> str:
    """`number` is below `SENDERS`."""
    return f"sender{number}@example.com"


def words_of(text: str) -> str:
    """A text without its line breaks and indents, which e-mail and HTML do not keep."""
    return " ".join(text.split())


def make_mails(
    count: int, *, seed: int, recipient: str, acknowledgement_id: Callable[[BenchMail], str]
) -> Iterator[BenchMail]:
    """`count` mails to `recipient`. `acknowledgement_id` gives the Message-ID of a mail's acknowledgement.

    That id is derived from the mail, so a reply to an acknowledgement can be written before the acknowledgement exists.
    """
    calls: list[BenchMail] = []
    for number in range(count):
        random = Random(f"{seed}/{number}")
        answered = random.choice(calls) if calls and random.random() < REPLY_SHARE else None
        mail = _mail(number, random, seed, recipient, answered, acknowledgement_id)
        if answered is None:
            calls.append(mail)
        yield mail


def _mail(
    number: int,
    random: Random,
    seed: int,
    recipient: str,
    answered: BenchMail | None,
    acknowledgement_id: Callable[[BenchMail], str],
) -> BenchMail:
    sender = answered.sender if answered else sender_address(random.randrange(SENDERS))
    message_id = f"<bench.{seed}.{number}@example.com>"
    (kind,) = random.choices(tuple(KINDS), weights=tuple(KINDS.values()))
    ((charset, encoding, words, _),) = random.choices(WRITINGS, weights=[writing[3] for writing in WRITINGS])
    text = _text(random, words, charset)
    body = _html_body(random, text, charset, encoding) if kind == "html" else _text_part(text, charset, encoding)
    files = [random.randbytes(random.randint(*ATTACHMENT_BYTES[kind]))] if kind in ATTACHMENT_BYTES else []
    if files:
        body = _multipart("mixed", number, [body, *(_file_part(content) for content in files)])
    head = [
        b"Return-Path: <%s>" % sender.encode(),
        b"Received: from mx.example.com (mx.example.com [192.0.2.1]) by mail.desk.example with ESMTPS id %08x;"
        % number,
        b"\tMon, 23 Nov 2026 10:00:00 +0000",
        b"From: %s" % _from_header(sender).encode(),
        b"To: <%s>" % recipient.encode(),
        b"Subject: %s"
        % _encoded_word(("Re: " if answered else "") + f"{words[number % len(words)]} {number}", charset),
        b"Message-ID: %s" % message_id.encode(),
        b"Date: Mon, 23 Nov 2026 %02d:%02d:%02d +0000" % (number // 3600 % 24, number // 60 % 60, number % 60),
        b"MIME-Version: 1.0",
    ]
    if answered:
        parent = acknowledgement_id(answered)
        head.append(b"In-Reply-To: %s" % parent.encode())
        head.append(b"References: %s\r\n %s" % (answered.message_id.encode(), parent.encode()))
    return BenchMail(
        number=number,
        sender=sender,
        message_id=message_id,
        raw=b"\r\n".join(head) + b"\r\n" + body,
        words=words_of(text),
        files=tuple(hashlib.sha256(content).hexdigest() for content in files),
        answers=answered.number if answered else None,
    )


def _text(random: Random, words: list[str], charset: str) -> str:
    """Lines of random words, as many as fill the wanted size in the charset."""
    size = random.randint(*TEXT_BYTES)
    mean = sum(len(word.encode(charset)) + 1 for word in words) / len(words)
    chosen = random.choices(words, k=int(size / mean))
    return "\r\n".join(" ".join(chosen[at : at + 9]) for at in range(0, len(chosen), 9)) + "\r\n"


def _text_part(text: str, charset: str, encoding: str, subtype: str = "plain") -> bytes:
    head = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + _encode(text.encode(charset), encoding)


def _encode(content: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(content).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return content


def _html_body(random: Random, text: str, charset: str, encoding: str) -> bytes:
    """The text as an office program writes it; every other one with a plain text beside it."""
    paragraphs = "".join(f'<p class="MsoNormal"><span lang="EN">{line}</span></p>\r\n' for line in text.splitlines())
    padding = OUTLOOK_STYLE * max(0, (random.randint(*HTML_BYTES) - len(paragraphs)) // len(OUTLOOK_STYLE))
    html = f"<html><head><style>\r\n{padding}</style></head>\r\n<body>{paragraphs}</body></html>\r\n"
    part = _text_part(html, charset, encoding, "html")
    if random.random() < 0.5:
        return part
    return _multipart("alternative", 0, [_text_part(text, charset, encoding), part])


def _file_part(content: bytes) -> bytes:
    head = (
        b"Content-Type: application/octet-stream; name=data.bin\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=data.bin\r\n\r\n"
    )
    return head + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _multipart(subtype: str, number: int, parts: list[bytes]) -> bytes:
    boundary = b"=_%s_%d" % (subtype.encode(), number)
    head = b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (subtype.encode(), boundary)
    return head + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary


def _from_header(sender: str) -> str:
    local = sender.partition("@")[0]
    return f"{local.capitalize()} Example <{sender}>"


def _encoded_word(text: str, charset: str) -> bytes:
    """A header value in its charset (RFC 2047, section 2), in ASCII where that does."""
    if text.isascii():
        return text.encode()
    return b"=?%s?B?%s?=" % (charset.encode(), base64.b64encode(text.encode(charset)))
