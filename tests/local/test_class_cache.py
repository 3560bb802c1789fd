"""Java's cache of classes: made once, taken from then on, and no harm where it cannot be taken."""

import subprocess
from pathlib import Path

import pytest

from deploy.local.packages import class_cache, jars
from deploy.local.packages.class_cache import make_class_cache
from deploy.local.servers.mail_host import MailHost

VERSION = ("kafka", "kafka.Kafka")

pytestmark = pytest.mark.broker


def kafka_version(monkeypatch: pytest.MonkeyPatch, cache: Path) -> "subprocess.CompletedProcess[str]":
    monkeypatch.setattr(jars, "class_cache", lambda _: cache)
    command = [*jars.java_command(*VERSION, ("-XX:TieredStopAtLevel=1",)), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_cache_that_cannot_be_taken_does_no_harm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.aot"
    broken.write_bytes(b"no cache of Java's" * 10_000)
    with_it, without = (kafka_version(monkeypatch, file) for file in (broken, tmp_path / "none.aot"))
    assert with_it.returncode == without.returncode == 0
    assert with_it.stdout == without.stdout != ""


@pytest.mark.mail_host
@pytest.mark.timeout(300)
def test_it_is_made_and_then_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / "java" / "mail-host.aot"
    for module in (jars, class_cache):
        monkeypatch.setattr(module, "class_cache", lambda _: cache)
    make_class_cache("greenmail", MailHost)
    made = cache.stat()
    assert made.st_size > 1_000_000
    make_class_cache("greenmail", MailHost)
    assert cache.stat() == made
    with MailHost() as host:
        assert str(cache) in Path(f"/proc/{host.pid}/maps").read_text()
