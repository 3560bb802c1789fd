"""deploy/compose.yaml: as Compose's schema wants it, with settings that the processes have, and all that they need."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from console.settings.apply import plan
from console.settings.file_reading import read_settings_file
from console.settings.state import State
from deploy.chart_settings import CONFIGS, STAGES
from runtime.config import ENV_PREFIX, read_environment
from runtime.version import VERSION
from schemas.settings import MailServer

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
COMMANDS = ("token-key", "topics", "tables")  # each runs once, and ends
DESK = DEPLOY / "compose-desk.yaml"


def schema() -> dict[str, Any]:
    """Compose's own, as check-jsonschema brings it."""
    package = importlib.util.find_spec("check_jsonschema")
    assert package
    assert package.origin
    file = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    read: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return read


def test_it_is_a_compose_file() -> None:
    validator = jsonschema_rs.validator_for(schema())
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    assert not validator.is_valid({**COMPOSE, "services": {"ingest": {"comand": ["python"]}}})


def test_every_process_is_there_and_runs_the_one_image() -> None:
    assert SERVICES.keys() == {*STAGES, *COMMANDS, "kafka", "database", "mail"}
    for stage in STAGES:
        assert SERVICES[stage]["command"] == ["python", "-m", stage]
    assert {SERVICES[name]["image"] for name in (*STAGES, *COMMANDS)} == {f"mailcall:{VERSION}"}
    for name in ("kafka", "database", "mail"):
        assert re.search(r":\d+\.\d+[^:]*(@sha256:[0-9a-f]{64})?$", SERVICES[name]["image"]), "an exact version"


@pytest.mark.parametrize("name", [*STAGES, "topics", "tables"])
def test_the_variables_are_settings_of_the_process(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = CONFIGS.get(name, CONFIGS["setup"])
    environment = SERVICES[name]["environment"]
    own = {variable: value for variable, value in environment.items() if variable.startswith(ENV_PREFIX)}
    assert own.keys() <= {f"{ENV_PREFIX}{field.upper()}" for field in config.model_fields}
    for variable, value in own.items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+[^}]*\}", "s3cret", str(value)))
    given = config(**read_environment(config))
    assert given.kafka_bootstrap_servers == "kafka:9092"
    assert given.desk_url == "postgresql+psycopg://mailcall:s3cret@database/mailcall"
    assert given.blob_url == "file:///var/lib/mailcall/blobs"


def test_all_are_given_the_same_database_as_it_has() -> None:
    database = SERVICES["database"]["environment"]
    for name in (*STAGES, "topics", "tables"):
        url = SERVICES[name]["environment"]["MAILCALL_DESK_URL"]
        assert url == (
            f"postgresql+psycopg://{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}@database/"
            f"{database['POSTGRES_DB']}"
        )


@pytest.mark.parametrize("name", [*STAGES, *COMMANDS])
def test_it_may_do_little_and_writes_only_where_it_is_told(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges"]
    assert (service["tmpfs"], service["volumes"]) == (["/tmp"], ["mailcall:/var/lib/mailcall"])
    assert "user" not in service, "the image's own, whose volume it is"


@pytest.mark.parametrize("stage", STAGES)
def test_a_process_starts_when_topics_and_tables_are_made_and_may_finish_its_batch(stage: str) -> None:
    service = SERVICES[stage]
    done = {"condition": "service_completed_successfully"}
    assert service["depends_on"] == {"topics": done, "tables": done}
    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) > 70
    assert f"127.0.0.1:{service['environment']['MAILCALL_METRICS_PORT']}/livez" in service["healthcheck"]["test"][-1]


def test_nothing_is_open_to_other_machines() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_its_desk_can_be_applied_and_names_its_mail_host() -> None:
    planned = plan(read_settings_file(DESK), State())
    assert {change.effect for change in planned.changes} == {"new"}
    servers = [change.after for change in planned.changes if isinstance(change.after, MailServer)]
    assert len(servers) == 2
    open_ports = {int(port.rpartition(":")[2]) for port in SERVICES["mail"]["ports"]}
    for server in servers:
        assert server.host == "mail"
        assert server.port in open_ports
        if server.password:
            assert server.password.env in SERVICES["ingest"]["environment"]
