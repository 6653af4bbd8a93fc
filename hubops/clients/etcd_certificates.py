"""When the certificates of an etcd end: those that hubops shows it, and those that its members show."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from hubops.clients.hosts_certificate import served
from hubops.config.backup import EtcdBackupConfig
from hubops.model.backup import CertificateEnd

_PORT = 2379
_CONNECT = 5.0  # seconds for the connection and the handshake with one member


def ends(settings: EtcdBackupConfig) -> tuple[CertificateEnd, ...]:
    """The end of each certificate that can be seen; what cannot be read is left to those who need it to tell."""
    return tuple(_of_files(settings)) + tuple(_of_members(settings))


def _of_files(settings: EtcdBackupConfig) -> Iterator[CertificateEnd]:
    for of, path in (("client certificate", settings.cert_file), ("CA", settings.ca_file)):
        try:
            found = x509.load_pem_x509_certificates(Path(path).read_bytes())
        except (OSError, ValueError):
            continue
        # What ends first ends the whole: an intermediate of the client; of several CAs one may be the next one already.
        pick = min if of == "client certificate" else max
        yield CertificateEnd(of=f"{of} {path}", not_after=pick(each.not_valid_after_utc for each in found))


def _of_members(settings: EtcdBackupConfig) -> Iterator[CertificateEnd]:
    for endpoint in settings.endpoints:
        url = urlsplit(endpoint)
        if url.scheme != "https" or not url.hostname:
            continue
        try:
            with (
                socket.create_connection((url.hostname, url.port or _PORT), _CONNECT) as connection,
                _looking(settings).wrap_socket(connection, server_hostname=url.hostname) as tls,
            ):
                shown = served(tls)
        except (OSError, ValueError):
            continue
        if shown:
            yield CertificateEnd(of=f"serving certificate of {endpoint}", not_after=shown.not_after)


def _looking(settings: EtcdBackupConfig) -> ssl.SSLContext:
    """For reading a certificate only, be it trusted or not; nothing else is sent over the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
