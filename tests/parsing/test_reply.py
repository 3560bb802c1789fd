"""What the author wrote now: one case a shape and language that mail programs produce."""

import pytest

from resolver.parsing.reply import reply_of
from schemas.reply_marker import REPLY_MARKER
from tests.parsing.steps import grows_no_faster

OWN = "It works now, thank you.\n\nAnna"

# Announcements as mail programs write them, above a quotation with marks.
ANNOUNCEMENTS = {
    "gmail-en": "On Mon, Jan 6, 2025 at 9:14 AM Service Desk <desk@example.org> wrote:",
    "gmail-en-wrapped": "On Mon, Jan 6, 2025 at 9:14 AM Service Desk of the Example Company <\n"
    "desk@example.org> wrote:",
    "gmail-en-wrapped-twice": "On Monday, January 6, 2025 at 9:14:00 AM UTC+1 Service Desk\nof the Example Company\n"
    "<desk@example.org> wrote:",
    "apple-en": "On 6 Jan 2025, at 09:14, Service Desk <desk@example.org> wrote:",
    "thunderbird-en": "On 06/01/2025 09:14, Service Desk wrote:",
    "yahoo-en": "    On Monday, 6 January 2025 at 09:14:11 GMT, Service Desk <desk@example.org> wrote:  ",
    "old-yahoo-en": "--- On Mon, 1/6/25, Service Desk <desk@example.org> wrote:",
    "plain-en": "Service Desk wrote:",
    "mutt": "* Service Desk <desk@example.org> [2025-01-06 09:14]:",
    "old-gmail-iso": "2025-01-06 9:14 GMT+01:00 Service Desk <desk@example.org>:",
    "horde": "Quoting Service Desk <desk@example.org>:",
    "notes-style": "Service Desk <desk@example.org> wrote on 06.01.2025 09:14:03:",
    "gmail-de": "Am Mo., 6. Jan. 2025 um 09:14 Uhr schrieb Service Desk <desk@example.org>:",
    "gmail-de-wrapped": "Am Mo., 6. Jan. 2025 um 09:14 Uhr schrieb Service Desk der Beispiel AG <\ndesk@example.org>:",
    "thunderbird-de": "Am 06.01.25 um 09:14 schrieb Service Desk:",
    "apple-de": "Am 06.01.2025 um 09:14 schrieb Service Desk <desk@example.org>:",
    "web.de": "Service Desk <desk@example.org> schrieb am 06.01.2025, 9:14 Uhr:",
    "zitat-de": "Zitat von Service Desk <desk@example.org>:",
    "gmail-fr": "Le lun. 6 janv. 2025 à 09:14, Service Desk <desk@example.org> a écrit :",
    "apple-fr": "Le 6 janv. 2025 à 09:14, Service Desk <desk@example.org> a écrit :",
    "gmail-es": "El lun, 6 ene 2025 a las 9:14, Service Desk (<desk@example.org>) escribió:",
    "gmail-it": "Il giorno lun 6 gen 2025 alle ore 09:14 Service Desk <desk@example.org> ha scritto:",
    "thunderbird-it": "Il 06/01/2025 09:14, Service Desk ha scritto:",
    "gmail-nl": "Op ma 6 jan 2025 om 09:14 schreef Service Desk <desk@example.org>:",
    "thunderbird-nl": "Op 06-01-2025 om 09:14 schreef Service Desk:",
    "gmail-pt": "Em seg., 6 de jan. de 2025 às 09:14, Service Desk <desk@example.org>\nescreveu:",
    "gmail-sv": "Den mån 6 jan. 2025 kl 09:14 skrev Service Desk <desk@example.org>:",
    "gmail-no": "man. 6. jan. 2025 kl. 09:14 skrev Service Desk <desk@example.org>:",
    "gmail-da": "Den man. 6. jan. 2025 kl. 09.14 skrev Service Desk <desk@example.org>:",
    "gmail-fi": "ma 6. tammik. 2025 klo 9.14 Service Desk (desk@example.org) kirjoitti:",
    "gmail-pl": "pon., 6 sty 2025 o 09:14 Service Desk <desk@example.org> napisał(a):",
    "thunderbird-pl": "W dniu 06.01.2025 o 09:14, Service Desk pisze:",
    "dnia-pl": "Dnia 6 stycznia 2025 09:14 Service Desk <desk@example.org> napisał(a):",
    "gmail-cs": "po 6. 1. 2025 v 9:14 odesílatel Service Desk <desk@example.org> napsal:",
    "thunderbird-cs": "Dne 06. 01. 25 v 9:14 Service Desk napsal(a):",
    "gmail-hu": "Service Desk <desk@example.org> ezt írta (időpont: 2025. jan. 6., H, 9:14):",
    "gmail-ro": "În lun., 6 ian. 2025 la 09:14, Service Desk <desk@example.org> a scris:",
    "gmail-ru": "пн, 6 янв. 2025 г. в 09:14, Service Desk <desk@example.org>:",
    "thunderbird-ru": "06.01.2025 09:14, Service Desk пишет:",
    "mail.ru": "Понедельник, 6 января 2025, 9:14 +03:00 от Service Desk <desk@example.org>:",
    "yandex-ru": '06.01.2025, 09:14, "Service Desk" <desk@example.org>:',
    "napisal-ru": "6 января 2025 г., в 9:14, Service Desk <desk@example.org> написал(а):",
    "gmail-uk": "пн, 6 січ. 2025 р. о 09:14 Service Desk <desk@example.org> пише:",
    "gmail-el": "Στις Δευ 6 Ιαν 2025 στις 9:14 π.μ., ο χρήστης Service Desk <desk@example.org> έγραψε:",
    "gmail-tr": "Service Desk <desk@example.org>, 6 Oca 2025 Pzt, 09:14 tarihinde şunu yazdı:",
    "gmail-zh": "Service Desk <desk@example.org> 于2025年1月6日周一 09:14写道：",
    "qq-zh": "在 2025年1月6日，上午9:14，Service Desk <desk@example.org> 写道：",
    "gmail-zh-tw": "Service Desk <desk@example.org> 於 2025年1月6日 週一 上午9:14寫道：",
    "gmail-ja": "2025年1月6日(月) 9:14 Service Desk <desk@example.org>:",
    "apple-ja": "2025/01/06 9:14、Service Desk <desk@example.org>のメール:",
    "gmail-ko": "2025년 1월 6일 (월) 오전 9:14, Service Desk <desk@example.org>님이 작성:",
    "gmail-he": "‫בתאריך יום ב׳, 6 בינו׳ 2025 ב-9:14 מאת ‪Service Desk‬‏ <‪desk@example.org‬‏>:‬",
}
ANNOUNCEMENTS |= {
    "zoho": "---- On Mon, 06 Jan 2025 09:14:00 +0100 Service Desk <desk@example.org> wrote ----",
    "ionos-de": "Service Desk <desk@example.org> hat am 06.01.2025 09:14 CET geschrieben:",
    "yahoo-de": "Am Montag, 6. Januar 2025 um 09:14:00 MEZ hat Service Desk <desk@example.org> Folgendes geschrieben:",
    "apple-nl": "Op 6 jan. 2025, om 09:14 heeft Service Desk <desk@example.org> het volgende geschreven:",
    "user-pl": "W dniu 6 stycznia 2025 09:14 użytkownik Service Desk <desk@example.org>\nnapisał:",
    "windows-sv": "Den 6 januari, 2025 09:14:18, Service Desk (desk@example.org) skrev:",
    "outlook-ios": 'On Mon, Jan 6, 2025 at 9:14 AM +0100, "Service Desk" <desk@example.org> wrote:',
    "thunderbird-hu": "2025. 01. 06. 9:14 keltezéssel, Service Desk írta:",
    "thunderbird-sk": "Dňa 6. 1. 2025 o 9:14 Service Desk napísal(a):",
    "thunderbird-sl": "Dne 06. 01. 2025 ob 9:14 je Service Desk napisal(a):",
    "thunderbird-hr": "Dana 6. 1. 2025. u 9:14 Service Desk je napisao/la:",
    "thunderbird-sr": "Дана 6.1.2025. у 9:14, Service Desk је написао/ла:",
    "thunderbird-bg": "На 6.01.2025 г. в 9:14, Service Desk написа:",
    "thunderbird-lv": "2025-01-06 09:14, Service Desk rakstīja:",
    "thunderbird-lt": "2025-01-06 09:14, Service Desk rašė:",
    "thunderbird-ca": "El 6/1/25 a les 9:14, Service Desk ha escrit:",
    "gmail-fa": "در تاریخ دوشنبه ۶ ژانویهٔ ۲۰۲۵،‏ ۹:۱۴ Service Desk <desk@example.org> نوشت:",
    "gmail-th": "เมื่อ จ. 6 ม.ค. 2025 เวลา 09:14 Service Desk <desk@example.org> เขียนว่า:",
    "gmail-vi": "Vào Th 2, 6 thg 1, 2025 vào lúc 09:14 Service Desk <desk@example.org> đã viết:",
    "gmail-id": "Pada Sen, 6 Jan 2025 pukul 09.14 Service Desk <desk@example.org> menulis:",
    "gmail-hi": "सोम, 6 जन॰ 2025 को 9:14 am बजे को Service Desk <desk@example.org> ने लिखा:",
}
QUOTE = "> Please try again.\n>\n> Service Desk\n>> earlier\n"


@pytest.mark.parametrize("name", ANNOUNCEMENTS)
def test_text_above_an_announced_quotation_is_the_reply(name: str) -> None:
    assert reply_of(f"{OWN}\n\n{ANNOUNCEMENTS[name]}\n\n{QUOTE}") == OWN


@pytest.mark.parametrize("name", ANNOUNCEMENTS)
def test_text_below_an_announced_quotation_is_the_reply(name: str) -> None:
    assert reply_of(f"{ANNOUNCEMENTS[name]}\n{QUOTE}\n{OWN}\n") == OWN


UNMARKED = [name for name, line in ANNOUNCEMENTS.items() if name not in ("plain-en",)]


@pytest.mark.parametrize("name", UNMARKED)
def test_an_announced_quotation_without_marks_ends_the_reply(name: str) -> None:
    assert reply_of(f"{OWN}\n\n{ANNOUNCEMENTS[name]}\n\nPlease try again.\n\nService Desk\n") == OWN


SEPARATED = {
    "outlook-en": "From: Service Desk <desk@example.org>\nSent: Monday, January 6, 2025 9:14 AM\n"
    "To: Anna <anna@example.org>\nSubject: Your call\n\nPlease try",
    "outlook-web": "________________________________\nFrom: Service Desk <desk@example.org>\n"
    "Sent: Monday, January 6, 2025 9:14 AM\nTo: Anna\nSubject: Call\n\nPlease",
    "outlook-original": "-----Original Message-----\nFrom: Service Desk [mailto:desk@example.org]\n"
    "Sent: Monday, January 6, 2025 9:14 AM\nTo: Anna\nSubject: Call\n\nText",
    "outlook-de": "Von: Service Desk <desk@example.org>\nGesendet: Montag, 6. Januar 2025 09:14\nAn: Anna\n"
    "Betreff: Ihr Anruf\n\nBitte",
    "outlook-de-original": "-----Ursprüngliche Nachricht-----\nVon: Service Desk\n"
    "Gesendet: Montag, 6. Januar 2025 09:14\nAn: Anna\nBetreff: x\n\nBitte",
    "outlook-fr": "De : Service Desk <desk@example.org>\nEnvoyé : lundi 6 janvier 2025 09:14\nÀ : Anna\n"
    "Objet : Appel\n\nMerci",
    "outlook-es": "De: Service Desk <desk@example.org>\nEnviado el: lunes, 6 de enero de 2025 9:14\nPara: Anna\n"
    "Asunto: Llamada\n\nPor favor",
    "outlook-it": "Da: Service Desk <desk@example.org>\nInviato: lunedì 6 gennaio 2025 09:14\nA: Anna\n"
    "Oggetto: Chiamata\n\nPrego",
    "outlook-nl": "Van: Service Desk <desk@example.org>\nVerzonden: maandag 6 januari 2025 09:14\nAan: Anna\n"
    "Onderwerp: Melding\n\nGraag",
    "outlook-pt": "De: Service Desk <desk@example.org>\nEnviada em: segunda-feira, 6 de janeiro de 2025 09:14\n"
    "Para: Anna\nAssunto: Chamado\n\nFavor",
    "outlook-sv": "Från: Service Desk <desk@example.org>\nSkickat: den 6 januari 2025 09:14\nTill: Anna\n"
    "Ämne: Ärende\n\nVar god",
    "outlook-da": "Fra: Service Desk <desk@example.org>\nSendt: 6. januar 2025 09:14\nTil: Anna\nEmne: Sag\n\nPrøv",
    "outlook-fi": "Lähettäjä: Service Desk <desk@example.org>\nLähetetty: maanantai 6. tammikuuta 2025 9.14\n"
    "Vastaanottaja: Anna\nAihe: Puhelu\n\nKokeile",
    "outlook-pl": "From: Service Desk\nWysłano: 6 stycznia 2025 09:14\nDo: Anna\nTemat: Zgłoszenie\n\nProszę",
    "outlook-cs": "Od: Service Desk <desk@example.org>\nOdesláno: pondělí 6. ledna 2025 9:14\nKomu: Anna\n"
    "Předmět: Volání\n\nProsím",
    "outlook-ru": "От: Service Desk <desk@example.org>\nОтправлено: 6 января 2025 г. 9:14\nКому: Анна\nТема: Заявка\n"
    "\nПопробуйте",
    "outlook-zh": "发件人: Service Desk <desk@example.org>\n"
    "发送时间: 2025年1月6日 9:14\n收件人: Anna\n主题: 电话\n\n请再试",
    "outlook-ja": "差出人: Service Desk <desk@example.org>\n"
    "送信日時: 2025年1月6日 9:14\n宛先: Anna\n件名: 電話\n\nもう一度",
    "outlook-bold": "*From:* Service Desk <desk@example.org>\n*Sent:* Monday, January 6, 2025 9:14 AM\n*To:* Anna\n"
    "*Subject:* Call\n\nPlease",
    "outlook-mac": "From: Service Desk <desk@example.org>\nDate: Monday, 6 January 2025 at 09:14\n"
    "To: Anna <anna@example.org>\nSubject: Call\n\nPlease",
    "proton": "------- Original Message -------\n"
    "On Monday, January 6th, 2025 at 9:14 AM, Service Desk <desk@example.org> wrote:\n\n\n> Please",
    "qq": "------------------ 原始邮件 ------------------\n"
    '发件人: "desk" <desk@example.org>;\n发送时间: 2025年1月6日 9:14\n\n请',
    "own-marker": f"{REPLY_MARKER}\n\nYour call C-000123 was logged.\nPlease answer above the line.",
    "own-marker-announced": f"On Mon, Jan 6, 2025 at 9:14 AM desk@example.org wrote:\n\n{REPLY_MARKER}\n\n"
    "Your call was logged.",
}
# Sender, date, recipient and subject as Outlook names them.
OUTLOOK = {
    "bg": "От Изпратено До Относно",
    "ca": "De Enviat Per_a Tema",
    "el": "Από Στάλθηκε Προς Θέμα",
    "et": "Saatja Saatmisaeg Adressaat Teema",
    "he": "מאת נשלח אל נושא",
    "hr": "Od Poslano Prima Predmet",
    "hu": "Feladó Elküldve Címzett Tárgy",
    "id": "Dari Dikirim Kepada Perihal",
    "ko": "보낸_사람 보낸_날짜 받는_사람 제목",
    "lt": "Nuo Išsiųsta Kam Tema",
    "lv": "No Nosūtīts Kam Tēma",
    "no": "Fra Sendt Til Emne",
    "ro": "De_la Trimis Către Subiect",
    "sk": "Od Odoslané Komu Predmet",
    "sl": "Od Poslano Za Zadeva",
    "th": "จาก ส่งเมื่อ ถึง เรื่อง",
    "tr": "Kimden Gönderildi Kime Konu",
    "uk": "Від Надіслано Кому Тема",
    "vi": "Từ Đã_gửi Tới Chủ_đề",
    "zh-tw": "寄件者 寄件日期 收件者 主旨",
    "ar": "من تاريخ_الإرسال إلى الموضوع",
}
VALUES = ("Service Desk <desk@example.org>", "06.01.2025 09:14", "Anna <anna@example.org>", "Call")
for language, labels in OUTLOOK.items():
    lines = [f"{label.replace('_', ' ')}: {value}" for label, value in zip(labels.split(), VALUES, strict=True)]
    SEPARATED[f"outlook-{language}"] = "\n".join(lines) + "\n\nPlease try again"
    SEPARATED[f"date-first-{language}"] = "\n".join([lines[1], lines[0], *lines[2:]]) + "\n\nPlease try again"
SEPARATED |= {
    "gmx-de": "Gesendet: Montag, 06. Januar 2025 um 09:14 Uhr\n"
    'Von: "Service Desk" <desk@example.org>\nAn: anna@example.org\nBetreff: Anruf\n\nBitte',
    "hotmail": "To: anna@example.org\nFrom: desk@example.org\nSubject: call\n"
    "Date: Mon, 6 Jan 2025 09:14:00 +0000\n\nPlease",
    "lotus": "From:\tDesk/EXAMPLE\nTo:\tAnna/EXAMPLE@EXAMPLE\nDate:\t06.01.2025 09:14\nSubject:\tcall\n\nPlease",
    "samsung-de": "-------- Ursprüngliche Nachricht --------\nVon: Desk <desk@example.org>\n"
    "Datum: 06.01.25 09:14 (GMT+01:00)\nAn: Anna\nBetreff: Re: Anruf\n\nBitte",
    "with-reply-to": "From: desk@example.org\nReply-To: desk@example.org\nSent: Mon, 6 Jan 2025 09:14:00 +0000\n"
    "To: anna@example.org\nSubject: Call\n\nPlease",
    "groupwise": ">>> Service Desk <desk@example.org> 06.01.2025 09:14 >>>\nPlease try again",
}


@pytest.mark.parametrize("name", SEPARATED)
def test_text_above_a_separated_mail_is_the_reply(name: str) -> None:
    assert reply_of(f"{OWN}\n\n{SEPARATED[name]}\n", "RE: Your call") == OWN


WHOLE = {
    "no-quotation": "The printer in room 4 is broken.\n\nIt says: paper jam.\n",
    "answers-between": "On Mon, Jan 6, 2025 at 9:14 AM Desk <desk@example.org> wrote:\n> Which printer?\n"
    "The one in room 4.\n> Since when?\nMonday.\n",
    "greeting-and-answer": "Hello,\n\nOn 06/01/2025 09:14, Desk wrote:\n> Which printer?\n\nThe one in room 4.\n",
    "all-quote": "> Which printer?\n> Since when?\n",
    "all-quote-announced": "On 06/01/2025 09:14, Desk wrote:\n> Which printer?\n",
    "unmarked-all-quote": "From: Desk <desk@example.org>\nSent: Monday\nTo: Anna\nSubject: Call\n\nPlease try again.",
    "forwarded-gmail": "Please see below.\n\n---------- Forwarded message ---------\nFrom: Bob <bob@example.org>\n"
    "Date: Mon, Jan 6, 2025\nSubject: x\nTo: Anna\n\n"
    "The lift is stuck.\n\nOn Sun, Jan 5, 2025 at 1:00 PM Eve <eve@example.org> wrote:\n> really?",
    "forwarded-apple": "FYI\n\nBegin forwarded message:\n\nFrom: Bob <bob@example.org>\nSubject: lift\n"
    "Date: 6 January 2025\nTo: Anna\n\nThe lift is stuck.",
    "forwarded-de": "Bitte prüfen.\n\n-------- Weitergeleitete Nachricht --------\nBetreff: Aufzug\n"
    "Datum: Mo, 6 Jan 2025\nVon: Bob <bob@example.org>\nAn: Anna\n\nSteht.",
    "only-signature-words": "-- \nAnna\nExample Company",
    "colon-sentence": "The error says on 06/01/2025 at 09:14:\ndisk full. Please help, this is what Bob wrote:\n"
    "nothing works",
    "list-of-fields": "From: my office\nThe printer does not work. To: you, with thanks.\n",
    "a-form": "Please book for me:\n\nFrom: Vienna\nTo: Graz\nDate: 5 May, 10:00\n\nThank you",
    "a-log": "The log says:\n\nOn Monday 10:00 the service wrote:\nERROR 17: disk full\nand then nothing.",
    "told": "Bob wrote: the printer is dead.\nPlease come.",
    "a-mobile-program": "The printer is broken.\n\nSent from my iPhone",
    "a-prompt": "The screen shows\n>\nand nothing else.\n> login:\nWhat now?",
    "dividers": "First part\n-----\nSecond part\n-----\nThird part",
    "divider": "First part:\n--\n" + "\n".join(f"line {i} of the second part" for i in range(30)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_everything_stays(name: str) -> None:
    assert reply_of(WHOLE[name]) == WHOLE[name].strip("\n")


def test_a_forward_by_outlook_is_known_by_its_subject() -> None:
    text = f"Can you help Bob?\n\n{SEPARATED['outlook-en']}"
    assert reply_of(text, "FW: lift") == text
    assert reply_of(text, "RE: FW: lift") == text


@pytest.mark.parametrize("separator", ["-- ", "--"])
def test_a_signature_is_no_part_of_the_reply(separator: str) -> None:
    signature = f"{separator}\nAnna Example\nExample Company, Room 4"
    quote = f"On 06/01/2025 09:14, Desk wrote:\n{QUOTE}"
    assert reply_of(f"{OWN}\n\n{signature}") == OWN
    assert reply_of(f"{OWN}\n\n{signature}\n\n{quote}") == OWN
    assert reply_of(f"{OWN}\n\n{quote}\n{signature}") == OWN
    assert reply_of(f"{quote}\n{OWN}\n\n{signature}") == OWN


def test_a_mobile_program_names_itself_in_the_reply() -> None:
    """Only what stands behind `-- ` is a signature."""
    for line in ("Sent from my iPhone", "Von meinem iPhone gesendet", "Get Outlook for Android<https://aka.ms/x>"):
        assert reply_of(f"{OWN}\n\n{line}\n\nOn 06/01/2025 09:14, Desk wrote:\n{QUOTE}") == f"{OWN}\n\n{line}"


def test_a_signature_above_a_forwarded_mail_is_left_out() -> None:
    forwarded = (
        "---------- Forwarded message ---------\nFrom: Bob <bob@example.org>\nSubject: x\n\nIt is stuck.\n-- \nBob"
    )
    assert reply_of(f"See below.\n\n-- \nAnna\n\n{forwarded}") == f"See below.\n\n{forwarded}"


def test_answers_between_quotations_lose_only_the_signature() -> None:
    between = WHOLE["answers-between"].strip("\n")
    assert reply_of(f"{between}\n-- \nAnna") == between


def test_a_mailing_list_footer_is_no_answer() -> None:
    footer = "_______________________________________________\nusers mailing list\nusers@lists.example.org\n"
    assert reply_of(f"{OWN}\n\nOn 06/01/2025 09:14, Desk wrote:\n{QUOTE}\n{footer}") == OWN


@pytest.mark.parametrize(
    "text",
    [
        "> " * 20_000,
        "On " * 20_000 + "wrote:",
        "a\n" * 50_000,
        "On 1 x wrote:\n" * 5_000,
        "From: a\n" * 20_000,
        ("x " * 400 + ":\n") * 500,
        ("---" + "1 " * 240 + "---\n") * 20_000,
        (">>> " + "1 " * 120 + "\nx\n") * 10_000,
        ("On 1 wrote " * 40 + ":\n") * 5_000,
    ],
)
def test_a_hostile_text_gives_a_reply(text: str) -> None:
    assert reply_of(text)
    assert grows_no_faster(lambda part: reply_of(text[: part * len(text) // 100]), 4)
