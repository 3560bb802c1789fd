"""How 38 mail programs answer: what stands above the quotation, how it is marked, and the HTML around both.

The lines are in announcements.py, announcements_more.py and services.py, the header blocks in labels.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.replies import announcements as line
from tests.replies import announcements_more as more
from tests.replies import html_of_programs as page
from tests.replies import services as service
from tests.replies.labels import DATED, EM_CLIENT_ORIGINAL, OUTLOOK, OUTLOOK_ORIGINAL, SAMSUNG_ORIGINAL, ZIMBRA, labels
from tests.replies.moments import MOMENTS

NAME, ADDRESS = "Service Desk of the Example Company", "service.desk@desk.example"
AUTHOR, SUBJECT = "anna.berg@firm.example", "Printer in room 214"
SENDER = f"{NAME} <{ADDRESS}>"

Heads = Mapping[str, str]
Row = Callable[[str, tuple[str, ...]], str]


@dataclass(frozen=True)
class Program:
    """`heads`: what stands above the quotation, by language; `marks`: what stands before each of its lines.

    `html` holds {words}, {head} and {quote}; without it the program writes text alone. `around` says whether the line
    above is quoted too, `below` whether its users answer below and between, `flowed` whether it sends format=flowed.
    """

    heads: Heads
    html: str = ""
    marks: str = "> "
    gap: bool = True
    around: bool = False
    below: bool = False
    flowed: bool = False
    width: int = 76
    opening: bool = False  # whether it breaks the line behind `<`, as Gmail does where it writes HTML too
    signatures: Heads | None = None
    paragraphs: Literal["div", "p", "word", "br"] = "div"


def _announced(lines: Heads) -> Heads:
    return {language: text.format(n=NAME, a=ADDRESS, **vars(MOMENTS[language])) for language, text in lines.items()}


def _block(table: str, row: Row) -> Heads:
    return {language: row(language, columns) for language, columns in labels(table).items()}


def _outlook(language: str, columns: tuple[str, ...]) -> str:
    who, when, to, what = columns
    moment = f"{MOMENTS[language].full} {MOMENTS[language].time}"
    return f"{who}: {SENDER} \n{when}: {moment}\n{to}: {AUTHOR}\n{what}: {SUBJECT}"


def _outlook_text(language: str, columns: tuple[str, ...]) -> str:
    original = OUTLOOK_ORIGINAL.get(language, "Original Message")
    block = _outlook(language, columns).replace(f"<{ADDRESS}>", f"[mailto:{ADDRESS}]")
    return f"-----{original}-----\n{block}"


def _outlook_web(language: str, columns: tuple[str, ...]) -> str:
    return f"________________________________\n{_outlook(language, columns)}"


def _samsung(language: str, columns: tuple[str, ...]) -> str:
    who, when, to, what = ("발신", "날짜", "받은사람", "제목") if language == "ko" else columns
    moment = f"{MOMENTS[language].short}  {MOMENTS[language].time}  (GMT+01:00) "
    rule = f"-------- {SAMSUNG_ORIGINAL.get(language, 'Original message')} --------"
    return f"{rule}\n{who}: {SENDER} \n{when}: {moment}\n{to}: {AUTHOR} \n{what}: {SUBJECT} "


def _em_client(language: str, columns: tuple[str, ...]) -> str:
    who, when, to, what = (label.rstrip() for label in columns)
    moment = f"{MOMENTS[language].short} {MOMENTS[language].seconds}"
    rule = f"------ {EM_CLIENT_ORIGINAL.get(language, 'Original Message')} ------"
    return f'{rule}\n{who}: "{NAME}" <{ADDRESS}>\n{to}: {AUTHOR}\n{when}: {moment}\n{what}: {SUBJECT}'


def _notes(language: str, columns: tuple[str, ...]) -> str:
    who, when, to, what = columns
    moment = f"{MOMENTS[language].short} {MOMENTS[language].time}"
    return f"{who}:\t{SENDER}\n{to}:\t{AUTHOR}\n{when}:\t{moment}\n{what}:\t{SUBJECT}"


def _zimbra(language: str, columns: tuple[str, ...]) -> str:
    who, when, to, what, original = columns
    moment = f"{MOMENTS[language].full} {MOMENTS[language].seconds}"
    return f'----- {original} -----\n{who}: "{NAME}" <{ADDRESS}>\n{to}: {AUTHOR}\n{when}: {moment}\n{what}: {SUBJECT}'


# GMX and WEB.DE in a browser: the date stands first.
GMX: Heads = {
    "de": f'Gesendet: Dienstag, 17. November 2026 um 14:05 Uhr\nVon: "{NAME}" <{ADDRESS}>\nAn: {AUTHOR}\n'
    f"Betreff: {SUBJECT}",
    "en": f'Sent: Tuesday, November 17, 2026 at 2:05 PM\nFrom: "{NAME}" <{ADDRESS}>\nTo: {AUTHOR}\nSubject: {SUBJECT}',
    "fr": f"Envoyé: mardi 17 novembre 2026 à 14:05\nDe: \"{NAME}\" <{ADDRESS}>\nÀ: {AUTHOR}\nObjet: {SUBJECT}",
    "es": f'Enviado: martes 17 de noviembre de 2026 a las 14:05\nDe: "{NAME}" <{ADDRESS}>\nPara: {AUTHOR}\n'
    f"Asunto: {SUBJECT}",
}  # fmt: skip
QQ: Heads = {
    "zh-cn": f'------------------ 原始邮件 ------------------\n发件人: "{NAME}" <{ADDRESS}>;\n'
    f'发送时间: 2026年11月17日(星期二) 下午2:05\n收件人: "anna.berg"<{AUTHOR}>;\n主题: {SUBJECT}',
    "en": f'------------------ Original ------------------\nFrom:  "{NAME}"<{ADDRESS}>;\n'
    f'Date:  Tue, Nov 17, 2026 02:05 PM\nTo:  "anna.berg"<{AUTHOR}>;\nSubject:  {SUBJECT}',
}
NAVER: Heads = {
    "ko": f'-----Original Message-----\nFrom: "{NAME}"<{ADDRESS}>\nTo: <{AUTHOR}>;\nCc:\n'
    f"Sent: 2026-11-17 (화) 14:05:00 (GMT+09:00)\nSubject: {SUBJECT}",
    "en": f'-----Original Message-----\nFrom: "{NAME}"<{ADDRESS}>\nTo: <{AUTHOR}>;\nCc:\n'
    f"Sent: 2026-11-17 (Tue) 14:05:00 (GMT+09:00)\nSubject: {SUBJECT}",
}

PROGRAMS: Mapping[str, Program] = {
    "gmail": Program(_announced(line.GMAIL), page.GMAIL, opening=True, width=78),
    "gmail-plain-text": Program(_announced(line.GMAIL), gap=False, below=True, width=78),
    "gmail-android": Program(_announced(line.GMAIL_ANDROID), page.GMAIL_ANDROID, opening=True, width=78),
    "apple-mail": Program(_announced(line.APPLE), page.APPLE, around=True),
    "iphone": Program(
        _announced({key: value for key, value in line.APPLE.items() if key in service.IPHONE_SIGNATURES}),
        page.IPHONE,
        around=True,
        signatures=service.IPHONE_SIGNATURES,
        paragraphs="br",
    ),
    # An HTML mail of Apple's programs whose text an Exchange server made: addresses twice, no marks.
    "apple-exchange": Program(
        {
            key: text.replace(f"<{ADDRESS}>", f"<{ADDRESS}<mailto:{ADDRESS}>>")
            for key, text in _announced(line.APPLE).items()
        },
        marks="",
    ),
    "thunderbird": Program(
        _announced(line.THUNDERBIRD),
        page.THUNDERBIRD,
        gap=False,
        below=True,
        flowed=True,
        width=72,
        paragraphs="br",
    ),
    "roundcube": Program(
        _announced(line.ROUNDCUBE), page.ROUNDCUBE, gap=False, below=True, flowed=True, width=72, paragraphs="p"
    ),
    "sogo": Program(_announced(more.SOGO), page.SOGO, below=True, width=72, paragraphs="br"),
    "evolution": Program(_announced(more.EVOLUTION), page.EVOLUTION, gap=False, below=True, width=71),
    "geary": Program(_announced(more.GEARY), page.GEARY, flowed=True, width=72),
    "claws": Program(_announced(more.CLAWS), below=True, width=72),
    "horde": Program(_announced(more.HORDE), page.HORDE, below=True, paragraphs="p"),
    "kmail": Program(_announced(more.KMAIL), gap=False, below=True, width=78),
    "mutt": Program(_announced(service.MUTT), gap=False, below=True, width=72),
    "k9": Program(_announced(service.K9), page.K9, gap=False, below=True, flowed=True, width=72, paragraphs="br"),
    "yahoo": Program({key: f"    {text}  " for key, text in _announced(service.YAHOO).items()}, page.YAHOO, marks=" "),
    "proton": Program(_announced(service.PROTON), page.PROTON),
    "outlook-mac": Program(_announced(service.OUTLOOK_MAC), page.OUTLOOK_MAC, marks="    ", paragraphs="word"),
    "fastmail": Program(_announced(service.FASTMAIL), page.FASTMAIL, gap=False),
    "zoho": Program(_announced(service.ZOHO), page.ZOHO, marks=""),
    "nextcloud": Program(_announced(service.NEXTCLOUD), page.NEXTCLOUD, gap=False, paragraphs="p"),
    "tutanota": Program(_announced(service.TUTANOTA), page.TUTANOTA, gap=False),
    "mail-ru": Program(_announced(service.MAIL_RU), page.MAIL_RU, marks=">", around=True),
    "yandex": Program(_announced(service.YANDEX), page.YANDEX, gap=False),
    "netease": Program(_announced(service.NETEASE), page.NETEASE, marks=">", gap=False),
    "groupwise": Program(_announced(service.GROUPWISE), marks="", gap=False, width=120),
    "groupwise-message": Program(_announced(service.GROUPWISE_MESSAGE), gap=False, below=True),
    "notes-line": Program(_announced(service.NOTES)),
    "open-xchange": Program(_announced(service.OPEN_XCHANGE), page.OPEN_XCHANGE, around=True, paragraphs="p"),
    "spark": Program(_announced(service.SPARK), page.SPARK, gap=False),
    "the-bat": Program(_announced(service.THE_BAT), below=True),
    "em-client": Program(
        {key: value for key, value in _block(OUTLOOK, _em_client).items() if key in EM_CLIENT_ORIGINAL},
        page.EM_CLIENT,
        marks="",
    ),
    "outlook-text": Program(_block(OUTLOOK, _outlook_text), marks=""),
    "outlook": Program(_block(OUTLOOK, _outlook), page.OUTLOOK, marks="", paragraphs="word"),
    "outlook-web": Program(_block(OUTLOOK, _outlook_web), page.OUTLOOK_WEB, marks=""),
    "outlook-mobile": Program(_block(DATED, _outlook), page.OUTLOOK_MOBILE, marks=""),
    "zimbra": Program(_block(ZIMBRA, _zimbra), page.ZIMBRA, marks=""),
    "samsung": Program(_block(DATED, _samsung), page.SAMSUNG, marks=""),
    "notes": Program(_block(DATED, _notes), marks=""),
    "gmx": Program(GMX, page.GMX, marks=""),
    "qq": Program(QQ, page.QQ, marks=""),
    "naver": Program(NAVER, page.NAVER, marks=""),
}
