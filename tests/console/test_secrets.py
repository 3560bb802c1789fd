"""Secrets within settings: every place that holds one is sealed when given in clear, and shown to nobody."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from console.errors import UserError
from console.settings.file_reading import read_settings_file
from console.settings.secrets import redacted, secret_places
from console.settings.settings_file import SettingsFile
from runtime.security.sealing import make_keys, reveal, seal
from schemas.settings import IncomingServer, OutgoingServer, Partition, Secret

PLACES = [("password",), ("oauth", "client_secret"), ("oauth", "refresh_token")]


class Key:
    def __init__(self, secret_key_file: Path) -> None:
        self.secret_key_file = secret_key_file


def read(folder: Path, secrets: dict[str, Any]) -> tuple[SettingsFile, Key]:
    """A settings file with one server whose secrets, by dotted place, are these."""
    oauth = {name: secrets[name] for name in ("client_secret", "refresh_token")}
    server = {
        "id": "m",
        "protocol": "imap",
        "call_template": "c",
        "default_logging_analyst": "ida",
        "password": secrets["password"],
        "oauth": {"token_url": "https://login.example/token", "client_id": "us", **oauth},
    }
    path = folder / "desk.yaml"
    path.write_text(yaml.safe_dump({"incoming_servers": [server]}), encoding="utf-8")
    public = make_keys(folder / "key")
    return read_settings_file(path, lambda clear: seal(clear, public)), Key(folder / "key")


def secrets_of(server: IncomingServer) -> list[Secret | None]:
    assert server.oauth is not None
    return [server.password, server.oauth.client_secret, server.oauth.refresh_token]


def test_every_secret_of_a_server_is_known() -> None:
    assert list(secret_places(IncomingServer)) == list(secret_places(OutgoingServer)) == PLACES
    assert list(secret_places(Partition)) == []


def test_every_secret_in_clear_is_sealed_and_none_is_shown(tmp_path: Path) -> None:
    clear = {place[-1]: {"clear": f"hush-{place[-1]}"} for place in PLACES}

    file, key = read(tmp_path, clear)

    server = file.settings["incoming-server/m"]
    assert isinstance(server, IncomingServer)
    assert [reveal(secret, key) for secret in secrets_of(server) if secret] == [one["clear"] for one in clear.values()]
    for shown in (str(redacted(server)), str(redacted(server, defaults=True)), server.model_dump_json()):
        assert "hush" not in shown
    for secret in secrets_of(server):
        assert secret is not None and secret.sealed is not None
        assert secret.sealed not in str(redacted(server)) + str(redacted(server, defaults=True))
    assert redacted(server)["oauth"]["client_secret"] == {"sealed": "(sealed)"}
    assert redacted(server)["password"] == {"sealed": "(sealed)"}


def test_a_reference_is_shown_as_it_is() -> None:
    server = OutgoingServer(id="o", from_address="a@b.c", password=Secret(env="PW"))

    assert redacted(server)["password"] == {"env": "PW"}


@pytest.mark.parametrize("place", PLACES, ids="-".join)
@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("hush", "not written as plain text"),
        ({"clear": "hu\rsh"}, "line end or a NUL"),
        ({"clear": "hu\nsh"}, "line end or a NUL"),
        ({"clear": "hu\0sh"}, "line end or a NUL"),
        ({"clear": "hush", "env": "X"}, "stands alone"),
        ({"sealed": "hush"}, "no sealed password"),
        ({"sealed": "QUFB" * 20 + "\n"}, "no sealed password"),
    ],
)
def test_a_secret_that_cannot_be_taken_is_told_by_its_place(
    place: tuple[str, ...], secret: object, told: str, tmp_path: Path
) -> None:
    secrets = {one[-1]: {"env": "FINE"} for one in PLACES} | {place[-1]: secret}

    with pytest.raises(UserError) as refused:
        read(tmp_path, secrets)

    [problem] = refused.value.problems
    assert problem.place == f"incoming_servers[0].{'.'.join(place)}"
    assert told in problem.cause
    assert problem.remedy
    assert "hu" not in str(problem).replace(str(tmp_path), "")
