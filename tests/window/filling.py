"""What people do in the window, and beside it: fill in a form, wait for a test, write a mail."""

import re
import smtplib
from email.message import EmailMessage

from playwright.sync_api import Page, expect

from tests.window.installation import Installation

ANSWER_SECONDS = 75_000  # for a test of a server, in ms; the page says so


def fill(page: Page, **fields: str) -> None:
    """Fields by their labels, blanks as underscores; a select by the label of its option."""
    for name, value in fields.items():
        label = name.replace("_", " ")
        box = page.get_by_label(re.compile(rf"^{re.escape(label)}( \(optional\))?$"))
        if box.evaluate("e => e.tagName") == "SELECT":
            box.select_option(value)
        else:
            box.fill(value)


def wait_for_test(page: Page) -> None:
    expect(page.get_by_text(re.compile("The test (passed|failed)|No answer"))).to_be_visible(timeout=ANSWER_SECONDS)


def send(installed: Installation, to: str, subject: str, text: str) -> str:
    """From somebody new, whose address is returned."""
    sender = installed.desk.new_sender()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = f"<{sender}>"
    message.set_content(f"{text}\n")
    with smtplib.SMTP(installed.desk.mail_host.host, installed.desk.mail_host.smtp_port, timeout=30) as smtp:
        smtp.send_message(message, sender, [to])
    return sender
