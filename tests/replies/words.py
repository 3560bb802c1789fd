"""What an author writes in an answer, in 39 languages: a line, a line that tells of what somebody wrote, and a letter.

The second reads like the line above a quotation (name, date, time, a verb of writing, a colon), but is the author's.
"""

from collections.abc import Mapping

# A line; what somebody wrote; greeting, sentence, two items of a list, and end of a letter.
_WORDS: Mapping[str, tuple[str, str, str, str, str, str, str]] = {
    "en": (
        "Thank you, it prints again.",
        "Mr Kuhn wrote on 12 November at 9:15 that all is well: it is not.",
        "Good morning,", "two things are missing: the door code of room 214 and a cable of 3 metres.",
        "Monday 9:30 suits us", "Tuesday only after 14:00", "Kind regards",
    ),
    "de": (
        "Danke, jetzt druckt er wieder.",
        "Herr Kuhn schrieb am 12. November um 9:15, alles sei gut: das stimmt nicht.",
        "Guten Tag,", "zwei Dinge fehlen noch: der Code für Raum 214 und ein Kabel von 3 Metern.",
        "Montag 9:30 passt uns", "Dienstag erst ab 14:00", "Viele Grüße",
    ),
    "fr": (
        "Merci, l'imprimante marche de nouveau.",
        "M. Kuhn a écrit le 12 novembre à 9:15 que tout va bien : ce n'est pas le cas.",
        "Bonjour,", "il manque deux choses : le code de la salle 214 et un câble de 3 mètres.",
        "lundi à 9:30 nous convient", "mardi seulement après 14:00", "Cordialement",
    ),
    "es": (
        "Gracias, ya imprime otra vez.",
        "El señor Kuhn escribió el 12 de noviembre a las 9:15 que todo va bien: no es verdad.",
        "Buenos días:", "faltan dos cosas: el código de la sala 214 y un cable de 3 metros.",
        "el lunes a las 9:30 nos va bien", "el martes solo después de las 14:00", "Un saludo",
    ),
    "it": (
        "Grazie, adesso stampa di nuovo.",
        "Il signor Kuhn ha scritto il 12 novembre alle 9:15 che va tutto bene: non è vero.",
        "Buongiorno,", "mancano due cose: il codice della stanza 214 e un cavo di 3 metri.",
        "lunedì alle 9:30 va bene", "martedì solo dopo le 14:00", "Cordiali saluti",
    ),
    "nl": (
        "Bedankt, hij print weer.",
        "De heer Kuhn schreef op 12 november om 9:15 dat alles goed is: dat klopt niet.",
        "Goedemorgen,", "er ontbreken twee dingen: de code van kamer 214 en een kabel van 3 meter.",
        "maandag om 9:30 komt ons goed uit", "dinsdag pas na 14:00", "Met vriendelijke groet",
    ),
    "pt": (
        "Obrigada, já imprime outra vez.",
        "O senhor Kuhn escreveu em 12 de novembro às 9:15 que está tudo bem: não está.",
        "Bom dia,", "faltam duas coisas: o código da sala 214 e um cabo de 3 metros.",
        "segunda-feira às 9:30 é bom para nós", "terça-feira só depois das 14:00", "Atenciosamente",
    ),
    "sv": (
        "Tack, nu skriver den ut igen.",
        "Herr Kuhn skrev den 12 november kl. 9:15 att allt är bra: så är det inte.",
        "Hej,", "två saker saknas: koden till rum 214 och en kabel på 3 meter.",
        "måndag 9:30 passar oss", "tisdag först efter 14:00", "Vänliga hälsningar",
    ),
    "da": (
        "Tak, nu printer den igen.",
        "Hr. Kuhn skrev den 12. november kl. 9:15, at alt er godt: det passer ikke.",
        "Goddag,", "der mangler to ting: koden til lokale 214 og et kabel på 3 meter.",
        "mandag kl. 9:30 passer os", "tirsdag først efter kl. 14:00", "Venlig hilsen",
    ),
    "nb": (
        "Takk, nå skriver den ut igjen.",
        "Herr Kuhn skrev den 12. november kl. 9:15 at alt er bra: det stemmer ikke.",
        "Hei,", "to ting mangler: koden til rom 214 og en kabel på 3 meter.",
        "mandag 9:30 passer for oss", "tirsdag først etter 14:00", "Vennlig hilsen",
    ),
    "fi": (
        "Kiitos, nyt se tulostaa taas.",
        "Herra Kuhn kirjoitti 12. marraskuuta klo 9:15, että kaikki on hyvin: ei ole.",
        "Hyvää huomenta,", "kaksi asiaa puuttuu: huoneen 214 koodi ja 3 metrin johto.",
        "maanantai 9:30 sopii meille", "tiistaina vasta klo 14:00 jälkeen", "Ystävällisin terveisin",
    ),
    "pl": (
        "Dziękuję, znowu drukuje.",
        "Pan Kuhn napisał 12 listopada o 9:15, że wszystko działa: to nieprawda.",
        "Dzień dobry,", "brakuje dwóch rzeczy: kodu do pokoju 214 i kabla o długości 3 metrów.",
        "poniedziałek o 9:30 nam pasuje", "wtorek dopiero po 14:00", "Z poważaniem",
    ),
    "cs": (
        "Děkuji, už zase tiskne.",
        "Pan Kuhn napsal 12. listopadu v 9:15, že je vše v pořádku: není to pravda.",
        "Dobrý den,", "chybí dvě věci: kód do místnosti 214 a kabel dlouhý 3 metry.",
        "pondělí v 9:30 nám vyhovuje", "úterý až po 14:00", "S pozdravem",
    ),
    "sk": (
        "Ďakujem, už zase tlačí.",
        "Pán Kuhn napísal 12. novembra o 9:15, že je všetko v poriadku: nie je to pravda.",
        "Dobrý deň,", "chýbajú dve veci: kód do miestnosti 214 a kábel dlhý 3 metre.",
        "pondelok o 9:30 nám vyhovuje", "utorok až po 14:00", "S pozdravom",
    ),
    "hu": (
        "Köszönöm, már megint nyomtat.",
        "Kuhn úr november 12-én 9:15-kor azt írta, hogy minden rendben: nincs így.",
        "Jó napot kívánok!", "két dolog hiányzik: a 214-es szoba kódja és egy 3 méteres kábel.",
        "hétfő 9:30 megfelel nekünk", "kedden csak 14:00 után", "Üdvözlettel",
    ),
    "ro": (
        "Mulțumesc, imprimă din nou.",
        "Domnul Kuhn a scris pe 12 noiembrie la 9:15 că totul e bine: nu este așa.",
        "Bună ziua,", "lipsesc două lucruri: codul sălii 214 și un cablu de 3 metri.",
        "luni la 9:30 ne convine", "marți numai după 14:00", "Cu stimă",
    ),
    "bg": (
        "Благодаря, вече печата отново.",
        "Господин Кун написа на 12 ноември в 9:15, че всичко е наред: не е така.",
        "Добър ден,", "липсват две неща: кодът за стая 214 и кабел от 3 метра.",
        "понеделник в 9:30 ни е удобно", "вторник само след 14:00", "Поздрави",
    ),
    "hr": (
        "Hvala, opet ispisuje.",
        "Gospodin Kuhn napisao je 12. studenoga u 9:15 da je sve u redu: nije tako.",
        "Dobar dan,", "nedostaju dvije stvari: kod za sobu 214 i kabel od 3 metra.",
        "ponedjeljak u 9:30 nam odgovara", "utorak tek poslije 14:00", "Srdačan pozdrav",
    ),
    "sl": (
        "Hvala, spet tiska.",
        "Gospod Kuhn je napisal 12. novembra ob 9:15, da je vse v redu: ni res.",
        "Dober dan,", "manjkata dve stvari: koda za sobo 214 in kabel, dolg 3 metre.",
        "ponedeljek ob 9:30 nam ustreza", "torek šele po 14:00", "Lep pozdrav",
    ),
    "ru": (
        "Спасибо, снова печатает.",
        "Господин Кун написал 12 ноября в 9:15, что всё хорошо: это не так.",
        "Добрый день!", "не хватает двух вещей: кода от комнаты 214 и кабеля на 3 метра.",
        "понедельник, 9:30, нам подходит", "вторник только после 14:00", "С уважением",
    ),
    "uk": (
        "Дякую, знову друкує.",
        "Пан Кун написав 12 листопада о 9:15, що все гаразд: це не так.",
        "Добрий день!", "бракує двох речей: коду до кімнати 214 і кабелю на 3 метри.",
        "понеділок о 9:30 нам підходить", "вівторок лише після 14:00", "З повагою",
    ),
    "el": (
        "Ευχαριστώ, τυπώνει ξανά.",
        "Ο κύριος Kuhn έγραψε στις 12 Νοεμβρίου στις 9:15 ότι όλα είναι καλά: δεν είναι.",
        "Καλημέρα,", "λείπουν δύο πράγματα: ο κωδικός της αίθουσας 214 και ένα καλώδιο 3 μέτρων.",
        "Δευτέρα 9:30 μας βολεύει", "Τρίτη μόνο μετά τις 14:00", "Με εκτίμηση",
    ),
    "tr": (
        "Teşekkürler, yeniden yazdırıyor.",
        "Bay Kuhn 12 Kasım saat 9:15'te her şeyin iyi olduğunu yazdı: öyle değil.",
        "Günaydın,", "iki şey eksik: 214 numaralı odanın kodu ve 3 metrelik bir kablo.",
        "pazartesi 9:30 bize uyar", "salı ancak 14:00'ten sonra", "Saygılarımla",
    ),
    "lt": (
        "Ačiū, vėl spausdina.",
        "Ponas Kuhn lapkričio 12 d. 9:15 rašė, kad viskas gerai: taip nėra.",
        "Laba diena,", "trūksta dviejų dalykų: 214 kambario kodo ir 3 metrų laido.",
        "pirmadienis 9:30 mums tinka", "antradienį tik po 14:00", "Pagarbiai",
    ),
    "et": (
        "Aitäh, nüüd prindib jälle.",
        "Härra Kuhn kirjutas 12. novembril kell 9:15, et kõik on korras: ei ole.",
        "Tere päevast,", "kaks asja on puudu: ruumi 214 kood ja 3 meetri pikkune kaabel.",
        "esmaspäev kell 9:30 sobib meile", "teisipäeval alles pärast 14:00", "Lugupidamisega",
    ),
    "ca": (
        "Gràcies, ja torna a imprimir.",
        "El senyor Kuhn va escriure el 12 de novembre a les 9:15 que tot va bé: no és cert.",
        "Bon dia,", "falten dues coses: el codi de la sala 214 i un cable de 3 metres.",
        "dilluns a les 9:30 ens va bé", "dimarts només després de les 14:00", "Salutacions",
    ),
    "he": (
        "תודה, היא מדפיסה שוב.",
        "מר קון כתב ב-12 בנובמבר בשעה 9:15 שהכול בסדר: זה לא נכון.",
        "בוקר טוב,", "חסרים שני דברים: הקוד של חדר 214 וכבל של 3 מטרים.",
        "יום שני ב-9:30 מתאים לנו", "יום שלישי רק אחרי 14:00", "בברכה",
    ),
    "ja": (
        "ありがとうございます。また印刷できました。",
        "クーンさんは11月12日 9:15に問題ないと書きました: そうではありません。",
        "おはようございます。", "足りないものが二つあります: 214号室のコードと3メートルのケーブルです。",
        "月曜日 9:30 は大丈夫です", "火曜日は 14:00 以降です", "よろしくお願いいたします。",
    ),
    "ko": (
        "감사합니다. 다시 인쇄됩니다.",
        "쿤 씨가 11월 12일 9:15에 모두 괜찮다고 썼지만: 그렇지 않습니다.",
        "안녕하세요,", "두 가지가 없습니다: 214호 코드와 3미터 케이블입니다.",
        "월요일 9:30 좋습니다", "화요일은 14:00 이후만 됩니다", "감사합니다",
    ),
    "zh-cn": (
        "谢谢，又能打印了。",
        "库恩先生11月12日 9:15 写道一切正常: 其实不是。",
        "早上好，", "还缺两样东西: 214房间的门码和3米长的电缆。",
        "星期一 9:30 可以", "星期二 14:00 以后才行", "此致敬礼",
    ),
    "zh-tw": (
        "謝謝，又能列印了。",
        "庫恩先生11月12日 9:15 寫道一切正常: 其實不是。",
        "早安，", "還缺兩樣東西: 214室的門碼和3公尺長的電纜。",
        "星期一 9:30 可以", "星期二 14:00 以後才行", "敬上",
    ),
    "lv": (
        "Paldies, atkal drukā.",
        "Kūna kungs 12. novembrī plkst. 9:15 rakstīja, ka viss ir labi: tā nav.",
        "Labdien,", "trūkst divu lietu: 214. telpas koda un 3 metrus gara kabeļa.",
        "pirmdiena 9:30 mums der", "otrdien tikai pēc 14:00", "Ar cieņu",
    ),
    "sr": (
        "Хвала, поново штампа.",
        "Господин Кун је написао 12. новембра у 9:15 да је све у реду: није.",
        "Добар дан,", "недостају две ствари: шифра за собу 214 и кабл од 3 метра.",
        "понедељак у 9:30 нам одговара", "уторак тек после 14:00", "Срдачан поздрав",
    ),
    "vi": (
        "Cảm ơn, máy in lại được rồi.",
        "Ông Kuhn đã viết ngày 12 tháng 11 lúc 9:15 rằng mọi thứ đều ổn: không phải vậy.",
        "Chào buổi sáng,", "còn thiếu hai thứ: mã phòng 214 và một sợi cáp dài 3 mét.",
        "thứ Hai 9:30 được", "thứ Ba chỉ sau 14:00", "Trân trọng",
    ),
    "id": (
        "Terima kasih, sudah bisa mencetak lagi.",
        "Pak Kuhn menulis pada 12 November pukul 9:15 bahwa semua baik: ternyata tidak.",
        "Selamat pagi,", "dua hal masih kurang: kode ruang 214 dan kabel sepanjang 3 meter.",
        "Senin 9:30 cocok untuk kami", "Selasa hanya setelah 14:00", "Hormat kami",
    ),
    "ar": (
        "شكرا، الطابعة تعمل من جديد.",
        "كتب السيد كون في 12 نوفمبر في 9:15 أن كل شيء على ما يرام: هذا غير صحيح.",
        "صباح الخير،", "ينقصنا شيئان: رمز الغرفة 214 وكابل طوله 3 أمتار.",
        "الاثنين 9:30 يناسبنا", "الثلاثاء بعد 14:00 فقط", "مع التحية",
    ),
    "fa": (
        "ممنون، دوباره چاپ می‌کند.",
        "آقای کون در 12 نوامبر ساعت 9:15 نوشت که همه چیز خوب است: این طور نیست.",
        "صبح بخیر،", "دو چیز کم است: رمز اتاق 214 و کابلی به طول 3 متر.",
        "دوشنبه 9:30 برای ما خوب است", "سه‌شنبه فقط بعد از 14:00", "با احترام",
    ),
    "th": (
        "ขอบคุณครับ พิมพ์ได้แล้ว",
        "คุณคูห์น เขียนเมื่อ 12 พฤศจิกายน เวลา 9:15 ว่าทุกอย่างดี: ไม่จริงครับ",
        "สวัสดีครับ", "ยังขาดสองอย่าง: รหัสห้อง 214 และสายยาว 3 เมตร",
        "วันจันทร์ 9:30 สะดวก", "วันอังคารหลัง 14:00 เท่านั้น", "ขอแสดงความนับถือ",
    ),
    "mk": (
        "Благодарам, повторно печати.",
        "Господинот Кун напиша на 12 ноември во 9:15 дека сè е во ред: не е така.",
        "Добар ден,", "недостасуваат две работи: шифрата за соба 214 и кабел од 3 метри.",
        "понеделник во 9:30 ни одговара", "вторник дури по 14:00", "Срдечен поздрав",
    ),
}  # fmt: skip


def words(language: str) -> tuple[str, str, str]:
    """The three, in this language."""
    line, told, greeting, sentence, first, second, end = _WORDS[language]
    return line, told, f"{greeting}\n\n{sentence}\n\n- {first}\n- {second}\n\n{end}\nAnna Berg"
