"""django-helpdesk: its command `get_email`, which its users run by cron every few minutes, on an IMAP mailbox."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from deploy.local.bench.mail_host import BenchMailHost
from deploy.local.bench.mails import BenchMail
from deploy.local.bench.peers.peer import PROGRAM, RECIPIENT, Peer, Stored
from deploy.local.packages.python_packages import fetch_packages, version_in
from deploy.local.ports import HOST

PACKAGE = "django-helpdesk"
_DATABASE = "django_helpdesk"
_BOXES = [f"box-{number}" for number in range(8)]  # one for each time that it takes mails
_SETTINGS = """\
SECRET_KEY = "bench"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "desk_urls"
SITE_ID = 1
USE_TZ = True
INSTALLED_APPS = [
    *(f"django.contrib.{{name}}" for name in "admin auth contenttypes sessions messages sites humanize".split()),
    "rest_framework", "helpdesk", "django_cleanup.apps.CleanupConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {{"context_processors": [
        "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
        "django.template.context_processors.request",
    ]}},
}}]
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.postgresql", "NAME": {database!r}, "USER": "postgres", "HOST": {host!r},
    "PORT": {port},
}}}}
EMAIL_HOST, EMAIL_PORT = {smtp_host!r}, {smtp_port}
MEDIA_ROOT = {media!r}
HELPDESK_TEAMS_MODE_ENABLED = False  # would need one more application
HELPDESK_VALID_EXTENSIONS = [".txt", ".bin"]  # by default it keeps only files of nine endings
"""
_URLS = """\
from django.urls import include, path
urlpatterns = [path("", include("helpdesk.urls", namespace="helpdesk"))]
"""
_QUEUE = """\
from helpdesk.models import Queue
Queue.objects.create(
    title="Desk", slug="desk", email_address={address!r}, allow_email_submission=True, email_box_type="imap",
    email_box_host={host!r}, email_box_port={port}, email_box_pass="bench", email_box_imap_folder="INBOX",
    enable_notifications_on_email_events=True,
)
"""


class DjangoHelpdesk(Peer):
    title = PACKAGE
    way = "get_email, all of a mailbox by IMAP"
    starts = 1

    @property
    def version(self) -> str:
        return f"{version_in(self._packages, PACKAGE)}, Django {version_in(self._packages, 'Django')}"

    def set_up(self) -> None:
        ground = self.ground
        self._packages = fetch_packages(PACKAGE)
        self._taken = 0
        self._mail_host = self.stack.enter_context(BenchMailHost(_BOXES))
        self._media = ground.directory / "media"
        settings = _SETTINGS.format(
            database=_DATABASE,
            host=HOST,
            port=ground.database.port,
            smtp_host=ground.smtp_host,
            smtp_port=ground.smtp_port,
            media=str(self._media),
        )
        (ground.directory / "desk_settings.py").write_text(settings)
        (ground.directory / "desk_urls.py").write_text(_URLS)
        self.create_database(_DATABASE)
        self._manage("migrate")
        queue = _QUEUE.format(address=RECIPIENT, host=self._mail_host.host, port=self._mail_host.imap_port)
        self._manage("shell", "-c", queue)

    def deliver(self, mails: Sequence[BenchMail]) -> Mapping[str, float]:
        box = _BOXES[self._taken]
        self._taken += 1
        self._mail_host.deliver(box, mails)
        with psycopg.connect(self.ground.database.dsn(_DATABASE)) as connection:
            # It would not look again for five minutes.
            connection.execute(
                "UPDATE helpdesk_queue SET email_box_user = %s, email_box_last_check = now() - interval '1 day'", (box,)
            )
        return {PROGRAM: self._manage("get_email")}

    def token(self, ticket: str) -> str:
        return f"[desk-{ticket}]"

    def stored(self) -> Mapping[str, Stored]:
        files: dict[object, list[str]] = {}
        query = "SELECT followup_id, file FROM helpdesk_followupattachment WHERE filename LIKE '%.bin' ORDER BY id"
        for followup, name in self.rows(_DATABASE, query):
            content = (self._media / str(name)).read_bytes()
            files.setdefault(followup, []).append(hashlib.sha256(content).hexdigest())
        query = "SELECT id, message_id, ticket_id, comment FROM helpdesk_followup WHERE message_id IS NOT NULL"
        return {
            str(message_id): Stored(str(ticket), str(comment), tuple(files.get(id_, ())))
            for id_, message_id, ticket, comment in self.rows(_DATABASE, query)
        }

    def _manage(self, *arguments: str | Path) -> float:
        environment = {
            "PYTHONPATH": f"{self._packages}:{self.ground.directory}",
            "DJANGO_SETTINGS_MODULE": "desk_settings",
        }
        # -S: nothing of this project's environment is seen.
        return self.run([sys.executable, "-S", "-m", "django", *arguments], environment, must_end_well=True)
