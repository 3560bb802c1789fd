"""The line above a quotation as services and older programs write it (announcements.py), and a phone's signature."""

from tests.replies.announcements import Lines

# Yahoo Mail in a browser; AOL Mail is the same program.
YAHOO: Lines = {
    "en": "On {full} at 02:05:00 PM GMT+1, {n} <{a}> wrote:",
    "de": "Am {full} um 14:05:00 MEZ hat {n} <{a}> Folgendes geschrieben:",
    "fr": "Le {full} à 14:05:00 UTC+1, {n} <{a}> a écrit :",
    "es": "El {full}, 14:05:00 CET, {n} <{a}> escribió:",
    "it": "Il {full} alle ore 14:05:00 CET, {n} <{a}> ha scritto:",
    "nl": "Op {full} om 14:05:00 CET schreef {n} <{a}>:",
    "pt": "Em {full} às 14:05:00 BRT, {n} <{a}> escreveu:",
    "sv": "Den {full} 14:05:00 CET, {n} <{a}> skrev:",
    "da": "Den {full} 14.05.00 CET skrev {n} <{a}>:",
    "nb": "{full} kl. 14:05:00 CET skrev {n} <{a}>:",
    "fi": "{full} klo 14.05.00 UTC+2 {n} <{a}> kirjoitti:",
    "pl": "{full} 14:05:00 CET {n} <{a}> napisał(a):",
    "cs": "Dne {full} 14:05:00 SEČ, {n} <{a}> napsal(a):",
    "sk": "Dňa {full} 14:05:00 SEČ, {n} <{a}> napísal(a):",
    "hu": "{full} 14:05:00 CET időpontban {n} <{a}> ezt írta:",
    "ro": "Pe {full}, 14:05:00 EET, {n} <{a}> a scris:",
    "ru": "{full}, 14:05:00 MSK, {n} <{a}> написал(-а):",
    "uk": "{full}, 14:05:00 GMT+2, {n} <{a}> написав(-ла):",
    "el": "Στις {full} στις 02:05:00 μ.μ. EET, ο χρήστης {n} <{a}> έγραψε:",
    "tr": "{n} <{a}>, {full} 14:05:00 GMT+3 tarihinde şunu yazdı:",
    "zh-tw": "{n} <{a}> 在 {full} 下午02:05:00 [CST] 寫道：",
    "vi": "Vào {full} lúc 14:05:00 GMT+7, {n} <{a}> đã viết:",
    "id": "Pada {full} pukul 14.05.00 WIB, {n} <{a}> menulis:",
}
# Proton Mail in a browser.
PROTON: Lines = {
    "en": "On Tuesday, November 17th, 2026 at {time}, {n} <{a}> wrote:",
    "de": "Am {full} um {time}, {n} <{a}> schrieb:",
    "fr": "Le {full} à {time}, {n} <{a}> a écrit :",
    "es": "El {full} a las {time}, {n} <{a}> escribió:",
    "it": "{full} alle {time}, {n} <{a}> ha scritto:",
    "nl": "Op {full} om {time} schreef {n} <{a}>:",
    "pt": "Em {full} às {time}, {n} <{a}> escreveu:",
    "sv": "{full} kl. {time}, {n} <{a}> skrev:",
    "pl": "{full} o {time} {n} <{a}> napisał(a):",
    "cs": "{full} v {time}, {n} <{a}> napsal(a):",
    "ru": "{full} в {time}, {n} <{a}> написал(а):",
    "tr": "{full} {time} tarihinde {n} <{a}> şunu yazdı:",
}
# Outlook 2016 and 2019 for Mac, as the open forward parsers have them.
OUTLOOK_MAC: Lines = {
    "en": 'On {short}, {time}, "{n}" <{a}> wrote:',
    "de": 'Am {short}, {time} schrieb "{n}" <{a}>:',
    "fr": "Le {short} {time}, « {n} » <{a}> a écrit :",
    "es": 'El {short} {time}, "{n}" <{a}> escribió:',
    "it": 'Il giorno {short}, {time} "{n}" <{a}> ha scritto:',
    "nl": "Op {short} {time} heeft {n} <{a}> geschreven:",
    "pt": 'Em {short} {time}, "{n}" <{a}> escreveu:',
    "sv": 'Den {short} {time} skrev "{n}" <{a}> följande:',
    "da": 'Den {short} {time} skrev "{n}" <{a}>:',
    "nb": "{n} <{a}> skrev følgende den {short} {time}:",
    "fi": "{n} <{a}> kirjoitti {short} kello {time}:",
    "pl": "Dnia {short} {time} „{n}” <{a}> napisał:",
    "cs": "Dne {short}, {time}, {n} <{a}> napsal(a):",
    "sk": "{short} {time} používateľ {n} (<{a}>) napísal:",
    "hu": "{short} {time} időpontban {n} (<{a}>) ezt írta:",
    "ru": '{short}, {time} пользователь "{n}" <{a}> написал:',
    "tr": '"{n}" <{a}>, {short} {time} tarihinde şunu yazdı:',
}
# message_compose_reply_header_fmt_with_date of values-*/strings.xml, K-9 Mail 6 and Thunderbird for Android.
K9: Lines = {
    "en": "On {long} {time} CET, {n} <{a}> wrote:",
    "de": "Am {long} {seconds} MEZ schrieb {n} <{a}>:",
    "fr": "Le {long} {seconds} GMT+01:00, {n} <{a}> a écrit :",
    "es": "El {long} {seconds} CET, {n} <{a}> escribió:",
    "it": "Il {long} {seconds} CET, {n} <{a}> ha scritto:",
    "nl": "Op {long} {seconds} CET schreef {n} <{a}>:",
    "pt": "Em {long} {seconds} BRT, {n} <{a}> escreveu:",
    "sv": "{n} <{a}> skrev: ({long} {seconds} CET)",
    "da": "Den {long} {seconds} CET skrev {n} <{a}>:",
    "pl": "Dnia {long} {seconds} CET, {n} <{a}> napisał/a:",
    "cs": "{long} {seconds} SEČ, {n} <{a}> napsal:",
    "hu": "Ekkor: {long} {seconds} CET, {n} <{a}> írta:",
    "ja": "{long} {seconds} JST、{n} <{a}> より:",
    "ru": "{long} {seconds} MSK, {n} <{a}> пишет:",
    "uk": "{long} {seconds} GMT+02:00, {n} <{a}> написав(-ла):",
}
# mutt's $attribution (mutt 2.2, muttrc(5)) is not translated.
MUTT: Lines = {"en": "On Tue, Nov 17, 2026 at 02:05:00PM +0100, {n} wrote:"}
FASTMAIL: Lines = {"en": "On Tue, 17 Nov 2026, at 2:05 PM, {n} wrote:"}
ZOHO: Lines = {"en": "---- On Tue, 17 Nov 2026 14:05:00 +0100 {n} <{a}> wrote ---"}
# Name, address, a dash and moment.js' LLL: src/ReplyBuilder.js of Nextcloud Mail. No word of a language.
NEXTCLOUD: Lines = dict.fromkeys(
    "en de fr es it nl pt sv da nb fi pl cs sk hu ro bg hr sl ru uk el tr ca ja ko zh-cn".split(),
    '"{n}" {a} – {long} {time}',
)
# The moment, by_label and the address: src/mail/editor of Tutanota.
TUTANOTA: Lines = {
    "en": "{weekday}, {time} by {a}:",
    "de": "{weekday}, {time} von {a}:",
    "fr": "{weekday}, {time} par {a}:",
    "es": "{weekday}, {time} por {a}:",
    "it": "{weekday}, {time} da {a}:",
    "nl": "{weekday} {time} door {a}:",
    "pt": "{weekday}, {time} por {a}:",
    "pl": "{weekday}, {time} przez {a}:",
    "ru": "{weekday}, {time} от {a}:",
}
# mail.ru in a browser.
MAIL_RU: Lines = {
    "en": "{full}, 14:05 +03:00 from {n} <{a}>:",
    "ru": "Вторник, 17 ноября 2026, 14:05 +03:00 от {n} <{a}>:",
    "uk": "Вівторок, 17 листопада 2026, 14:05 +03:00 від {n} <{a}>:",
}
# Yandex Mail in a browser: no word of a language.
YANDEX: Lines = dict.fromkeys(("en", "ru", "uk", "tr"), '17.11.2026, 14:05, "{n}" <{a}>:')
# NetEase Mail (163.com, 126.com).
NETEASE: Lines = {
    "en": 'At 2026-11-17 14:05:00, "{n}" <{a}> wrote:',
    "zh-cn": '在 2026-11-17 14:05:00，"{n}" <{a}> 写道：',
    "zh-tw": '在 2026-11-17 14:05:00，"{n}" <{a}> 寫道：',
}
# GroupWise 18: the moment as the system writes it, between signs. No word of a language.
GROUPWISE: Lines = dict.fromkeys(
    "en de fr es it nl pt sv da nb fi pl cs hu ru".split(), ">>> {n} <{a}> {short} {time} >>>"
)
# GroupWise 8 and later, where it names the mail that is answered.
GROUPWISE_MESSAGE: Lines = {
    "en": ">>> On 11/17/2026 at  2:05 PM, in message <5FB3D4A2020000A1@desk.example>, {n}\n<{a}> wrote:",
    "de": ">>> {n} <{a}> schrieb am 17.11.2026 um 14:05 in Nachricht\n<5FB3D4A2020000A1@desk.example>:",
}
# HCL Notes 12, "reply with internet-style history".
NOTES: Lines = {
    "en": "{n} <{a}> wrote on 11/17/2026 02:05:00 PM:",
    "de": "{n} <{a}> schrieb am 17.11.2026 14:05:00:",
    "fr": "{n} <{a}> a écrit le 17/11/2026 14:05:00 :",
}
# Open-Xchange App Suite 7 (IONOS, Strato, mailbox.org): the line stands inside the quotation.
OPEN_XCHANGE: Lines = {
    "en": "On {short} {time} CET {n} <{a}> wrote:",
    "de": "{n} <{a}> hat am {medium} {time} CET geschrieben:",
    "fr": "Le {short} {time} CET, {n} <{a}> a écrit :",
    "es": "El {short} {time} CET {n} <{a}> escribió:",
    "it": "Il {short} {time} CET {n} <{a}> ha scritto:",
    "nl": "Op {short} {time} CET schreef {n} <{a}>:",
}
# Spark of Readdle.
SPARK: Lines = {
    "en": "On {medium} at {time} +0100, {n} <{a}>, wrote:",
    "de": "Am 17. Nov. 2026, {time} +0100 schrieb {n} <{a}>:",
    "fr": "Le {medium} à {time} +0100, {n} <{a}>, a écrit :",
    "ja": "{long} {time} +0900、{n} <{a}>のメール:",
}
# The Bat! 9: the one who wrote is "you".
THE_BAT: Lines = {
    "en": "{full}, {seconds}, you wrote:",
    "ru": "Вы писали {long}, {seconds}:",
}
# What a phone's program writes below the author's words; behind no separator, so it belongs to the answer.
IPHONE_SIGNATURES: Lines = {
    "en": "Sent from my iPhone",
    "de": "Von meinem iPhone gesendet",
    "fr": "Envoyé de mon iPhone",
    "es": "Enviado desde mi iPhone",
    "it": "Inviato da iPhone",
    "nl": "Verstuurd vanaf mijn iPhone",
    "pt": "Enviado do meu iPhone",
    "sv": "Skickat från min iPhone",
    "da": "Sendt fra min iPhone",
    "nb": "Sendt fra min iPhone",
    "fi": "Lähetetty iPhonesta",
    "pl": "Wysłane z iPhone'a",
    "cs": "Odesláno z iPhonu",
    "sk": "Odoslané z iPhonu",
    "ro": "Trimis de pe iPhone-ul meu",
    "ru": "Отправлено с iPhone",
    "uk": "Надіслано з iPhone",
    "el": "Στάλθηκε από το iPhone μου",
    "tr": "iPhone'umdan gönderildi",
    "he": "נשלח מה-iPhone שלי",
    "ja": "iPhoneから送信",
    "ko": "나의 iPhone에서 보냄",
    "zh-cn": "发自我的iPhone",
    "zh-tw": "從我的iPhone傳送",
}
