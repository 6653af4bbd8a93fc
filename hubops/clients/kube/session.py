"""One GET to the API server: complete, within its time, or an error that says what is wrong."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping

import msgspec
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, TimeoutError

from hubops.clients.connection import failure
from hubops.clients.http import CONNECT_TIMEOUT, Response
from hubops.clients.kube.access import Access
from hubops.clients.kube.clock import ServerClock
from hubops.clients.kube.errors import NoConnection
from hubops.clients.retry import Deadline
from hubops.errors import ClusterUnreachable, Permanent, Retryable

JSON = "application/json"
_CHUNK = 2**16


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask for. Of the body no more than a little over `limit` bytes are read."""

    path: str
    params: Mapping[str, str] = {}
    accept: str = JSON
    headers: Mapping[str, str] = {}
    limit: int | None = None
    proxied: bool = False  # what answers is not the API server itself


class Session:
    """Redirects are never followed: they would take the credentials to another server."""

    def __init__(self, access: Access, deadline: Deadline) -> None:
        self.access = access
        self.deadline = deadline
        self.clock = ServerClock()

    def get(self, request: Request, timeout: float, *, give_up: float | None = None) -> Response:
        """The answer, whatever its status.

        *timeout* is how many seconds the server may stay silent, *give_up* the moment (of the monotonic clock) at
        which the answer must be complete. Raises NoConnection and Retryable (an answer that broke off),
        ClusterUnreachable where trying again cannot help, and Permanent once the deadline of the run is over.
        """
        answer = self._open(request, timeout)
        try:
            return Response(answer.status, answer.headers, self._body(answer, request.limit, give_up))
        except TimeoutError as error:
            self.deadline.bound(timeout)
            raise Permanent(f"{self.access.server} fell silent for {timeout:g} s within its answer") from error
        except (HTTPError, OSError) as error:
            raise failure(error, self.access.server) from error
        finally:
            # A connection whose answer was read to its end is back in the pool by now; this ends any other.
            answer.close()

    def _open(self, request: Request, timeout: float) -> urllib3.BaseHTTPResponse:
        headers = self.access.headers()
        encoding = "gzip" if self.access.compressed else "identity"
        headers.update({**request.headers, "Accept": request.accept, "Accept-Encoding": encoding})
        connect = min(timeout, CONNECT_TIMEOUT)
        try:
            answer = self.access.pool.request(
                "GET",
                self.access.server + request.path,
                fields=request.params,
                headers=headers,
                timeout=urllib3.Timeout(connect=connect, read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            if not request.proxied:
                self.clock.saw(answer.headers.get("Date"))
            return answer
        except NewConnectionError as error:  # counts as a timeout too, for urllib3
            raise _unreachable(error, self.access.server) from error
        except TimeoutError as error:
            self.deadline.bound(timeout)
            waited = connect if isinstance(error, ConnectTimeoutError) else timeout
            raise ClusterUnreachable(f"{self.access.server} did not answer within {waited:g} s") from error
        except (HTTPError, OSError, ValueError) as error:
            raise _unreachable(error, self.access.server) from error

    def _body(self, answer: urllib3.BaseHTTPResponse, limit: int | None, give_up: float | None) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while (limit is None or size <= limit) and (chunk := answer.read1(_CHUNK, decode_content=True)):
            self.deadline.bound(0)
            if give_up is not None and time.monotonic() > give_up:
                raise Retryable(f"{self.access.server} did not answer completely in time")
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks)


def _unreachable(error: Exception, server: str) -> NoConnection | ClusterUnreachable:
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, ssl.SSLCertVerificationError):
            keys = "certificate-authority or tls-server-name in the kubeconfig"
            return ClusterUnreachable(f"{server}: its certificate is not trusted: {current.verify_message} ({keys})")
        current = current.__cause__ or current.__context__
    known = failure(error, server)
    return NoConnection(str(known)) if isinstance(known, Retryable) else ClusterUnreachable(str(known))
