"""Certificates for one drill: without one of them nobody reaches what was restored, not even on the same machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Longer than any drill; both ends run on this machine's clock, which may be set back meanwhile.
_VALID = timedelta(days=2)
_USAGES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass(frozen=True)
class Certificates:
    """Files in PEM. The client is etcd's root, should it know users, and the API server's administrator."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    accounts_key: Path  # signs tokens of ServiceAccounts; no token of the real cluster is valid for it


def make(folder: Path) -> Certificates:
    """New ones in *folder*, which is made; the authority's key is written nowhere."""
    folder.mkdir(mode=0o700)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("hubops drill")
    ca = _certificate(issuer, issuer, authority.public_key(), authority, ca=True)
    pairs = {}
    for file, subject in (("server", _name("localhost")), ("client", _name("root", "system:masters"))):
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _certificate(subject, issuer, key.public_key(), authority, ca=False)
        pairs[file] = (_write(folder / f"{file}.crt", _pem(signed)), _write(folder / f"{file}.key", _key_pem(key)))
    return Certificates(
        _write(folder / "ca.crt", _pem(ca)),
        *pairs["server"],
        *pairs["client"],
        _write(folder / "accounts.key", _key_pem(ec.generate_private_key(ec.SECP256R1()))),
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, by: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        )
        builder = builder.add_extension(_USAGES, critical=False).add_extension(names, critical=False)
    return builder.sign(by, hashes.SHA256())


def _name(common: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # The API server takes no PKCS#8 for the keys of ServiceAccounts.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path
