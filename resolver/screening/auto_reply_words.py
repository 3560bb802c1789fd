"""What machines' answers say of themselves, in many languages: only ever a second sign.

People write such words, too."""

import re

# What mail systems put before the subject that they answer.
FORMAL = re.compile(
    r"^[\s\u200e\u200f]*(?:\[[^\]]{1,60}\]\s*)?(?:"
    r"(?-i:AUTO)(?=\s*[:：])|yahoo!? auto response|"
    r"automatic reply|auto(?:matic|mated)?[- ]?(?:reply|response|responder|answer)|"
    r"out[- ]of[- ](?:the )?office(?: (?:auto[- ]?)?(?:reply|response))?|"
    r"(?:vacation|away|absence|leave) (?:auto[- ]?)?(?:reply|response|message|notice|notification)|"
    r"(?:automatische|selbsttätige) antwort|abwesenheits?(?:notiz|nachricht|meldung|benachrichtigung|assistent)|"
    r"abwesend|"
    r"nicht im büro|automatische (?:rück)?meldung|auto[- ]?antwort|"
    r"réponse automatique|absence du bureau|(?:message|notification|avis) d['’]absence|absent du bureau|"
    r"respuesta automática|fuera de (?:la )?oficina|mensaje de ausencia|"
    r"risposta automatica|fuori (?:sede|ufficio)|automatisch(?:e)? antwoord|afwezig(?:heids\w*)?|niet aanwezig|"
    r"resposta autom[áà]tica|fora d[oe] escritório|ausência temporária|"
    r"automatis[kt]{1,2}t? svar|autosvar|frånvaro\w*|fraværs\w*|ikke til stede|sjálfvirkt svar|"
    r"automaattinen vastaus|poissaolo\w*|automaat(?:ne )?vastus|"
    r"automatyczna odpowiedź|odpowiedź automatyczna|autoodpowiedź|poza biurem|"
    r"automatická odpov(?:ěď|eď)|mimo kancelář(?:e|ie)?|automatikus válasz|házon kívül|"
    r"răspuns automat|automatski odgovor|avtomatski odgovor|samodejni odgovor|"
    r"automatinis atsakymas|automātisk[aā] atbilde|përgjigje automatike|outomatiese antwoord|"
    r"erantzun automatikoa|freagra uathoibríoch|ateb awtomatig|"
    r"автоматический ответ|автоответ\w*|автоматична відповідь|аўтаматычны адказ|автоматичен отговор|"
    r"автоматски одговор|аутоматски одговор|автоматты жауап|нет в офисе|"
    r"αυτόματη απάντηση|εκτός γραφείου|otomatik (?:yan[ıi]t|cevap)|avtomatik cavab|ავტომატური პასუხი|"
    r"תשובה אוטומטית|מענה אוטומטי|(?:ال)?رد (?:ال)?تلقائي|پاسخ خودکار|स्वचालित (?:उत्तर|जवाब)|"
    r"(?:การ)?ตอบกลับ(?:โดย)?อัตโนมัติ|(?:thư )?trả lời tự động|balasan otomatis|(?:balasan|jawapan) automatik|"
    r"自動応答|自動返信|不在(?:通知|のお知らせ)|自动(?:答复|回复)|自動(?:回覆|答覆|回復)|"
    r"자동 ?(?:회신|응답|답장)|부재 ?중"
    r")\s*(?:[:：\]\-–(]|(?<=auto response)$)",
    re.IGNORECASE,
)
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
    r"(?:[^\w\n]{1,5}\w{0,20}\d\w{0,20}){0,4}\W*$",
    re.IGNORECASE,
)
ABSENT_BODY = re.compile(
    r"\bout of (?:the )?office\b|\b(?:currently|presently) (?:away|out|unavailable|on (?:leave|vacation|holiday))|"
    r"\bon (?:vacation|holiday|annual leave|"
    r"maternity leave|parental leave|business trip|leave)\b|\baway from (?:my|the) (?:mail|e-?mail|desk|office)|"
    r"limited access to (?:my )?e-?mail|"
    r"\bi(?: am|'m| will be) (?:away|out|not in)|will (?:be back|return|reply|respond|answer) |no longer (?:works?|"
    r"working|employed|with)|"
    r"automat(?:ic|ed) (?:reply|response|message|answer)|auto-?(?:reply|response)|do not reply|"
    r"nicht im (?:büro|haus|hause)|außer haus|im urlaub|bin ich (?:nicht|wieder|ab)|abwesend|automatisch (?:erstellt|"
    r"generiert|versendet)|"
    r"nicht weitergeleitet|en (?:congés?|vacances|déplacement)|suis absente?|absente? du|de retour|"
    r"fuera de la oficina|de vacaciones|ausente|"
    r"fuori (?:sede|ufficio)|in ferie|assente|afwezig|niet aanwezig|met vakantie|ausência|em férias|borte|bortrest|"
    r"på semester|på ferie|"
    r"lomalla|poissa|nieobecn|na urlopie|nepřítom|dovolen|szabadság|в отпуске|отсутств|不在|休暇|休假|外出|출장|휴가",
    re.IGNORECASE,
)
# Challenges, and what says of itself that no person wrote it.
GENERATED_BODY = re.compile(
    r"(?:message|e-?mail|mail) (?:has been|was|is) (?:generated automatically|automatically (?:generated|sent))|"
    r"this is an automat(?:ic|ed) (?:message|reply|response|e-?mail|answer)|"
    r"dies ist eine automatische? (?:nachricht|antwort|e-?mail)|(?:nachricht|e-?mail) wurde automatisch|"
    r"message (?:a été )?généré automatiquement|so (?:that )?i can receive your e-?mails?|"
    r"confirm (?:that )?you(?:r message| are (?:a )?(?:human|person|not))",
    re.IGNORECASE,
)
# What list managers write about.
ADMINISTRATION = re.compile(
    r"(?i)awaits moderator approval|^majordomo results\b|^request to mailing list\b|^confirm\b|confirmation|"
    r"^welcome to\b|unsubscri|subscri(?:be|ption)|^password reminder|^the results of your|"
    r"results of your (?:e?-?mail )?commands|moderat|"
    r"^returned post for\b|^(?:help|info) for\b"
)
