"""Configuration of a process: environment variables, then a YAML file, then defaults."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar, get_args

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from runtime.kafka.settings import KafkaSettings
from runtime.security.redaction import remember_configured
from schemas.wire import LEAST_RECORD_BYTES, MAX_RECORD_BYTES

ENV_PREFIX = "MAILCALL_"
WRONG_CONFIGURATION = 2  # exit code


def _off(value: object) -> object:
    """`off` and the empty string stand for None, so that the environment can say it too."""
    return None if isinstance(value, str) and value.strip().lower() in ("", "off", "none") else value


Port = Annotated[Annotated[int, Field(ge=0, le=65535)] | None, BeforeValidator(_off)]


class ProcessConfig(KafkaSettings):
    """What every process needs to know. Each process adds its own settings in a subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    topic_prefix: str = Field(
        "mailcall",
        pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$",
        description="prefix of the name of every topic and consumer group",
    )
    topic_replication_factor: int = Field(
        -1, ge=-1, description="copies of each topic that is created; -1: as the broker is set"
    )
    topic_configuration: Literal["set", "leave"] = Field(
        "set",
        description="leave: topics are created without settings of their own, for a broker that refuses them; "
        "`mailcall topics create` then says what an administrator has to set",
    )
    kafka_max_record_bytes: int = Field(
        MAX_RECORD_BYTES,
        ge=LEAST_RECORD_BYTES,
        le=MAX_RECORD_BYTES,
        description="the largest record that the broker accepts, the same for all processes; messages of more than "
        "two thirds of it, or 700 kB, go to the blob store",
    )
    desk_url: str = Field(
        "sqlite:///mailcall.db",
        repr=False,
        description="the desk's database as SQLAlchemy URL, e.g. postgresql+psycopg://mailcall@db/mailcall",
    )
    blob_url: str = Field(
        default_factory=lambda: (Path.cwd() / "blobs").as_uri(),
        repr=False,
        description="where messages above 700 kB and attachments are kept: file:///path, s3://bucket/prefix, gs://, az://",
    )
    secret_key_file: Path | None = Field(
        None, description="private key that opens sealed passwords (`mailcall secrets make-keys`)"
    )
    token_key_file: Path | None = Field(
        None,
        description="keys that sign what we send and verify replies (`mailcall secrets make-token-key`); "
        "the same file for outbound, resolver and console",
    )
    metrics_host: str = Field("127.0.0.1", description="address that /metrics, /livez and /readyz are served on")
    metrics_port: Port = Field(0, description="their port; 0: any free one (the log says which), off: not served")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the lowest level that is logged"
    )
    batch_records: int = Field(200, ge=1, le=10_000, description="most records that are processed as one batch")
    batch_bytes: int = Field(
        8_000_000, ge=1, description="most bytes that are processed as one batch, unless one record has more"
    )
    commit_seconds: float = Field(
        1.0,
        ge=0,
        le=60,
        description="how often offsets are committed; records beyond are redelivered after a crash",
    )
    patience_seconds: float = Field(
        60, gt=0, le=240, description="how long a rebalance waits for a batch that is being processed"
    )
    session_seconds: float = Field(
        10,
        ge=1,
        le=300,
        description="session time-out: how long after an instance was killed the others are assigned its partitions; "
        "brokers allow 6 and more",
    )
    dead_letter_limit: int = Field(100, ge=0, description="this many dead letters in a row stop the process; 0: never")
    stall_seconds: float = Field(300, gt=0, description="/livez fails after this long without progress")

    @model_validator(mode="after")
    def _is_secret_in_part(self) -> Self:
        remember_configured((self.desk_url, self.blob_url))
        return self

    @field_validator("blob_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if ":/" not in url:
            raise ValueError("write a URL: file:///path, s3://bucket/prefix, gs://bucket or az://container")
        return url


C = TypeVar("C", bound=ProcessConfig)


def load_config(cls: type[C], program: str, argv: Sequence[str] | None = None) -> C:
    """The process's configuration.

    Exits with 0 after `--help`, with 2 after a wrong value and one message that names place and remedy.
    """
    parser = argparse.ArgumentParser(
        program,
        description=f"Settings of {program}: environment variables; --config names a YAML file, the environment wins.",
        epilog="\n".join(_help_lines(cls)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="FILE.yaml", type=Path, help="settings by their names, in lower case")
    options = parser.parse_args(argv)
    from_file = _read_file(program, options.config, cls) if options.config else {}
    from_environment = read_environment(cls)
    try:
        return cls(**{**from_file, **from_environment})
    except ValidationError as error:
        fail(program, _explain(error, options.config, from_environment))


def read_environment(cls: type[ProcessConfig], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings that the environment has, by their names; upper and lower case are the same in a variable."""
    values = {variable.lower(): value for variable, value in environment.items()}
    variables = {name: f"{ENV_PREFIX}{name}".lower() for name in cls.model_fields}
    return {name: values[variable] for name, variable in variables.items() if variable in values}


def setting_lines(cls: type[ProcessConfig]) -> Iterator[tuple[str, str, str]]:
    """(environment variable, default, meaning) of every setting."""
    for name, info in cls.model_fields.items():
        yield f"{ENV_PREFIX}{name.upper()}", _default(info), info.description or ""


def _help_lines(cls: type[ProcessConfig]) -> Iterator[str]:
    yield "settings:"
    for variable, default, meaning in setting_lines(cls):
        yield f"  {variable}  (default: {default})"
        yield f"      {meaning}"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "none, must be given"
    value = info.get_default(call_default_factory=True, validated_data={})
    choices = f"; one of {', '.join(map(str, get_args(info.annotation)))}" if _is_choice(info) else ""
    return ("off" if value is None else str(value)) + choices


def _is_choice(info: FieldInfo) -> bool:
    return getattr(info.annotation, "__origin__", None) is Literal


def _read_file(program: str, path: Path, cls: type[ProcessConfig]) -> Mapping[str, Any]:
    from runtime.yaml_lines import MAX_BYTES, YamlError, load

    try:
        if path.stat().st_size > MAX_BYTES:
            fail(program, f"{path}: is larger than {MAX_BYTES // 1_000_000} MB; check the path after --config")
        text = path.read_text(encoding="utf-8")
        values = load(text).data
    except OSError as error:
        fail(program, f"{path}: cannot be read ({error.strerror}); check the path after --config")
    except UnicodeDecodeError:
        fail(program, f"{path}: is no YAML; a settings file holds lines such as `topic_prefix: mailcall`")
    except YamlError as error:
        place = f"{path}:{min(error.line, len(text.splitlines()))}" if error.line else str(path)  # its end is behind
        fail(program, f"{place}: is no YAML ({error}); a settings file holds lines such as `topic_prefix: mailcall`")
    if not isinstance(values, dict) or not values:
        fail(program, f"{path}: holds no settings; write lines such as `topic_prefix: mailcall`")
    unknown = [str(key) for key in values if key not in cls.model_fields]
    if unknown:
        fail(program, f"{path}: unknown setting {unknown[0]!r}; `{program} --help` lists all")
    return values


def _explain(error: ValidationError, path: Path | None, from_environment: Mapping[str, Any]) -> str:
    """Every wrong setting with where it was read. Values are left out: they may be secrets."""
    lines = []
    for wrong in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(wrong["loc"][0]) if wrong["loc"] else ""
        variable = f"{ENV_PREFIX}{name.upper()}"
        place = variable if name in from_environment or path is None else f"{path}: {name}"
        lines.append(f"{place}: {wrong['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines) + "\n(--help says what each setting means)"


def fail(program: str, message: str) -> NoReturn:
    """Exits with 2 and this one message, which names place and remedy."""
    print(f"{program}: wrong configuration: {message}", file=sys.stderr)  # noqa: T201 - before logs are set up, for a person
    raise SystemExit(WRONG_CONFIGURATION)
