"""Lines that announce a quotation, wherever they are wrapped, header blocks in any language, and what is neither."""

from itertools import combinations, pairwise

import pytest

from resolver.parsing.reply import reply_of
from schemas.mail import Mailbox
from tests.parsing.steps import grows_no_faster

DESK = (Mailbox(address="desk@example.org", name="Service Desk"),)
OWN = "It works now, thank you.\n\nAnna"
QUOTE = "> Please try again.\n>\n> Service Desk\n>> earlier\n"

WRAPPED = {
    "english": "On Mon, Jan 6, 2025 at 9:14 AM Service Desk <desk@example.org> wrote:",
    "mailto": "On Mon, Jan 6, 2025 at 9:14 AM Service Desk <desk@example.org<mailto:desk@example.org>> wrote:",
    "outlook-mailto": "On Mon, Jan 6, 2025 at 9:14 AM Service Desk [mailto:desk@example.org] wrote:",
    "german": "Am Mo., 6. Jan. 2025 um 09:14 Uhr schrieb Service Desk <desk@example.org>:",
    "french": "Le lun. 6 janv. 2025 à 09:14, Service Desk <desk@example.org> a écrit :",
    "spanish": "El lun, 6 ene 2025 a las 9:14, Service Desk (<desk@example.org>) escribió:",
    "italian": "Il giorno lun 6 gen 2025 alle ore 09:14 Service Desk <desk@example.org> ha scritto:",
    "dutch": "Op ma 6 jan 2025 om 09:14 schreef Service Desk <desk@example.org>:",
    "polish": "pon., 6 sty 2025 o 09:14 Service Desk <desk@example.org> napisał(a):",
    "polish-user": "W dniu 6 stycznia 2025 09:14 użytkownik Service Desk <desk@example.org> napisał:",
    "czech": "po 6. 1. 2025 v 9:14 odesílatel Service Desk <desk@example.org> napsal:",
    "finnish": "ma 6. tammik. 2025 klo 9.14 Service Desk (desk@example.org) kirjoitti:",
    "romanian": "În lun., 6 ian. 2025 la 09:14, Service Desk <desk@example.org> a scris:",
    "russian": "пн, 6 янв. 2025 г. в 09:14, Service Desk <desk@example.org>:",
    "macedonian": "пон, 6 јан. 2025 во 09:14 Service Desk <desk@example.org> напиша:",
    "icelandic": "Þann mán., 6. jan. 2025 kl. 09:14 skrifaði Service Desk <desk@example.org>:",
    "japanese": "2025年1月6日(月) 9:14 Service Desk <desk@example.org>:",
    "korean": "2025년 1월 6일 (월) 오전 9:14, Service Desk <desk@example.org>님이 작성:",
    "persian": "در تاریخ دوشنبه ۶ ژانویهٔ ۲۰۲۵،‏ ۹:۱۴ Service Desk <desk@example.org> نوشت:",
}
# The name stands first, so that only its address or the mail's own recipients tell where the announcement begins.
NAME_FIRST = {
    "hungarian": "Service Desk <desk@example.org> ezt írta (időpont: 2025. jan. 6., H, 9:14):",
    "turkish": "Service Desk <desk@example.org>, 6 Oca 2025 Pzt, 09:14 tarihinde şunu yazdı:",
    "portuguese": "Service Desk <desk@example.org> escreveu (segunda, 06/01/2025 à(s) 09:14):",
    "chinese": "Service Desk <desk@example.org> 于2025年1月6日周一 09:14写道：",
}


def wrappings(announcement: str, most: int) -> list[str]:
    """Every way to break it at up to `most` of its blanks."""
    words = announcement.split(" ")
    broken = []
    for number in range(1, most + 1):
        for places in combinations(range(1, len(words)), number):
            at = [0, *places, len(words)]
            broken.append("\n".join(" ".join(words[a:b]) for a, b in pairwise(at)))
    return broken


@pytest.mark.parametrize("name", WRAPPED)
def test_an_announcement_may_be_wrapped_at_any_blank(name: str) -> None:
    for wrapped in wrappings(WRAPPED[name], 1):
        assert reply_of(f"{OWN}\n\n{wrapped}\n\n{QUOTE}") == OWN, wrapped
        assert reply_of(f"{wrapped}\n{QUOTE}\n{OWN}\n") == OWN, wrapped


@pytest.mark.parametrize("name", WRAPPED | NAME_FIRST)
def test_an_announcement_over_three_or_four_lines_loses_no_word_and_is_mostly_cut(name: str) -> None:
    ways = wrappings((WRAPPED | NAME_FIRST)[name], 3)
    replies = [reply_of(f"{OWN}\n\n{wrapped}\n\n{QUOTE}", "", DESK) for wrapped in ways]
    assert all(reply.startswith(OWN) for reply in replies)
    assert sum(reply == OWN for reply in replies) >= 0.8 * len(replies)


@pytest.mark.parametrize("name", NAME_FIRST)
def test_a_name_before_its_address_belongs_to_the_announcement(name: str) -> None:
    wrapped = NAME_FIRST[name].replace(" <", "\n<", 1)
    assert reply_of(f"{OWN}\n\n{wrapped}\n\n{QUOTE}") == OWN


KNOWN_BY_ADDRESS = {
    "no-known-language": "Zu 24 xun 2025 ke 9:14 Service Desk <desk@example.org> brulitu:",
    "no-verb": "24 xun 2025 9:14 - desk@example.org:",
    "no-colon": '"Service Desk" desk@example.org – 24 xun 2025 9:14',
}


@pytest.mark.parametrize("name", KNOWN_BY_ADDRESS)
def test_the_address_of_a_recipient_beside_a_date_announces_in_any_language(name: str) -> None:
    text = f"{OWN}\n\n{KNOWN_BY_ADDRESS[name]}\n{QUOTE}"
    assert reply_of(text, "", DESK) == OWN
    assert KNOWN_BY_ADDRESS[name] in reply_of(text, "", (Mailbox(address="other@example.org"),))


def test_an_address_with_a_tag_is_the_one_without() -> None:
    """Our mails come from the address alone, and are answered to the one with the item's tag."""
    text = f"{OWN}\n\n{KNOWN_BY_ADDRESS['no-known-language']}\n{QUOTE}"
    assert reply_of(text, "", (Mailbox(address="desk+c-000123.20783.abc@example.org"),)) == OWN


TWO_LINES = (
    "W dniu 6.01.2025 o 09:14,\nService Desk pisze:",
    "Am 06.01.2025 um 09:14 schrieb\nService Desk <desk@example.org>:",
    "Le 6 janv. 2025 à 09:14,\nService Desk a écrit :",
    "On 6 Jan 2025, at 09:14, Service Desk of the Example\nCompany wrote:",
    "Service Desk kirjoitti maanantai 6. tammikuuta 2025\n9.14.00 EET:",
    "Citeren Service Desk\n<desk@example.org>:",
    "Service Desk <desk@example.org> skrev: (6 januari 2025 09:14:00 CET)",
    ":כתב Service Desk, 2025-01-06 09:14 בתאריך",
    "06.01.2025 09:14, Service Desk:",
)


@pytest.mark.parametrize("announcement", TWO_LINES)
def test_what_programs_write_in_two_parts_is_one_announcement(announcement: str) -> None:
    assert reply_of(f"{OWN}\n\n{announcement}\n{QUOTE}") == OWN
    assert reply_of(f"{announcement}\n{QUOTE}\n{OWN}") == OWN


SENTENCES = (
    "the log said at 09:14:",
    "The log of 24.11.2025 09:14 says:",
    "On 24.11.2025 at 09:14 the user Clara <clara@example.net> got this error:",
    "Am 24.11.2025 um 09:14 kam diese Meldung:",
    "Le 24/11/2025 à 09:14 le serveur affichait :",
    "Klient dzwonił 24.11.2025 o 09:14 i pyta:",
    "Ошибка от 24.11.2025 09:14:",
    "2025年11月24日 9:14のエラー：",
    "2025-11-24 09:14 Server srv01:",
    "Gestern, am 17.11.2025 um 14:05, hat Herr Kuhn mir das geschrieben",
    "Error at 09:14 when mailing Bob <bob@example.net>:",
    "Logged in on 24.11.2025 at 09:14 (clara@example.net):",
    "The mail to bob@example.net failed on 17.11.2025 14:05",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_above_marked_lines_stays(sentence: str) -> None:
    for before in ("", "Look at this:\n\n", "Look at this\n"):
        reply = reply_of(f"{before}{sentence}\n> ERROR 17\n> disk full", "", DESK)
        assert reply.startswith(f"{before}{sentence}")
        text = f"{before}{sentence}\nERROR 17\n\nPlease help."
        assert reply_of(text, "", DESK) == text


SIGN_OFFS = (
    "Thanks\nAnna",
    "Danke,\nAnna",
    "On it",
    "So it works now",
    "On Monday it works again",
    "Anna Quint <anna@example.net>",
    "Tel. 0221 4711",
    "Am 5. Dezember bin ich weg\nAnna",
    "Best,\nanna",
    "I need 2 toners and 3 cables by 5.12.2025",
    "Спасибо,\nАнна",
    "Anna Quint\nExample AG\n50667 Cologne",
)


@pytest.mark.parametrize("last", SIGN_OFFS)
@pytest.mark.parametrize("announcement", [*WRAPPED.values(), *NAME_FIRST.values(), "Service Desk wrote:"])
def test_lines_directly_above_an_announcement_stay(last: str, announcement: str) -> None:
    assert reply_of(f"It works.\n\n{last}\n{announcement}\n\n{QUOTE}", "", DESK) == f"It works.\n\n{last}"


BLOCKS = {
    "no-known-language": "Sendari: Service Desk <desk@example.org>\nKohta: 24 xun 2025 09:14\nHal: anna@example.net\n"
    "Sub: Printer",
    "below-a-rule": "________________________________\nSendari: desk@example.org\nKohta: 24.11.2025 09:14\n"
    "Sub: Re: Printer",
    "titled": "------ Ursaria Mesagio ------\nSendari: desk@example.org\nSub: Printer",
    "a-list": "* From: Service Desk <desk@example.org>\n* Date: 24.11.2025 09:14\n* Subject: Printer",
    "croatian": "Šalje: Service Desk <desk@example.org>\nPoslano: 24. 11. 2025 09:14\nPrima: Anna\nPredmet: Printer",
    "turkish": "Gönderen: Service Desk <desk@example.org>\nGönderilme: 24.11.2025 09:14\nAlıcı: Anna\nKonu: Printer",
    "icelandic": "Frá: Service Desk <desk@example.org>\nSent: 24. nóvember 2025 09:14\nTil: Anna\nEfni: Printer",
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_header_block_ends_the_reply_in_any_language(name: str) -> None:
    text = f"{OWN}\n\n{BLOCKS[name]}\n\nPlease try again."
    assert reply_of(text, "Re: [C-000123] Printer", DESK) == OWN
    assert reply_of(text, "Fw: [C-000123] Printer", DESK).endswith(f"{BLOCKS[name]}\n\nPlease try again.".lstrip("_\n"))


FORMS = (
    "Name: Clara Quint\nE-Mail: clara@example.net\nDatum: 24.11.2025 09:14\nBetreff: Printer",
    "Nombre: Clara\nCorreo: Clara <clara@example.net>\nFecha: 24.11.2025 09:14\nAsunto: Printer",
    "Contact: Service Desk <desk@example.org>\nWhen: 24.11.2025 09:14\nRoom: 12",
    "Who: desk@example.org\nWhen: 24.11.2025 09:14\nWhat: Printer",
    "User: desk@example.org\nSince: 24.11.2025 09:14\nComputer: pc-12",
    "Ordered by: Clara <clara@example.net>\nOrdered on: 24.11.2025 09:14\nArticle: Printer",
)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_was_filled_in_is_no_header_block(form: str) -> None:
    text = f"Somebody wrote this on our page:\n\n{form}\n\nIt does not work."
    assert reply_of(text, "Printer", DESK) == text


@pytest.mark.parametrize("name", [name for name in BLOCKS if not BLOCKS[name].startswith(("_", "-"))])
@pytest.mark.parametrize(
    "first", ["To: all of you", "Date: tomorrow at 9:00", "From: the third floor", "Subject: see below"]
)
def test_what_an_author_writes_like_a_label_stays(first: str, name: str) -> None:
    own = f"{first}\nIt works now."
    assert reply_of(f"{own}\n\n{BLOCKS[name]}\n\nPlease try again.", "Re: [C-000123] Printer", DESK) == own


def test_a_header_block_goes_on_behind_what_was_wrapped() -> None:
    recipients = ", ".join(f"Colleague {number} <colleague{number}@example.net>" for number in range(3))
    wrapped = recipients.replace(", ", ",\n")
    block = f"From: Service Desk <desk@example.org>\nTo: {wrapped}\nSent: 24.11.2025 09:14\nSubject: Printer"
    assert reply_of(f"{OWN}\n\n{block}\n\nPlease try again.", "Re: Printer", DESK) == OWN


def test_a_line_that_begins_with_from_comes_back_as_it_was_written() -> None:
    """Mail systems that deliver into mbox files put a sign before it."""
    text = "Hello,\n\n>From tomorrow on we are closed.\n>From Monday on, too.\n\nAnna"
    assert reply_of(text) == text.replace(">From", "From")
    assert reply_of(f"{text}\n\nOn 06/01/2025 09:14, Desk wrote:\n{QUOTE}") == text.replace(">From", "From")


@pytest.mark.parametrize(
    "quotation", ["> Which room?\n>From the first floor?", ">From the first floor?\n> Which room?", ">From Monday?"]
)
def test_a_quotation_that_holds_such_a_line_is_one(quotation: str) -> None:
    assert reply_of(f"{OWN}\n\nOn 06/01/2025 09:14, Desk wrote:\n{quotation}") == OWN


@pytest.mark.parametrize(
    "text",
    [
        "On 1 x wrote:\n> q\n" * 6_000,
        ("(a@b " * 90 + "24.11.2025 09:14:\n> q\n") * 5_000,
        ("hat a " * 80 + " 24.11.2025:\n> q\n") * 5_000,
        ("missatge de " + "a@b" * 100 + " del dia 1 x:\n> q\n") * 5_000,
        "On Mon,\nNov\n24,\n2025 at 9:14 AM x <a@b.example> wrote:\n> q\n" * 4_000,
        "a: desk@example.org 24.11.2025 09:14\nb: x\nc: Printer\n\n" * 5_000,
        ">From x\n" * 20_000,
    ],
)
def test_a_hostile_quotation_costs_little(text: str) -> None:
    many = [Mailbox(address=f"a{i}@example.org", name="x " * 45) for i in range(5_000)]
    assert grows_no_faster(lambda part: reply_of(text[: part * len(text) // 100], "Re: Printer", many), 4)
