"""Certificate chains for one test: good ones, and all that servers get wrong."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)


def issue(
    name: str,
    by: Issued | None = None,
    *,
    ca: bool = False,
    hosts: tuple[str, ...] = (),
    left: dt.timedelta = 24 * HOUR,
) -> Issued:
    """A certificate called *name* signed *by* another, or by itself, with *left* of its life."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = by or Issued(certificate=None, key=key)  # type: ignore[arg-type]  # signs itself
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=by.certificate.subject if by else _name(name),
        subject_name=_name(name),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - 48 * HOUR,
        not_valid_after=now + left,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    usage = x509.KeyUsage(True, False, False, False, False, ca, ca, False, False)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    builder = builder.add_extension(signer, critical=False)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=not name)
    return Issued(builder.sign(issuer.key, hashes.SHA256()), key)


def serving(folder: Path, leaf: Issued, *chain: Issued) -> ssl.SSLContext:
    """What a server needs to show *leaf* with the certificates of *chain* behind it."""
    secret = leaf.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{leaf.certificate.serial_number}.pem"
    path.write_bytes(secret + leaf.pem + b"".join(item.pem for item in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])
