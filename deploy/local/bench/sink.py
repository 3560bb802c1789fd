"""The benchmark's SMTP sink, in a process of its own so that its CPU time is nobody else's."""

import multiprocessing
import signal
from collections.abc import Mapping
from email.parser import BytesHeaderParser
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from deploy.local.servers.smtp_sink import SmtpSink


class SinkProcess:
    """Listens from the beginning to the end of its block, on `host` and `port`."""

    host: str
    port: int

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end,), name="smtp-sink", daemon=True)
        self._process.start()
        self.host, self.port = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join()

    def count(self) -> int:
        """How many mails have come so far."""
        self._pipe.send("count")
        counted: int = self._pipe.recv()
        return counted

    def answers(self) -> Mapping[str, list[str]]:
        """Message-ID that is answered -> Message-IDs of the mails that answer it."""
        self._pipe.send("answers")
        answers: dict[str, list[str]] = self._pipe.recv()
        return answers


def _serve(pipe: "Connection") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which then ends this
    with SmtpSink() as sink:
        pipe.send((sink.host, sink.port))
        while True:
            try:
                question = pipe.recv()
            except EOFError:
                return
            pipe.send(len(sink.messages) if question == "count" else _answers(sink))


def _answers(sink: SmtpSink) -> dict[str, list[str]]:
    answers: dict[str, list[str]] = {}
    for mail in sink.messages:
        headers = BytesHeaderParser().parsebytes(mail.raw)
        answered = str(headers["In-Reply-To"] or "").strip()
        answers.setdefault(answered, []).append(str(headers["Message-ID"]))
    return answers
