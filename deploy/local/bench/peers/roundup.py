"""Roundup: its mail gateway, on a Unix mailbox, or started for each mail as an entry of /etc/aliases does it."""

import hashlib
import mailbox
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.bench.mails import BenchMail
from deploy.local.bench.peers.peer import KNOWN_SENDERS, PROGRAM, RECIPIENT, Peer, Stored
from deploy.local.packages.python_packages import fetch_packages, version_in
from deploy.local.ports import HOST

PACKAGE = "roundup"
_DATABASE = "roundup_desk"  # it makes it
_SETTINGS = {
    "rdbms_name": _DATABASE,
    "rdbms_host": HOST,
    "rdbms_user": "postgres",
    "tracker_web": f"http://{HOST}/",
    "tracker_email": RECIPIENT,
    "mail_domain": "desk.example",
    "mail_tls": "no",
    "nosy_messages_to_author": "new",  # the acknowledgement
    "nosy_max_attachment_size": "0",  # does not send the files back with it
    "mailgw_convert_htmltotext": "dehtml",  # a mail in HTML alone would have no text
}


class Roundup(Peer):
    title = PACKAGE
    way = "roundup-mailgw, all of a Unix mailbox"
    starts = 1

    @property
    def version(self) -> str:
        return version_in(self._packages, PACKAGE)

    def set_up(self) -> None:
        ground = self.ground
        self._packages, self._home = fetch_packages(PACKAGE), ground.directory / "tracker"
        places = {
            "rdbms_port": ground.database.port,
            "mail_host": ground.smtp_host,
            "mail_port": ground.smtp_port,
        }
        settings = ",".join(f"{name}={value}" for name, value in (_SETTINGS | places).items())
        self._admin("install", "classic", "postgresql", settings)
        schema = self._home / "schema.py"
        # Who is not registered may write, as its manual says how.
        schema.write_text(re.sub(r"(?m)^#(?=db\.security.*'Anonymous', 'Email Access')", "", schema.read_text()))
        self._admin("initialise", "bench-password")
        users = [f"create user username={sender} address={sender} roles=User\n" for sender in KNOWN_SENDERS]
        self._admin(stdin="".join([*users, "commit\n"]).encode())

    def deliver(self, mails: Sequence[BenchMail]) -> Mapping[str, float]:
        path = self.ground.directory / "mailbox"
        path.unlink(missing_ok=True)
        spool = mailbox.mbox(path)
        for mail in mails:
            spool.add(mail.raw)
        spool.close()
        path.touch()
        return {PROGRAM: self._program("roundup_mailgw", self._home, "mailbox", path)}

    def token(self, ticket: str) -> str:
        return f"[issue{ticket}]"

    def stored(self) -> Mapping[str, Stored]:
        files: dict[object, list[str]] = {}
        query = "SELECT nodeid, linkid FROM msg_files JOIN _file ON _file.id = linkid WHERE _name LIKE '%.bin'"
        for message, file in self.rows(_DATABASE, query):
            files.setdefault(message, []).append(hashlib.sha256(self._content("file", file)).hexdigest())
        query = "SELECT _msg.id, _messageid, nodeid FROM _msg JOIN issue_messages ON linkid = _msg.id"
        return {
            str(message_id): Stored(
                str(issue), self._content("msg", id_).decode("utf-8", "replace"), tuple(files.get(id_, ()))
            )
            for id_, message_id, issue in self.rows(_DATABASE, query)
        }

    def _content(self, kind: str, number: object) -> bytes:
        return (self._home / "db" / "files" / kind / str(int(str(number)) // 1000) / f"{kind}{number}").read_bytes()

    def _admin(self, *arguments: str | Path, stdin: bytes = b"") -> None:
        """One command, or those of `stdin`."""
        self._program("roundup_admin", "-i", self._home, *arguments, stdin=stdin)

    def _program(self, name: str, *arguments: str | Path, stdin: bytes = b"", must_end_well: bool = True) -> float:
        command = [sys.executable, "-S", "-m", f"roundup.scripts.{name}", *arguments]
        return self.run(command, {"PYTHONPATH": str(self._packages)}, stdin, must_end_well=must_end_well)


class RoundupPipe(Roundup):
    title = f"{PACKAGE}-pipe"
    way = "roundup-mailgw, started for each mail"
    starts = 0
    share = 3

    def deliver(self, mails: Sequence[BenchMail]) -> Mapping[str, float]:
        spent = [self._program("roundup_mailgw", self._home, stdin=mail.raw, must_end_well=False) for mail in mails]
        return {PROGRAM: sum(spent)}
