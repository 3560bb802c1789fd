"""What gateways put above a text, and which subjects hand a mail on."""

import pytest

from resolver.parsing.reply import reply_of
from resolver.parsing.reply_context import bare_subject, is_forward
from schemas.mail import Mailbox
from tests.parsing.steps import grows_no_faster

OWN = "#close\n\nThank you, it prints again."
QUOTE = "On Mon, Jan 6, 2025 at 9:14 AM Desk <desk@example.org> wrote:\n> Does it print?"

BANNERS = {
    "exchange": "CAUTION: This email originated from outside of the organization. Do not click links or open "
    "attachments unless you recognize the sender and know the content is safe.",
    "wrapped": "CAUTION: This email originated from outside of the organization. Do not click\nlinks or open "
    "attachments unless you recognize the sender and know the content is\nsafe.",
    "two-sentences": "WARNING: This message was sent from outside the company.\nPlease do not click links or open "
    "attachments unless you trust the sender.",
    "without-a-word-of-warning": "This message came from outside your organization. Be careful with links and files "
    "attached.",
    "mark": "[EXTERNAL]",
    "mark-of-two-words": "[EXTERNAL EMAIL]",
    "stars": "*** External email ***",
    "capitals": "EXTERNAL EMAIL: Do not click links or open attachments unless you know the content is safe",
    "first-contact": "[You don't often get email from anna@example.net. Learn why this is important at "
    "https://aka.ms/LearnAboutSenderIdentification ]",
    "first-contact-of-html": "You don't often get email from anna@example.net. Learn why this is important",
    "first-contact-german": "[Sie erhalten nicht häufig E-Mails von anna@example.net. Weitere Informationen, "
    "warum dies "
    "wichtig ist, finden Sie unter https://aka.ms/LearnAboutSenderIdentification ]",
    "two": "[You don't often get email from anna@example.net. Learn why this is important at "
    "https://aka.ms/LearnAboutSenderIdentification ]\n\nCAUTION: This email originated from outside of the "
    "organization.",
    "rules": "--------------------\nAchtung! Externe E-Mail.\n--------------------",
    "box": "+----------------------------+\n| CAUTION: External sender.   |\n| Do not click links or open  |\n"
    "| attachments unless you trust |\n| the sender.                 |\n+----------------------------+",
    "proofpoint": "ZjQcmQRYFpfptBannerStart\nThis Message Is From an External Sender\nThis message came from outside "
    "your organization.\n\nZjQcmQRYFpfptBannerEnd",
    "german": "ACHTUNG: Diese E-Mail stammt von einem externen Absender. Klicken Sie nicht auf Links und öffnen Sie "
    "keine Anhänge, wenn Sie den Absender nicht kennen.",
    "french": "ATTENTION : Ce courriel provient de l'extérieur de l'organisation. Ne cliquez pas sur les liens et "
    "n'ouvrez pas les pièces jointes, à moins de reconnaître l'expéditeur.",
    "spanish": "ATENCIÓN: Este correo electrónico se originó fuera de la organización. No haga clic en enlaces ni abra "
    "archivos adjuntos a menos que reconozca al remitente.",
    "portuguese": "ATENÇÃO: Este e-mail foi enviado de fora da organização. Não clique em links nem abra anexos, a "
    "menos que reconheça o remetente.",
    "italian": "ATTENZIONE: Questa email proviene dall'esterno dell'organizzazione. Non cliccare sui link e non aprire "
    "allegati a meno che non si riconosca il mittente.",
    "dutch": "LET OP: Deze e-mail komt van buiten de organisatie. Klik niet op links en open geen bijlagen tenzij u de "
    "afzender vertrouwt.",
    "swedish": "VARNING: Detta mejl kommer från en extern avsändare. Klicka inte på länkar eller öppna bifogade filer "
    "om du inte känner igen avsändaren.",
    "polish": "UWAGA: Ta wiadomość pochodzi spoza organizacji. Nie klikaj linków ani nie otwieraj załączników, "
    "chyba że "
    "znasz nadawcę.",
    "czech": "POZOR: Tato zpráva přišla z prostředí mimo organizaci. Neklikejte na odkazy a neotvírejte přílohy, pokud "
    "odesílatele neznáte a nedůvěřujete mu.",
    "turkish": "DİKKAT: Bu e-posta kuruluş dışından gönderilmiştir. Göndereni tanımıyorsanız bağlantılara "
    "tıklamayın ve "
    "ekleri açmayın.",
    "russian": "ВНИМАНИЕ: Это письмо пришло извне организации. Не переходите по ссылкам и не открывайте вложения, если "
    "не доверяете отправителю.",
    "japanese": "【外部メール】このメールは組織外から送信されました。"
    "送信者が確認できない場合は、リンクをクリックしないでください。",
    "chinese": "注意：此邮件来自组织外部。除非您认识发件人并知道内容是安全的，否则请勿点击链接或打开附件。",
    "korean": "주의: 이 이메일은 조직 외부에서 발송되었습니다. 발신자를 신뢰하지 않는 한 링크를 클릭하지 마십시오.",
    "hebrew": "תשומת לב: הודעה זו נשלחה מחוץ לארגון. אל תלחץ על קישורים אלא אם אתה מכיר את השולח.",
    "arabic": "تحذير: هذه الرسالة واردة من خارج المؤسسة. لا تنقر على الروابط إلا إذا كنت تعرف المرسل.",
}


@pytest.mark.parametrize("name", BANNERS)
def test_a_banner_is_no_part_of_the_reply(name: str) -> None:
    for between in ("\n", "\n\n"):
        assert reply_of(f"{BANNERS[name]}{between}{OWN}") == OWN
        assert reply_of(f"{BANNERS[name]}{between}{OWN}\n\n{QUOTE}") == OWN
        assert reply_of(f"{BANNERS[name]}{between}{QUOTE}\n\n{OWN}") == OWN


ABOUT_BANNERS = (
    "Warning: external emails with attachments do not open in Outlook since today.",
    "CAUTION banners appear on every external mail, even when I know the sender and the links are safe.",
    "External mails don't arrive. Links and attachments cannot be opened.",
    "Attention: this mail from an external sender is spam.",
    "This email came from outside of the company and I can't open the attachment, is it safe?",
    "Why does it say [EXTERNAL] here?",
    "What is this: CAUTION: This email originated from outside of the organization?",
    "Achtung: externe Mails mit Anhängen lassen sich nicht öffnen.",
    "Hinweis: die externe Mail ließ sich nicht öffnen, der Anhang fehlt.",
    "External mail",
    "EXTERNAL",
    "Important: the link in the mail from our bank is not safe.",
    "Warning: links in external mails do not open unless Firefox is used.",
)


@pytest.mark.parametrize("words", ABOUT_BANNERS)
def test_what_people_write_about_banners_stays(words: str) -> None:
    text = f"{words}\n\nThanks: Anna"
    assert reply_of(text) == text


def test_signs_of_direction_before_a_banner_are_stepped_over() -> None:
    assert reply_of(f"\u200f{BANNERS['hebrew']}\n\n{OWN}") == OWN


def test_a_text_that_is_a_banner_stays() -> None:
    assert reply_of(BANNERS["exchange"]) == BANNERS["exchange"]


FORWARDS = (
    "FW: x",
    "[EXTERNAL] FW: x",
    "[EXTERNAL]FW: x",
    "Re: FW: x",
    "[C-000123] WG: x",
    "C-000123 Fwd: x",
    "EXTERNAL: Fwd: x",
    "External Email: FW: x",
    "{Spam?} Fwd: x",
    "***SPAM*** WG: x",
    "RE[2]: FW: x",
    "Fwd (2): x",
    "SV: VB: x",
    "Antw: Doorst: x",
    "RES: ENC: x",
    "RE: RV: x",
    "R: I: x",
    "VS: VL: x",
    "Odp: PD: x",
    "YNT: İLT: x",
    "ΑΠ: ΠΡΘ: x",
    "回复：转发：x",
    "[EXT] 転送: x",
)


@pytest.mark.parametrize("subject", FORWARDS)
def test_a_forward_is_one_under_any_prefix(subject: str) -> None:
    text = "Can you help?\n\nFrom: Bob <bob@example.net>\nSent: Monday\nTo: Anna\nSubject: x\n\nThe lift is stuck."
    assert is_forward(subject)
    assert reply_of(text, subject) == text
    assert bare_subject(subject) == "x"


def test_an_answer_in_a_call_that_began_as_a_forward_is_cut() -> None:
    """Its subject keeps the `FW:`; what it quotes is the desk's own mail."""
    desk = (Mailbox(address="desk@example.org"),)
    block = "From: {}\nSent: Monday\nTo: Anna\nSubject: [C-000123] FW: x\n\nYour call was logged."
    own, other = block.format("Desk <desk@example.org>"), block.format("Bob <bob@example.net>")
    assert reply_of(f"Thanks!\n\n{own}", "Re: [C-000123] FW: x", desk) == "Thanks!"
    assert reply_of(f"Thanks!\n\n{other}", "Re: [C-000123] FW: x", desk) == f"Thanks!\n\n{other}"
    assert reply_of(f"Thanks!\n\n{own}", "FW: [C-000123] FW: x", desk) == f"Thanks!\n\n{own}"


@pytest.mark.parametrize(
    "subject", ["Re: x", "[EXTERNAL] Re: x", "x", "AW: Umzug der WG: Fragen", "Re: FWD-Motor", "VS: x", "FW update", ""]
)
def test_any_other_subject_is_no_forward(subject: str) -> None:
    assert not is_forward(subject)


@pytest.mark.parametrize(
    "text",
    [
        "CAUTION: " * 20_000,
        "[EXTERNAL]\n" * 20_000,
        "This email " * 20_000 + "\n" + "links " * 20_000,
        "|\n" * 50_000 + "CAUTION: x",
        "this email is from an external " * 10_000,
    ],
)
def test_a_hostile_banner_costs_little(text: str) -> None:
    assert grows_no_faster(lambda part: reply_of(text[: part * len(text) // 100], "[" * part + "Re: " * part), 10)
