"""Request Tracker: Debian's, its own web server, and `rt-mailgate` for each mail, as /etc/aliases starts it.

Nothing of it is installed: its files lie in the cache, and copies of those that name its folders are changed.
"""

import base64
import hashlib
import os
import quopri
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local import NotAvailableError
from deploy.local.bench.mails import BenchMail
from deploy.local.bench.measure import cpu_seconds
from deploy.local.bench.peers.peer import DELIVERY, KNOWN_SENDERS, PROGRAM, RECIPIENT, Peer, Stored
from deploy.local.child import Child
from deploy.local.packages.debian import unpack_with_needs
from deploy.local.ports import HOST, free_port, is_open

# msmtp is the `sendmail` that hands its mails to the sink.
PACKAGES = ("request-tracker5", "rt5-standalone", "rt5-db-postgresql", "dbconfig-no-thanks", "msmtp-mta")
_DATABASE = "rt5"
_NAME = "desk.example"
_START_SECONDS = 120.0
_MASON = ("mason_data", "session_data")
_SETTINGS = """\
Set($rtname, '{name}');
Set($Organization, '{name}');
Set($WebDomain, '{host}');
Set($WebPort, {web_port});
Set($CorrespondAddress, '{address}');
Set($CommentAddress, '{address}');
Set($DatabaseType, 'Pg');
Set($DatabaseHost, '{host}');
Set($DatabasePort, {port});
Set($DatabaseName, '{database}');
Set($DatabaseUser, 'postgres');
Set($DatabasePassword, '');
Set($SendmailPath, '{sendmail}');
Set($SendmailArguments, '--file={sendmail_settings} -oi -t');
Set($Timezone, 'UTC');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
# By default it starts w3m for each acknowledgement, where that is installed.
Set($HTMLFormatter, 'core');
1;
"""
_SENDMAIL_SETTINGS = """\
account default
host {host}
port {port}
from {address}
"""
# Everybody may write to the desk by mail, as its manual says how.
_FIRST_DATA = """\
our @Users = map {{ {{ Name => $_, EmailAddress => $_ }} }} qw({senders});
our @ACL = map {{ {{ Right => $_, GroupDomain => 'SystemInternal', GroupType => 'Everyone' }} }}
    qw(CreateTicket ReplyToTicket);
1;
"""
# Create and Correspond are mails that came; what RT itself sends is an EmailRecord.
_MAILS = """
SELECT transactions.id, transactions.objectid, messageid, contenttype, filename, contentencoding, content
FROM transactions JOIN attachments ON attachments.transactionid = transactions.id
WHERE objecttype = 'RT::Ticket' AND type IN ('Create', 'Correspond')
ORDER BY attachments.id
"""


class RequestTracker(Peer):
    title = "request-tracker"
    way = "rt-server, rt-mailgate for each mail"
    starts = 0
    share = 3

    @property
    def version(self) -> str:
        generated = (self._tree / "usr/share/request-tracker5/lib/RT/Generated.pm").read_text()
        found = re.search(r"\$VERSION = '([^']+)'", generated)
        return found[1] if found else "unknown"

    def set_up(self) -> None:
        ground = self.ground
        self._tree, self._port = unpack_with_needs("request-tracker", PACKAGES), free_port()
        self._programs, self._library = ground.directory / "programs", ground.directory / "lib"
        self._settings = ground.directory / "site.pm"
        self._move_folders()
        self._write_settings()
        self._environment = self._perl()
        self.create_database(_DATABASE)
        self._set_up_database("init", "--skip-create")
        first = ground.directory / "first-data"
        first.write_text(_FIRST_DATA.format(senders=" ".join(KNOWN_SENDERS)))
        self._set_up_database("insert", "--datafile", first)
        # One worker, which does not start again while it is measured.
        options = ["--host", HOST, "--port", str(self._port), "--max-workers", "1", "--max-reqs-per-child", "100000"]
        self._server = Child(
            "rt-server",
            ["perl", self._programs / "rt-server", *options],
            log=ground.log,
            environment=self._environment,
        )
        self.stack.callback(self._server.stop)
        self._server.start()
        self._server.wait_ready(lambda: is_open(HOST, self._port), _START_SECONDS)

    def deliver(self, mails: Sequence[BenchMail]) -> Mapping[str, float]:
        if self._server.pid is None:
            raise NotAvailableError(f"rt-server has ended; its log ends:\n{self._server.log_tail()}")
        before = cpu_seconds(self._server.pid)
        gateway = self._tree / "usr/bin/rt-mailgate-5"
        where = ("--queue", "General", "--action", "correspond", "--url", f"http://{HOST}:{self._port}")
        spent = [
            self.run(("perl", gateway, *where), self._environment, mail.raw, must_end_well=False) for mail in mails
        ]
        return {PROGRAM: cpu_seconds(self._server.pid) - before, DELIVERY: sum(spent)}

    def token(self, ticket: str) -> str:
        return f"[{_NAME} #{ticket}]"

    def stored(self) -> Mapping[str, Stored]:
        texts: dict[object, str] = {}
        files: dict[object, list[str]] = {}
        heads: dict[object, tuple[str, str]] = {}
        for mail, ticket, message_id, kind, name, encoding, content in self.rows(_DATABASE, _MAILS):
            if mail not in heads:
                heads[mail] = (f"<{message_id}>", str(ticket))
            if name:
                files.setdefault(mail, []).append(hashlib.sha256(_decoded(content, encoding)).hexdigest())
            elif str(kind).startswith("text/") and mail not in texts:
                texts[mail] = _decoded(content, encoding).decode("utf-8", "replace")
        return {
            message_id: Stored(ticket, texts.get(mail, ""), tuple(files.get(mail, ())))
            for mail, (message_id, ticket) in heads.items()
        }

    def _move_folders(self) -> None:
        """What it is made of stays in the tree; what it writes goes below its own folder."""
        for name in ("usr/share/request-tracker5/libexec/rt-server", "usr/sbin/rt-setup-database-5"):
            moved = self._programs / Path(name).name
            moved.parent.mkdir(exist_ok=True)
            text = (self._tree / name).read_text("utf-8")
            moved.write_text(text.replace('"/usr/share/request-tracker5/lib"', f'"{self._library}"'))
        generated = (self._tree / "usr/share/request-tracker5/lib/RT/Generated.pm").read_text()
        (self._library / "RT").mkdir(parents=True)
        (self._library / "RT" / "Generated.pm").write_text(move_folders(generated, self._tree, self.ground.directory))
        for folder in ("etc/request-tracker5", *(f"var/cache/request-tracker5/{one}" for one in _MASON)):
            (self.ground.directory / folder).mkdir(parents=True)

    def _write_settings(self) -> None:
        ground = self.ground
        sendmail_settings = ground.directory / "msmtprc"
        sendmail_settings.write_text(
            _SENDMAIL_SETTINGS.format(host=ground.smtp_host, port=ground.smtp_port, address=RECIPIENT)
        )
        sendmail_settings.chmod(0o600)
        self._settings.write_text(
            _SETTINGS.format(
                name=_NAME,
                host=HOST,
                web_port=self._port,
                address=RECIPIENT,
                port=ground.database.port,
                database=_DATABASE,
                sendmail=self._tree / "usr/bin/msmtp",
                sendmail_settings=sendmail_settings,
            )
        )

    def _perl(self) -> dict[str, str]:
        """Variables that let this machine's Perl find all that was unpacked."""
        user = self._tree / "usr"
        modules = [self._library, user / "share/request-tracker5/lib", user / "share/perl5"]
        modules += [*user.glob("lib/*/perl5/*"), *user.glob("share/perl/5*"), *user.glob("lib/*/perl/5*")]
        return {
            "PATH": os.pathsep.join((os.environ["PATH"], str(user / "bin"))),
            "HOME": str(self.ground.directory),
            "LC_ALL": "C.UTF-8",
            "PERL5LIB": os.pathsep.join(map(str, modules)),
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, user.glob("lib/*-linux-gnu*"))),
            "RT_SITE_CONFIG": str(self._settings),
        }

    def _set_up_database(self, action: str, *arguments: str | Path) -> None:
        program = self._programs / "rt-setup-database-5"
        command = ("perl", program, "--dba", "postgres", "--dba-password", "", "--action", action, *arguments)
        self.run(command, self._environment, must_end_well=True)


def move_folders(generated: str, tree: Path, own: Path) -> str:
    """Perl that names its folders, with those that it reads in `tree` and those that it writes in `own`."""
    generated = generated.replace("'/usr/", f"'{tree}/usr/")
    return re.sub(r"'(?=/(var|etc)/)", f"'{own}", generated)


def _decoded(content: object, encoding: object) -> bytes:
    raw = str(content or "").encode()
    if encoding == "base64":
        return base64.b64decode(raw)
    return quopri.decodestring(raw) if encoding == "quoted-printable" else raw
