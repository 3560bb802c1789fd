"""The words of the banners that mail gateways put above a message, by what they say. Data for `banners.py`.

They are looked for in a text in small letters.
"""

import re


def _any_of(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words))


# Opens a banner: "CAUTION:", "注意："
WARNING = re.compile(
    r"(?:caution|warning|attention|important|notice|alert|security (?:notice|warning|alert)|be careful|beware|"
    r"achtung|vorsicht|warnung|wichtig|hinweis|sicherheitshinweis|attention|avertissement|prudence|mise en garde|"
    r"precaución|atención|advertencia|aviso|cuidado|atenção|atencao|attenzione|avviso|avvertenza|let op|opgelet|"
    r"pas op|"
    r"waarschuwing|varning|obs|viktigt|advarsel|forsigtig|bemærk|forsiktig|viktig|varoitus|huomio|huom|uwaga|"
    r"ostrzeżenie|"
    r"upozornění|pozor|varování|upozornenie|figyelem|vigyázat|figyelmeztetés|atenție|atentie|avertisment|dikkat|"
    r"uyarı|"
    r"внимание|осторожно|предупреждение|увага|обережно|попередження|внимание|προσοχή|προσοχη|προειδοποίηση|"
    r"upozorenje|oprez|"
    r"opozorilo|опрез|упозорење|tähelepanu|hoiatus|uzmanību|brīdinājums|dėmesio|įspėjimas|atenció|alerta|"
    r"注意|警告|ご注意|注意事項|小心|提醒|警示|주의|경고|cảnh báo|chú ý|lưu ý|คำเตือน|ข้อควรระวัง|perhatian|peringatan|"
    r"זהירות|אזהרה|שים לב|תשומת לב|تنبيه|تحذير|انتباه|هشدار|توجه|सावधान|चेतावनी)"
    r"(?:\s?[:：!！.。,—–\-\]】)]|\s*$|(?=\sextern))"
)
_EXTERNAL = (
    r"(?:external|extern(?:e[rsn]?|a|o|í|al|ý|ally)?|ext|estern[oa]|ekstern|ulkoinen|zewnętrzn[aey]|külső|dış|harici|"
    r"внешн(?:ее|яя|ий)|зовнішн(?:ій|я|є)|εξωτερικό|外部|社外|외부|ภายนอก|bên ngoài|eksternal|חיצוני|خارجي|outside)"
)
_MAILS = (
    r"(?:e-?mails?|mails?|messages?|sender|source|absender|nachricht|expéditeur|courriel|correo|remitente|mensaje|"
    r"messaggio|mittente|mensagem|remetente|bericht|afzender|avsändare|afsender|avsender|meddelande|melding|viesti|"
    r"mejl|sähköposti|wiadomość|nadawca|zpráva|odesílatel|üzenet|feladó|mesaj|gönderen|e-post(?:a|en)?|"
    r"správ[au]|poruka|sporočilo|съобщение|имейл|laiškas|ziņojums|kiri|sõnum|письмо|сообщение|"
    r"отправитель|"
    r"почта|лист|повідомлення|μήνυμα|メール|邮件|郵件|寄件者|发件人|메일|이메일|발신자|thư|อีเมล|surel|דוא\"ל|"
    r"הודעה|رسالة|بريد|ईमेल|ایمیل)"
)
# "[EXTERNAL]", "EXTERNAL EMAIL", "Externe E-Mail"
MARK = re.compile(rf"(?:{_EXTERNAL}(?:\s?{_MAILS})?(?:\s{_MAILS})?|{_MAILS}\s{_EXTERNAL})(?!\w)|{_EXTERNAL}{_MAILS}")
# "This mail", with which the first sentence of a banner begins.
THIS = re.compile(
    r"(?:this|the following|dies(?:e[rsn]?| ist eine?)?|die folgende|ce|cet|cette|este|esta|questo|questa|dit|"
    r"deze|det här|"
    r"detta|denna|denne|dette|den här|tämä|ta|to|ten|tato|tento|táto|toto|ez az?|acest|acesta este un|această|"
    r"bu|это|этот|"
    r"данное|це|цей|ця|даний|αυτό το|この|本|此|该|這|此封|这封|이|본|هذه?|این|यह|see|šis|ova|ovaj|ovo|този|"
    r"това|тази|to)\s?"
    rf"(?:is an? |external |externe |el |ال|封|{_MAILS}){_MAILS}?|(?:email|thư|surel|pesan|อีเมล|הודעה)\s?(?:này|"
    rf"ini|นี้|זו)"
)
OUTSIDE = _any_of(
    "outside", "external", "extern", "außerhalb", "ausserhalb", "extérieur", "fuera de", "estern", "all'esterno",
    "fora d[aoe]", "buiten", "utanför", "uden for", "utenfor", "ekstern", "ulkopuol", "ulkoi", "spoza", "zewnętrz",
    "mimo", "kívül", "külső", "din afara", "din exteriorul", "dış", "harici", "внешн", "извне", "вне ",
    "за пределами",
    "зовнішн", "за межами", "ззовні", "εκτός", "εξωτερικ", "izvan", "zunaj", "väljas", "ārpus", "už ", "外部",
    "社外", "组织外",
    "組織外", "외부", "bên ngoài", "ภายนอก", "luar ", "מחוץ", "חיצוני", "خارج", "बाहर",
)  # fmt: skip
MAIL = re.compile(_MAILS)
FILES = _any_of(
    "links?\\b", "attach", "click", "clicar", "anhäng", "anlage", "klick", "öffne", "lien", "pièces? jointe", "cliqu",
    "enlace", "adjunt", "clic\\b", "allegat", "collegament", "anexo", "bijlage", "klik", "länk", "bilag", "bifog",
    "lenke", "vedlegg", "linkk", "liit", "załącz", "odkaz", "příloh", "príloh", "hivatkozás", "mellékl", "ataș",
    "linkur",
    "bağlantı", "ekleri", "tıkla", "ссылк", "вложени", "посилан", "вкладен", "σύνδεσμο", "συνδέσμ", "συνημμέν",
    "poveznic",
    "privit",
    "povezav", "пратк", "リンク", "添付", "链接", "附件", "連結", "鏈接", "링크", "첨부", "liên kết", "đính kèm",
    "ลิงก์", "ไฟล์แนบ",
    "tautan", "lampiran", "קישור", "קובץ", "קבצים", "روابط", "رابط", "مرفق", "پیوست", "लिंक",
)  # fmt: skip
# What a banner makes its advice depend on: that the reader knows, trusts, expects.
CARE = _any_of(
    "unless", "\\bcare\\b", "recogni[sz]e", "trust", "safe\\b", "caution", "careful", "verif", "suspicious",
    "expect", "know the",
    "kennen", "kennst", "vertrau", "bekannt", "vorsicht", "sicher sind", "sicher ist", "sauf si", "à moins",
    "reconnaiss",
    "confiance", "sûrs?\\b", "prudent", "connaiss", "a menos", "salvo", "recono", "conoc", "conozca", "confí",
    "confi[ea]",
    "segur",
    "precauc", "a meno", "riconosc", "conosc", "fidat", "sicur", "cautela", "reconhe", "conhe[cç]", "tenzij",
    "vertrouw",
    "herken", "kent", "veilig", "voorzichtig", "känner", "litar", "säker", "försiktig", "medmindre",
    "med mindre", "kender",
    "kjenner", "stoler", "sikker", "trygg", "forsigtig", "forsiktig", "ellet", "tunne", "luota", "turvalli",
    "varovai",
    "chyba że", "znasz", "ufasz", "bezpiecz", "ostrożn", "zaufan", "pokud", "znáte", "důvěř", "bezpeč", "opatrn",
    "pokiaľ",
    "poznáte", "dôver", "hacsak", "ismeri", "megbíz", "biztons", "óvatos", "decât", "cu excepția", "recunoaș",
    "cunoașt",
    "încred", "sigur", "tanım", "güven", "emin ", "если", "довер", "знаете", "безопас", "осторож", "уверен", "якщо",
    "довір", "знаєте", "безпе", "обереж", "впевн", "εκτός αν", "εμπιστ", "γνωρίζ", "ασφαλ", "προσεκτ", "osim",
    "pouzda",
    "poznaj", "oprez", "確認", "信頼", "安全", "注意", "不審", "除非", "信任", "认识", "認識", "谨慎", "謹慎",
    "确认", "신뢰", "안전",
    "확인", "주의", "trừ khi", "tin tưởng", "an toàn", "nhận ra", "cẩn thận", "เว้นแต่", "ปลอดภัย", "เชื่อถือ", "ระมัดระวัง",
    "kecuali", "percaya", "aman\\b", "mengenal", "hati-hati", "אלא אם", "מכיר", "סומכ", "בטוח", "זהיר",
    "إلا إذا", "تعرف",
    "تثق", "آمن", "حذر", "مگر", "اعتماد", "مطمئن", "जब तक", "भरोसा", "सुरक्षित",
)  # fmt: skip
# Where the mail came from, as a whole sentence.
ORIGIN = re.compile(
    rf"(?:this|the following) {_MAILS} (?:has |have )?(?:been )?(?:(?:is|was|were) )?(?:originat(?:ed|es)|"
    rf"comes?|came|sent|"
    r"received|is|was)(?: from| by)? (?:an? )?(?:outside|external)(?: [\w'’-]{1,20}){0,8}[.!]?|"
    rf"diese {_MAILS} (?:kommt|kam|stammt|wurde) (?:von |aus )?(?:\w{{1,10}} ){{0,2}}(?:extern\w{{0,3}}|außerhalb)"
    r"(?: [\w-]{1,20}){0,6}[.!]?|"
    rf"(?:ce|cet|cette) {_MAILS} (?:provient|vient|a été envoyé) (?:de |d[’'])(?:l[’']extérieur|\w{{1,10}} externe)"
    r"(?: [\w'’-]{1,20}){0,6}[.!]?|"
    rf"est[ea] {_MAILS}(?: electrónico)? (?:proviene|procede|se originó|es|foi|vem|veio|"
    rf"é)(?: enviad[oa])? (?:de |desde )?"
    r"(?:fuera|fora|extern[oa]|(?:un|um) \w{1,12} externo)(?: [\w-]{1,20}){0,6}[.!]?|"
    rf"quest[oa] {_MAILS} (?:proviene|arriva|è stat[oa] inviat[oa]) (?:da|dall[’'])\s?(?:\w{{1,10}} )?estern[oa]"
    r"(?: [\w'’-]{1,20}){0,6}[.!]?|"
    rf"(?:dit|deze) {_MAILS} (?:komt|is afkomstig|kwam) van (?:buiten|een externe)(?: [\w-]{{1,20}}){{0,6}}[.!]?"
)
# Exchange's tip at the first mail of somebody; its link is not in the text of HTML.
FIRST_CONTACT = re.compile(
    r"\[?(?:some people who received this message don[’']t often get email from|you don[’']t often get email from|"
    r"sie erhalten nicht (?:oft|häufig) (?:eine )?e-mails? von|einige personen, die diese nachricht erhalten haben|"
    r"vous ne recevez pas souvent de courriers? de|certaines personnes qui ont reçu ce message|"
    r"no suele recibir correos? electrónicos? de|non si ricevono spesso messaggi di posta elettronica da|"
    r"u ontvangt niet vaak e-mail van|você não costuma receber emails de|nie otrzymujesz często wiadomości e-mail)"
)
# All with which a banner begins; the last is Proofpoint's, about its banner in HTML.
OPENING = re.compile(
    "|".join(f"(?:{one.pattern})" for one in (WARNING, MARK, THIS, FIRST_CONTACT)) + "|zjqcmqryfpfptbannerstart"
)
# What no banner says; as it was written.
FIRST_PERSON = re.compile(
    r"\b(?:I|I[’']m|my|My|ich|mein|meine|je|j[’'][a-zéê]|mon|yo|mi|io|mio|ik|mijn|jag|jeg|eu|meu)\b|\?|？|؟"
)
