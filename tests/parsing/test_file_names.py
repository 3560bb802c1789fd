"""File names: quotes that nobody escaped, and signs that hide an extension."""

import pytest

from resolver.parsing import parse
from tests.parsing.test_bodies_read import HEAD, TEXT, multipart, names

QUOTED: list[tuple[str, str]] = [
    ('filename="a.pdf"', "a.pdf"),
    ('filename="Offer "new".pdf"', 'Offer "new".pdf'),
    ('filename="3.5" disk.pdf"; size=3', '3.5" disk.pdf'),
    ('filename="3.5"; disk.pdf"; size=3', '3.5"; disk.pdf'),
    ('filename="3.5" disk.pdf', '3.5" disk.pdf'),
    ('filename="Offer "new".pdf', 'Offer "new".pdf'),
    ('filename="Offer "new".pdf; size=18', 'Offer "new".pdf'),
    ('filename="a;b.pdf"', "a;b.pdf"),
    ('filename="a;b.pdf', "a;b.pdf"),
    ('filename="a;b.pdf; size="3"', "a;b.pdf"),
    ('filename="a; b=c.pdf"; size=3', "a; b=c.pdf"),
    ('filename="a.pdf"junk; size="3"', "a.pdf"),
    ('filename="a.pdf" (v1.2); size="3"', "a.pdf"),
    ('filename="a.pdf" size=3', "a.pdf"),
    ('filename="a.pdf" ;; size=3', "a.pdf"),
    ('size=3; filename="a.pdf"; junk', "a.pdf"),
    ('filename="a\\"b".pdf"', 'a"b".pdf'),
    ('filename="C:\\temp\\"', "temp"),
    ('filename=""a.pdf""', "a.pdf"),
    ("filename='a b.pdf'", "a b.pdf"),
    ('filename=19" rack.pdf; size=3', '19" rack.pdf'),
    ('filename*0="19" ra"; filename*1="ck.pdf"', '19" rack.pdf'),
    ('filename="=?utf-8?Q?a=22b?= "c".pdf"', 'a"b "c".pdf'),
    ('filename="\n a "b".pdf"', 'a "b".pdf'),
    ('filename=""; size=3', ""),
    ('filename="', ""),
]


@pytest.mark.parametrize(("parameters", "name"), QUOTED)
def test_quotes_that_nobody_escaped_cost_no_name_its_end(parameters: str, name: str) -> None:
    part = f"Content-Type: application/pdf\nContent-Disposition: attachment; {parameters}\n\nx\n".encode()
    assert names(parse(HEAD + multipart("mixed", TEXT, part)).mail) == [name]


def test_other_parameters_end_at_their_quote() -> None:
    body = 'Content-Type: text/plain; charset="utf-8" (a "b" c); format="flowed"\n\nGrüße \nan alle\n'.encode()
    assert parse(HEAD + body).mail.text == "Grüße an alle"


SHOWN: list[tuple[str, str]] = [
    ("invoice_\u202efdp.exe", "invoice_fdp.exe"),
    ("a\u2066.pdf\u2069\u200b.scr", "a.pdf.scr"),
    ("\u200e\u200f\u061ca\u00ad\ufeff\u2060\u180e\u3164.exe", "a.exe"),
    ("a.\u200dexe", "a.exe"),
    ("a\U000e0041.exe", "a.exe"),
    ("\u202e", ""),
    ("חשבונית 3.pdf", "חשבונית 3.pdf"),
    ("\u2067חשבונית\u2069.pdf", "חשבונית.pdf"),
    ("فاتورة.pdf", "فاتورة.pdf"),
    ("می\u200cرود.pdf", "می\u200cرود.pdf"),
    ("क्\u200dष.pdf", "क्\u200dष.pdf"),
    ("\U0001f468\u200d\U0001f469\u2764\ufe0f.png", "\U0001f468\u200d\U0001f469\u2764\ufe0f.png"),
]


@pytest.mark.parametrize(("name", "shown"), SHOWN)
def test_what_is_seen_of_a_name_is_what_it_is(name: str, shown: str) -> None:
    part = f'Content-Type: application/zip; name="{name}"\n\nx\n'.encode()
    assert names(parse(HEAD + multipart("mixed", TEXT, part)).mail) == [shown]
    attached = f"Content-Type: message/rfc822\n\nSubject: {name}\n\nx\n".encode()
    assert names(parse(HEAD + multipart("mixed", TEXT, attached)).mail) == ([f"{shown}.eml"] if shown else [".eml"])
