"""Notices of older and regional mail systems, which carry no report part: whom, why and which mail they speak of.

Each is written after the form of a real system, with texts and names of our own.
"""

from typing import NamedTuple

import pytest

from resolver.parsing import parse
from resolver.screening import answerable, screen
from schemas.reasons import Reason

HANS, DESK, MAIL_ID = "hans@firma.example", "it@desk.example", "<note-31@desk.example>"
FIELDS = f"""\
Received: from desk.example (desk.example [192.0.2.10]) by mx.example
 with ESMTP id 4XvK2p; Mon, 24 Nov 2025 09:13:00 +0100
From: IT help desk <{DESK}>
To: {HANS}
Subject: [C-000123] Printer
Date: Mon, 24 Nov 2025 09:12:58 +0100
Message-ID: {MAIL_ID}
"""
RETURNED = FIELDS + "\nYour call was logged.\n"
INDENTED = "".join(f"    {line}\n" for line in FIELDS.splitlines())
QUOTED = "".join(f"> {line}\n" for line in FIELDS.splitlines())
DAEMON = f"Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example>\nTo: {DESK}\n"
POSTMASTER = f"Return-Path: <>\nFrom: postmaster@mx.example\nTo: {DESK}\n"


class Notice(NamedTuple):
    """What a system sends, and what is to be read of it."""

    head: str
    text: str
    status: str | None
    message_id: str | None = MAIL_ID
    final: bool = True
    kind: str = "text/plain"  # how `returned` is attached
    returned: str = ""
    charset: str = "utf-8"

    def raw(self) -> bytes:
        head = f"{self.head}MIME-Version: 1.0\n"
        kind = f"Content-Type: text/plain; charset={self.charset}\nContent-Transfer-Encoding: 8bit\n\n"
        if not self.returned:
            return (head + kind + self.text).encode(self.charset)
        mail = (
            f'{head}Content-Type: multipart/mixed; boundary="=_b"\n\n--=_b\n{kind}{self.text}\n'
            f"--=_b\nContent-Type: {self.kind}\n\n{self.returned}\n--=_b--\n"
        )
        return mail.encode(self.charset)


NOTICES: dict[str, Notice] = {
    "transcript with brackets": Notice(
        DAEMON + "Subject: Returned Mail: User unknown\n",
        "The original message was received at Mon, 24 Nov 2025 09:13:00 +0100\nfrom desk.example\n\n"
        f"---The following addresses had delivery errors---\n\n{HANS} [User unknown]\n\n{RETURNED}",
        None,
    ),
    "original message follows": Notice(
        DAEMON + "Subject: failed delivery\n",
        f"Message from mx.example.\nThese addresses could not be reached.\n\n<{HANS}>:\n"
        f"There is no such account ({HANS}) [0]\n\n--- Original message follows.\n\n{RETURNED}",
        None,
    ),
    "framed notice": Notice(
        DAEMON + "Subject: Delivery status notification\n",
        "=========================\n   An automatic notice.\n\nDelivery to the following recipients failed permanently:"
        f"\n\n   * {HANS}\n\n=========================\n        Technical details:\n\n"
        f"SMTP:RCPT host 192.0.2.8: 553 5.3.0 <{HANS}>... Nobody here\n=========================\n",
        "5.3.0",
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "qmail in Spanish": Notice(
        DAEMON + "Subject: failure notice\n",
        f"Su mensaje no pudo ser entregado.\n\n<{HANS}>:\n192.0.2.8 no acepta al destinatario.\n"
        "El servidor dijo: 550 no existe\n\n--- Debajo de esta línea hay una copia del mensaje.\n\n"
        f"Return-Path: <{DESK}>\n{RETURNED}",
        "5.2.0",
    ),
    "qmail in Portuguese from a postmaster": Notice(
        POSTMASTER + "Subject: falha na entrega\n",
        f"Infelizmente a sua mensagem não chegou.\n\n<{HANS}>:\nCaixa postal cheia (#5.2.2)\n\n"
        f"--- Abaixo desta linha segue uma cópia.\n\nReturn-Path: <{DESK}>\n{RETURNED}",
        "5.2.2",
    ),
    "errors counted, headers as a text file": Notice(
        POSTMASTER + "Subject: There was an error sending your mail\n",
        f"1 error(s):\n\nSMTP Server <mx.firma.example> rejected recipient <{HANS}>\n  (Error following RCPT command). "
        "It responded as follows: [550 5.1.1 User unknown]\n\nThe attachment contains the original mail headers.\n",
        "5.1.1",
        kind="text/plain; name=headers.txt\nContent-Disposition: attachment; filename=headers.txt",
        returned=FIELDS,
    ),
    "mail marshal": Notice(
        POSTMASTER + 'Subject: Undeliverable Mail: "[C-000123] Printer"\n',
        f"Your message:\n   From:    {DESK}\n   Subject: [C-000123] Printer\n\nCould not be delivered because of\n\n"
        f"550 5.1.1 User unknown\n\nThe following recipients were affected:\n    {HANS}\n\n"
        f"Additional Information\n======================\nOriginal Sender:    <{DESK}>\n",
        "5.1.1",
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "japanese mail filter": Notice(
        POSTMASTER + "Subject: failure notice\nX-Mailer: m-FILTER\n",
        f"このメールは自動的に送信しています。\n下記の宛先に送信できませんでした。\n{HANS}\n\n\n-------server message\n"
        f"550 5.1.1 unknown user <{HANS}>\n\n-------SMTP command\nRCPT\n\n-------original mail info\n{FIELDS}",
        "5.1.1",
        charset="iso-2022-jp",
    ),
    "japanese provider, mail attached": Notice(
        POSTMASTER + "Subject: Returned mail: Mailbox full\n",
        f"   ----- The following addresses had delivery problems -----\n{HANS}\n\n"
        "   ----- Non-delivered information -----\nThe mailbox holds more messages than it may.\n",
        None,
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "japanese carrier": Notice(
        POSTMASTER + "Subject: Mail System Error - Returned Mail\n",
        "Each of the following recipients was rejected by a remote\nmail server.\n\n"
        f"   Recipient: <{HANS}>\n   >>> RCPT TO:<{HANS}>\n   <<< 550 <{HANS}>: nobody\n\n{'-' * 50}\n{RETURNED}",
        "5.2.0",
    ),
    "japanese carrier in Japanese": Notice(
        POSTMASTER + "Subject: =?utf-8?B?6YWN5L+h44Ko44Op44O8?=\n",
        f"次のあて先へのメッセージはエラーのためお届けできませんでした。\n送信先メールアドレス：{HANS}\n"
        f"エラー内容：宛先不明\n\n{FIELDS}",
        None,
        charset="shift_jis",
    ),
    "virus wall": Notice(
        f'Return-Path: <>\nFrom: "InterScan MSS" <scan@mx.example>\nTo: {DESK}\nSubject: Mail could not be delivered\n',
        f"Sent <<< RCPT TO:<{HANS}>\nReceived >>> 550 5.1.1 <{HANS}>... user unknown\n"
        f"Unable to deliver message to <{HANS}>.\n",
        "5.1.1",
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "imail": Notice(
        POSTMASTER + "Subject: Undeliverable Mail\nX-Mailer: <SMTP32 v8.22>\n",
        f"Unknown user: {HANS}\n\nOriginal message follows.\n\n{RETURNED}",
        None,
    ),
    "exchange 5.5": Notice(
        f"Return-Path: <>\nFrom: System Administrator <postmaster@mx.example>\nTo: {DESK}\n"
        "Subject: Undeliverable: [C-000123] Printer\nX-Mailer: Internet Mail Service (5.5.2653.19)\n",
        f"Your message\n\n  To:      {HANS}\n  Subject: [C-000123] Printer\n"
        "  Sent:    Mon, 24 Nov 2025 09:12:58 +0100\n\ndid not reach the following recipient(s):\n\n"
        f"{HANS} on Mon, 24 Nov 2025 09:13:04 +0100\n    The recipient name is not recognized\n"
        "    MSEXCH:IMS:FIRMA:SITE:SERVER 0 (000C05A6) Unknown Recipient\n",
        None,
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "german provider": Notice(
        DAEMON + "Subject: Mail delivery failed: returning message to sender\n",
        f"This message was created automatically by mail delivery software.\n\n"
        f"The following address failed:\n\n{HANS}\n\n"
        "For the following reason:\n\nMail size limit exceeded.\n\n"
        f"--- The header of the original message is following. ---\n\n{FIELDS}",
        None,
    ),
    "german provider, address in quotes": Notice(
        DAEMON + "Subject: Mail delivery failed: returning message to sender\n",
        f'The following address\nfailed:\n\n"{HANS}":\nSMTP error from remote server after RCPT command:\n'
        f"host: mx.firma.example\n5.1.1 <{HANS}>... User Unknown\n\n"
        f"--- The header of the original message is following. ---\n\n{FIELDS}",
        "5.1.1",
    ),
    "james": Notice(
        POSTMASTER + "Subject: [BOUNCE]\n",
        "Hi. This is the James mail server.\n\nError message below:\n"
        "550 - Requested action not taken: no such user here"
        f"\n\nMessage details:\n  Subject: [C-000123] Printer\n  MAIL FROM: {DESK}\n  RCPT TO: {HANS}\n"
        f"  From: IT help desk <{DESK}>\n  To: {HANS}\n  Size (in bytes): 1024\n",
        "5.2.0",
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "russian provider in two languages": Notice(
        DAEMON + "Subject: Mail failure.\n",
        "Это письмо создано автоматически, отвечать на него не нужно.\n\nВаше письмо не дошло до получателей:\n\n"
        f"**********************\n\nThe following address(es) failed:\n\n  {HANS}\n"
        f"    SMTP error from remote mail server after RCPT TO:<{HANS}>:\n"
        "    host mx.firma.example [192.0.2.8]: 550 5.1.1 gone\n\n"
        f"------ This is a copy of the message, including all the headers. ------\n\n{RETURNED}",
        "5.1.1",
        charset="koi8-r",
    ),
    "russian postmaster": Notice(
        POSTMASTER + "Subject: =?utf-8?B?0J/QuNGB0YzQvNC+INC90LUg0LTQvtGB0YLQsNCy0LvQtdC90L4=?=\n",
        f"К сожалению, письмо адресату {HANS} доставить не получилось.\nОтвет сервера: 552 ящик переполнен\n\n"
        f"--- Заголовки исходного письма ---\n{FIELDS}",
        "5.2.2",
        charset="windows-1251",
    ),
    "cloud provider": Notice(
        DAEMON + "Subject: Undelivered Mail Returned to Sender\n",
        f"It could not be delivered.\n\n{HANS} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 "
        f"<{HANS}>... Nobody\n\n"
        f"{RETURNED}",
        "5.1.1",
    ),
    "cloud provider, given up": Notice(
        DAEMON + "Subject: Undelivered Mail Returned to Sender\n",
        f"It could not be delivered.\n\n[Status: Error, Address: <{HANS}>, ResponseCode 421, , Host not reachable.]\n\n"
        f"{RETURNED}",
        "4.0.0",
    ),
    "headers above the words": Notice(
        POSTMASTER + "Subject: Delivery Notification: Delivery has failed\n",
        "This report relates to a message you sent with the following header fields:\n\n"
        f"  Message-id: {MAIL_ID}\n  Date: Mon, 24 Nov 2025 09:12:58 +0100\n  From: IT help desk <{DESK}>\n"
        f"  To: {HANS}\n  Subject: [C-000123] Printer\n\n"
        f"Your message cannot be delivered to the following recipients:\n\n"
        f"  Recipient address: {HANS}\n  Reason: Remote SMTP server has rejected address\n"
        f"  Diagnostic code: smtp;550 5.1.1 <{HANS}>... Nobody\n  Remote system: dns;mx.firma.example (192.0.2.8)\n",
        "5.1.1",
    ),
    "group that may not be written to": Notice(
        DAEMON + f"Subject: Delivery Status Notification (Failure)\nX-Failed-Recipients: {HANS}\n",
        f"The group (hans) may not exist, or may take no posts from you.\n\n----- Original message -----\n\n{RETURNED}",
        None,
    ),
    "sendmail 5": Notice(
        DAEMON + "Subject: Returned mail: User unknown\n",
        "   ----- Transcript of session follows -----\nWhile talking to mx.firma.example:\n"
        f">>> RCPT To:<{HANS}>\n<<< 550 <{HANS}>, nobody\n550 <{HANS}>... User unknown\n\n"
        f"   ----- Unsent message follows -----\n{RETURNED}",
        "5.2.0",
    ),
    "mobile carrier": Notice(
        f"Return-Path: <>\nFrom: sysadmin@carrier.example\nTo: {DESK}\nSubject: Undeliverable Message\n",
        "Message could not be delivered to mobile.\nError: No valid recipients for this MM\n\nOriginal Message:\n"
        f"From: IT help desk <{DESK}>\nTo: {HANS}\nSubject: [C-000123] Printer\n"
        f"Date: Mon, 24 Nov 2025 08:12:58 +0000\n",
        None,
        message_id=None,
    ),
    "groupwise": Notice(
        DAEMON + "Subject: Message status - undeliverable\n",
        f"The message that you sent was undeliverable to the following:\n\t{HANS} (550 5.1.1 nobody)\n\n"
        f"Possibly truncated original message follows:\n\n{RETURNED}",
        "5.1.1",
    ),
    "notes": Notice(
        POSTMASTER + "Subject: Undeliverable message\n",
        "------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n"
        f"{HANS}\n\n------- Returned Message --------\n\n{FIELDS}",
        None,
    ),
    "chinese provider": Notice(
        POSTMASTER + "Subject: =?utf-8?B?57O757uf6YCA5L+h?=\n",
        f"抱歉，您的邮件未能送达。\n收件人：{HANS}\n退信原因：550 用户不存在\n",
        "5.2.0",
        kind="text/rfc822-headers",
        returned=FIELDS,
        charset="gb18030",
    ),
    "taiwanese provider": Notice(
        POSTMASTER + "Subject: =?utf-8?B?6YO15Lu26YCA5Zue?=\n",
        f"您的郵件無法寄達：{HANS}\n原因：信箱已滿 (552 5.2.2)\n\n{INDENTED}",
        "5.2.2",
        charset="big5",
    ),
    "korean provider": Notice(
        POSTMASTER + "Subject: =?utf-8?B?67CY7Iah?=\n",
        f"보내신 메일이 반송되었습니다.\n받는 사람: {HANS}\n사유: 사용자 없음 (550)\n\n{QUOTED}",
        "5.2.0",
        charset="euc-kr",
    ),
    "courier": Notice(
        POSTMASTER + "Subject: NOTICE: mail delivery status.\n",
        f"UNDELIVERABLE MAIL\n\nThese recipients cannot be reached:\n\n<{HANS}>:\n    mx.firma.example [192.0.2.8]:\n"
        "<<< 550 5.1.1 Nobody\n",
        "5.1.1",
        kind="text/rfc822-headers",
        returned=FIELDS,
    ),
    "opensmtpd in words": Notice(
        DAEMON + "Subject: Delivery status notification: error\n",
        f"    Hi!\n\n    This is the MAILER-DAEMON.\n\n    {HANS}: 550 5.1.1 Nobody\n\n"
        f"    Below is a copy of the original message:\n\n{RETURNED}",
        "5.1.1",
    ),
    "virus scanner": Notice(
        POSTMASTER + "Subject: Undeliverable mail\n",
        f"  --- The following addresses had delivery problems ---\n\n<{HANS}>   (User unknown {HANS})\n",
        None,
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "appliance": Notice(
        POSTMASTER + "Subject: Message delivery has failed\n",
        f"Unable to deliver message to: <{HANS}>\nDelivery failed for the following reason:\n"
        f"Server mx.firma.example[192.0.2.8] failed with: 554 <{HANS}> Nobody\n\nThis has been a permanent failure.\n",
        "5.0.0",
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "mail filter": Notice(
        POSTMASTER + "Subject: Message could not be sent\n",
        "Your message could not be sent.\nThe number of attempts made: 1\n"
        f"Addressed To: {HANS}\n\nFailed to send to identified host,\n{HANS}: [192.0.2.25], 550 {HANS}... Nobody\n"
        "--- Message non-deliverable.\n",
        "5.2.0",
        kind="message/rfc822",
        returned=RETURNED,
    ),
    "turkish, indented": Notice(
        POSTMASTER + "Subject: Posta geri geldi\n",
        f"İletiniz ulaştırılamadı.\nAlıcı: {HANS}\nSunucu: 451 4.7.1 daha sonra\n\n{INDENTED}",
        "4.7.1",
        charset="iso-8859-9",
    ),
    "hebrew": Notice(
        POSTMASTER + "Subject: =?utf-8?B?15TXldeT16LXlA==?=\n",
        f"לא ניתן היה למסור את ההודעה אל {HANS}\n550 5.7.1\n\n{FIELDS}",
        "5.7.1",
    ),
    "arabic without a marker": Notice(
        POSTMASTER + "Subject: =?utf-8?B?2LHYs9in2YTYqQ==?=\n", f"تعذر تسليم رسالتك إلى {HANS}\n\n{FIELDS}", None
    ),
    "thai": Notice(
        POSTMASTER + "Subject: =?utf-8?B?4LiI4LiU4Lir4Lih4Liy4Lii?=\n",
        f"ส่งจดหมายถึง <{HANS}> ไม่สำเร็จ: 553 5.1.3\n\n------\n{FIELDS}",
        "5.1.3",
    ),
    "hungarian, mail as a file of another type": Notice(
        POSTMASTER + "Subject: Visszakapott levél\n",
        f"A levelet nem lehetett kézbesíteni: {HANS}\n",
        None,
        kind="application/octet-stream; name=level.eml\nContent-Disposition: attachment; filename=level.eml",
        returned=RETURNED,
    ),
    "vietnamese, international headers": Notice(
        POSTMASTER + "Subject: Thư bị trả lại\n",
        f"Không gửi được thư đến {HANS} (550 5.1.1).\n",
        "5.1.1",
        kind="message/global-headers",
        returned=FIELDS,
    ),
    "greek, from an address nobody knows": Notice(
        f"Return-Path: <>\nFrom: Ταχυδρομείο <mta@relay.example>\nTo: {DESK}\nSubject: Επιστροφή\n",
        f"Το μήνυμα προς {HANS} δεν παραδόθηκε.\n\n{FIELDS}",
        None,
    ),
    "finnish, without a sender": Notice(
        f"Return-Path: <>\nTo: {DESK}\nSubject: Palautettu viesti\n",
        f"Viestiä ei voitu toimittaa: {HANS}\n550 5.1.1\n\n{FIELDS}",
        "5.1.1",
    ),
    "only the recipient of the returned mail is named": Notice(
        POSTMASTER + "Subject: Tagastatud kiri\n", f"Kirja ei saanud kohale toimetada.\n\n{FIELDS}", None
    ),
    "fields in the text": Notice(
        DAEMON + "Subject: Report\n",
        f"Reporting-MTA: dns; mx.example\nFinal-Recipient: rfc822; {HANS}\nAction: failed\n"
        f"Status: 5.4.4\nDiagnostic-Code: smtp; no host\n\n{RETURNED}",
        "5.4.4",
    ),
    "chinese provider, words alone": Notice(
        POSTMASTER + "Subject: =?utf-8?B?57O757uf6YCA5L+h?=\n",
        f"抱歉，您的邮件没有送到。\n原邮件信息：\n  时  间 2025-11-24 16:13:00\n  收件人 {HANS}\n\n"
        "退信原因：\n  对方拒收\n",
        None,
        message_id=None,
    ),
    "japanese, the address amid the words": Notice(
        POSTMASTER + "Subject: =?utf-8?B?6YWN5L+h44Ko44Op44O8?=\n",
        f"お送りのメールは{HANS}に届きませんでした。\n",
        None,
        message_id=None,
    ),
    "a report whose type was lost": Notice(
        DAEMON + "Subject: Undelivered\n",
        "This is a MIME-encapsulated message.\n\n--b1\nContent-Type: text/plain\n\nIt failed.\n\n--b1\n"
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {HANS}\n"
        f"Action: failed\nStatus: 5.1.2\n\n--b1\nContent-Type: message/rfc822\n\n{RETURNED}\n--b1--\n",
        "5.1.2",
    ),
    "returned header that names a recipient of its own": Notice(
        DAEMON + "Subject: failure notice\n",
        f"<{HANS}>:\n550 5.1.1 nobody\n\n--- Copy:\n\nOriginal-Recipient: rfc822;{DESK}\n{RETURNED}",
        "5.1.1",
    ),
    "double bounce of qmail": Notice(
        f"Return-Path: <#@[]>\nFrom: postmaster@mx.example\nTo: {DESK}\nSubject: failure notice\n",
        f"I tried to deliver a bounce, and it bounced.\n\n<{HANS}>:\n553 5.1.3 gone\n\n{FIELDS}",
        "5.1.3",
    ),
    "html alone": Notice(
        POSTMASTER + "Subject: Non livré\n",
        "Le message est en HTML.",
        "5.1.1",
        kind="text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit",
        returned=f"<p>Adresse : <b>{HANS}</b><br>550 5.1.1</p><pre>{FIELDS.replace('<', '&lt;')}</pre>",
    ),
    "postmaster of whose path nothing is known": Notice(
        f"From: <postmaster@mx.example>\nTo: {DESK}\nSubject: Tagasi\n", f"Kirja ei saadetud: {HANS}\n\n{FIELDS}", None
    ),
    "report part in another type of mail, from an address nobody knows": Notice(
        f"Return-Path: <>\nFrom: Gateway <gw@relay.example>\nTo: {DESK}\nSubject: Tulos\n",
        "Viesti ei mennyt perille.\n",
        "5.1.1",
        message_id=None,
        kind="message/delivery-status",
        returned=f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {HANS}\nAction: failed\nStatus: 5.1.1\n",
    ),
    "delayed, fields that name nobody": Notice(
        DAEMON + "Subject: Status\n",
        f"Delivery to {HANS} takes longer.\n",
        "4.4.1",
        final=False,
        kind="message/delivery-status",
        returned="Reporting-MTA: dns; mx\n\nAction: delayed\nStatus: 4.4.1\n\n"
        f"--=_b\nContent-Type: text/rfc822-headers\n\n{FIELDS}",
    ),
    "delayed, in words": Notice(
        DAEMON + "Subject: Message status\n",
        f"Not yet delivered to {HANS}: 451 busy.\nDelivery attempts will continue for three days.\n\n{FIELDS}",
        "4.3.0",
        final=False,
    ),
    "delayed, in Polish": Notice(
        POSTMASTER + "Subject: Doręczenie opóźnione\n",
        f"Wiadomość do {HANS} czeka w kolejce.\n\n{FIELDS}",
        None,
        final=False,
    ),
    "delayed, a broken report": Notice(
        POSTMASTER + "Subject: Bildirim\n",
        "Henüz teslim edilemedi.\n\nReporting-MTA: dns; mx.example\nArrival-Date: Mon, 24 Nov 2025\n"
        f"Final-Recipient: rfc822; {HANS}\nAction: delayed\nDiagnostic-Code: smtp; 451 come again\n\n{FIELDS}",
        "4.3.0",
        final=False,
    ),
    "delayed, fields in a text file": Notice(
        POSTMASTER + "Subject: Zpráva\n",
        "Zpráva zatím nebyla doručena.\n",
        "4.4.1",
        message_id=None,
        final=False,
        kind="text/plain; name=details.txt\nContent-Disposition: attachment; filename=details.txt",
        returned=f"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {HANS}\nAction: delayed\nStatus: 4.4.1\n",
    ),
}


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_without_a_report(name: str) -> None:
    notice = NOTICES[name]
    judged = screen(parse(notice.raw()), frozenset({DESK}))
    assert judged.reason == Reason.BOUNCE, judged.evidence
    assert judged.bounce is not None
    assert judged.bounce.recipients == (HANS,)
    assert judged.bounce.status == notice.status
    assert judged.bounce.original_message_id == notice.message_id
    assert [(one.recipient, one.final) for one in judged.bounce.undelivered] == [(HANS, notice.final)]
    assert not answerable(parse(notice.raw()))


OWN_ID = "<mailcall.00112233445566778899aabbccddeeff@desk.example>"


def test_the_returned_mail_behind_a_second_report_is_found() -> None:
    """A relay returns the report of the server behind it; that one returns ours."""
    inner = (
        "From: MAILER-DAEMON@mx.firma.example\nTo: it@desk.example\nMessage-ID: <report@mx.firma.example>\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=I\n\n--I\n\nIt failed.\n"
        f"--I\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {HANS}\n"
        f"Action: failed\nStatus: 5.1.1\n--I\nContent-Type: message/rfc822\n\n"
        f"{RETURNED.replace(MAIL_ID, OWN_ID)}\n--I--\n"
    )
    outer = (
        f"{DAEMON}Subject: Undeliverable\nContent-Type: multipart/mixed; boundary=O\n\n--O\n\nIt came back.\n"
        f"--O\nContent-Type: message/rfc822\n\n{inner}\n--O--\n"
    )
    judged = screen(parse(outer.encode()), frozenset({DESK}))
    assert (judged.verdict, judged.about) == ("notification-result", OWN_ID)
    assert judged.bounce is not None
    assert judged.bounce.recipients == (HANS,)
    assert (judged.bounce.status, judged.bounce.original_message_id) == ("5.1.1", OWN_ID)


@pytest.mark.parametrize("fields", [FIELDS, INDENTED, QUOTED])
def test_our_own_mail_is_known_wherever_its_fields_stand(fields: str) -> None:
    own = fields.replace(MAIL_ID, OWN_ID)
    judged = screen(parse(f"{POSTMASTER}Subject: x\n\nX {HANS}\n\n{own}".encode()), frozenset({DESK}))
    assert (judged.verdict, judged.reason, judged.about) == ("notification-result", Reason.BOUNCE, OWN_ID)


def test_our_message_id_is_found_in_the_words() -> None:
    text = f"邮件编号：{OWN_ID}\n收件人：{HANS}\n用户不存在\n"
    judged = screen(parse(f"{POSTMASTER}Subject: x\n\n{text}".encode()), frozenset({DESK}))
    assert (judged.verdict, judged.reason, judged.about) == ("notification-result", Reason.BOUNCE, OWN_ID)


def test_a_postmaster_who_is_away_has_the_mail() -> None:
    quoted = f"From: IT help desk <{DESK}>\nTo: postmaster@mx.example\nDate: Monday\nSubject: [C-000123] Printer\n"
    head = f"{POSTMASTER}Auto-Submitted: auto-replied\nIn-Reply-To: {OWN_ID}\n"
    judged = screen(parse(f"{head}Subject: Automatic reply: x\n\nI am away.\n\n{quoted}".encode()), frozenset({DESK}))
    assert judged.reason == Reason.AUTO_REPLY


KARL = f"Return-Path: <karl@krug.example>\nFrom: Karl Krug <karl@krug.example>\nTo: {DESK}\n"
# Persons who paste, quote, forward or attach such notices.
PERSONS: dict[str, str] = {
    "pastes the headers": f"{KARL}Subject: Undeliverable?\n\nWhy does it come back?\n\n{FIELDS}",
    "pastes them indented": f"{KARL}Subject: Mail delivery failed\n\nMy mail to {HANS} fails: 550 5.1.1\n\n{INDENTED}",
    "pastes them and nothing else": f"{KARL}Subject: headers\n\n{FIELDS}",
    "answers with the notice quoted": f"{KARL}Subject: Re: failure notice\nIn-Reply-To: <x@mx.example>\n\n"
    f"Which address is wrong?\n\n> <{HANS}>:\n> 550 5.1.1 nobody\n>\n{QUOTED}",
    "postmaster pastes them": f"Return-Path: <postmaster@krug.example>\n"
    f"From: Karl <postmaster@krug.example>\nTo: {DESK}\n"
    f"Subject: Zwrot wiadomości\n\nNie udało się dostarczyć do <{HANS}>, dlaczego?\n\n{FIELDS}",
    "postmaster without a path, in no language of reports": f"From: Karl <postmaster@krug.example>\nTo: {DESK}\n"
    f"Subject: Fejléc\n\nKérem, nézze meg: ez jött vissza.\n\n{FIELDS}",
    "attaches the returned mail": f"{KARL}Subject: FW: Undeliverable\nContent-Type: multipart/mixed; boundary=B\n\n"
    f"--B\n\nPlease look.\n--B\nContent-Type: message/rfc822\n\n{RETURNED}\n--B--\n",
    "attaches the headers": f"{KARL}Subject: Header\nContent-Type: multipart/mixed; boundary=B\n\n"
    f"--B\n\nAnbei die Kopfzeilen.\n--B\nContent-Type: text/rfc822-headers\n\n{FIELDS}\n--B--\n",
    "pastes the fields of a report": f"{KARL}Subject: Report\n\nWhat is this?\n\nFinal-Recipient: rfc822; {HANS}\n"
    "Action: failed\nStatus: 5.1.1\n",
    "an empty path and a quoted mail of ours": f"Return-Path: <>\nFrom: Karl Krug <karl@krug.example>\nTo: {DESK}\n"
    f"Subject: Re: [C-000123] Printer\n\nIt works again.\n\nFrom: IT help desk <{DESK}>\n"
    "Sent: Monday\nTo: Karl Krug <karl@krug.example>\nSubject: [C-000123] Printer\n\nDoes it work?\n",
    "an empty path and an attached mail of somebody else": f"Return-Path: <>\n"
    f"From: Karl <karl@krug.example>\nTo: {DESK}\n"
    "Subject: please look\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nIs this one real?\n--B\n"
    "Content-Type: message/rfc822\n\nFrom: bank@phish.example\nTo: team@krug.example\nMessage-ID: <1@phish.example>\n"
    "Subject: your account\n\nPay.\n--B--\n",
    "an empty path and an answer that quotes what went to another": f"Return-Path: <>\nFrom: Karl <karl@krug.example>\n"
    f"To: {DESK}\nIn-Reply-To: {MAIL_ID}\nSubject: Re: Printer\n\nHans is away, I take it.\n\n"
    f"> From: IT help desk <{DESK}>\n> To: {HANS}\n> Date: Monday\n> Subject: Printer\n",
    "a form sends pasted headers": f"Return-Path: <web@shop.example>\nFrom: web@shop.example\nTo: {DESK}\n"
    f"Auto-Submitted: auto-generated\nSubject: Contact form\n\nName: Karl Krug\n\nMy mail came back:\n\n{FIELDS}",
    "a voice mail about it": f"Return-Path: <>\nFrom: voicemail@pbx.example\nTo: {DESK}\n"
    f"Auto-Submitted: auto-generated\n"
    "Subject: Message from 4711\n\nFrom: Karl Krug\nSubject: undeliverable mails\nPlease call me back.\n",
    "administrator by name, of whose path nothing is known": f'From: "System Administrator" <karl@krug.example>\n'
    f"To: {DESK}\nSubject: Rücksendung\n\nBitte ansehen.\n\n{FIELDS}",
    "pastes a Chinese notice": f"{KARL}Subject: 系统退信\n\nWhat does it say?\n\n抱歉，您的邮件没有送到。\n"
    f"收件人/To : {HANS}\n"
    "退信原因/Bounce reason : 550 5.1.1\n",
    "postmaster with a path writes of addresses": f"Return-Path: <postmaster@krug.example>\n"
    f"From: postmaster@krug.example\n"
    f"To: {DESK}\nSubject: 550\n\nPlease unblock {HANS}: 550 5.7.1\n",
    "small firm with an empty path": f"Return-Path: <>\nFrom: Karl Krug <mail@krug.example>\n"
    f"To: {DESK}\nSubject: Drucker\n"
    "\nBitte antworten Sie an karl@krug.example.\n",
    "a list passes it on": f"Return-Path: <users-bounces@lists.example>\n"
    f"From: Karl Krug <karl@krug.example>\nTo: {DESK}\n"
    f"List-Id: <users.lists.example>\nSubject: [users] Returned mail\n\nWhat is it?\n\n{FIELDS}",
}


@pytest.mark.parametrize("name", PERSONS)
def test_who_shows_such_a_notice_is_a_person(name: str) -> None:
    judged = screen(parse(PERSONS[name].encode()), frozenset({DESK}))
    assert (judged.verdict, judged.reason) == ("person", None), judged.evidence
