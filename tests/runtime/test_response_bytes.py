"""Responses as we collect them: the same bytes as by kafka-python's own class, in whatever pieces they come."""

import struct
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from kafka.protocol import parser
from kafka.protocol.frame import KafkaBytes

from runtime.kafka.response_bytes import ResponseBytes, copy_responses_less


@pytest.fixture(autouse=True)
def collected_by_us(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(parser, "KafkaBytes", KafkaBytes)  # as it was, after the test
    copy_responses_less.__wrapped__()
    yield


def test_a_client_is_given_each_response_whole_and_by_our_class(monkeypatch: pytest.MonkeyPatch) -> None:
    def processed(_: Any, collected: Any) -> bytes:
        assert type(collected) is ResponseBytes
        return bytes(collected.read(4)) + bytes(collected.read())

    monkeypatch.setattr(parser.KafkaProtocol, "_process_response", processed)
    random = Random(1)
    for _ in range(200):
        responses = [random.randbytes(random.choice([4, 5, 300, 70_000])) for _ in range(random.randrange(1, 4))]
        stream = b"".join(struct.pack(">i", len(response)) + response for response in responses)
        protocol, given = parser.KafkaProtocol(client_id="t"), []
        while stream:
            size = random.choice([1, 3, 4, 4096, 100_000])
            given += protocol.receive_bytes(stream[:size])
            stream = stream[size:]
        assert given == responses


def test_it_reads_and_writes_as_the_library_does() -> None:
    random = Random(2)
    for _ in range(300):
        ours, theirs = ResponseBytes(50), KafkaBytes(50)
        for _ in range(10):
            step, size = random.choice(["read", "write", "seek"]), random.choice([None, 0, 1, 20])
            if step == "write" and theirs.tell() + (size or 0) <= 50:
                data = random.randbytes(size or 0)
                ours.write(data)
                theirs.write(data)
            elif step == "seek":
                ours.seek(size or 0)
                theirs.seek(size or 0)
            else:
                assert ours.read(size) == theirs.read(size)
            assert (ours.tell(), bytes(ours)) == (theirs.tell(), bytes(theirs))


def test_nothing_is_written_beyond_its_size() -> None:
    with pytest.raises(ValueError, match="memoryview"):
        ResponseBytes(2).write(b"123")
