"""Configuration: environment over file over defaults; whatever is wrong ends in one message with place and remedy."""

from pathlib import Path

import pytest

from runtime.config import ProcessConfig, load_config


class Config(ProcessConfig):
    """A process's own settings."""

    mails_at_once: int = 3


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Config.model_fields:
        monkeypatch.delenv(f"MAILCALL_{name.upper()}", raising=False)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("topic_prefix: from-file\nmails_at_once: 5\n")
    monkeypatch.setenv("MAILCALL_MAILS_AT_ONCE", "7")
    config = load_config(Config, "test", ["--config", str(file)])
    assert (config.topic_prefix, config.mails_at_once, config.batch_records) == ("from-file", 7, 200)


def test_the_broker_is_also_read_from_the_usual_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "usual:9092")
    assert load_config(Config, "test", []).kafka_bootstrap_servers == "usual:9092"
    monkeypatch.setenv("MAILCALL_KAFKA_BOOTSTRAP_SERVERS", "own:9092")
    assert load_config(Config, "test", []).kafka_bootstrap_servers == "own:9092"


@pytest.mark.parametrize(("value", "port"), [("0", 0), ("9100", 9100), ("off", None), ("", None)])
def test_the_metrics_port_can_be_off(monkeypatch: pytest.MonkeyPatch, value: str, port: int | None) -> None:
    monkeypatch.setenv("MAILCALL_METRICS_PORT", value)
    assert load_config(Config, "test", []).metrics_port == port


def test_help_names_every_setting_with_meaning_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_config(Config, "test", ["--help"])
    assert ended.value.code == 0
    help_text = capsys.readouterr().out
    for name, info in ProcessConfig.model_fields.items():
        assert f"MAILCALL_{name.upper()}" in help_text
        assert (info.description or "?") in help_text
    assert "(default: 200)" in help_text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("mails_at_once: many", ["mails_at_once", "integer"]),
        ("mails_at_onze: 3", ["unknown setting 'mails_at_onze'", "--help"]),
        ("topic_prefix: [", ["settings.yaml:1", "no YAML"]),
        ("- a\n- b", ["holds no settings"]),
        ("metrics_port: 70000", ["metrics_port", "65535"]),
    ],
)
def test_a_wrong_file_is_one_message_and_exit_code_2(
    content: str, says: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(content)
    with pytest.raises(SystemExit) as ended:
        load_config(Config, "test", ["--config", str(file)])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("test: wrong configuration: ")
    assert str(file) in message
    assert all(part in message for part in says), message


def test_a_wrong_variable_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILCALL_BATCH_RECORDS", "hunter2")
    with pytest.raises(SystemExit) as ended:
        load_config(Config, "test", [])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "MAILCALL_BATCH_RECORDS: Input should be a valid integer" in message
    assert "hunter2" not in message


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_config(Config, "test", ["--config", "/nowhere/settings.yaml"])
    assert ended.value.code == 2
    assert "/nowhere/settings.yaml: cannot be read" in capsys.readouterr().err
