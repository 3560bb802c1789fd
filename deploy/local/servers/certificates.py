"""A small certificate authority for the servers started here, and their certificates for localhost: good or bad."""

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

KEYSTORE_PASSWORD = "changeit"  # Java wants one; the key is of no use to anybody


@dataclass(frozen=True)
class Certificates:
    """Files: the authority to trust, the server's certificate and key, and both as a PKCS#12 keystore for Java."""

    authority: Path
    certificate: Path
    key: Path
    keystore: Path

    def context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True)
class Kind:
    """What a server's certificate says, and who says so. `days_left` below zero: it has expired."""

    hosts: tuple[str, ...] = ("localhost",)
    addresses: tuple[str, ...] = ("127.0.0.1", "::1")
    days_left: int = 30
    self_signed: bool = False


GOOD = Kind()
FAULTY: Mapping[str, Kind] = {
    "expired": Kind(days_left=-1),
    "other host": Kind(hosts=("elsewhere.example",), addresses=()),
    "self-signed": Kind(self_signed=True),
}


def make_certificates(directory: Path, kind: Kind = GOOD) -> Certificates:
    """A new authority, and a certificate of that kind: signed by the authority, or else by itself."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, name = _name("Mailcall local authority"), _name(kind.hosts[0])
    authority = (
        _builder(authority_name, authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    issuer, issuer_key = (name, key) if kind.self_signed else (authority_name, authority_key)
    alternatives = [x509.DNSName(host) for host in kind.hosts]
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in kind.addresses]
    certificate = (
        _builder(name, issuer, key, kind.days_left)
        .add_extension(x509.SubjectAlternativeName([*alternatives, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    files = Certificates(*(directory / name for name in ("ca.pem", "cert.pem", "key.pem", "keystore.p12")))
    files.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    encryption = BestAvailableEncryption(KEYSTORE_PASSWORD.encode())
    files.keystore.write_bytes(serialize_key_and_certificates(b"localhost", key, certificate, [authority], encryption))
    return files


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days_left: int = GOOD.days_left
) -> x509.CertificateBuilder:
    ends = datetime.now(UTC) + timedelta(days=days_left)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=31))
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
