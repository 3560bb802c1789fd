"""Auto-replies recognised by subject and text: out-of-office notes, acknowledgements."""

import re

from resolver.finding import Finding, header_evidence
from resolver.parsing import Parsed
from resolver.screening.auto_reply_headers import (
    automatic,
    by_own_rule,
    generated,
    in_thread,
    machine_sign,
    null_path,
    passed_on,
    precedence,
    through_list,
)
from resolver.screening.auto_reply_words import (
    ABSENT_BODY,
    ABSENT_START,
    ABSENT_SUBJECT,
    ACKNOWLEDGED,
    ACKNOWLEDGED_ALONE,
    ANSWERED_BODY,
    CHALLENGE,
    GENERATED_BODY,
    TICKET_MADE,
    WHOLE_SUBJECT,
    formal_words,
)
from resolver.screening.folding import folded
from schemas.addresses import is_program
from schemas.reasons import Reason

# The form that RFC 7489, section 7.2.1.1, gives to DMARC reports.
_DMARC = re.compile(
    r"(?i)^(?:\W*preview)?\W*(?:dmarc aggregate )?report domain: \S+\s+submitter: [^:\n]{1,200}(?<=\s)"
    r"(?:date: \S+\s+)?report-id: ?\S+"
)
_ANSWER = re.compile(r"(?i)^\s*(?:re|aw|sv|antw|odp|vs|ref|rif|res)\s*:")
_OUR_REFERENCE = re.compile(r"\s*\[[CTR]-[0-9]{6,18}[].]", re.ASCII)  # with the signed tag's rest, too
_TICKET_FIRST = re.compile(r"^\s*\[[^\]]{0,60}\d[^\]]{0,60}\]")
_MARKER_LINE = re.compile(r"(?m)^\W{3,40}[^\n]{0,200}$")  # `--- Reply above this line ---`
_GREETING = re.compile(r"^[^\n]{0,60}[,:!]\s*\n")
_ASKS = re.compile(r"[?？؟]")
_FILLED_IN = re.compile(r"\s*+[^\s\d:：][^\n:：]{0,29}[:：][ \t]*\S")  # `Name: Ann`
_FORM = re.compile(rf"(?:{_FILLED_IN.pattern}[^\n]*+){{2}}")
_BODY_SEEN = 4_000


def auto_reply_subject(parsed: Parsed) -> Finding | None:
    """Systems that set no header of their own. Two signs are needed: people write about automatic answers, too.

    What a machine says of itself, in the subject or the text, and a header that tells that something was answered.
    """
    subject = parsed.mail.subject
    if _DMARC.match(subject):
        return Finding(Reason.AUTO_REPLY, header_evidence("Subject", subject))
    plain = folded(subject)
    formal = formal_words(plain)
    if formal:
        sign = _answer_sign(parsed)
        # Without such a header: the subject of a mail of ours behind the formal words, and an absence below.
        if sign or (_OUR_REFERENCE.match(plain, formal.end()) and _tells_absence(parsed)):
            return Finding(Reason.AUTO_REPLY, header_evidence("Subject", subject))
    if WHOLE_SUBJECT.match(subject) and _absent(parsed):
        return Finding(Reason.AUTO_REPLY, header_evidence("Subject", subject))
    mark = generated(parsed)
    machine = mark or machine_sign(parsed)
    if not machine or through_list(parsed):
        return None
    told = _says_no_more(parsed) if mark else _told(parsed, bulk=machine.endswith("bulk"))
    return Finding(Reason.AUTO_REPLY, machine) if told else None


def _told(parsed: Parsed, bulk: bool) -> bool:
    """Whether a mail with a machine's sign speaks like one. Where it does not name an absence in its subject, too, an
    absence in its text counts only in an answer.

    `bulk`: people on old lists and issue trackers write under that sign, too. There it counts only in an answer that
    quotes no mail, or behind a ticket's number, and what the mail says of itself only at its beginning.
    """
    subject, reply = parsed.mail.subject, parsed.mail.reply[:_BODY_SEEN]
    answers = bool(_ANSWER.match(subject) or in_thread(parsed))
    of_ticket = _TICKET_FIRST.match(subject) is not None
    if (ACKNOWLEDGED.search(subject) or TICKET_MADE.search(subject)) and (answers or not bulk or of_ticket):
        return True
    away = ABSENT_SUBJECT.search(subject) is not None
    if not bulk:
        if answers:
            told = away or _absent(parsed) or GENERATED_BODY.search(reply) is not None
        else:
            told = away and _tells_absence(parsed)
        return CHALLENGE.search(reply) is not None or (told and not _FORM.match(parsed.mail.text))
    quotes_nothing = _quotes_nothing(parsed)
    if of_ticket or (answers and quotes_nothing):
        said = _first_paragraph(reply)
        if GENERATED_BODY.search(said) or CHALLENGE.search(said):
            return True
    return answers and quotes_nothing and (away or _absent(parsed))


def _says_no_more(parsed: Parsed) -> bool:
    """Whether a generated mail is a mere answer: to be told of no failure, an absence note, an acknowledgement."""
    subject = parsed.mail.subject.lstrip()
    if in_thread(parsed) and (
        (null_path(parsed) and not passed_on(parsed))
        or by_own_rule(parsed)
        or ACKNOWLEDGED.match(subject)
        or (ABSENT_START.match(subject) and _absent(parsed))
    ):
        return True
    said = _MARKER_LINE.sub("", parsed.mail.reply[:_BODY_SEEN]).strip()
    return ACKNOWLEDGED_ALONE.match(said) is not None


def _absent(parsed: Parsed) -> bool:
    """Whether the text tells of an absence, or that it is an automatic answer."""
    return _tells_absence(parsed) or ANSWERED_BODY.search(folded(parsed.mail.text, _BODY_SEEN)) is not None


def _tells_absence(parsed: Parsed) -> bool:
    return ABSENT_BODY.search(folded(parsed.mail.text, _BODY_SEEN)) is not None


def _first_paragraph(text: str) -> str:
    """Less a greeting on a line of its own."""
    return _GREETING.sub("", text.lstrip(), count=1).lstrip().partition("\n\n")[0]


def _answer_sign(parsed: Parsed) -> bool:
    """Whether a header tells that something was answered, or that a program did it.

    People change the subject of an answer, too: who looks like one, and tells of no absence, is one. Forms and service
    desks generate mails whose subject is a person's: such a mail goes back to somebody else, begins with what was
    filled in, asks something, or tells of automatic answers and of no absence.
    """
    if null_path(parsed) or precedence(parsed) == "junk":
        return not _FORM.match(parsed.mail.text)
    if in_thread(parsed):
        return _tells_absence(parsed) or not _by_a_person(parsed) or (_absent(parsed) and not _asks(parsed))
    if not automatic(parsed) or _FILLED_IN.match(parsed.mail.text) or _in_anothers_name(parsed):
        return False
    return _tells_absence(parsed) and not _asks(parsed)


def _by_a_person(parsed: Parsed) -> bool:
    """Whether an answer asks something, quotes what it answers, or comes from a mail program."""
    if "user-agent" in parsed.headers or "x-mailer" in parsed.headers or not _quotes_nothing(parsed):
        return True
    return _asks(parsed)


def _asks(parsed: Parsed) -> bool:
    return _ASKS.search(parsed.mail.reply[:_BODY_SEEN]) is not None


def _quotes_nothing(parsed: Parsed) -> bool:
    return parsed.mail.text.strip() == parsed.mail.reply.strip()


def _in_anothers_name(parsed: Parsed) -> bool:
    """Whether it is sent for somebody else, to whom answers go. Who is away answers in his own name."""
    sender = parsed.mail.from_.address.lower() if parsed.mail.from_ else ""
    return is_program(sender) or any(box.address.lower() != sender for box in parsed.mail.reply_to)
