"""What tells a machine's mail from a person's where the words are the same: one row a sign."""

import pytest

from schemas.reasons import Reason
from tests.screening.test_languages import ANN, ANSWER, GENERATED, NULL_PATH, TEXT, verdict

PATH = "Return-Path: <ann@firm.example>\n"
QUOTED = "\n\nOn Mon, Nov 24, 2025 at 9:13 AM Help desk <it@desk.example> wrote:\n> Which one?\n"
FIELDS = "\n\nFrom: Karl <karl@firm.example>\nTo: hans@krug.example\nSubject: Offer\nDate: Mon, 24 Nov 2025 09:13\n"
CAME_BACK = "The message to hans@krug.example could not be delivered."
SWITCH_OFF = "Please switch it off."
LIST = "List-Id: <club.firm.example>\n"

BY_RULE = "X-MS-Exchange-Inbox-Rules-Loop: ann@firm.example\nX-Auto-Response-Suppress: All\n" + GENERATED + ANSWER

# Sender, headers, subject, text.
PERSONS: dict[str, tuple[str, str, str, str]] = {
    "asks, and pastes fields": (
        "Postmaster <postmaster@firm.example>", "", "Undeliverable: offer",
        f"Could you look into it? {CAME_BACK}{FIELDS}",
    ),
    "has a name, and pastes fields": (
        "Karl Ek <postmaster@firm.example>", "", "Undeliverable: offer", f"See below. {CAME_BACK}{FIELDS}",
    ),
    "has a mail program, and pastes fields": (
        "mail@firm.example", "User-Agent: Mutt\n", "Undeliverable: offer", f"See below. {CAME_BACK}{FIELDS}",
    ),
    "forwards, and pastes fields": ("mail@firm.example", "", "FW: Undeliverable: offer", f"{CAME_BACK}{FIELDS}"),
    "a parcel": ("mail@courier.example", NULL_PATH, "Returned to sender: parcel 12", "It was returned to sender."),
    "a fax": ("Fax <fax@firm.example>", NULL_PATH, "Delivery failure: fax to 30", "It could not be delivered: busy."),
    "answers under formal words, and quotes": (ANN, ANSWER + PATH, "Automatic reply: mine", SWITCH_OFF + QUOTED),
    "answers under formal words, by a mail program": (
        ANN, ANSWER + PATH + "X-Mailer: Microsoft Outlook 16.0\n", "Automatic reply: mine", SWITCH_OFF,
    ),
    "a form about automatic answers": (
        ANN, GENERATED + PATH, "Automatic reply: not working", "I set the automatic reply, but nobody gets it.",
    ),
    "a form in somebody's name": (
        "Web <web@firm.example>", GENERATED + "Reply-To: ann@firm.example\n", "Out of office: my badge",
        "I am out of the office on Monday.",
    ),
    "a form from an address that nobody reads": (
        "Web <no-reply@firm.example>", GENERATED, "Out of office: my badge", "I am out of the office on Monday.",
    ),
    "a form that asks about an absence": (
        ANN, GENERATED + PATH, "Out of office: my badge", "I am out of the office on Monday. Who keeps it?",
    ),
    "a portal for leave": (
        "Portal <portal@firm.example>", NULL_PATH, "Vacation request",
        "Ann asks for leave. This is an automated message.",
    ),
    "a telephone system": (
        "Box <box@firm.example>", NULL_PATH, "Call from 030 1234", "This message was automatically generated.",
    ),
    "a filled in request for leave": (
        "Web <web@firm.example>", NULL_PATH, "Vacation request", "Name: Ann\nReason: I am on vacation from Monday",
    ),
    "old issue tracker about a challenge": (
        ANN, "Precedence: bulk\n", "Log-in", "The page wants me to confirm that you are human, and hangs.",
    ),
    "a filled in form under formal words": (
        "Web <web@firm.example>", NULL_PATH, "Out of office: change of shift", "Name: Ann\nText: Please change it.",
    ),
    "asks about an automatic answer to a mail of ours": (
        ANN, PATH, "Automatic reply: [C-000123] Printer", "Why do I get an automatic reply to each mail?",
    ),
    "answers, and asks about automatic answers": (
        ANN, ANSWER + PATH, "Automatic reply: mine", "Why do I get an automatic reply to each mail?",
    ),
    "a service desk that is afraid of loops": (
        "Help <help@corp.example>", ANSWER + GENERATED + "X-Loop: help@corp.example\n", "Re: Printer", "Which one?",
    ),
    "forwarded by a rule": (ANN, BY_RULE, "FW: Printer", "It is broken."),
    "redirected by a rule": ("Bob <bob@firm.example>", BY_RULE, "Printer", "It is broken."),
    "a team's address, by a form": ("IT <it-help@firm.example>", GENERATED, "Confirm my account", "Please do."),
    "a team's address, through a list": ("Club <club-admin@firm.example>", LIST, "Subscription fees", "They rise."),
    "marked as not automatic": (ANN, "Auto-Submitted: none\n", "Printer", "It is broken."),
    "marked as not automatic, too": (ANN, "Auto-Submitted: false\n", "Printer", "It is broken."),
    "generated, in another spelling": (ANN, "Auto-Submitted: auto_generated\n", "Printer", "It is broken."),
    "a responder's header that is off": (ANN, "X-Autoreply: off\n", "Printer", "It is broken."),
    "a planner of holidays": (ANN, "X-Mailer: Vacation Planner 2.0\n", "Printer", "It is broken."),
    "a desk called autoresponder": (ANN, "Delivered-To: autoresponder@desk.example\n", "Printer", "It is broken."),
    "another action of iCloud's": (ANN, "X-Apple-Action: FORWARD\n", "Printer", "It is broken."),
}  # fmt: skip

REPORT = "Unknown user: hans@krug.example\n\nRCPT TO generated following response:\n553 5.3.0 <hans@krug.example>\n"
MACHINES: dict[str, tuple[str, str, str, str, Reason]] = {
    "icloud": (ANN, "X-Apple-Action: VACATION\n", "Re: Printer", "At the sea.", Reason.AUTO_REPLY),
    "x-autoresponse": (ANN, "X-Autoresponse: 1\n", "Re: Printer", "At the sea.", Reason.AUTO_REPLY),
    "x-auto-response": (ANN, "X-Auto-Response: yes\n", "Re: Printer", "At the sea.", Reason.AUTO_REPLY),
    "x-auto-responder": (ANN, "X-Auto-Responder: yes\n", "Re: Printer", "At the sea.", Reason.AUTO_REPLY),
    "vacation program with its version": (ANN, "X-Mailer: Vacation 4.0r1\n", "Re: x", "At the sea.", Reason.AUTO_REPLY),
    "no mark, quotes nothing": (ANN, ANSWER, "Automatic reply: Printer", "At the sea.", Reason.AUTO_REPLY),
    "quotes, and tells of an absence": (
        ANN, ANSWER, "Automatic reply: Printer", f"I am out of the office.{QUOTED}", Reason.AUTO_REPLY,
    ),
    "generated, in his own name": (
        ANN, GENERATED + "Reply-To: ann@firm.example\n", "Automatic reply: x", "I am on leave.", Reason.AUTO_REPLY,
    ),
    "zendesk": (
        "Help <help@corp.example>", GENERATED + ANSWER, "[Request received] Printer",
        "Your request (123) has been received and is being reviewed by our support staff.", Reason.AUTO_REPLY,
    ),
    "jira": (
        "Help <help@corp.example>", GENERATED, "HELP-12 Printer",
        "Just confirming that we got your request. We're on it.", Reason.AUTO_REPLY,
    ),
    "begins with a word and a colon": (
        ANN, NULL_PATH + ANSWER, "Re: Printer", "Note: I am out of the office.\nBack on Monday.", Reason.AUTO_REPLY,
    ),
    "answers with our subject, quotes and calls itself automatic": (
        ANN, ANSWER, "Automatic reply: Printer", f"This is an automatic reply.{QUOTED.replace('?', '')}",
        Reason.AUTO_REPLY,
    ),
    "exchange, in words unknown here": (ANN, BY_RULE, "Xyz: Printer", "Abc.", Reason.AUTO_REPLY),
    "listserv, to a command": (
        "LISTSERV@uni.example", "", 'Output of your job "it"', "Unknown command", Reason.AUTO_REPLY,
    ),
    "mailman 3, to an owner": (
        "club-owner@firm.example", GENERATED + "Precedence: bulk\n", "Ann's subscription is waiting", "x",
        Reason.AUTO_REPLY,
    ),
    "imail, nothing returned": (
        "Postmaster <postmaster@krug.example>", "X-Mailer: <SMTP32 v8.15>\n", "Undeliverable Mail", REPORT,
        Reason.BOUNCE,
    ),
    "exchange 5.5": (
        "System Administrator <postmaster@krug.example>",
        "X-Mailer: Internet Mail Service (5.5.2653.19)\nX-MS-Embedded-Report: \n", "Undeliverable: Offer",
        "did not reach the following recipient(s):\n\nhans@krug.example on Mon, 24 Nov 2025\n", Reason.BOUNCE,
    ),
    "french, nothing tells of the envelope": (
        "postmaster@krug.example", "", "Non remis : devis",
        f"Échec : hans@krug.example{FIELDS}Message-ID: <1@a.example>\n", Reason.BOUNCE,
    ),
    "thunderbird's receipt in chinese": (
        ANN, NULL_PATH + ANSWER, "回执（已显示） - 打印机", "这是您发送邮件的回执。", Reason.RECEIPT,
    ),
    "thunderbird's receipt in japanese": (
        ANN, NULL_PATH + ANSWER, "開封確認 (表示) - プリンタ", "開封確認です。", Reason.RECEIPT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PERSONS)
def test_a_persons_mail(name: str) -> None:
    sender, headers, subject, text = PERSONS[name]
    assert verdict(sender, headers, subject, f"{TEXT}\n{text}\n") == ("person", None)


@pytest.mark.parametrize("name", MACHINES)
def test_a_machines_mail(name: str) -> None:
    sender, headers, subject, text, reason = MACHINES[name]
    assert verdict(sender, headers, subject, f"{TEXT}\n{text}\n") == ("rejected", reason)


# Outlook and Exchange before the subject that they answer, where the rest of the mail is in a language unknown here.
FORMAL = (
    "Ավտոմատ պատասխան", "স্বয়ংক্রিয় উত্তর", "தானியங்கு பதில்", "స్వయంచాలక ప్రత్యుత్తరం", "સ્વચાલિત જવાબ", "خودکار جواب",
    "Awtomatikong tugon", "Jibu otomatiki", "Tweġiba awtomatika", "Автомат хариу", "Avtomatik javob",
    "ការឆ្លើយតបស្វ័យប្រវត្តិ", "ຕອບກັບອັດຕະໂນມັດ", "ራስ-ሰር ምላሽ", "[부재중 자동응답]",
)  # fmt: skip


@pytest.mark.parametrize("sign", [":", "]", "-", " –", "(", ")", "】", ">"])
def test_formal_words_end_with_a_sign(sign: str) -> None:
    assert verdict(ANN, ANSWER, f"Out of office{sign} Printer", f"{TEXT}\n-\n") == ("rejected", Reason.AUTO_REPLY)
    assert verdict(ANN, ANSWER, "Out of office printer", f"{TEXT}\n-\n") == ("person", None)


def test_formal_words_without_a_sign_are_the_whole_subject() -> None:
    assert verdict(ANN, ANSWER, "Yahoo Auto Response", f"{TEXT}\n-\n") == ("rejected", Reason.AUTO_REPLY)
    assert verdict(ANN, ANSWER, "Printer Auto Response", f"{TEXT}\n-\n") == ("person", None)


@pytest.mark.parametrize("formal", FORMAL)
def test_a_formal_word_is_known_in_an_answer_alone(formal: str) -> None:
    subject = f"{formal} Printer" if formal.endswith("]") else f"{formal}: Printer"
    assert verdict(ANN, ANSWER, subject, f"{TEXT}\n-\n") == ("rejected", Reason.AUTO_REPLY)
    assert verdict(ANN, PATH, subject, f"{TEXT}\n-\n") == ("person", None)
