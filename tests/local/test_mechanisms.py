"""Dovecot takes the right secret and refuses the wrong one, for each mechanism over each protocol.

The clients are written here, in a few lines each: they are of another make than the pipeline's own.
"""

import base64
import hashlib
import hmac
import imaplib
import poplib
import re
import smtplib
from collections.abc import Callable

import pytest
import requests
import spnego

from deploy.local.servers.dovecot import Dovecot

TIMEOUT = 20
Client = Callable[[bytes], bytes]  # answers a challenge
OAUTH_ERROR = b'{"status"'  # how the challenge begins that says why a token is refused: answered, then refused


class RefusedError(Exception):
    """The server said no."""


# ---- mechanisms: (protocol, user, secret) -> client ------------------------------------------------------------------


def plain(_protocol: str, user: str, secret: str) -> Client:
    return lambda _: f"\0{user}\0{secret}".encode()


def login(_protocol: str, user: str, secret: str) -> Client:
    return lambda challenge: (user if challenge.lower().startswith(b"user") else secret).encode()


def cram_md5(_protocol: str, user: str, secret: str) -> Client:
    return lambda challenge: f"{user} {hmac.new(secret.encode(), challenge, 'md5').hexdigest()}".encode()


def digest_md5(protocol: str, user: str, secret: str) -> Client:
    """RFC 2831, section 2.1.2: no realm, quality of protection `auth`."""

    def digest(*parts: bytes) -> bytes:
        return hashlib.md5(b":".join(parts)).hexdigest().encode()

    def answer(challenge: bytes) -> bytes:
        if challenge.startswith(b"rspauth="):
            return b""
        nonce = re.findall(rb'nonce="([^"]+)"', challenge)[0]
        uri = f"{protocol}/localhost".encode()
        secret_hash = hashlib.md5(f"{user}::{secret}".encode()).digest()
        first = digest(secret_hash, nonce, b"client-nonce")
        response = digest(first, nonce, b"00000001", b"client-nonce", b"auth", digest(b"AUTHENTICATE", uri))
        return (
            b'username="%s",realm="",nonce="%s",cnonce="client-nonce",nc=00000001,qop=auth,digest-uri="%s",response=%s'
            % (user.encode(), nonce, uri, response)
        )

    return answer


def scram_sha_256(_protocol: str, user: str, secret: str) -> Client:
    """RFC 5802, section 3, with the hash of RFC 7677."""
    bare = f"n={user},r=client-nonce"

    def answer(challenge: bytes) -> bytes:
        if not challenge:
            return f"n,,{bare}".encode()
        said = challenge.decode()
        if said.startswith("v="):
            return b""
        nonce, salt, iterations = (part[2:] for part in said.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), base64.b64decode(salt), int(iterations))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={nonce}"
        signature = hmac.digest(hashlib.sha256(client_key).digest(), f"{bare},{said},{final}".encode(), "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    return answer


def ntlm(protocol: str, user: str, secret: str) -> Client:
    context = spnego.client(user, secret, hostname="localhost", service=protocol, protocol="ntlm")
    return lambda challenge: context.step(challenge or None) or b""


def xoauth2(_protocol: str, user: str, secret: str) -> Client:
    return lambda challenge: b"" if challenge.startswith(OAUTH_ERROR) else xoauth2_first(user, secret)


def xoauth2_first(user: str, secret: str) -> bytes:
    return f"user={user}\1auth=Bearer {secret}\1\1".encode()


def oauthbearer(_protocol: str, user: str, secret: str) -> Client:
    """RFC 7628, section 3.1."""
    first = f"n,a={user},\1auth=Bearer {secret}\1\1".encode()
    return lambda challenge: b"\1" if challenge.startswith(OAUTH_ERROR) else first


BY_PASSWORD: dict[str, Callable[[str, str, str], Client]] = {
    "PLAIN": plain,
    "LOGIN": login,
    "CRAM-MD5": cram_md5,
    "DIGEST-MD5": digest_md5,
    "SCRAM-SHA-256": scram_sha_256,
    "NTLM": ntlm,
}
BY_TOKEN: dict[str, Callable[[str, str, str], Client]] = {"XOAUTH2": xoauth2, "OAUTHBEARER": oauthbearer}


# ---- protocols: each raises RefusedError -----------------------------------------------------------------------------


def imap(dovecot: Dovecot, mechanism: str, client: Client) -> None:
    with imaplib.IMAP4(dovecot.host, dovecot.imap_port, TIMEOUT) as connection:
        assert f"AUTH={mechanism}" in connection.capabilities
        try:
            connection.authenticate(mechanism, client)
        except imaplib.IMAP4.error as error:
            raise RefusedError(str(error)) from error
        assert connection.select()[0] == "OK"


def pop3(dovecot: Dovecot, mechanism: str, client: Client) -> None:
    """RFC 5034, section 4."""
    connection = poplib.POP3(dovecot.host, dovecot.pop3_port, TIMEOUT)
    assert mechanism in connection.capa()["SASL"]
    connection.sock.sendall(f"AUTH {mechanism}\r\n".encode())
    while (line := connection.file.readline()).startswith(b"+ "):
        connection.sock.sendall(base64.b64encode(client(base64.b64decode(line[2:]))) + b"\r\n")
    if not line.startswith(b"+OK"):
        connection.close()
        raise RefusedError(line.decode())
    assert connection.stat() == (0, 0)
    connection.quit()


def smtp(dovecot: Dovecot, mechanism: str, client: Client) -> None:
    """RFC 4954, section 4."""
    with smtplib.SMTP(dovecot.host, dovecot.submission_port, timeout=TIMEOUT) as connection:
        connection.ehlo()
        assert mechanism in connection.esmtp_features["auth"].split()
        code, line = connection.docmd("AUTH", mechanism)
        while code == 334:
            code, line = connection.docmd(base64.b64encode(client(base64.b64decode(line))).decode())
        if code != 235:
            raise RefusedError(f"{code} {line!r}")
        assert connection.mail("anna@example.test")[0] == 250


PROTOCOLS: dict[str, Callable[[Dovecot, str, Client], None]] = {"imap": imap, "pop3": pop3, "smtp": smtp}


# ---- tests -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mechanism", BY_PASSWORD)
def test_a_password(dovecot: Dovecot, dovecot_account: tuple[str, str], mechanism: str, protocol: str) -> None:
    user, password = dovecot_account
    make_client = BY_PASSWORD[mechanism]
    PROTOCOLS[protocol](dovecot, mechanism, make_client(protocol, user, password))
    with pytest.raises(RefusedError):
        PROTOCOLS[protocol](dovecot, mechanism, make_client(protocol, user, "wrong"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mechanism", BY_TOKEN)
def test_a_token(dovecot: Dovecot, dovecot_account: tuple[str, str], mechanism: str, protocol: str) -> None:
    user, password = dovecot_account
    client = dovecot.oauth.register(user)
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.client_secret}
    token = requests.post(dovecot.oauth.token_url, form, timeout=TIMEOUT).json()["access_token"]
    make_client = BY_TOKEN[mechanism]
    PROTOCOLS[protocol](dovecot, mechanism, make_client(protocol, user, token))
    for another_user, secret in ((user, "wrong"), (user, password), ("somebody@example.test", token)):
        with pytest.raises(RefusedError):
            PROTOCOLS[protocol](dovecot, mechanism, make_client(protocol, another_user, secret))


def test_a_token_that_is_over_is_refused(dovecot: Dovecot, dovecot_account: tuple[str, str]) -> None:
    client = dovecot.oauth.register(dovecot_account[0])
    form = {"grant_type": "refresh_token", "client_id": client.client_id, "client_secret": client.client_secret}
    answer = requests.post(dovecot.oauth.token_url, {**form, "refresh_token": client.refresh_token}, timeout=TIMEOUT)
    token = answer.json()["access_token"]
    imap(dovecot, "XOAUTH2", xoauth2("imap", dovecot_account[0], token))
    dovecot.oauth.end_tokens(client)
    with pytest.raises(RefusedError):
        imap(dovecot, "XOAUTH2", xoauth2("imap", dovecot_account[0], token))


def test_apop(dovecot: Dovecot, dovecot_account: tuple[str, str]) -> None:
    connection = poplib.POP3(dovecot.host, dovecot.pop3_port, TIMEOUT)
    connection.apop(*dovecot_account)
    assert connection.stat() == (0, 0)
    connection.quit()
    connection = poplib.POP3(dovecot.host, dovecot.pop3_port, TIMEOUT)
    with pytest.raises(poplib.error_proto):
        connection.apop(dovecot_account[0], "wrong")
    connection.close()


def test_a_dovecot_that_offers_plain_and_login_only(plain_dovecot: Dovecot) -> None:
    with imaplib.IMAP4(plain_dovecot.host, plain_dovecot.imap_port, TIMEOUT) as connection:
        offered = {word for word in connection.capabilities if word.startswith("AUTH=")}
    assert offered == {"AUTH=PLAIN", "AUTH=LOGIN"}
    pop3_connection = poplib.POP3(plain_dovecot.host, plain_dovecot.pop3_port, TIMEOUT)
    assert b"<" not in pop3_connection.getwelcome()  # no time stamp, so no APOP (RFC 1939, 7)
    pop3_connection.quit()
