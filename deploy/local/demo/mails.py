"""The demo's mails, and how each must end. Pure: the clock is an argument.

Persons and servers are those of `demo.yaml`. Each mail shows one sentence of the requirement (docs/requirement.md) or
one promise of the design.
"""

from collections.abc import Mapping
from random import Random

from deploy.local.demo.composing import HR, IT, DemoMail, MailOutcome, broken, html, plain, reply, with_file
from schemas.addresses import normalise
from schemas.ids import person_id


def _it(user: str, analyst: str = "ida", files: int = 0) -> MailOutcome:
    return MailOutcome("call-logged", partition="it", user=user, logging_analyst=analyst, priority="P3", files=files)


def _hr(user: str, files: int = 0) -> MailOutcome:
    return MailOutcome("call-logged", partition="hr", user=user, logging_analyst="henry", priority="Low", files=files)


def _new(address: str) -> str:
    """Id of the person that is made for an unknown address."""
    return person_id(normalise(address))


_URSULA, _HUGO = "Ursula Usher <ursula@example.com>", "Hugo Hill <hugo@example.com>"

DEMO_MAILS: tuple[DemoMail, ...] = (
    DemoMail(
        "known-user",
        "a known User",
        "ursula@example.com",
        IT,
        _it("ursula"),
        plain("known-user", _URSULA, IT, "Printer jams", "Hello,\n\nthe printer on floor 2 jams.\n\nThanks\nUrsula\n"),
    ),
    DemoMail(
        "unknown-sender",
        "an unknown sender",
        "nora.new@example.org",
        HR,
        _hr(_new("nora.new@example.org")),
        plain("unknown-sender", "Nora New <nora.new@example.org>", HR, "First day", "When do I start?\n"),
    ),
    DemoMail(
        "analyst-only",
        "an Analyst, Use Linked Analyst on",
        "alan@desk.example",
        IT,
        _it("alan", analyst="alan"),
        plain("analyst-only", "Alan Archer <alan@desk.example>", IT, "Switch 7", "Switch 7 is noisy.\n"),
    ),
    DemoMail(
        "analyst-not-linked",
        "an Analyst, Use Linked Analyst off",
        "ida@desk.example",
        HR,
        _hr("ida"),
        plain("analyst-not-linked", "Ida Ingram <ida@desk.example>", HR, "Parental leave", "What do I have to file?\n"),
    ),
    DemoMail(
        "analyst-and-user",
        "an Analyst who is a User too",
        "beate@desk.example",
        IT,
        _it("beate", analyst="beate"),
        plain("analyst-and-user", "Beate Both <beate@desk.example>", IT, "Keyboard", "I need a new keyboard.\n"),
    ),
    DemoMail("html-only", "HTML only", "ursula@example.com", HR, _hr("ursula"), html),
    DemoMail(
        "attachment",
        "with an attachment",
        "hugo@example.com",
        IT,
        _it("hugo", files=1),
        with_file("attachment", _HUGO, "Error message", "error.csv", "text/csv", b"time,error\r\n10:02,E-4711\r\n"),
    ),
    DemoMail(
        "cyrillic",
        "in Cyrillic (KOI8-R)",
        "ivan@example.net",
        HR,
        _hr(_new("ivan@example.net")),
        plain(
            "cyrillic", "Иван Петров <ivan@example.net>", HR, "Справка", "Нужна справка о доходах.\n", charset="koi8-r"
        ),
    ),
    DemoMail(
        "chinese",
        "in Chinese (GB 18030)",
        "wang.fang@example.net",
        IT,
        _it(_new("wang.fang@example.net")),
        plain(
            "chinese", "王芳 <wang.fang@example.net>", IT, "打印机", "二楼的打印机坏了，请看一下。\n", charset="gb18030"
        ),
    ),
    DemoMail(
        "automatic-reply",
        "an automatic reply",
        "hugo@example.com",
        IT,
        MailOutcome("rejected", reason="auto-reply", notified=False),
        plain(
            "automatic-reply",
            _HUGO,
            IT,
            "Out of office",
            "I am back on Monday.\n",
            headers={"Auto-Submitted": "auto-replied"},
        ),
    ),
    DemoMail("broken", "broken in every way", "hugo@example.com", HR, _hr("hugo", files=1), broken),
    DemoMail(
        "three-megabytes",
        "3 MB",
        "hugo@example.com",
        IT,
        _it("hugo", files=1),
        with_file(
            "three-megabytes", _HUGO, "Screenshots", "screens.zip", "application/zip", Random(3).randbytes(2_200_000)
        ),
    ),
    DemoMail(
        "reply",
        "a reply to the acknowledgement",
        "ursula@example.com",
        IT,
        MailOutcome(
            "item-updated",
            same_call_as="known-user",
            partition="it",
            user="ursula",
            logging_analyst="ida",
            priority="P3",
            notified=False,  # she has had an acknowledgement of this call; Ida is notified
        ),
        reply("reply", _URSULA, IT, "It is the one beside the kitchen.\n"),
        answers="known-user",
    ),
    DemoMail(
        "close",
        "a close",
        "ursula@example.com",
        HR,
        MailOutcome(
            "item-closed",
            same_call_as="html-only",
            partition="hr",
            user="ursula",
            logging_analyst="henry",
            priority="Low",
        ),
        reply("close", _URSULA, HR, "#close\n\nI found it, thank you.\n"),
        answers="html-only",
    ),
)
BY_NAME: Mapping[str, DemoMail] = {mail.name: mail for mail in DEMO_MAILS}
