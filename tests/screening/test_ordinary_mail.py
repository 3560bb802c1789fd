"""An ordinary mail does not pay for rare kinds: what is dear to look for is looked for only behind a cheap sign."""

from importlib import import_module

import pytest

from resolver.parsing import attachments, parse
from resolver.screening import screen

HEAD = b"From: Ann <ann@example.org>\r\nTo: <desk@example.com>\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
MAILS = {
    "a text": HEAD + b"Subject: Printer\r\n\r\n" + b"The printer on the second floor is broken again.\r\n" * 50,
    "a page": HEAD + b"Subject: Printer\r\nContent-Type: text/html\r\n\r\n" + b"<p>The printer is broken.</p>\r\n" * 50,
    "a text in another alphabet": HEAD
    + b"Subject: =?utf-8?B?0J/RgNC40L3RgtC10YA=?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    + "Принтер на втором этаже не печатает.\r\n".encode() * 50,
}


class Untouched:
    """A pattern that nobody may use."""

    def search(self, text: str) -> None:
        raise AssertionError(f"looked for in {len(text)} characters")

    match = search


@pytest.mark.parametrize("name", MAILS)
def test_the_words_of_an_absence_are_looked_for_only_behind_another_sign(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("unmarked", "auto_replies"):
        for pattern in ("ABSENT_BODY", "ABSENT_SUBJECT"):
            monkeypatch.setattr(import_module(f"resolver.screening.{module}"), pattern, Untouched())
    assert screen(parse(MAILS[name]), frozenset({"desk@example.com"})).verdict == "person"


def test_pictures_of_a_page_are_looked_for_only_where_a_file_could_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "_shown_ids", Untouched().search)
    mail = parse(MAILS["a page"]).mail
    assert (mail.text[:11], mail.defects) == ("The printer", ())
