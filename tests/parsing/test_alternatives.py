"""Where the words of a mail are: texts with file names, stubs beside HTML, the same words twice, enriched text."""

import pytest

from resolver.parsing import parse
from schemas.mail import ParsedMail
from tests.parsing.test_bodies_read import HEAD, multipart, names

LOG = "09:14 door open"
PAGE = "<style>p{color:red}</style><p>The disk of server 7 is full. Please free some space.</p><p>Anna Bell</p>"
PAGE_TEXT = "The disk of server 7 is full. Please free some space.\n\nAnna Bell"
SPACES = "\u034f \u200c \u00a0\u00ad"


def part(kind: str, body: str, *headers: str) -> bytes:
    return "\n".join((f"Content-Type: {kind}", *headers, "", body)).encode()


def text(body: str) -> bytes:
    return part("text/plain; charset=utf-8", body)


def page(body: str) -> bytes:
    return part("text/html; charset=utf-8", body)


def inner(kind: str, *parts: bytes) -> bytes:
    """A multipart inside another one."""
    return multipart(kind, *parts).replace(b"--B", b"--C").replace(b'"B"', b'"C"')


def read(body: bytes) -> ParsedMail:
    return parse(HEAD + body).mail


def named(body: str, name: str = "lift.log", disposition: str = "inline", kind: str = "text/plain") -> bytes:
    return part(f"{kind}; charset=utf-8", body, f"Content-Disposition: {disposition}; filename={name}")


FILE = part("application/pdf", "%PDF", "Content-Disposition: attachment; filename=a.pdf")

ATTACHED = named(LOG, disposition="attachment")
ROOT = named("<p>Hello", kind="text/html")
CALENDAR = named("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Lift", "a.ics")
NAMED: list[tuple[str, bytes, str, list[str]]] = [
    ("beside no other", multipart("mixed", named("Hello"), FILE), "Hello", ["a.pdf"]),
    ("as a page", multipart("mixed", named("<p>Hello</p>", "a.htm", kind="text/html"), FILE), "Hello", ["a.pdf"]),
    ("two", multipart("mixed", named("Hello"), FILE, named("you")), "Hello\nyou", ["a.pdf"]),
    ("twice the same", multipart("mixed", named("Hi"), named("<b>Hi</b>", "b", kind="text/html")), "Hi", []),
    ("root of a page", multipart("mixed", text("Hi"), inner("related", ROOT, FILE)), "Hi\nHello", ["a.pdf"]),
    ("beside an empty text", multipart("mixed", text(" \n"), named("Hello")), "Hello", []),
    ("as alternatives", multipart("alternative", named("Hi"), named("<b>Hi</b>", kind="text/html")), "Hi", []),
    ("above a list's footer", multipart("mixed", named("Hello"), text("-- \nlist")), "Hello\n-- \nlist", ["lift.log"]),
    ("attached, alone", multipart("mixed", ATTACHED, FILE), LOG, ["lift.log", "a.pdf"]),
    ("attached, as the whole mail", ATTACHED, LOG, ["lift.log"]),
    ("attached to an empty mail", multipart("mixed", text(""), ATTACHED), "", ["lift.log"]),
    ("before the words", multipart("mixed", named(LOG), text("Hello")), "Hello", ["lift.log"]),
    ("beside a page", multipart("mixed", page("<p>Hello"), named("7;8", "a.csv")), "Hello", ["a.csv"]),
    ("attached to alternatives", multipart("alternative", text("Hello"), ATTACHED), "Hello", ["lift.log"]),
    ("a calendar as text", multipart("mixed", CALENDAR), "Lift", ["a.ics"]),
]


@pytest.mark.parametrize(("body", "words", "files"), [row[1:] for row in NAMED], ids=[row[0] for row in NAMED])
def test_a_text_with_a_file_name_is_the_body_only_where_there_is_no_other(
    body: bytes, words: str, files: list[str]
) -> None:
    mail = read(body)
    assert (mail.text.strip(), names(mail)) == (words, files)


@pytest.mark.parametrize("kind", ["multipart/appledouble", "Multipart/AppleDouble"])
def test_appledouble_is_one_file(kind: str) -> None:
    header = part("Application/AppleFile; name=Plan.txt", "\0\5\26\7")
    for data, content in (
        (part("text/plain", "Room 3"), b"Room 3"),
        (part("text/plain; name=Plan.txt", "Room 3"), b"Room 3"),
    ):
        for forks in ((header, data), (data, header)):
            double = inner("x", *forks).replace(b"multipart/x", kind.encode())
            body = multipart("mixed", text("Hello"), double)
            files = parse(HEAD + body).files
            assert [(f.attachment.name, f.attachment.content_type, f.content) for f in files] == [
                ("Plan.txt", "text/plain", content)
            ]
            assert read(body).text == "Hello"


def test_a_macintosh_file_without_data_keeps_what_it_has() -> None:
    header = part("application/applefile; name=Clip", "\0\5\26\7")
    assert names(read(multipart("appledouble", header, part("application/octet-stream; name=Clip", "")))) == [
        "Clip",
        "Clip",
    ]
    assert names(read(multipart("mixed", text("Hello"), header))) == ["Clip"]


STUBS = [
    "This is an HTML mail.", "Bitte aktivieren Sie HTML.", "Votre logiciel ne gère pas le format HTML.",
    "您的邮件客户端不支持HTML格式", "Ваша программа не показывает письма в HTML", "HTML 형식의 메일입니다.",
    "View in browser: https://m.example/1", "Apri nel browser\nhttps://m.example/1", "ブラウザで表示 https://m.example/1",
    "Открыть в браузере: https://m.example/1", "Ver en el navegador <https://m.example/1>",
    ".", "-", "---------------", "* * *", "?????? ??? ????", "&nbsp;&zwnj;", SPACES, SPACES * 200, "[cid:a.png@1]",
    "[image: Logo]", "-- \nA list\nhttps://lists.example/a", "_" * 40 + "\nA list", "#" * 60 + "\nTo leave the list",
    "The disk of server 7...", "The disk of server 7 is full. Please free some\u2026", "Anna Bell",
    "\u3164 \u115f", "\u3164 _ " * 200, PAGE,
    "<p>The disk of server 7 is full.</p> Please free some <b>space</b>. Anna Bell",
    "The disk of server 7 is full.\nAnna Bell", "<!DOCTYPE html>\n<html><p>" + "The disk of server 7 is full. " * 40,
]  # fmt: skip


@pytest.mark.parametrize("stub", STUBS)
def test_a_text_that_says_nothing_gives_way_to_the_page(stub: str) -> None:
    assert read(multipart("alternative", text(stub), page(PAGE))).text == PAGE_TEXT


USED: list[tuple[str, str]] = [
    ("Ok", "<div>Ok</div><img src=cid:a>"),
    ("Ok...", "<div>Ok...</div>"),
    ("\U0001f44d", "<p>\U0001f44d</p>"),
    (".", "<p></p>"),
    (".", "<p>.</p>"),
    ("My program shows no HTML, why?", "<p>My program shows no HTML, why?</p>"),
    ("Open it in the browser: https://a.example", "<p>Open it in the <b>browser</b>: https://a.example</p>"),
    ("The printer is broken.\nRegards\nAnna", "<p>The printer is bro<wbr>ken.</p>"),
    ("-- \nAnna Bell", "<div>-- <br>Anna Bell</div>"),
    ("Open https://a.example/?b=1 please.", "<p>Open <a href='https://a.example/?b=1'>this</a> please.</p>"),
    ("Open https://a.example/1", "<p>Open <a href=https://a.example/1>https://a.example/1</a></p>"),
    ("The disk is full.\n-- \nAnna", "<p>The disk is full.</p>-- <br>Anna<br><img alt='Firm logo' src=cid:a>"),
    ("Now the disk is full, please free some.", "<p>The disk is full, please free some. Anna Bell, Room 7, Ulm</p>"),
    ("See report.html. Thank you for it all.", "<p>Logo</p>"),
    ("打印机不能打印", "<p>打印机不能<br>打印</p>"),
    ("The words stay. " * 60, "<p>An advertisement of quite some other words than these.</p>"),
]


@pytest.mark.parametrize(("words", "source"), USED)
def test_a_text_that_says_what_the_page_says_is_used(words: str, source: str) -> None:
    assert read(multipart("alternative", text(words.rstrip()), page(source))).text == words.rstrip()


@pytest.mark.parametrize(
    "words",
    [
        "Please call me in room 12.",
        "Server 7 https://a.example/7",
        "See the file report.html on disk S.",
        "Schöne Grüße!",
        # As many words as a stub may have. The quick look ends within the link, which is no word.
        "understanding " * 47 + "announcement " * 103 + "https://a.example/7",
    ],
)
def test_words_that_the_page_lacks_stay_beside_it(words: str) -> None:
    parsed = read(multipart("alternative", text(words), page(PAGE)))
    assert parsed.text == f"{words}\n\n{PAGE_TEXT}"
    assert parsed.reply == parsed.text


def test_a_text_without_the_quotation_is_no_stub() -> None:
    source = "<p>Thanks, done.</p><blockquote>" + "<p>Dear Anna, please switch it off and on.</p>" * 9 + "</blockquote>"
    assert read(multipart("alternative", text("Thanks, done."), page(source))).text == "Thanks, done."


TWINS: list[tuple[str, str, str]] = [
    ("the same", "The printer is off.", "<p>The printer is off.</p>"),
    ("blanks", "The\nprinter  is off .", "<p>The&nbsp;printer <b>is</b> off.</p>"),
    ("links", "See the page <https://a.example/x>\nAnna", "<p>See the <a href=https://a.example/x>page</a></p>Anna"),
    ("bullets", "1. Lamp\n2. Door", "<ul><li>Lamp<li>Door</ul>"),
    ("pictures", "[image: x]\nThe printer is off.", "<img src=cid:x><p>The printer is off."),
    ("no blanks", "打印机\n不能打印", "<p>打印机不能<p>打印"),
]


@pytest.mark.parametrize(("words", "source"), [row[1:] for row in TWINS], ids=[row[0] for row in TWINS])
@pytest.mark.parametrize("kind", ["mixed", "related"])
def test_the_same_words_beside_each_other_count_once(kind: str, words: str, source: str) -> None:
    for parts in ((text(words), page(source)), (page(source), text(words))):
        parsed = read(multipart(kind, *parts))
        assert parsed.text == words
        assert parsed.html == source


def test_the_fuller_one_of_two_counts() -> None:
    assert read(multipart("mixed", text("The printer is off."), page("<p>The printer <p>is off. Anna"))).text == (
        "The printer\n\nis off. Anna"
    )


DIFFERENT: list[tuple[str, str, str]] = [
    ("The printer is off.", "<p>The copier is off.", "The copier is off."),
    ("Call me.", "<p>If it is urgent call Bernd, or ask me.", "If it is urgent call Bernd, or ask me."),
    ("See https://a.example/1", "<p>See https://a.example/2", "See https://a.example/2"),
    ("off is printer The", "<p>The printer is off", "The printer is off"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "source", "shown"), DIFFERENT)
def test_different_words_beside_each_other_both_stay(words: str, source: str, shown: str) -> None:
    assert read(multipart("mixed", text(words), page(source))).text == f"{words}\n{shown}"


ENRICHED: list[tuple[str, str]] = [
    ("one\ntwo\n\nthree\n\n\nfour", "one two\nthree\n\nfour"),
    ("<Bold>a <<b> & c</BOLD> > d", "a <b> & c > d"),
    ("<color><param>red</param>one</color> <unknown-command>two", "one two"),
    ("<nofill>one\n  two\n\nthree</nofill>\nfour\nfive", "one\n  two\n\nthree\nfour five"),
    ("a <verbatim><bold> <<b></verbatim> c", "a <bold> <<b> c"),
    ("one<center>two</center>three", "one\ntwo\nthree"),
    ("<param>one", "one"),
    ("one</param> <param>two", "one two"),
    ("<verbatim>one<bold>", "one"),
    ("1 < 2 and </ > stay <", "1 < 2 and </ > stay <"),
    ("&amp; <p>", "&amp;"),
]


@pytest.mark.parametrize(("source", "words"), ENRICHED)
def test_enriched_text_is_read_as_its_author_meant(source: str, words: str) -> None:
    assert read(part("text/enriched; charset=utf-8", source)).text == words


def test_an_excerpt_is_a_quotation() -> None:
    mail = read(part("text/enriched", "It works.\n\n<excerpt>Does it work?</excerpt>"))
    assert (mail.text, mail.reply) == ("It works.\n\nDoes it work?", "It works.")
    assert mail.html is None


def test_elder_rich_text_has_its_own_signs() -> None:
    source = "one\n\ntwo<nl>3 <lt> 4<comment>no\n<bold>no</comment><paragraph>five</paragraph>six"
    assert read(part("text/richtext", source)).text == "one two\n3 < 4\nfive\nsix"


def test_enriched_text_beside_another_one_counts_once() -> None:
    enriched = part("text/enriched", "Hello <bold>you</bold>")
    assert read(multipart("alternative", text("Hello *you*"), enriched)).text == "Hello *you*"
    assert read(multipart("alternative", text("."), enriched)).text == "Hello you"
    assert read(multipart("alternative", enriched, page("<p>Hello <i>you"))).text == "Hello you"
