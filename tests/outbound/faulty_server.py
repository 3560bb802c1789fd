"""An SMTP server that does one thing wrong, as no real one can be told to: from being spoiled until it is mended."""

import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from deploy.local.ports import HOST

STALL, DROP = b"<stall>", b"<drop>"
# Fault -> what is said instead at one step of a conversation.
FAULTS: Mapping[str, Mapping[str, bytes]] = {
    "defers recipients": {"RCPT": b"451 4.7.1 greylisted, come again\r\n"},
    "defers mails": {"dot": b"452 4.3.1 out of storage\r\n"},
    "refuses recipients": {"RCPT": b"550 5.1.1 no such user\r\n"},
    "refuses mails": {"dot": b"554 5.6.0 not that\r\n"},
    "stalls at once": {"connect": STALL},
    "stalls with the mail": {"dot": STALL},
    "drops at once": {"connect": DROP},
    "drops after MAIL": {"MAIL": DROP},
    "drops in the mail": {"content": DROP},
    "drops after the last dot": {"dot": DROP},
    "defers chunks": {"chunk": b"452 4.3.1 out of storage\r\n"},
    "drops in the chunk": {"BDAT": DROP},
    "drops after the chunk": {"chunk": DROP},
    "is no SMTP server": {"connect": bytes(range(256)) * 20 + b"\r\n"},
    "says too much": {"EHLO": b"250-" + b"x" * 100_000 + b"\r\n"},
    "takes few": {},
    "takes few chunks": {},
    "takes one connection": {},
}
FEW = 2  # mails of one connection


class FaultyServer:
    """Listens from the beginning to the end of its block. `taken`: the mails that it has, by their recipient."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.taken: list[str] = []
        self._wrong: Mapping[str, bytes] = {}
        self._mended = threading.Event()
        self._mended.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]

    def spoil(self) -> None:
        """From now on it does wrong."""
        self._mended.clear()
        self._wrong = FAULTS[self.fault]

    def mend(self) -> None:
        """From now on it does everything right; conversations that go on are broken off."""
        self._mended.set()
        self._wrong = {}
        self._break_off()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name=self.fault, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mended.set()
        self._listener.close()
        self._break_off()

    def _break_off(self) -> None:
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the end of its block
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            alone = not self._open
            self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as lines:
                if self.fault == "takes one connection" and not alone and not self._mended.is_set():
                    connection.sendall(b"421 4.7.0 too many connections\r\n")
                else:
                    _Conversation(self, connection).run(lines)  # type: ignore[arg-type]
        except OSError:
            pass  # the other side has gone, or it was broken off
        finally:
            with self._lock:
                self._open.discard(connection)

    @property
    def takes_few(self) -> bool:
        return self.fault.startswith("takes few") and not self._mended.is_set()

    @property
    def takes_chunks(self) -> bool:
        return "chunk" in self.fault

    @property
    def drops_what_it_has(self) -> bool:
        return DROP in (self._wrong.get("dot"), self._wrong.get("chunk"))

    def say(self, connection: socket.socket, step: str, right: bytes) -> bool:
        """Whether it says what is right; raises `OSError` where it does not go on."""
        wrong = self._wrong.get(step)
        if wrong == DROP:
            raise OSError("dropped")
        if wrong == STALL:
            self._mended.wait()
            raise OSError("mended meanwhile")
        connection.sendall(right if wrong is None else wrong)
        return wrong is None


class _Conversation:
    def __init__(self, server: FaultyServer, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._recipients: list[str] = []
        self._mails = 0

    def run(self, lines: "socket.SocketIO") -> None:
        self._say("connect", b"220 ready\r\n")
        for line in iter(lines.readline, b""):
            command = line[:4].upper().decode("latin-1")
            if command == "DATA":
                self._take_data(lines)
            elif command == "BDAT":
                self._take_chunk(lines, int(line.split()[1]))
            elif command == "EHLO" and self._server.takes_chunks:
                self._say(command, b"250-hello\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
            elif command == "QUIT":
                return
            elif command == "MAIL" and self._server.takes_few and self._mails >= FEW:
                self._connection.sendall(b"421 4.4.5 that is enough\r\n")
                return
            elif self._say(command, b"250 OK\r\n") and command == "RCPT":
                self._recipients.append(line.decode().partition("<")[2].partition(">")[0])

    def _take_data(self, lines: "socket.SocketIO") -> None:
        self._say("DATA", b"354 go on\r\n")
        for number, line in enumerate(iter(lines.readline, b".\r\n")):
            if number == 3:
                self._say("content", b"")
            if not line:
                raise OSError("gone")
        self._take("dot")

    def _take_chunk(self, lines: "socket.SocketIO", size: int) -> None:
        self._say("BDAT", b"")
        if len(lines.read(size) or b"") < size:
            raise OSError("gone")
        self._take("chunk")

    def _take(self, end: str) -> None:
        recipients, self._recipients = self._recipients, []
        if self._server.drops_what_it_has:
            self._server.taken += recipients  # though nobody is told
        if self._say(end, b"250 2.0.0 taken\r\n"):
            self._server.taken += recipients
            self._mails += 1

    def _say(self, step: str, right: bytes) -> bool:
        return self._server.say(self._connection, step, right)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already
