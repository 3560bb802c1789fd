"""People write about undelivered mail from addresses and names that look like a mail system's; so do mail systems."""

import pytest

from schemas.reasons import Reason
from tests.screening.test_languages import (
    ANSWER,
    GENERATED,
    LANGUAGES,
    NULL_PATH,
    RETURNED,
    TEXT,
    before_subject,
    verdict,
)

# Subject and text as a mail system's report has them; whoever writes so has an address that looks like one, too.
UNDELIVERED = {
    "english": ("Undeliverable: offer", "My mail could not be delivered, user unknown."),
    "german": ("Unzustellbar: Angebot", "Meine Mail konnte nicht zugestellt werden."),
    "french": ("Non remis : devis", "Mon message n'a pas pu être remis."),
    "spanish": ("No se puede entregar: oferta", "No se ha podido entregar mi correo."),
    "italian": ("Mancato recapito: offerta", "Non è stato possibile recapitare il messaggio."),
    "dutch": ("Onbestelbaar: offerte", "Mijn bericht is undeliverable."),
    "portuguese": ("Não é possível entregar: proposta", "A mensagem was not delivered."),
    "russian": ("Недоставленное: смета", "Не удалось доставить моё письмо."),
    "japanese": ("配信不能: 見積", "送信できませんでした。"),
}
LOOK_ALIKES = (
    "Nora D. Reiter <ndr@example.org>",
    "Karl Krug <mail@example.org>",
    "Delivery team <mail-delivery@example.org>",
    "maildelivery@example.org",
    "Jo Admin <root@example.org>",
    "Karl Krug <postmaster@example.org>",
    '"Karl Krug (Postmaster)" <karl@example.org>',
    '"Mail Administrator, Firm" <karl@example.org>',
    "System Administrator <system.administrator@example.org>",
    "Mail Delivery System <karl@example.org>",
)


MARKS = (NULL_PATH, GENERATED, "Auto-Submitted: auto-replied\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_a_person_writes_about_undelivered_mail(sender: str, language: str) -> None:
    words = LANGUAGES[language]
    path = f"Return-Path: <{sender.rpartition('<')[2].rstrip('>')}>\n"
    for before in before_subject(words, "undeliverable")[:1]:
        for mail in ("undeliverable", "came-back"):
            subject, text = words["persons"][mail]
            assert verdict(sender, "", before + subject, f"{TEXT}\n{text}\n") == ("person", None)
            for own in (path, ANSWER):
                for below in ("", RETURNED):
                    found = verdict(sender, own, before + subject, f"{TEXT}\n{text}\n\n{below}")
                    assert found == ("person", None), (own, below)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_a_mail_system_returns_a_mail(sender: str, language: str) -> None:
    words = LANGUAGES[language]
    for before in before_subject(words, "undeliverable")[:1]:
        for mark in MARKS:
            body = f"{TEXT}\n{words['machines']['not-delivered']}\n\n{RETURNED}"
            assert verdict(sender, mark, before + "Offer", body) == ("rejected", Reason.BOUNCE), mark


@pytest.mark.parametrize("language", UNDELIVERED)
@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_a_mail_system_reports_in_words(sender: str, language: str) -> None:
    subject, text = UNDELIVERED[language]
    for mark in MARKS:
        body = f"{TEXT}\n{text}\n\nhans@krug.example\n"
        assert verdict(sender, mark, subject, body) == ("rejected", Reason.BOUNCE), mark


@pytest.mark.parametrize("language", UNDELIVERED)
@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_words_that_name_nobody_are_no_report(sender: str, language: str) -> None:
    subject, text = UNDELIVERED[language]
    for mark in MARKS[:2]:
        assert verdict(sender, mark, subject, f"{TEXT}\n{text}\n") == ("person", None), mark


@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_a_service_desk_passes_on_what_a_person_asks(sender: str) -> None:
    body = f"{TEXT}\nWhy does this mail come back? It could not be delivered to hans@krug.example.\n\n{RETURNED}"
    assert verdict(sender, GENERATED, "Undeliverable: offer", body) == ("person", None)
    forwarded = f"{TEXT}\nPlease look into it. It could not be delivered to hans@krug.example.\n\n{RETURNED}"
    assert verdict(sender, GENERATED, "FW: Undeliverable: offer", forwarded) == ("person", None)
