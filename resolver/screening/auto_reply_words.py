"""The words of auto-replies in many languages. They only ever count together with another sign.

People write such words, too. Patterns that are folded match every spelling of their words (`folding.py`).
"""

import re

from resolver.screening.folding import folded_words

# What gateways put before a subject: `[EXTERNAL]`, `{Spam?}`, `*** SPAM ***`, `EXT:`. A number in brackets is a
# ticket's, and what stands behind that is the ticket's title, in a person's words.
_TAGS = (
    r"^\s*+(?:(?:\[[^\]\d]{1,60}\]|\{[^}\d]{1,60}\}|\([^)\d]{1,60}\)|\*{1,5}[^*\d]{1,60}\*{1,5}|"
    r"(?:ext(?:ern(?:al|e|o|a)?)?|spam)[!?]?\s?[:|-])\s*+){0,3}"
)
# What mail systems put before the subject that they answer. Held against folded(subject).
_FORMAL = folded_words(
    _TAGS + r"[\[(【<]?(?:"
    r"(?-i:AUTO)(?=\s*:)|yahoo!? auto response|"
    r"automatic reply|auto(?:matic|mated)?[- ]?(?:reply|response|responder|answer)|"
    r"out[- ]of[- ](?:the )?office(?: (?:auto[- ]?)?(?:reply|response))?|"
    r"(?:vacation|away|absence|leave) (?:auto[- ]?)?(?:reply|response|message|notice|notification)|"
    r"(?:automatische|selbsttätige) antwort|abwesenheits?(?:notiz|nachricht|meldung|benachrichtigung|assistent)|"
    r"abwesend|nicht im büro|automatische (?:rück)?meldung|auto[- ]?antwort|"
    r"réponse automatique|(?:absence|absente?) du bureau|(?:message|notification|avis) d['’]absence|"
    r"respuesta automática|auto[- ]?respuesta|fuera de (?:la )?oficina|mensaje de ausencia|"
    r"resposta automática|fora d[oe] escritório|ausência temporária|fora de l['’]oficina|"
    r"risposta automatica|fuori (?:sede|ufficio)|automatisch(?:e)? antwoord|afwezig(?:heids\w*)?|niet aanwezig|"
    r"outomatiese antwoord|uit kantoor|"
    r"automatis[kt]{1,2}t? svar|autosvar|frånvar(?:o\w*|ande)|frav(?:æ|ae)r(?:s\w*|ende)|ikke til stede|"
    r"sjálfvirkt svar|automaattinen vastaus|poissa(?:olo\w*| toimistosta)?|automaat(?:ne )?vastus|"
    r"automatyczna odpowiedź|odpowiedź automatyczna|autoodpowiedź|poza biurem|"
    r"automatická odpověď|automatická odpoveď|mimo kancelář(?:e|ie)?|automatikus válasz|házon kívül|"
    r"răspuns automat|automatski odgovor|avtomatski odgovor|samodejni odgovor|izvan ureda|van kancelarije|"
    r"automatinis atsakymas|automātisk[aā] atbilde|përgjigje automatike|"
    r"erantzun automatikoa|freagra uathoibríoch|ateb awtomatig|tweġiba awtomatika|risposta awtomatika|"
    r"awtomatikong tugon|(?:ji|maji)bu (?:la |ya )?(?:ki)?otomatiki|"
    r"автоматический ответ|автоответ\w*|вне офиса|нет в офисе|автоматична відповідь|автовідповід\w*|"
    r"аўтаматычны адказ|автоматичен отговор|извън офиса|автоматски одговор|аутоматски одговор|ван канцеларије|"
    r"автоматты жауап|автомат хариу|αυτόματη απάντηση|εκτός γραφείου|otomatik (?:yan[ıi]t|cevap)|ofis d[ıi]ş[ıi]nda|"
    r"avtomatik (?:cavab|javob)|ავტომატური პასუხი|ավտոմատ պատասխան|"
    r"תשובה אוטומטית|מענה אוטומטי|מחוץ למשרד|(?:ال)?رد (?:ال)?تلقائي|خارج المكتب|پاسخ خودکار|خارج از دفتر|خودکار جواب|"
    r"स्वचालित (?:उत्तर|जवाब|प्रत्युत्तर)|স্বয়ংক্রিয় (?:উত্তর|প্রত্যুত্তর)|தானியங்கு பதில்|స్వయంచాలక ప్రత్యుత్తరం|"
    r"સ્વચાલિત (?:જવાબ|પ્રત્યુત્તર)|ಸ್ವಯಂಚಾಲಿತ ಪ್ರತ್ಯುತ್ತರ|ការឆ្លើយតបស្វ័យប្រវត្តិ|ຕອບກັບອັດຕະໂນມັດ|ራስ-ሰር ምላሽ|"
    r"(?:การ)?ตอบกลับ(?:โดย)?อัตโนมัติ|(?:thư )?trả lời tự động|"
    r"balasan otomatis|(?:balasan|jawapan) automatik|di luar kantor|"
    r"自動応答|自動返信|不在(?:通知|のお知らせ)|自动(?:答复|回复)|自動(?:回覆|答覆|回復)|外出|不在(?:办公室|辦公室)|"
    r"(?:부재 ?중 ?)?자동 ?(?:회신|응답|답장)|부재 ?중"
    r")\s*+(?:[:\]\-–()】>]|(?<=auto response)$)"
)
_FORMAL_ENDS = frozenset(":]-–()】>")


def formal_words(subject: str) -> re.Match[str] | None:
    """`_FORMAL` in a folded subject; most have no sign with which such words end, and need no look at each of them."""
    if _FORMAL_ENDS.isdisjoint(subject) and not subject.lower().rstrip().endswith("auto response"):
        return None
    return _FORMAL.match(subject)


# Whole subjects in a form that nobody writes by hand: Notes' and Yahoo's.
WHOLE_SUBJECT = re.compile(
    r"^\s*(?:AUTO: [^\n]{1,200} (?:is out of the office|ist außer Haus|est absent\(?e?\)?(?: du bureau)?|"
    r"está (?:ausente|fuera de la oficina)|è fuori (?:sede|ufficio)|is afwezig)[^\n(]{0,40}"
    r"\([^)\n]{0,40}\d[^)\n]{0,40}\)|Yahoo!? Auto Response)\s*$"
)
ABSENT_SUBJECT = re.compile(
    r"\bout[- ]of[- ](?:the[- ])?office\b|\bvacation\b|\baway from (?:my|the) (?:mail|e-?mail|desk|office)\b|"
    r"\bon (?:leave|holiday)\b|\booo\b|"
    r"\babwesen\w*|\burlaub\b|nicht im büro|\babsen(?:t|ce|te)\b|\bvacaciones\b|\bvacanze\b|\bafwezig\w*|\bférias\b|"
    r"в отпуске|отпуск",
    re.IGNORECASE,
)
# How the subject of a mere absence note begins.
ABSENT_START = re.compile(
    rf"(?:{ABSENT_SUBJECT.pattern})|[\w .'-]{{1,80}} is (?:currently )?out of (?:the )?office\b", re.IGNORECASE
)
TICKET_MADE = re.compile(r"\bticket (?:created|received|opened)", re.IGNORECASE)
ACKNOWLEDGED = re.compile(
    r"(?:\[[^\]]{1,60}\]\s*|[#(]?\w{1,10}[-#]?\d{1,15}\)?[:,\s-]+)?"
    r"\[?"
    r"(?:we(?: have|'ve)? received your|thank(?:s| you) for (?:contacting|your (?:e-?mail|message|request|[ie]nquiry))|"
    r"(?:your [^\n]{1,60} )?has been received|request received|"
    r"(?:eingangs|empfangs)bestätigung|wir haben ihre (?:anfrage|nachricht)|ihre (?:anfrage|nachricht) ist eingegangen|"
    r"accusé de réception|nous avons bien reçu|acuse de recibo|hemos recibido (?:su|tu)|conferma di ricezione|"
    r"abbiamo ricevuto|ontvangstbevestiging|confirmação de rece(?:bimento|ção)|recebemos|mottagningsbekräftelse|"
    r"potwierdzenie (?:otrzymania|przyjęcia)|potvrzení (?:o )?přijetí|подтверждение получения|"
    r"ваш[ае]? (?:заявка|запрос|обращение)|已收到您的|受付(?:完了|のお知らせ))",
    re.IGNORECASE,
)
# The same as all that a text says: whoever goes on, or asks, is a person.
ACKNOWLEDGED_ALONE = re.compile(
    r"[^.!?\n]{0,40}(?:(?:received|got) your (?:request|message|e-?mail|ticket|[ie]nquiry)|"
    r"your (?:request|message|e-?mail|ticket|[ie]nquiry)[^.!?\n]{0,60} (?:has been|was) (?:received|registered|logged)|"
    r"ihre (?:anfrage|nachricht|e-?mail)[^.!?\n]{0,60} (?:erhalten|eingegangen|empfangen|registriert)|"
    r"reçu votre (?:demande|message)|votre (?:demande|message)[^.!?\n]{0,60} a (?:bien )?été (?:reçue?|enregistrée?)|"
    r"recibido (?:su|tu) (?:solicitud|mensaje)|ricevuto la (?:sua|tua) (?:richiesta|e-?mail)|"
    r"uw (?:verzoek|bericht|melding)[^.!?\n]{0,60} ontvangen)"
    r"(?:[^\w\n]{1,5}\w{0,20}\d\w{0,20}){0,4}(?:\. we['’]re on it)?\W*$",
    re.IGNORECASE,
)
# Held against folded text.
ABSENT_BODY = folded_words(
    r"\bout of (?:the )?office\b|\b(?:currently|presently) (?:away|out|unavailable|on (?:leave|vacation|holiday))|"
    r"\bon (?:vacation|holiday|annual leave|maternity leave|parental leave|business trip|leave)\b|"
    r"\baway from (?:my|the) (?:mail|e-?mail|desk|office)|limited access to (?:my )?e-?mail|"
    r"\bi(?: am|'m| will be) (?:away|out|not in)|will (?:be back|return|reply|respond|answer) |no longer (?:works?|"
    r"working|employed|with)|"
    r"nicht im (?:büro|haus|hause)|außer haus|im urlaub|bin ich (?:nicht|wieder|ab)|abwesend|"
    r"en (?:congés?|vacances|déplacement)|suis absente?|absente? du|de retour|"
    r"fuera de la oficina|de vacaciones|ausente|fora de l['’]oficina|de vacances|em férias|de férias|ausência|"
    r"fora do escritório|fuori (?:sede|ufficio)|in ferie|assente|în concediu|"
    r"afwezig|niet aanwezig|met vakantie|met verlof|uit kantoor|borte|bortrest|på semester|frånvarande|"
    r"på ferie|har ferie|holder ferie|på kontoret|fravær|í fríi|lomalla|poissa|puhkusel|kontorist ära|"
    r"atvaļinājum|prombūtn|atostog|nebus biure|nesu biure|"
    r"nieobecn|na urlopie|poza biurem|nepřítom|neprítom|dovolen|mimo kancelář|szabadság|házon kívül|"
    r"na odmoru|godišnjem odmoru|na godišnjem|na dopustu|odsot(?:na|en)|"
    r"в отпуске|отсутств|вне офиса|у відпустці|відсутн|в отпуск|извън офиса|отсъств|на одмору|одсутн|"
    r"σε άδεια|εκτός γραφείου|απουσιάζω|izindeyim|izinde|ofis d[ıi]ş[ıi]nda|"
    r"בחופשה|מחוץ למשרד|في إجازة|خارج المكتب|مرخصی|छुट्टी पर|कार्यालय से बाहर|"
    r"ลาพักร้อน|ไม่อยู่ที่|nghỉ phép|vắng mặt|\bcuti\b|di luar kantor|"
    r"不在|休暇|休假|外出|出差|출장|휴가|부재"
)
# What an answer of a machine says of itself. Who writes about automatic answers has these words, too.
ANSWERED_BODY = folded_words(
    r"automat(?:ic|ed) (?:reply|response|message|answer)|auto-?(?:reply|response)|do not reply|"
    r"automatisch (?:erstellt|generiert|versendet)|nicht weitergeleitet"
)
# What says of itself that no person wrote it: of whatever a program sends.
GENERATED_BODY = re.compile(
    r"(?:message|e-?mail|mail) (?:has been|was|is) (?:generated automatically|automatically (?:generated|sent))|"
    r"this is an automat(?:ic|ed) (?:message|reply|response|e-?mail|answer)|"
    r"dies ist eine automatische? (?:nachricht|antwort|e-?mail)|(?:nachricht|e-?mail) wurde automatisch|"
    r"message (?:a été )?généré automatiquement",
    re.IGNORECASE,
)
CHALLENGE = re.compile(
    r"so (?:that )?i can receive your e-?mails?|confirm (?:that )?you(?:r message| are (?:a )?(?:human|person|not))",
    re.IGNORECASE,
)
# What list managers write about.
ADMINISTRATION = re.compile(
    r"(?i)awaits moderator approval|^majordomo results\b|^request to mailing list\b|^confirm\b|confirmation|"
    r"^welcome to\b|unsubscri|subscri(?:be|ption)|^password reminder|^the results of your|"
    r"results of your (?:e?-?mail )?commands|moderat|"
    r"^returned post for\b|^(?:help|info) for\b|^output of your job\b|^message \(\"your message dated\b"
)
