"""How five common mail clients write an answer to a mail: headers, quotation, text and HTML, as each really does.

Each knows three bodies: text, as it answers a plain-text mail; text and HTML, as it answers an HTML mail; and HTML
alone, as some servers hand that on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from html import escape
from typing import Literal

Body = Literal["text", "both", "html"]
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)


@dataclass(frozen=True)
class Original:
    """The mail that is answered, as a client has it after reading. `html` is what stands in its body."""

    name: str
    address: str
    to: str
    subject: str
    date: datetime
    message_id: str
    references: str
    text: str
    html: str

    @property
    def sender(self) -> str:
        return f"{self.name} <{self.address}>"


@dataclass(frozen=True)
class Client:
    """`subject`: what it puts before the subject; `text` and `html` make the body of own words and original."""

    subject: str
    headers: Mapping[str, str]
    text: Callable[[str, Original], str]
    html: Callable[[str, Original], str]
    flowed: bool = False


def read(raw: bytes) -> Original:
    mail = message_from_bytes(raw, policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    words = text.get_content().replace("\r\n", "\n").rstrip("\n")
    inside = _BODY.search(html.get_content()) if html is not None else None
    author = mail["Reply-To"] or mail["From"]
    return Original(
        mail["From"].addresses[0].display_name,
        author.addresses[0].addr_spec,
        str(mail["To"]),
        str(mail["Subject"]),
        parsedate_to_datetime(mail["Date"]),
        str(mail["Message-ID"]),
        str(mail["References"] or ""),
        words,
        inside[1] if inside else f"<pre>{escape(words)}</pre>",
    )


def answer(client: Client, words: str, original: Original, body: Body, author: str, at: datetime) -> EmailMessage:
    """The answer of `author`, written with this client. Headers can still be taken out of it."""
    mail = EmailMessage(policy.SMTP.clone(max_line_length=76))
    mail["From"] = author
    mail["To"] = original.sender
    mail["Subject"] = f"{client.subject}{original.subject}"
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = "<answer-1@firm.example>"
    mail["In-Reply-To"] = original.message_id
    mail["References"] = f"{original.references} {original.message_id}".strip()
    for name, value in client.headers.items():
        mail[name] = value
    if body == "html":
        mail.set_content(client.html(words, original), subtype="html", cte="quoted-printable")
        return mail
    parameters = {"format": "flowed"} if client.flowed else {}
    mail.set_content(client.text(words, original), cte="quoted-printable", params=parameters)
    if body == "both":
        mail.add_alternative(client.html(words, original), subtype="html", cte="quoted-printable")
    return mail


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _broken(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>\n")


# ---- Outlook for Windows ---------------------------------------------------------------------------------------------


def _outlook_date(at: datetime) -> str:
    return f"{at:%A, %B} {at.day}, {at.year} {at:%I:%M %p}".replace(" 0", " ")


def _outlook_block(original: Original) -> str:
    return (
        f"From: {original.sender} \nSent: {_outlook_date(original.date)}\nTo: {original.to}\n"
        f"Subject: {original.subject}"
    )


def _outlook_text(words: str, original: Original) -> str:
    return f"{words}\n\n-----Original Message-----\n{_outlook_block(original)}\n\n{original.text}\n"


def _outlook_html(words: str, original: Original) -> str:
    paragraphs = "".join(
        f"<p class=MsoNormal><span style='mso-fareast-language:EN-US'>{escape(line) or '&nbsp;'}<o:p></o:p></span></p>"
        for line in words.split("\n")
    )
    return (
        '<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
        'xmlns:w="urn:schemas-microsoft-com:office:word" xmlns="http://www.w3.org/TR/REC-html40"><head>'
        '<meta name=Generator content="Microsoft Word 15 (filtered medium)"><style><!--\n'
        "p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0cm; font-size:11.0pt;}\n--></style></head>"
        '<body lang=EN-GB link="#0563C1" vlink="#954F72" style=\'word-wrap:break-word\'><div class=WordSection1>'
        f"{paragraphs}<p class=MsoNormal><o:p>&nbsp;</o:p></p>"
        "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        f"<p class=MsoNormal><b><span lang=EN-US>From:</span></b><span lang=EN-US> {escape(original.sender)} <br>"
        f"<b>Sent:</b> {_outlook_date(original.date)}<br><b>To:</b> {escape(original.to)}<br>"
        f"<b>Subject:</b> {escape(original.subject)}<o:p></o:p></span></p></div></div>"
        f"<p class=MsoNormal><o:p>&nbsp;</o:p></p>{original.html}</div></body></html>"
    )


# ---- Outlook on the web ----------------------------------------------------------------------------------------------


def _outlook_web_text(words: str, original: Original) -> str:
    return f"{words}\n________________________________\n{_outlook_block(original)}\n\n{original.text}\n"


def _outlook_web_html(words: str, original: Original) -> str:
    font = "font-family: Aptos, Calibri, Helvetica, sans-serif; font-size: 12pt; color: rgb(0, 0, 0);"
    lines = "".join(
        f'<div class="elementToProof" style="{font}">{escape(line) or "<br>"}</div>\n' for line in words.split("\n")
    )
    return (
        '<html>\n<head>\n<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>\n'
        f'</head>\n<body dir="ltr">\n{lines}<div id="appendonsend"></div>\n'
        '<hr style="display:inline-block;width:98%" tabindex="-1">\n<div id="divRplyFwdMsg" dir="ltr">'
        f'<font face="Calibri, sans-serif" style="font-size:11pt" color="#000000"><b>From:</b> '
        f"{escape(original.sender)}<br>\n<b>Sent:</b> {_outlook_date(original.date)}<br>\n<b>To:</b> "
        f"{escape(original.to)}<br>\n<b>Subject:</b> {escape(original.subject)}</font>\n<div>&nbsp;</div>\n</div>\n"
        f"<div>{original.html}</div>\n</body>\n</html>\n"
    )


# ---- Gmail in a browser ----------------------------------------------------------------------------------------------


def _gmail_date(at: datetime) -> str:
    return f"{at:%a, %b} {at.day}, {at.year} at {at.hour % 12 or 12}:{at:%M}\u202f{at:%p}"


def _gmail_text(words: str, original: Original) -> str:
    announced = f"On {_gmail_date(original.date)} {original.name} <{original.address}>"
    return f"{words}\n\n{announced}\nwrote:\n\n{_quoted(original.text)}\n"


def _gmail_html(words: str, original: Original) -> str:
    lines = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in words.split("\n"))
    return (
        f'<div dir="ltr">{lines}</div><br><div class="gmail_quote gmail_quote_container">'
        f'<div dir="ltr" class="gmail_attr">On {_gmail_date(original.date)} {escape(original.name)} &lt;'
        f'<a href="mailto:{original.address}">{original.address}</a>&gt; wrote:<br></div>'
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);'
        f'padding-left:1ex">{original.html}</blockquote></div>\n'
    )


# ---- Mail of an iPhone -----------------------------------------------------------------------------------------------

IPHONE_SIGNATURE = "Sent from my iPhone"


def _apple_announced(original: Original) -> str:
    return f"On {original.date.day} {original.date:%b %Y, at %H:%M}, {original.sender} wrote:"


def _apple_text(words: str, original: Original) -> str:
    quoted = _quoted(f"{_apple_announced(original)}\n\n\ufeff{original.text}")
    return f"{words}\n\n{IPHONE_SIGNATURE}\n\n{quoted}\n"


def _apple_html(words: str, original: Original) -> str:
    return (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">'
        f'{_broken(words)}<br><br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{IPHONE_SIGNATURE}</div>'
        f'<div dir="ltr"><br><blockquote type="cite">{escape(_apple_announced(original))}<br><br></blockquote></div>'
        f'<blockquote type="cite"><div dir="ltr">\ufeff{original.html}</div></blockquote></body></html>'
    )


# ---- Thunderbird, answering below ------------------------------------------------------------------------------------


def _thunderbird_announced(original: Original) -> str:
    return f"On {original.date:%m/%d/%y %H:%M}, {original.name} wrote:"


def _thunderbird_text(words: str, original: Original) -> str:
    return f"{_thunderbird_announced(original)}\n{_quoted(original.text)}\n\n{words}\n"


def _thunderbird_html(words: str, original: Original) -> str:
    return (
        '<!DOCTYPE html>\n<html>\n  <head>\n    <meta http-equiv="Content-Type" content="text/html; charset=UTF-8">\n'
        f'  </head>\n  <body>\n    <div class="moz-cite-prefix">{escape(_thunderbird_announced(original))}<br>\n'
        f'    </div>\n    <blockquote type="cite" cite="mid:{escape(original.message_id.strip("<>"))}">\n      '
        f"{original.html}\n    </blockquote>\n    <p>{_broken(words)}</p>\n    <p><br>\n    </p>\n  </body>\n</html>\n"
    )


CLIENTS: Mapping[str, Client] = {
    "outlook": Client(
        "RE: ",
        {"X-Mailer": "Microsoft Outlook 16.0", "Thread-Index": "AQHbO2m0Yw0hZkqkUk2oQ0==", "Content-Language": "en"},
        _outlook_text,
        _outlook_html,
    ),
    "outlook-web": Client(
        "Re: ",
        {"Thread-Topic": "Your call", "X-MS-Has-Attach": "", "msip_labels": "", "Accept-Language": "en-GB, en-US"},
        _outlook_web_text,
        _outlook_web_html,
    ),
    "gmail": Client("Re: ", {}, _gmail_text, _gmail_html),
    "iphone": Client("Re: ", {"X-Mailer": "iPhone Mail (22B83)"}, _apple_text, _apple_html),
    "thunderbird": Client(
        "Re: ", {"User-Agent": "Mozilla Thunderbird", "Content-Language": "en-US"}, _thunderbird_text,
        _thunderbird_html, flowed=True,
    ),
}  # fmt: skip
