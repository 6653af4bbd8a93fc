"""What went wrong below HTTP, in one sentence: the exceptions of requests, urllib3, ssl and the socket, translated."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import TypeVar

import requests
import urllib3

from hubops.errors import Permanent, Retryable, SourceError
from hubops.model.text import inert

E = TypeVar("E", bound=BaseException)

_BROKEN_OFF = (urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError)
_UNREADABLE = (urllib3.exceptions.DecodeError, requests.exceptions.ContentDecodingError)
_TIMEOUT = (urllib3.exceptions.TimeoutError, requests.exceptions.Timeout, TimeoutError)
#: OpenSSL's reasons that another attempt does not change.
_TLS_ADVICE = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS there; is the url http:// rather than https://?",
    "HTTP_REQUEST": "it speaks plain HTTP there; is the url http:// rather than https://?",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a client certificate (cert_file, key_file)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it refused the TLS handshake, perhaps for want of a client certificate",
}


def failure(error: BaseException, where: str) -> SourceError:
    """*error*, raised while talking to *where*, as Retryable or Permanent.

    The libraries' own texts repeat the whole URL and the class names of what they wrap; only the innermost cause is
    kept.
    """
    causes = list(_causes(error))
    if tls := _first(causes, ssl.SSLError):
        return _tls(tls, where)
    if name := _first(causes, socket.gaierror):
        return Retryable(f"{where}: its name could not be resolved: {name.strerror}")
    if any(isinstance(cause, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError) for cause in causes):
        return Retryable(f"{where}: not reached through the proxy: {_innermost(causes)}")
    # Before timeouts: urllib3 counts every connection that was not made as one.
    if refused := next((c for c in causes if _says(c)), None):
        return Retryable(f"{where} could not be reached: {_words(refused)}")
    if _first(causes, *_TIMEOUT):
        return Retryable(f"{where} did not answer in time")
    if _first(causes, *_UNREADABLE):
        return Permanent(f"{where} sent an answer whose compression is damaged")
    if _first(causes, *_BROKEN_OFF):
        return Retryable(f"{where} broke its answer off")
    if isinstance(error, ValueError):  # requests looks at every Location, also of redirects it does not follow
        return Permanent(f"{where} redirects to what is not a URL")
    return Retryable(f"{where} could not be reached: {_innermost(causes)}")


def _tls(error: ssl.SSLError, where: str) -> SourceError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Permanent(f"{where}: its certificate is not trusted: {error.verify_message} (configure ca_file)")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Retryable(f"{where} broke the TLS connection off")
    reason = error.reason or ""
    return Permanent(f"{where}: {_TLS_ADVICE.get(reason) or f'TLS failed: {_words(error)}'}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and all that it wraps, outermost first: by `from`, by `reason`, or as an argument."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        wrapped = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting += [item for item in wrapped if isinstance(item, BaseException)]


def _says(error: BaseException) -> bool:
    """Whether it is the socket's own error; those that wrap it are OSErrors too, without a text of their own."""
    return isinstance(error, OSError) and not isinstance(error, TimeoutError) and bool(error.strerror)


def _first(causes: list[BaseException], *types: type[E]) -> E | None:
    return next((cause for cause in causes if isinstance(cause, types)), None)


def _innermost(causes: list[BaseException]) -> str:
    return _words(causes[-1])


def _words(error: BaseException) -> str:
    said = (error.strerror or "").lower() if isinstance(error, OSError) else ""
    return inert(said or str(error) or type(error).__name__, limit=200)
