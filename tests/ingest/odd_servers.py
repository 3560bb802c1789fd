"""An IMAP and a POP3 server whose mails each have a fault, as servers of all makes were seen to have them.

A fault lasts for so many tries of its mail, or for ever; meanwhile the server itself is away now and then. What a
server holds is `mails`; what is deleted there is gone.
"""

import random
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

FOR_EVER = 1_000_000


@dataclass(slots=True)
class OddMail:
    """A mail, and what its server does for the next `times` tries to get it."""

    raw: bytes
    fault: str = ""
    times: int = 0

    def meets_fault(self) -> str:
        """The fault that this try meets, if any."""
        if not self.times:
            return ""
        self.times -= 1
        return self.fault

    @property
    def is_never_given(self) -> bool:
        return self.times > FOR_EVER // 2 and self.fault not in HARMLESS | {""}


# What the server does wrong and gives the mail all the same, as often as it is asked.
HARMLESS = frozenset({
    "line end behind it", "announced too large", "announced too small", "short pieces", "whole, no origin",
    "whole, with span", "nothing after a part", "NIL after a part", "unreadable size", "no size", "no id",
    "no line with an id", "same id",
})  # fmt: skip
ONCE = frozenset({"breaks off", "taken away"})


def mail(number: int, size: int = 0) -> bytes:
    head = (
        f"From: Clara Quint <clara{number}@kunde.example>\r\nTo: it@desk.example\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <m{number}@kunde.example>\r\n\r\nText of mail {number}.\r\n..and a dot\r\n.\r\n"
    ).encode()
    return head + b"".join(b"%08d %s\r\n" % (line, b"x" * 60) for line in range(max(0, size - len(head)) // 71))


def odd_mail(number: int, fault: str, times: int, large: bool = False) -> OddMail:
    return OddMail(mail(number, 60_000 if large else 0), fault, FOR_EVER if fault in HARMLESS else times)


def odd_mails(
    count: int, faults: Iterable[str], draw: random.Random, *, longest: int = 3, first: int = 1
) -> list[OddMail]:
    """So many mails, half of them with a fault drawn from `faults`; one in five of those for ever.

    `longest`: for how many tries the others have it. `first`: number of the first mail.
    """
    kinds = sorted(faults)

    def made(number: int) -> OddMail:
        fault = draw.choice(kinds) if draw.random() < 0.5 else ""
        large = fault in PIECES or (not fault and draw.random() < 0.04)
        lasts = fault != "taken away" and draw.random() < 0.2
        return odd_mail(number, fault, FOR_EVER if lasts else 1 if fault in ONCE else draw.randint(1, longest), large)

    return [made(number) for number in range(first, first + count)]


class OddServer:
    """Serves on a free port of this machine, one thread a client."""

    def __init__(self, mails: Iterable[OddMail], draw: random.Random, *, trouble: float = 0.2) -> None:
        self.mails = dict(enumerate(mails, 1))
        self._draw = draw
        self._trouble = trouble  # how often it refuses a log-in or its mailbox
        self.commands: list[bytes] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator["OddServer"]:
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield self
        finally:
            self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rb") as lines:
                client.settimeout(30)
                self.talk(client, lines)
        except (OSError, ConnectionError):
            pass  # the client left

    def in_trouble(self) -> bool:
        return self._draw.random() < self._trouble

    def talk(self, client: socket.socket, lines: BinaryIO) -> None:
        raise NotImplementedError

    def never_given(self) -> set[int]:
        return {number for number, one in self.mails.items() if one.is_never_given}


# ---- IMAP ----

PASSING_IMAP = (
    b"NO [UNAVAILABLE] Temporary authentication failure.", b"BAD [UNAVAILABLE] Service temporarily unavailable",
    b"NO Server Unavailable. 15", b"NO [INUSE] Mailbox is in use", b"NO Internal error occurred.",
    b"BAD User is authenticated but not connected.", b"NO [SERVERBUG] SELECT failed",
)  # fmt: skip
REFUSED_FETCH = {
    "NO, the others given": b"NO Some messages could not be FETCHed (Failure)",
    "NO, nothing given": b"NO [UNAVAILABLE] UID FETCH failed, try again later",
    "BAD, nothing given": b"BAD Command Error. 10",
}
BODIES: Mapping[str, Callable[[int, bytes], bytes]] = {
    "": lambda _turn, raw: b"{%d}\r\n%s" % (len(raw), raw),
    "NIL": lambda _turn, _raw: b"NIL",
    "empty string": lambda _turn, _raw: b'""',
    "empty literal": lambda _turn, _raw: b"{0}\r\n",
    "a part": lambda turn, raw: BODIES[""](turn, raw[: 1 + turn % (len(raw) - 1)]),
    "line end behind it": lambda _turn, raw: b"{%d}\r\n%s\r\n" % (len(raw), raw),
}
PIECES = frozenset({"short pieces", "whole, no origin", "whole, with span", "nothing after a part", "NIL after a part"})
IMAP_FAULTS = frozenset({
    *REFUSED_FETCH, *(name for name in BODIES if name), *PIECES, "left out", "breaks off", "announced too large",
    "announced too small", "taken away",
})  # fmt: skip


class OddImap(OddServer):
    """IMAP4rev1 with UIDPLUS. A mail's number is its UID. It refuses FETCH where it is empty, and says UIDNEXT 0."""

    def talk(self, client: socket.socket, lines: BinaryIO) -> None:
        client.sendall(b"* OK ready\r\n")
        for line in lines:
            self.commands.append(line)
            tag, command, *more = line.split(None, 2)
            with self._lock:
                answer = self._answer(tag, command.upper(), more[0].strip() if more else b"")
            client.sendall(answer[0])
            if answer[1]:
                return

    def _answer(self, tag: bytes, command: bytes, rest: bytes) -> tuple[bytes, bool]:
        """What is sent, and whether the connection breaks after it."""
        if command in (b"LOGIN", b"SELECT") and self.in_trouble():
            return tag + b" " + self._draw.choice(PASSING_IMAP) + b"\r\n", False
        said = {
            b"CAPABILITY": b"* CAPABILITY IMAP4rev1 UIDPLUS\r\n",
            b"SELECT": b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 0] ok\r\n" % len(self.mails),
            b"LOGOUT": b"* BYE bye\r\n",
        }.get(command, b"")
        if command == b"UID":
            return self._by_uid(tag, *rest.split(None, 2))
        return said + tag + b" OK done\r\n", False

    def _by_uid(self, tag: bytes, command: bytes, uids: bytes, items: bytes = b"") -> tuple[bytes, bool]:
        wanted = self._wanted(uids.decode())
        if command == b"EXPUNGE":
            for uid in wanted:
                del self.mails[uid]
        elif command == b"FETCH" and not self.mails:
            return tag + b" BAD The specified message set is invalid.\r\n", False
        elif command == b"FETCH" and b"BODY.PEEK" in items:
            return self._bodies(tag, wanted, re.search(rb"<(\d+)\.(\d+)>", items))
        elif command == b"FETCH":
            sizes = ((uid, self._announced(self.mails[uid])) for uid in wanted)
            listing = b"".join(b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, uid, size) for uid, size in sizes)
            return listing + tag + b" OK done\r\n", False
        return tag + b" OK done\r\n", False

    def _wanted(self, spec: str) -> list[int]:
        last, found = max(self.mails, default=0), set()
        for span in spec.split(","):
            first, _, end = span.partition(":")
            low, high = sorted((int(first), last if end == "*" else int(end or first)))
            found |= {uid for uid in self.mails if low <= uid <= high}
        return sorted(found)

    def _announced(self, one: OddMail) -> int:
        return int(len(one.raw) * {"announced too large": 3, "announced too small": 0.8}.get(one.fault, 1))

    def _bodies(self, tag: bytes, wanted: list[int], piece: "re.Match[bytes] | None") -> tuple[bytes, bool]:
        given, end = b"", b"OK done"
        for uid in wanted:
            one = self.mails[uid]
            fault = one.meets_fault()
            if fault == "breaks off":
                return given + self._body(uid, one.raw, "")[:-20], True
            if fault in REFUSED_FETCH:
                end = REFUSED_FETCH[fault]
                given = given if "others" in fault else b""
                if "others" not in fault:
                    break
            elif fault == "taken away":
                del self.mails[uid]
            elif fault != "left out":
                given += self._piece(uid, one.raw, fault, piece) if piece else self._body(uid, one.raw, fault)
        return given + tag + b" " + end + b"\r\n", False

    def _body(self, uid: int, raw: bytes, fault: str) -> bytes:
        body = BODIES.get(fault, BODIES[""])(self.mails[uid].times, raw)
        return b'* %d FETCH (UID %d INTERNALDATE "24-Nov-2026 09:14:00 +0100" BODY[] %s)\r\n' % (uid, uid, body)

    def _piece(self, uid: int, raw: bytes, fault: str, asked: "re.Match[bytes]") -> bytes:
        start, length = int(asked[1]), int(asked[2])
        name, given, kind = b"BODY[]<%d>" % start, raw[start : start + length], fault
        if fault == "short pieces":
            given = given[:7_000]
        elif fault == "whole, no origin":
            name, given = b"BODY[]", raw
        elif fault == "whole, with span":
            name, given = b"BODY[]<%d.%d>" % (start, length), raw
        elif fault.endswith("after a part") and start:
            kind = "NIL" if fault.startswith("NIL") else "empty string"
        body = BODIES.get(kind, BODIES[""])(self.mails[uid].times, given)
        return b"* %d FETCH (UID %d %s %s)\r\n" % (uid, uid, name, body)


# ---- POP3 ----

PASSING_POP3 = (
    b"-ERR [SYS/TEMP] Temporary authentication failure", b"-ERR [IN-USE] maildrop already locked",
    b"-ERR mailbox is busy, already connected by another session", b"-ERR Server Unavailable. 21",
)  # fmt: skip
REFUSED_RETR = {
    "refused": b"-ERR message could not be retrieved\r\n",
    "refused, later": b"-ERR cannot get the letter q17[301], try again later\r\n",
    "refused, code": b"-ERR [SYS/TEMP] storage error\r\n",
}
SEPARATORS = (b" ", b"   ", b"\t", b" \t ")
POP3_FAULTS = frozenset({
    *REFUSED_RETR, "nothing", "a part", "breaks off", "announced too large", "announced too small", "unreadable size",
    "no size", "no id", "no line with an id", "same id", "no id, refused", "taken away",
})  # fmt: skip


class OddPop3(OddServer):
    """POP3 with UIDL and TOP, without CAPA. Deletes at QUIT."""

    def talk(self, client: socket.socket, lines: BinaryIO) -> None:
        client.sendall(b"+OK ready\r\n")
        with self._lock:
            numbers = dict(enumerate(list(self.mails), 1))
            blank, between = self._draw.choice((b"", b"", b" ")), self._draw.choice(SEPARATORS)
        deleted: list[int] = []
        for line in lines:
            self.commands.append(line)
            word, *more = line.split()
            number = numbers.get(int(more[0])) if more and more[0].isdigit() else None
            with self._lock:
                answer = self._answer(word.upper(), number, numbers, deleted, (blank, between))
            client.sendall(answer)
            if not answer.endswith(b"\n"):
                return

    def _answer(
        self, word: bytes, uid: int | None, numbers: dict[int, int], deleted: list[int], blanks: tuple[bytes, bytes]
    ) -> bytes:
        """What is sent; the connection breaks after what has no end."""
        if word == b"PASS" and self.in_trouble():
            return self._draw.choice(PASSING_POP3) + b"\r\n"
        if word in (b"UIDL", b"LIST"):
            entries = ((n, uid, self.mails[uid]) for n, uid in numbers.items() if uid in self.mails)
            columns = ((n, _id(uid, one) if word == b"UIDL" else _size(one)) for n, uid, one in entries)
            lines = (blanks[0] + b"%d" % n + blanks[1] + value for n, value in columns if value is not None)
            return b"+OK\r\n" + b"".join(line.rstrip() + b"\r\n" for line in lines) + b".\r\n"
        if word in (b"RETR", b"TOP", b"DELE") and uid not in self.mails:
            return b"-ERR no such message\r\n"
        if word == b"RETR" and uid:
            return self._content(uid, self.mails[uid])
        if word == b"TOP" and uid:
            one = self.mails[uid]
            return (
                REFUSED_RETR["refused"] if one.fault == "no id, refused" and one.times else self._sent(_head(one.raw))
            )
        if word == b"DELE" and uid:
            deleted.append(uid)
        if word == b"QUIT":
            for gone in deleted:
                self.mails.pop(gone, None)
        return b"+OK\r\n" if word in (b"USER", b"PASS", b"DELE", b"QUIT") else b"-ERR unknown\r\n"

    def _content(self, uid: int, one: OddMail) -> bytes:
        fault = one.meets_fault()
        if fault in REFUSED_RETR:
            return REFUSED_RETR[fault]
        if fault == "no id, refused":
            return REFUSED_RETR["refused"]
        if fault == "breaks off":
            return self._sent(one.raw)[:-20]
        if fault == "taken away":
            del self.mails[uid]
            return b"-ERR no such message\r\n"
        lines = one.raw.splitlines(keepends=True)
        if fault == "nothing":
            lines = []
        elif fault == "a part":
            lines = lines[: 1 + one.times % (len(lines) - 1)]
        return self._sent(b"".join(lines))

    @staticmethod
    def _sent(raw: bytes) -> bytes:
        return b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", raw) + b".\r\n"


def _head(raw: bytes) -> bytes:
    return raw[: raw.index(b"\r\n\r\n") + 4]


def _id(uid: int, one: OddMail) -> bytes | None:
    if one.fault == "no line with an id":
        return None
    if one.fault.startswith("no id"):
        return b""
    return b"same" if one.fault == "same id" else b"uid-%d" % uid


def _size(one: OddMail) -> bytes:
    size = len(one.raw)
    special = {
        "announced too large": b"%d" % (3 * size),
        "announced too small": b"%d" % (size * 4 // 5),
        "unreadable size": b"12K",
        "no size": b"",
    }
    return special.get(one.fault, b"%d" % size)
