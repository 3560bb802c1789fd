"""People write about absences, automatic answers, bounces and receipts in every language; so do machines."""

import pytest

from resolver.parsing import parse
from resolver.screening import screen
from schemas.reasons import Reason

HEAD = "From: Anna Example <anna@example.org>\nTo: desk@example.com\nContent-Type: text/plain; charset=utf-8\n"
ANSWER = "In-Reply-To: <note-1@example.com>\n"
GENERATED = "Auto-Submitted: auto-generated\n"
NULL_PATH = "Return-Path: <>\n"
SUPPRESSED = "X-Auto-Response-Suppress: DR, OOF, AutoReply\n"

# What Outlook and others put before the subject they answer; somebody is away, in the same language.
LANGUAGES: dict[str, tuple[str, str]] = {
    "english": ("Automatic reply", "I am out of the office until Monday."),
    "german": ("Automatische Antwort", "Ich bin bis Montag im Urlaub und nicht im Büro."),
    "austrian": ("Abwesenheitsnotiz", "Ich bin bis Montag außer Haus."),
    "french": ("Réponse automatique", "Je suis absente jusqu'à lundi."),
    "spanish": ("Respuesta automática", "Estoy de vacaciones hasta el lunes."),
    "catalan": ("Resposta automàtica", "Soc fora de l'oficina fins dilluns."),
    "portuguese": ("Resposta automática", "Estou em férias até segunda-feira."),
    "italian": ("Risposta automatica", "Sono in ferie fino a lunedì."),
    "dutch": ("Automatisch antwoord", "Ik ben afwezig tot maandag."),
    "afrikaans": ("Outomatiese antwoord", "Ek is tot Maandag met verlof."),
    "swedish": ("Automatiskt svar", "Jag är på semester till måndag."),
    "danish": ("Automatisk svar", "Jeg er på ferie til mandag."),
    "icelandic": ("Sjálfvirkt svar", "Ég er í fríi fram á mánudag."),
    "finnish": ("Automaattinen vastaus", "Olen lomalla maanantaihin."),
    "estonian": ("Automaatvastus", "Olen esmaspäevani puhkusel."),
    "latvian": ("Automātiska atbilde", "Esmu atvaļinājumā līdz pirmdienai."),
    "lithuanian": ("Automatinis atsakymas", "Atostogauju iki pirmadienio."),
    "polish": ("Automatyczna odpowiedź", "Jestem na urlopie do poniedziałku."),
    "czech": ("Automatická odpověď", "Do pondělí mám dovolenou."),
    "slovak": ("Automatická odpoveď", "Do pondelka mám dovolenku."),
    "hungarian": ("Automatikus válasz", "Hétfőig szabadságon vagyok."),
    "romanian": ("Răspuns automat", "Sunt în concediu până luni."),
    "croatian": ("Automatski odgovor", "Na odmoru sam do ponedjeljka."),
    "slovenian": ("Samodejni odgovor", "Do ponedeljka sem na dopustu."),
    "serbian": ("Аутоматски одговор", "На одмору сам до понедељка."),
    "bulgarian": ("Автоматичен отговор", "В отпуск съм до понеделник."),
    "russian": ("Автоматический ответ", "Я в отпуске до понедельника."),
    "ukrainian": ("Автоматична відповідь", "Я у відпустці до понеділка."),
    "greek": ("Αυτόματη απάντηση", "Είμαι σε άδεια μέχρι τη Δευτέρα."),
    "turkish": ("Otomatik yanıt", "Pazartesiye kadar izindeyim."),
    "hebrew": ("תשובה אוטומטית", "אני בחופשה עד יום ראשון."),
    "arabic": ("رد تلقائي", "أنا في إجازة حتى يوم الأحد."),
    "persian": ("پاسخ خودکار", "تا شنبه در مرخصی هستم."),
    "hindi": ("स्वचालित उत्तर", "मैं सोमवार तक छुट्टी पर हूँ।"),
    "thai": ("ตอบกลับอัตโนมัติ", "ฉันลาพักร้อนถึงวันจันทร์"),
    "vietnamese": ("Trả lời tự động", "Tôi nghỉ phép đến thứ Hai."),
    "indonesian": ("Balasan otomatis", "Saya cuti sampai hari Senin."),
    "chinese": ("自动答复", "我休假到星期一。"),
    "taiwanese": ("自動回覆", "我休假到星期一。"),
    "japanese": ("自動応答", "月曜日まで休暇です。"),
    "korean": ("자동 회신", "월요일까지 휴가입니다."),
}
# The headers of real ones, as several systems send them; each alone tells that something was answered.
ANSWERED = (ANSWER, ANSWER + SUPPRESSED, ANSWER + GENERATED, NULL_PATH, GENERATED, "References: <note-1@example.com>\n")


def verdict(headers: str, subject: str, text: str) -> tuple[str, str | None]:
    judged = screen(parse(f"{headers}Subject: {subject}\n\n{text}\n".encode()), frozenset())
    return judged.verdict, judged.reason


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_writes_about_automatic_answers(language: str) -> None:
    formal, away = LANGUAGES[language]
    for headers in (HEAD, HEAD + SUPPRESSED, HEAD + "Return-Path: <anna@example.org>\n", HEAD + "Precedence: bulk\n"):
        for subject in (f"{formal}: C-000123", f"{formal} - Outlook?", f"{formal}："):
            assert verdict(headers, subject, away) == ("person", None), (headers, subject)
    for headers in (HEAD, HEAD + ANSWER + SUPPRESSED):
        assert verdict(headers, f"Re: {formal}: Outlook", away) == ("person", None), headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_machine_answers(language: str) -> None:
    formal, away = LANGUAGES[language]
    for headers in ANSWERED:
        for subject in (f"{formal}: [C-000123] Outlook", f"{formal} : Outlook"):
            assert verdict(HEAD + headers, subject, away) == ("rejected", Reason.AUTO_REPLY), (headers, subject)


# Subject and text as a mail system's report has them; whoever writes so has an address that looks like one, too.
UNDELIVERED = {
    "english": ("Undeliverable: offer", "My mail could not be delivered, user unknown. What shall I do?"),
    "german": ("Unzustellbar: Angebot", "Meine Mail konnte nicht zugestellt werden. Was tun?"),
    "french": ("Non remis : devis", "Mon message n'a pas pu être remis. Que faire ?"),
    "spanish": ("No se puede entregar: oferta", "No se ha podido entregar mi correo. ¿Qué hago?"),
    "italian": ("Mancato recapito: offerta", "Non è stato possibile recapitare il messaggio. Che fare?"),
    "dutch": ("Onbestelbaar: offerte", "Mijn bericht is undeliverable. Wat nu?"),
    "portuguese": ("Não é possível entregar: proposta", "A mensagem was not delivered. O que faço?"),
    "russian": ("Недоставленное: смета", "Не удалось доставить моё письмо. Что делать?"),
    "japanese": ("配信不能: 見積", "送信できませんでした。どうすればよいですか。"),
}
LOOK_ALIKES = (
    "Nora D. Reiter <ndr@example.org>",
    "Karl Krug <mail@example.org>",
    "Delivery team <mail-delivery@example.org>",
    "maildelivery@example.org",
    "Jo Admin <root@example.org>",
    "Karl Krug <postmaster@example.org>",
    '"Karl Krug (Postmaster)" <karl@example.org>',
    '"Mail Administrator, Firm" <karl@example.org>',
    "System Administrator <system.administrator@example.org>",
    "Mail Delivery System <karl@example.org>",
)


@pytest.mark.parametrize("language", UNDELIVERED)
@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_a_person_writes_about_undelivered_mail(sender: str, language: str) -> None:
    subject, text = UNDELIVERED[language]
    local = sender.rpartition("<")[2].rstrip(">")
    pasted = f"{text}\n\nFrom: a@example.org\nTo: b@example.net\nSubject: x\nMessage-ID: <1@example.org>\n"
    head = f"From: {sender}\nContent-Type: text/plain; charset=utf-8\n"
    assert verdict(head, subject, text) == ("person", None)
    for own in (f"Return-Path: <{local}>\n", ANSWER):
        for words in (text, pasted):
            assert verdict(head + own, subject, words) == ("person", None), own


@pytest.mark.parametrize("language", UNDELIVERED)
@pytest.mark.parametrize("sender", LOOK_ALIKES)
def test_a_mail_system_reports(sender: str, language: str) -> None:
    subject, text = UNDELIVERED[language]
    head = f"From: {sender}\nContent-Type: text/plain; charset=utf-8\n"
    for mark in (NULL_PATH, GENERATED, "Auto-Submitted: auto-replied\n"):
        assert verdict(head + mark, subject, text) == ("rejected", Reason.BOUNCE), mark


READ = ("Read", "Gelesen", "Lu", "Leído", "Letto", "Gelezen", "Przeczytane", "Прочтено", "開封済み", "已读", "Okundu")


@pytest.mark.parametrize("word", READ)
def test_a_person_has_read_it(word: str) -> None:
    for text in ("Your message was read by all of us, but page 7?", "Ihre Nachricht wurde gelesen, und nun?", "17: 4"):
        assert verdict(HEAD, f"{word}: the manual", text) == ("person", None)


@pytest.mark.parametrize("word", READ)
def test_a_receipt_in_words(word: str) -> None:
    fields = "To: desk\nSubject: call\nSent: Monday\n"
    assert verdict(HEAD + ANSWER, f"{word}: call", f"...\n\n{fields}\n... 09:14.") == ("rejected", Reason.RECEIPT)
