"""The documents follow the code: nothing an administrator can meet is without a word, no link leads nowhere."""

import importlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from deploy.local.servers.certificates import make_certificates
from mailserver.authentication import METHODS
from mailserver.connection import Protocol
from resolver.screening.auto_reply_headers import HEADERS
from runtime.config import ENV_PREFIX, ProcessConfig, load_config
from runtime.telemetry import metrics
from schemas.events import CallEvent
from schemas.reasons import Reason
from schemas.settings import Authentication, IncomingServer, MailServer, OutgoingServer, Secret, Setting
from schemas.template_words import WORDS
from schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("runtime", "mailserver", "desk", "ingest", "resolver", "logger", "outbound", "console")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MODULE = re.compile(rf"(?<![\w/.-])(?:{'|'.join((*PACKAGES, 'schemas', 'deploy'))})/[a-z0-9_/]+\.py\b")
_BLOCK = re.compile(r"^```(yaml|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
# Written so that this file does not find itself.
_MACHINE = re.compile(r"(?<![\w.-])/(?:wor[k]|roo[t]|User[s])/[\w.]")
_REGISTRY = re.compile(r"--(?:extra-)?index-ur[l][ =]\S|--find-link[s][ =]\S|\bartifactor[y]\b")


@cache
def _documents() -> dict[Path, str]:
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {file: file.read_text(encoding="utf-8") for file in files}


def _written() -> str:
    """What people wrote and what is generated for them to read, without the decisions of the past."""
    return "\n".join(text for file, text in _documents().items() if file.parent.name != "adr")


def _configurations() -> Iterator[type[ProcessConfig]]:
    yield ProcessConfig
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("config.py")):
            module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, ProcessConfig) and value.__module__ == module.__name__:
                    yield value


def _fields(union: Any) -> Iterator[str]:
    for model in (*get_args(get_args(union)[0]), Secret):
        yield from model.model_fields


def _exported(metric: MetricWrapperBase) -> str:
    """The metric's name on /metrics."""
    (described,) = metric.describe()
    return f"{described.name}_total" if described.type == "counter" else described.name


def _page(folder: str, name: str) -> str:
    return _documents().get(ROOT / "docs" / folder / f"{name}.md", "")


def _blocks(page: str, language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(page) if found == language]


def _servers_in_yaml(page: str) -> list[MailServer]:
    """The servers of a page's settings files. Raises `ValidationError` where one could not be applied."""
    return [
        SERVERS[direction].model_validate(fields, extra="forbid")
        for block in _blocks(page, "yaml")
        for direction in SERVERS
        for fields in yaml.safe_load(block).get(f"{direction}_servers", ())
    ]


def _servers_in_commands(page: str) -> list[MailServer]:
    """The servers of a page's `mailcall servers add DIRECTION ID KEY=VALUE ...`."""
    words = [shlex.split(block.replace("\\\n", "")) for block in _blocks(page, "sh")]
    return [
        SERVERS[direction].model_validate({"id": server_id, **_fields_of(pairs)}, extra="forbid")
        for mailcall, servers, add, direction, server_id, *pairs in words
        if [mailcall, servers, add] == ["mailcall", "servers", "add"]
    ]


def _fields_of(pairs: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        *outer, name = key.split(".")
        around = fields
        for one in outer:
            around = around.setdefault(one, {})
        around[name] = yaml.safe_load(value)
    return fields


def _table_of_methods() -> dict[str, dict[str, str]]:
    """The table of methods and protocols, as it is written: method -> protocol -> yes or no."""
    lines = _page("protocols", "README").partition("\n| method |")[2].partition("\n\n")[0].splitlines()
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {re.sub(r"\[(.*)\].*", r"\1", row[0]): dict(zip(head, row[1:], strict=True)) for row in rows}


PROVIDERS = ("Microsoft 365", "Gmail", "Exchange", "Dovecot")
SERVERS: dict[str, type[MailServer]] = {"incoming": IncomingServer, "outgoing": OutgoingServer}
METRICS = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
VARIABLES = sorted({f"{ENV_PREFIX}{name.upper()}" for config in _configurations() for name in config.model_fields})


@pytest.mark.parametrize("name", [topic.short for topic in TOPICS])
def test_every_topic_is_documented(name: str) -> None:
    assert f"`{name}`" in _written()


@pytest.mark.parametrize("name", [_exported(metric) for metric in METRICS])
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}`" in _written()


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_of_a_process_is_documented(variable: str) -> None:
    assert re.search(rf"\b{variable}\b", _written())


@pytest.mark.parametrize("name", sorted(set(_fields(Setting))))
def test_every_field_of_a_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in _written()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented(reason: Reason) -> None:
    assert f"`{reason}`" in _written()


@pytest.mark.parametrize("header", [name for name, _ in HEADERS])
def test_every_header_that_only_machines_set_has_a_row(header: str) -> None:
    assert f"\n| `{header}` |" in _page("", "screening").lower()


@pytest.mark.parametrize("event", [member.__name__ for member in get_args(get_args(CallEvent)[0])])
def test_every_event_is_documented(event: str) -> None:
    assert event in _written()


@pytest.mark.parametrize("method", Authentication)
def test_every_method_has_a_page_that_says_what_to_enter_at_each_provider(method: Authentication) -> None:
    page = _page("authentication", method)
    assert not [provider for provider in PROVIDERS if f"\n| {provider} |" not in page]
    assert method in {server.authentication for server in _servers_in_yaml(page)}
    assert _servers_in_commands(page) == _servers_in_yaml(page)


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_every_protocol_has_a_page(protocol: str) -> None:
    assert _page("protocols", protocol)


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_the_table_of_methods_and_protocols_is_the_one_in_code(protocol: Protocol) -> None:
    written = {method: words[protocol] for method, words in _table_of_methods().items()}
    assert written == {one: "no" if protocol in METHODS[one].excluded else "yes" for one in Authentication}


@pytest.mark.parametrize("file", _documents(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_server_that_is_shown_can_be_saved(file: Path) -> None:
    shown = _servers_in_yaml(_documents()[file])
    assert not [server for server in _servers_in_commands(_documents()[file]) if server not in shown]


def test_there_is_something_to_check() -> None:
    assert len(METRICS) > 5
    assert len(VARIABLES) > 10
    assert len(_documents()) > 5


@pytest.mark.parametrize(
    "file", sorted({*_documents(), *ROOT.glob("*.md")}), ids=lambda file: str(file.relative_to(ROOT))
)
def test_every_relative_link_leads_somewhere(file: Path) -> None:
    links = _LINK.findall(_CODE.sub("", file.read_text(encoding="utf-8")))
    relative = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith(("#", "mailto:"))]
    missing = [link for link in relative if not (file.parent / link).exists()]
    assert not missing


@cache
def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


@pytest.mark.parametrize(
    "file",
    [file for file in _documents() if file.parent.name != "reference"],  # generated, with links
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_every_module_that_a_document_names_exists(file: Path) -> None:
    named = _MODULE.findall(file.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_tracked_file_is_a_link() -> None:
    """Not every way that a repository is handed on keeps them: what comes out is a text with the path in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not run: this is no checkout of git")
    assert len(_tracked()) > 50
    assert [file for file in _tracked() if file.is_symlink()] == []


@pytest.mark.parametrize(("what", "pattern"), [("machine path", _MACHINE), ("registry", _REGISTRY)])
def test_no_tracked_file_names_a_machine_or_a_registry(what: str, pattern: re.Pattern[str]) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not run: this is no checkout of git")
    assert len(_tracked()) > 50
    found = [
        f"{file.relative_to(ROOT)}: {what} {match.group()!r}"
        for file in _tracked()
        if file.is_file()
        for match in [pattern.search(file.read_text(encoding="utf-8", errors="replace"))]
        if match
    ]
    assert not found


def test_requirements_hold_hashes_and_no_address() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    pages = "\n".join([*_documents().values(), *(file.read_text(encoding="utf-8") for file in ROOT.glob("*.md"))])
    named = set(re.findall(r"(?m)(?:^    |`|^)make ([a-z-]+)(?=`| *$| +[#A-Z])", pages))
    assert {"test-fast", "demo"} <= named
    assert named <= targets


@pytest.mark.parametrize("name", WORDS)
def test_every_name_that_a_message_template_can_use_is_documented(name: str) -> None:
    assert f"`{name}`" in _page("", "outgoing-mail")


def _kafka_examples() -> list[dict[str, str]]:
    """The settings of each example of running.md's section about TLS and log-in."""
    text = (ROOT / "docs" / "running.md").read_text("utf-8")
    section = text.partition("\n## Kafka with TLS and login\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?m)(?:^    MAILCALL_KAFKA_.+\n)+", section)
    assert blocks, "no example is found"
    return [dict(line.strip().split("=", 1) for line in block.splitlines()) for block in blocks]


@pytest.mark.parametrize("settings", _kafka_examples(), ids=lambda one: one["MAILCALL_KAFKA_BOOTSTRAP_SERVERS"])
def test_every_example_of_kafka_settings_can_be_used(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With files of the kind that they name."""
    made = make_certificates(tmp_path)
    kinds = {"CA_FILE": made.authority, "CERTIFICATE_FILE": made.certificate, "KEY_FILE": made.key}
    for name, value in settings.items():
        file = kinds.get(name.removeprefix("MAILCALL_KAFKA_"), made.key)
        monkeypatch.setenv(name, str(file) if name.endswith("_FILE") else value)
    load_config(ProcessConfig, "test", [])
