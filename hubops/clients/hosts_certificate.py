"""The certificate that a server showed: its facts, and why it is not trusted."""

from __future__ import annotations

import ssl
from enum import IntEnum
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from hubops.model.hosts import ServedCertificate
from hubops.model.text import inert


class _Code(IntEnum):
    """X509_V_ERR_* of OpenSSL's x509_vfy.h."""

    NOT_YET = 9
    EXPIRED = 10
    SELF_SIGNED = 18
    SELF_SIGNED_ROOT = 19
    NO_ISSUER = 20
    NO_LEAF = 21
    OTHER_NAME = 62
    OTHER_ADDRESS = 64


#: A certificate with very many names is shown with the first of them.
_NAMES = 50


class Verification(NamedTuple):
    """Why OpenSSL refused a certificate: its code and its own words."""

    code: int
    message: str

    def words(self, name: str, shown: ServedCertificate | None) -> str:
        """The reason as a person needs it, for a client of *name*."""
        match self.code:
            case _Code.EXPIRED if shown is not None:
                return f"expired on {shown.not_after:%Y-%m-%d %H:%M} UTC"
            case _Code.NOT_YET if shown is not None:
                return f"not valid before {shown.not_before:%Y-%m-%d %H:%M} UTC"
            case _Code.OTHER_NAME | _Code.OTHER_ADDRESS if shown is not None:
                return f"is for {', '.join(shown.names[:4]) or shown.subject or 'nobody'}, and not for {name}"
            case _Code.SELF_SIGNED:
                return "signed by itself, which no client trusts"
            case _Code.SELF_SIGNED_ROOT:
                return "signed by a CA that this machine does not know"
            case _Code.NO_ISSUER | _Code.NO_LEAF:
                issuer = (shown.issuer if shown else "") or "without a name"
                return f"its issuer {issuer} is unknown: an intermediate certificate is not sent, or the CA is private"
            case _:
                return inert(self.message, limit=200)


def served(tls: ssl.SSLSocket) -> ServedCertificate | None:
    """The facts of the certificate of the other side; None for one that cannot be read."""
    raw = tls.getpeercert(binary_form=True)
    try:
        shown = x509.load_der_x509_certificate(raw) if raw else None
        return _facts(shown) if shown is not None else None
    except ValueError:  # what OpenSSL takes may still not be DER by the book
        return None


def _facts(shown: x509.Certificate) -> ServedCertificate:
    return ServedCertificate(
        subject=_name(shown.subject),
        issuer=_name(shown.issuer),
        names=_alternatives(shown),
        not_before=shown.not_valid_before_utc,
        not_after=shown.not_valid_after_utc,
    )


def _name(name: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(kind):
            return inert(str(attribute.value), limit=100)
    return ""


def _alternatives(shown: x509.Certificate) -> tuple[str, ...]:
    try:
        found = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = found.get_values_for_type(x509.DNSName)
    addresses = [str(item) for item in found.get_values_for_type(x509.IPAddress)]
    return tuple(inert(text, limit=253) for text in [*names, *addresses][:_NAMES])
