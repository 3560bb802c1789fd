"""Settings of TLS and log-in: what goes together; and what a process logs in with, which may change while it runs."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256
from hmac import digest
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from aiokafka.conn import OAuthAuthenticator
from faust.auth import OAuthCredentials
from kafka.net.sasl import get_sasl_mechanism

from deploy.local.packages.python_packages import fetch_signer
from deploy.local.servers.certificates import make_certificates
from deploy.local.servers.oauth import OAuthServer
from runtime.config import ProcessConfig, load_config
from runtime.kafka.aiokafka_security import for_faust
from runtime.kafka.credentials import LoginError, PasswordLogin, TokenLogin, login_of
from runtime.kafka.security import for_kafka_python, security_of
from runtime.security.redaction import conceal

SCRAM = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"}
BEARER = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}
ENDPOINT = {"token_url": "https://id.example/token", "token_client_id": "mailcall"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "file").write_text("s3cret-in-a-file\n")
    return str(tmp_path / "file")


@pytest.mark.parametrize(
    ("settings", "wrong", "says"),
    [
        ({"security_protocol": "TLS"}, "SECURITY_PROTOCOL", "'SASL_SSL'"),
        ({"security_protocol": "SASL_SSL"}, "SASL_MECHANISM", "is missing"),
        ({"sasl_mechanism": "PLAIN"}, "SASL_MECHANISM", "kafka_security_protocol SASL_SSL"),
        ({"ca_file": "FILE"}, "CA_FILE", "kafka_security_protocol SSL"),
        ({"security_protocol": "SSL", "ca_file": "FILE"}, "CA_FILE", "no certificate"),
        ({"security_protocol": "SSL", "ca_file": "/nowhere"}, "CA_FILE", "/nowhere cannot be read"),
        ({"security_protocol": "SSL", "certificate_file": "FILE"}, "KEY_FILE", "is missing"),
        ({"security_protocol": "SSL", "key_file": "FILE"}, "KEY_FILE", "kafka_certificate_file"),
        ({"security_protocol": "SSL", "certificate_file": "FILE", "key_file": "FILE"}, "KEY_FILE", "no private key"),
        (SCRAM | {"password_file": "FILE"}, "USERNAME", "is missing"),
        (SCRAM | {"username": "mailcall"}, "PASSWORD_FILE", "is missing"),
        (SCRAM | {"username": "mailcall", "password_file": "/nowhere"}, "PASSWORD_FILE", "check the path"),
        (SCRAM | {"username": "u", "password_file": "FILE", "token_file": "FILE"}, "TOKEN_FILE", "OAUTHBEARER"),
        (BEARER, "TOKEN_URL", "without kafka_token_file"),
        (BEARER | ENDPOINT, "TOKEN_CLIENT_SECRET_FILE", "is missing"),
        (BEARER | {"token_file": "FILE", "token_url": "https://id.example/token"}, "TOKEN_URL", "has no use"),
        (BEARER | ENDPOINT | {"token_url": "http://127.0.0.1.example/"}, "TOKEN_URL", "https://"),
        (BEARER | {"token_file": "FILE", "token_scope": "kafka"}, "TOKEN_SCOPE", "kafka_token_url"),
        ({"token_extensions": "a=b"}, "TOKEN_EXTENSIONS", "OAUTHBEARER"),
        (BEARER | {"token_file": "FILE", "token_extensions": "pool-abc"}, "TOKEN_EXTENSIONS", "'pool-abc' is no name="),
        (BEARER | {"token_file": "FILE", "token_extensions": "pool_id=a"}, "TOKEN_EXTENSIONS", "letters only"),
        (BEARER | {"token_file": "FILE", "token_extensions": "a=b,"}, "TOKEN_EXTENSIONS", "'' is no name="),
        (BEARER | {"token_file": "FILE", "token_extensions": "a=b\x01c=d"}, "TOKEN_EXTENSIONS", "is no name="),
        (BEARER | {"token_file": "FILE", "token_extensions": "a=b,a=c"}, "TOKEN_EXTENSIONS", "a is there already"),
        (BEARER | {"token_file": "FILE", "token_extensions": "auth=x"}, "TOKEN_EXTENSIONS", "the token itself"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM"}, "AWS_REGION", "is missing"),
        ({"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "AWS_MSK_IAM", "aws_region": "eu-central-1"},
         "AWS_REGION", "SASL_SSL"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_at_the_start(
    settings: Mapping[str, str], wrong: str, says: str, file: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(f"MAILCALL_KAFKA_{name.upper()}", value.replace("FILE", file))
    with pytest.raises(SystemExit) as ended:
        load_config(ProcessConfig, "test", [])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith(f"test: wrong configuration: MAILCALL_KAFKA_{wrong}: "), message
    assert says in message
    assert "s3cret" not in message


def test_a_password_is_what_the_file_says_now_and_is_hidden(file: str) -> None:
    config = ProcessConfig(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_username="u",
        kafka_password_file=Path(file),
    )
    login = security_of(config).login
    assert isinstance(login, PasswordLogin)
    assert login.password() == "s3cret-in-a-file"
    Path(file).write_text("an0ther-one\n")
    assert login.password() == "an0ther-one"
    assert conceal("it was s3cret-in-a-file, it is an0ther-one") == "it was ***, it is ***"
    Path(file).unlink()
    with pytest.raises(LoginError, match=r"MAILCALL_KAFKA_PASSWORD_FILE\) cannot be read"):
        login.password()


def test_a_token_is_shared_until_three_quarters_of_its_life(
    tmp_path: Path, oauth: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = oauth.register("mailcall", lifetime_seconds=8, audience="kafka")
    (tmp_path / "secret").write_text(client.client_secret or "")
    config = ProcessConfig(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_token_url=oauth.tls_token_url,
        kafka_token_ca_file=oauth.authority,
        kafka_token_client_id=client.client_id,
        kafka_token_client_secret_file=tmp_path / "secret",
        kafka_token_scope="kafka",
    )
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    login = login_of(config)
    assert isinstance(login, TokenLogin)
    first = login.token()
    now[0] += 5.9
    assert login.token() == first
    now[0] += 0.2
    second = login.token()
    assert second != first
    login.forget()
    assert login.token() != second
    assert [request["scope"] for request in client.requests] == ["kafka"] * 3
    assert conceal(first) == "***"


EXTENSIONS = {
    "": b"",
    "logicalCluster=lkc-12345": b"\x01logicalCluster=lkc-12345",
    "logicalCluster=lkc-12345, identityPoolId=pool=a": b"\x01logicalCluster=lkc-12345\x01identityPoolId=pool=a",
}


@pytest.mark.parametrize("extensions", EXTENSIONS)
def test_extensions_go_beside_the_token(extensions: str, file: str) -> None:
    """RFC 7628, section 3.1: what both clients send first, byte for byte."""
    security = security_of(
        ProcessConfig(
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="OAUTHBEARER",
            kafka_token_file=Path(file),
            kafka_token_extensions=extensions,
        )
    )
    mechanism = get_sasl_mechanism("OAUTHBEARER")(host="broker", **for_kafka_python(security))
    expected = b"n,,\x01auth=Bearer s3cret-in-a-file" + EXTENSIONS[extensions] + b"\x01\x01"
    assert mechanism.auth_bytes() == expected
    credentials = for_faust(security)
    assert isinstance(credentials, OAuthCredentials)
    authenticator = OAuthAuthenticator(sasl_oauth_token_provider=credentials.oauth_cb)
    assert asyncio.run(authenticator.step(None)) == (expected, True)


def test_certificates_are_read_anew_for_the_next_connection(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old, new = make_certificates(tmp_path / "old"), make_certificates(tmp_path / "new")
    config = ProcessConfig(
        kafka_security_protocol="SSL", kafka_ca_file=old.authority, kafka_certificate_file=old.certificate,
        kafka_key_file=old.key,
    )  # fmt: skip
    context = security_of(config).context
    assert context
    assert len(context.get_ca_certs()) == 1
    for name in ("authority", "certificate", "key"):
        getattr(old, name).write_bytes(getattr(new, name).read_bytes())
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    assert len(context.get_ca_certs()) == 2


@pytest.fixture
def msk_signer() -> Path:
    return fetch_signer()


def test_a_token_for_msk_has_the_published_shape(msk_signer: Path) -> None:
    """A pre-signed address (Signature Version 4), its signature counted here once more."""
    token = in_a_process(msk_signer, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="wJalr/EXAMPLE")["token"]
    url = urlsplit(urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    query = dict(parse_qsl(url.query))
    assert (url.scheme, url.netloc, url.path) == ("https", "kafka.eu-central-1.amazonaws.com", "/")
    assert query["Action"] == "kafka-cluster:Connect"
    assert query["X-Amz-Expires"] == "900"
    day, scope = query["X-Amz-Date"][:8], query["X-Amz-Credential"].partition("/")[2]
    assert scope == f"{day}/eu-central-1/kafka-cluster/aws4_request"
    signed = {name: value for name, value in query.items() if name not in ("X-Amz-Signature", "User-Agent")}
    canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(signed.items()))
    request = f"GET\n/\n{canonical}\nhost:{url.netloc}\n\nhost\n{sha256(b'').hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = b"AWS4wJalr/EXAMPLE"
    for part in scope.split("/"):
        key = digest(key, part.encode(), "sha256")
    assert query["X-Amz-Signature"] == digest(key, text.encode(), "sha256").hex()


def test_without_credentials_for_msk_it_says_what_to_do(msk_signer: Path) -> None:
    assert "AWS_ACCESS_KEY_ID" in in_a_process(msk_signer)["error"]


def test_without_the_signer_it_says_what_to_install() -> None:
    assert "mailcall[msk]" in in_a_process(None)["error"]


_GET_A_TOKEN = """
import json
from runtime.kafka.credentials import LoginError, login_of
from runtime.config import ProcessConfig
login = login_of(ProcessConfig(
    kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="AWS_MSK_IAM", kafka_aws_region="eu-central-1"
))
try:
    print(json.dumps({"token": login.token()}))
except LoginError as error:
    print(json.dumps({"error": str(error)}))
"""


def in_a_process(signer: Path | None, **environment: str) -> dict[str, str]:
    path = os.pathsep.join(map(str, [*([signer] if signer else []), Path(__file__).parents[2]]))
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere", "PYTHONPATH": path}
    command = [sys.executable, "-c", _GET_A_TOKEN]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=nowhere | environment)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer
