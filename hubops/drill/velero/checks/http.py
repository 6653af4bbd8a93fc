"""An HTTP or HTTPS request to a Service, asked of the pod behind it: a closed namespace lets nothing else in.

The certificate is not verified, since it is for other names than those of a scratch namespace.
"""

from __future__ import annotations

import http.client
import ssl
from contextlib import suppress
from socket import socket

from hubops import __version__
from hubops.config.backup import DrillCheck
from hubops.drill.velero.checks import place
from hubops.errors import Retryable
from hubops.model.text import inert

_PATIENCE = 30.0  # seconds of one attempt
_KEPT = 2**16  # bytes of an answer
_SILENCE = 1.0  # seconds


def tried(where: place.Place, check: DrillCheck, timeout: float) -> str:
    """The beginning of what was answered with the status 200 to 399. Raises NotPassed, and what the client raises."""
    scheme, _, rest = (check.http or "").rpartition("://")
    service, _, path = rest.partition("/")
    timeout = min(timeout, _PATIENCE)
    pod, port = place.port(where, service)
    host = f"{service.rpartition(':')[0]}.{where.original}.svc"
    with where.cluster.port(where.namespace, pod, port, timeout=timeout) as way:
        status, body = _answer(_encrypted(way, host) if scheme == "https" else way, host, f"/{path}", timeout)
    if not 200 <= status <= 399:
        said = inert(" ".join(body.split()), limit=100)
        raise place.NotPassed(f"pod {pod} answered {status}" + (f": {said}" if said else ""))
    return body


def _encrypted(way: socket, host: str) -> socket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(way, server_hostname=host)
    except OSError as error:
        raise Retryable(f"no TLS connection: {inert(str(error), limit=200)}") from error


def _answer(way: socket, host: str, path: str, timeout: float) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, timeout=timeout)
    connection.sock = way
    try:
        headers = {"Host": host, "Accept": "*/*", "Connection": "close", "User-Agent": f"hubops/{__version__}"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = _to_its_end(answer, way) if answer.length is None and not answer.chunked else answer.read(_KEPT)
        return answer.status, body.decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Retryable(f"no HTTP answer: {inert(str(error) or type(error).__name__, limit=200)}") from error
    finally:
        connection.close()


def _to_its_end(answer: http.client.HTTPResponse, way: socket) -> bytes:
    """A body whose end is that of the connection: of that the kubelet says nothing, so that silence has to do."""
    way.settimeout(_SILENCE)
    body = b""
    with suppress(TimeoutError):
        while len(body) < _KEPT and (part := answer.read1(_KEPT)):
            body += part
    return body
