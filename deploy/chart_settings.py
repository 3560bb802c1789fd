"""Which settings of a process the chart decides by itself, and the schema of those that its values may give."""

from collections.abc import Mapping
from typing import Any

from console.config import ConsoleConfig
from console.web.config import WindowConfig
from ingest.config import IngestConfig
from logger.config import LoggerConfig
from outbound.config import OutboundConfig
from resolver.config import ResolverConfig
from runtime.config import ProcessConfig

# Container -> the settings that it reads. `setup` and `test` run commands of `mailcall`.
CONFIGS: Mapping[str, type[ProcessConfig]] = {
    "ingest": IngestConfig,
    "resolver": ResolverConfig,
    "logger": LoggerConfig,
    "outbound": OutboundConfig,
    "console": WindowConfig,
    "setup": ConsoleConfig,
    "test": ConsoleConfig,
}
STAGES = ("ingest", "resolver", "logger", "outbound", "console")

# Settings that follow from values of another kind (an address, a Secret's name) or from the chart's own form.
DECIDED = frozenset(
    """kafka_bootstrap_servers kafka_security_protocol kafka_sasl_mechanism kafka_ca_file kafka_certificate_file
    kafka_key_file kafka_username kafka_password_file kafka_token_url kafka_token_client_id kafka_token_scope
    kafka_token_client_secret_file kafka_token_ca_file kafka_token_extensions kafka_aws_region topic_prefix
    desk_url blob_url
    secret_key_file token_key_file public_key_file metrics_host metrics_port window_host window_port window_url
    oidc_client_secret_file oidc_ca_file""".split()
)


def settings_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of `settings`, common to all stages, and of each stage's own, by their names among `definitions`."""
    return {"settings": _schema(ProcessConfig)} | {f"settings-{stage}": _schema(CONFIGS[stage]) for stage in STAGES}


def _schema(config: type[ProcessConfig]) -> dict[str, Any]:
    properties = config.model_json_schema()["properties"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _plain(properties[name]) for name in config.model_fields if name not in DECIDED},
    }


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing of the value. A setting that may be none is left out of the values instead."""
    form = dict(schema)
    for alternative in form.pop("anyOf", ()):
        if alternative.get("type") != "null":
            form = alternative | form
    return {key: value for key, value in form.items() if key not in ("default", "title", "format")}
