"""The header block above a quotation: how mail programs name sender, date, recipient and subject in each language."""

from collections.abc import Mapping

# Sender | sent | recipient | subject: Outlook for Windows, Outlook on the web. French has a blank before its colon.
OUTLOOK = """\
en | From | Sent | To | Subject
de | Von | Gesendet | An | Betreff
fr | De_ | Envoyé_ | À_ | Objet_
es | De | Enviado el | Para | Asunto
it | Da | Inviato | A | Oggetto
nl | Van | Verzonden | Aan | Onderwerp
pt | De | Enviada em | Para | Assunto
sv | Från | Skickat | Till | Ämne
da | Fra | Sendt | Til | Emne
nb | Fra | Sendt | Til | Emne
fi | Lähettäjä | Lähetetty | Vastaanottaja | Aihe
pl | Od | Wysłane | Do | Temat
cs | Od | Odesláno | Komu | Předmět
sk | Od | Odoslané | Komu | Predmet
hu | Feladó | Elküldve | Címzett | Tárgy
ro | De la | Trimis | Către | Subiect
bg | От | Изпратено | До | Относно
hr | Od | Poslano | Prima | Predmet
sl | Od | Poslano | Za | Zadeva
ru | От | Отправлено | Кому | Тема
uk | Від | Надіслано | Кому | Тема
el | Από | Στάλθηκε | Προς | Θέμα
tr | Kimden | Gönderildi | Kime | Konu
lt | Nuo | Išsiųsta | Kam | Tema
et | Saatja | Saadetud | Adressaat | Teema
ca | De | Enviat | Per a | Tema
he | מאת | נשלח | אל | נושא
ja | 差出人 | 送信日時 | 宛先 | 件名
ko | 보낸 사람 | 보낸 날짜 | 받는 사람 | 제목
zh-cn | 发件人 | 发送时间 | 收件人 | 主题
zh-tw | 寄件者 | 寄件日期 | 收件者 | 主旨
lv | No | Nosūtīts | Kam | Tēma
vi | Từ | Đã gửi | Tới | Chủ đề
id | Dari | Dikirim | Kepada | Subjek
ar | من | تاريخ الإرسال | إلى | الموضوع
th | จาก | ส่งเมื่อ | ถึง | เรื่อง
"""
# Sender | date | recipient | subject: the new Outlook for Mac, Outlook for iOS, HCL Notes, Samsung Email.
DATED = """\
en | From | Date | To | Subject
de | Von | Datum | An | Betreff
fr | De_ | Date_ | À_ | Objet_
es | De | Fecha | Para | Asunto
it | Da | Data | A | Oggetto
nl | Van | Datum | Aan | Onderwerp
pt | De | Data | Para | Assunto
sv | Från | Datum | Till | Ämne
da | Fra | Dato | Til | Emne
nb | Fra | Dato | Til | Emne
fi | Lähettäjä | Päivämäärä | Vastaanottaja | Aihe
pl | Od | Data | Do | Temat
cs | Od | Datum | Komu | Předmět
sk | Od | Dátum | Komu | Predmet
hu | Feladó | Dátum | Címzett | Tárgy
ro | De la | Data | Către | Subiect
ru | От | Дата | Кому | Тема
uk | Від | Дата | Кому | Тема
el | Από | Ημερομηνία | Προς | Θέμα
tr | Kimden | Tarih | Kime | Konu
ja | 差出人 | 日付 | 宛先 | 件名
ko | 보낸 사람 | 날짜 | 받는 사람 | 제목
zh-cn | 发件人 | 日期 | 收件人 | 主题
zh-tw | 寄件者 | 日期 | 收件者 | 主旨
"""
# Sender | sent | recipient | subject | the line above, between dashes: ZmMsg_*.properties of Zimbra 8.
ZIMBRA = """\
en | From | Sent | To | Subject | Original Message
de | Von | Gesendet | An | Betreff | Ursprüngliche Mail
fr | De | Envoyé | À | Objet | Mail original
es | De | Enviados | Para | Asunto | Mensaje original
it | Da | Inviato | A | Oggetto | Messaggio originale
nl | Van | Verzonden | Aan | Onderwerp | Oorspronkelijk bericht
pt | De | Enviadas | Para | Assunto | Mensagem original
sv | Från | Skickat | Till | Ämne | Ursprungligt meddelande
da | Fra | Sendt | Til | Emne | Oprindelig meddelelse
pl | Od | Wysłane | Do | Temat | Oryginalna wiadomość
hu | Feladó | Elküldött üzenetek | Címzett | Tárgy | Eredeti üzenet
ro | De la | Trimise | Către | Subiect | Mesaj original
ru | От | Отправленные | Кому | Тема | Исходное сообщение
tr | Kimden | Gönderilenler | Kime | Konu | Orijinal Mesaj
ja | 差出人 | 送信済み | 宛先 | 件名 | 元のメッセージ
ko | 보낸 사람 | 보낸 메시지 | 받는 사람 | 제목 | 원본 메시지
zh-cn | 发件人 | 发送时间 | 收件人 | 主题 | 原始邮件
"""
# The line above the block in a plain-text answer of Outlook for Windows, between five dashes.
OUTLOOK_ORIGINAL: Mapping[str, str] = {
    "en": "Original Message",
    "de": "Ursprüngliche Nachricht",
    "fr": "Message d'origine",
    "es": "Mensaje original",
    "it": "Messaggio originale",
    "nl": "Oorspronkelijk bericht",
    "pt": "Mensagem original",
    "sv": "Ursprungligt meddelande",
    "da": "Oprindelig meddelelse",
    "nb": "Opprinnelig melding",
    "fi": "Alkuperäinen viesti",
    "pl": "Original Message",
    "cs": "Original Message",
    "sk": "Pôvodná správa",
    "hu": "Eredeti üzenet",
    "ro": "Mesaj original",
    "bg": "Оригинално съобщение",
    "hr": "Izvorna poruka",
    "sl": "Izvorno sporočilo",
    "ru": "Исходное сообщение",
    "el": "Αρχικό μήνυμα",
    "tr": "Özgün İleti",
    "lt": "Pradinis pranešimas",
    "et": "Algne teade",
    "he": "הודעה מקורית",
    "ja": "Original Message",
    "ko": "Original Message",
    "zh-cn": "邮件原件",
    "zh-tw": "原始郵件",
}
# The same in Samsung Email and other programs of Android makers, between eight dashes.
SAMSUNG_ORIGINAL: Mapping[str, str] = {
    "en": "Original message",
    "de": "Ursprüngliche Nachricht",
    "fr": "Message d'origine",
    "es": "Mensaje original",
    "it": "Messaggio originale",
    "nl": "Oorspronkelijk bericht",
    "pt": "Mensagem original",
    "sv": "Originalmeddelande",
    "da": "Oprindelig meddelelse",
    "nb": "Opprinnelig melding",
    "fi": "Alkuperäinen viesti",
    "pl": "Oryginalna wiadomość",
    "cs": "Původní zpráva",
    "sk": "Pôvodná správa",
    "hu": "Eredeti üzenet",
    "ro": "Mesaj original",
    "ru": "Исходное сообщение",
    "uk": "Оригінальне повідомлення",
    "el": "Αρχικό μήνυμα",
    "tr": "Orijinal mesaj",
    "ko": "원본 이메일",
    "zh-cn": "原始邮件",
}
# The same in eM Client 9, between six dashes.
EM_CLIENT_ORIGINAL: Mapping[str, str] = {
    "en": "Original Message",
    "de": "Originalnachricht",
    "fr": "Message d'origine",
    "es": "Mensaje original",
    "it": "Messaggio originale",
    "nl": "Oorspronkelijk bericht",
    "pl": "Wiadomość oryginalna",
    "cs": "Původní zpráva",
    "sk": "Pôvodná správa",
    "hu": "Eredeti üzenet",
    "ru": "Исходное сообщение",
}


def labels(table: str) -> Mapping[str, tuple[str, ...]]:
    """The columns of each language; `_` at an end is the blank before a colon."""
    rows = (line.split(" | ") for line in table.splitlines())
    return {language: tuple(label.replace("_", " ") for label in columns) for language, *columns in rows}
