"""The words of attribution lines and of headers above quoted text, by language. Data for `reply.py`.

`WROTE`, `START`, `OPENING_ONLY` and `DASHED_END` are for lines in small letters: four times as fast as without regard
to case.
"""

import re


def _any_of(*words: str) -> str:
    return "|".join(words)


# "... wrote:" The verb that announces a quotation.
_WROTE = _any_of(
    r"wrote", r"writes", r"has written", r"schrieb(?:en)?", r"hat (?:\S+ ){0,9}geschrieben", r"geschrieben",
    r"a (?:\S+ )?écrit",
    r"écrit", r"escribi[óo]", r"va escriure", r"ha escrit", r"escreveu", r"ha scritto", r"schreef",
    r"heeft (?:\S+ ){0,12}geschreven",
    r"skrev", r"kirjoitti", r"pisze", r"napisał(?:\(a\)|a)?", r"napsala?(?:\(a\))?", r"napísal[ai]?(?:\(a\))?",
    r"írta", r"píše",
    r"a scris",
    r"написала?(?:\(а\)|\(-а\))?", r"писала?(?:\(а\))?", r"пишет", r"писали", r"пише", r"написав(?:\(-?ла\))?",
    r"написано", r"написа",
    r"έγραψε", r"yazdı", r"yazmış",
    r"כתב(?:/ה)?", r"كتب",
    r"đã viết", r"menulis",
    r"napisao(?:/la|\(la\))?", r"piše", r"napisala?(?:\(a\))?", r"написао(?:/ла)?", r"rašė", r"rakstīja",
    r"kirjutas",
    r"نوشت", r"نوشته است", r"ने लिखा", r"напиша", r"geskryf", r"viết", r"napisana przez", r"escribiu", r"skrifaði",
    r"idatzi (?:du|zuen)",
    r"shkroi", r"пісаў", r"напісаў", r"піша", r"escrigué", r"aliandika", r"ameandika", r"(?:ay )?sumulat",
    r"isinulat",
    r"লিখেছেন", r"எழுதியது", r"लिहिले", r"نے لکھا", r"დაწერა", r"წერდა", r"գրել է", r"գրեց", r"жазды", r"yazıb",
    r"бичсэн", r"skribis", r"scríobh", r"ysgrifennodd", r"כתבה", r"كتبت",

)  # fmt: skip
# Verbs of languages that put no blanks between words.
_WROTE_CLOSE = _any_of(
    r"写道", r"寫道", r"写到", r"寫到", r"提到", r"已寫入", r"のメール", r"書きました", r"さんは書きました",
    r"さんからのメール",
    r"작성", r"씀", r"쓴 (?:글|내용)", r"เขียนว่า", r"เขียน",
)  # fmt: skip
WROTE = re.compile(
    rf"(?:(?:^|[\s>\])*,.\d]|(?<=[^\x00-\x7f]))(?:{_WROTE})(?![\w(])|(?:{_WROTE_CLOSE}))"
    r"(?P<rest>[^\n]{0,200}?)\s*[:：]\W{0,3}$"
)
# How such a line begins, for one that is wrapped: only then are the lines above it part of it.
_OPENERS = (
    r"on|at|in data|in message|in article|am|um|von|le|el|il|il giorno|op|em|a|o|no dia|den|på|w dniu|dnia|dne|"
    r"dňa|dana|"
    r"în|la|"
    r"v|u|в|на|дана|у|вы|от|vào|pada|στις|þann|kuupäev|mnamo|noong|ühel|pe|ekkor|روز|ในวันที่|tarih|בתאריך|في|"
    r"در تاریخ|เมื่อ|"
    r"于|於|在|"
    r"quoting|zitat von|citando|missatge de"
)
_WEEKDAYS = (
    r"mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|man|tirs?|ons|tors?|fre|lør|søn|mån|tis|lör|sön|lun|mar|"
    r"mer|jeu|"
    r"ven|sam|dim|mié|jue|vie|sáb|dom|mie|joi|vin|sâm|dum|gio|gi|seg|ter|qua|qui|sex|ma|wo|vr|za|zo|ti|ke|to|pe|"
    r"la|su|"
    r"pon|wt|śr|czw|pt|sob|niedz?|ndz|po|út|st|čt|pá|ne|št|pi|ut|uto|sri|sre|čet|pet|sub|ned|пн|вт|ср|чт|пт|сб|вс|нд|"
    r"пон|вто|сре|чет|пет|саб|нед|съб|δευ|τρί|τετ|πέμ|παρ|σάβ|κυρ|dl|dt|dc|dj|dv|ds|dg|"
    r"понедельник|вторник|среда|четверг|пятница|суббота|воскресенье|pirmd|otrd|trešd|ceturtd|piektd|sestd|svētd|"
    r"सोम|मंगल|बुध|गुरु|शुक्र|शनि|रवि"
)
OPENER = re.compile(rf"\W{{0,4}}(?:{_OPENERS})\b")
START = re.compile(
    rf"^\W{{0,4}}(?:(?:{_OPENERS}|{_WEEKDAYS})\b|\d{{1,4}}(?!\d)|[于於在]\d|"
    rf"[^\W\d]{{1,14}}[.,،]{{1,2}}\s+(?:\S{{1,14}}\s+)?\d)"
)
# "Mon, 24", "tir. den 24."
DAY = re.compile(rf"\W{{0,4}}(?:{_WEEKDAYS})[.,]{{0,2}} (?:den )?\d{{1,2}}(?!\d)")
# A line that holds nothing else.
OPENING_ONLY = re.compile(
    rf"^\W{{0,4}}(?:{_OPENERS}|w|در|missatge|zitat|(?:(?:{_OPENERS})\s+)?(?:{_WEEKDAYS})[.,]{{0,2}})\s*$"
)
# "2020-01-03 10:00 GMT+01:00 John <j@example.org>:", "Quoting John <j@example.org>:"
DATED = re.compile(r"[<(\[][^<>()\[\]\s]{1,120}@[^<>()\[\]\s]{1,120}[>)\]]{1,2}\W{0,3}[:：]\W{0,3}$")
# "17.11.2026 14:05, John:", where the verb is left out.
DATE_AND_NAME = re.compile(
    r"\d{1,4}[./-] ?\d{1,2}[./-] ?\d{2,4}\.?(?: \([^()]{1,12}\))?,? \d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: [+-]\d{4})?, "
    r"[^\d\n:：]{2,80}[:：]$"
)
BRACKETED = re.compile(r"^\W{0,3}[^\n]{1,150}<[^<>\s]+@[^<>\s]+>\s*\[\d[^\]\n]{3,60}\]:$")
QUOTING = re.compile(
    r"^\s*(?:(?:quoting|zitat von|citando(?: a)?|citerar|zitiere|citat)\b[^\n]{1,200}|"
    r"(?:missatge de|citeren|siterer|lainaus|cytowanie|cituji|citát|idézet|citiram|цитирую|цитую|παραθέτοντας από|"
    r"alıntı|s['’]està citant|引用|引述|نقل قول|citēju)\b[^\n]{1,200}@[^\n]{1,200})[:：]\s*$",
    re.IGNORECASE,
)
# Zoho: "---- On Mon, 06 Jan 2025 09:14:00 +0100 John <j@example.org> wrote ----"
DASHED_END = re.compile(rf"\b(?:{_WROTE})\s*-{{3,}}$")
# GroupWise: ">>> John <j@example.org> 06.01.2025 09:14 >>>"
ARROWS = re.compile(r"^>>> (?=[^\n]*\d)[^>\n][^\n]{3,240} >>>\s*$")

_ORIGINAL = _any_of(
    r"original message", r"original mail", r"original e-?mail", r"original appointment", r"reply message",
    r"ursprüngliche nachricht",
    r"ursprüngliche mail", r"original-?nachricht", r"originalnachricht", r"ursprünglicher termin",
    r"mensaje original",
    r"message d'origine",
    r"message d’origine", r"message original", r"courriel original", r"messaggio originale",
    r"oorspronkelijk(?:e)? bericht",
    r"origineel bericht", r"mensagem original", r"ursprungligt meddelande", r"originalmeddelande",
    r"opprinnelig melding",
    r"oprindelig meddelelse", r"alkuperäinen viesti", r"wiadomość oryginalna", r"oryginalna wiadomość",
    r"původní (?:zpráva|e-mail)",
    r"pôvodná správa", r"eredeti üzenet", r"исходное сообщение", r"оригинальное сообщение",
    r"orijinal (?:mesaj|ileti)", r"özgün ileti",
    r"原始邮件", r"原始郵件", r"原邮件", r"元のメッセージ", r"원본 메시지", r"mesaj original", r"αρχικό μήνυμα",
    r"оригінальне повідомлення", r"вихідне повідомлення", r"оригинално съобщение", r"izvorna poruka",
    r"originalna poruka", r"izvirno sporočilo", r"missatge original", r"pesan asli", r"thư gốc", r"הודעה מקורית",
    r"الرسالة الأصلية", r"رسالة أصلية",
)  # fmt: skip
ORIGINAL = re.compile(rf"^\s*+[\s*]{{0,9}}[-‐‑–—_=*]{{2,}}+\s*+(?:{_ORIGINAL})\b[^\n]{{0,40}}$", re.IGNORECASE)

_FORWARDED = _any_of(
    r"forwarded (?:message|mail|by)", r"weitergeleitete nachricht", r"weitergeleitet von",
    r"message (?:transféré|réexpédié|transmis)",
    r"mensaje reenviado", r"messaggio inoltrato", r"doorgestuurd bericht", r"mensagem (?:encaminhada|reencaminhada)",
    r"vidarebefordrat (?:meddelande|brev)", r"vidaresänt meddelande", r"videresendt (?:melding|meddelelse)",
    r"välitetty viesti", r"wiadomość przekazana",
    r"przekazana wiadomość", r"přeposlaná zpráva", r"továbbított üzenet", r"пересылаемое сообщение",
    r"пересланное сообщение",
    r"iletilen mesaj", r"yönlendirilen ileti", r"转发邮件", r"转发的邮件",
    r"轉寄郵件", r"転送メッセージ", r"전달된 메시지",
)  # fmt: skip
FORWARDED = re.compile(
    rf"^\s*+[\s*]{{0,9}}(?:[-‐‑–—_=*]{{2,}}+\s*+(?:{_FORWARDED})|begin forwarded message|"
    r"anfang der weitergeleiteten (?:nachricht|e-mail)|"
    r"début du message (?:réexpédié|transféré)|inizio messaggio inoltrato|inicio del mensaje reenviado|"
    r"begin doorgestuurd bericht|início da mensagem (?:reencaminhada|encaminhada)|vidarebefordrat brev|"
    r"начало переадресованного сообщения|početak proslijeđene poruke)\b[^\n]{0,60}$",
    re.IGNORECASE,
)

# The header block that Outlook and webmail put above a mail that is answered: label -> what it is.
_LABELS = {
    "from": "from|von|de|da|van|från|fra|lähettäjä|od|feladó|от|від|од|kimden|gönderen|expéditeur|发件人|寄件者|"
    "寄件人|"
    "差出人|보낸 사람|de la|από|saatja|nuo|no|từ|จาก|dari|מאת|من|از"
    "|šalje|pošiljatelj|pošiljalac|пошиљалац|шаље|испраќач|frá|nork|kimdən|кімнен|илгээгч|від кого"
    ""
    "|送信者|보낸사람|người gửi|ผู้ส่ง"
    "|השולח|المرسل|فرستنده|प्रेषक|से",
    "date": "sent|date|gesendet|datum|envoyé|enviado|enviado el|enviado em|enviada em|fecha|data|inviato|verzonden|"
    "skickat|sendt|dato|lähetetty|päivämäärä|wysłano|wysłane|odesláno|odoslané|dátum|elküldve|отправлено|дата|"
    "надіслано|"
    "изпратено|послато|poslano|gönderilen|gönderildi|tarih|发送时间|发送日期|日期|傳送時間|寄件日期|送信日時|"
    "日付|보낸 날짜|date d'envoi|trimis|στάλθηκε|ημερομηνία|saatmisaeg|išsiųsta|nosūtīts|enviat|"
    "đã gửi|ngày|ส่งเมื่อ|วันที่|dikirim|tanggal|נשלח|תאריך|تاريخ الإرسال|تم الإرسال|التاريخ|تاریخ"
    "|sent at|sent on|gönderilme|gönderme tarihi|gönderilme tarihi|poslano dana|послано|пратено"
    "|испратено|датум|dagsetning|bidaltze-data|noiz|tarix|жіберілді|огноо|datë"
    "|verzonden op|skickat den|enviado às|日時|보낸날짜|날짜|ngày gửi|ส่ง"
    "|वितरित|भेजा गया|दिनांक|ارسال‌شده|ارسال شده|odoslaná",
    "to": "to|an|à|a|para|aan|till|til|vastaanottaja|do|komu|címzett|кому|до|за|kime|kime/alıcı|收件人|收件者|宛先|"
    "받는 사람|către|prima|za|προς|adressaat|kam|per a|tới|đến|ถึง|kepada|אל|إلى|به"
    "|alıcı|primatelj|primalac|прималац|прима|примач|nori|për|kimə|кімге|хэнд"
    ""
    "|受信者|받는사람|người nhận|ผู้รับ|הנמען|المرسل إليه"
    "|گیرنده|को|प्राप्तकर्ता",
    "subject": "subject|betreff|objet|asunto|oggetto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|zadeva|"
    "tárgy|тема|"
    "относно|konu|主题|主旨|件名|제목|assunto|subiect|θέμα|teema|tema|tēma|chủ đề|เรื่อง|perihal|"
    "subjek|נושא|الموضوع|موضوع"
    "|efni|gaia|mövzu|тақырыбы|сэдэв|subjekti|chủ đề thư|ชื่อเรื่อง|tajuk|विषय|العنوان|عنوان"
    "",
    "cc": "cc|kopie|copie|c.c.|kopia|kopi|dw|抄送|副本|копия|копія|참조|reply-to|antwort an|répondre à",
}  # fmt: skip
_KINDS = {word: kind for kind, words in _LABELS.items() for word in words.split("|")}
LABEL = re.compile(r"[\s*_]{0,4}([^:：\n]{1,24}?)[*_]{0,2}\s?[:：]")


def label_kind(line: str) -> str | None:
    """Which header a line of such a block shows: `from date to subject cc`; None for any other line."""
    match = LABEL.match(line)
    return _KINDS.get(match[1].lower()) if match else None
