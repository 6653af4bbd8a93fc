"""One question to the API server: answered completely, within its time, or an error that says what is wrong.

A `KubeClient` asks with GET, and with one POST of which the server stores nothing: what the user may do. All else is
for `KubeWriter` alone.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode

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
#: The only path that hubops posts to (authorization.k8s.io/v1 SelfSubjectAccessReview).
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_CHUNK = 2**16

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


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
        return self._complete(request, self._open("GET", request, timeout), timeout, give_up)

    def review(self, document: bytes, timeout: float) -> Response:
        """The answer to a SelfSubjectAccessReview, whatever its status; raises as `get` does."""
        request = Request(path=REVIEWS)
        return self.send("POST", request, timeout, document)

    def send(self, method: Method, request: Request, timeout: float, document: bytes, media: str = JSON) -> Response:
        """The answer to *document* of the type *media*, whatever its status; raises as `get` does."""
        return self._complete(request, self._open(method, request, timeout, document, media), timeout, None)

    def _complete(
        self, request: Request, answer: urllib3.BaseHTTPResponse, timeout: float, give_up: float | None
    ) -> Response:
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

    def _open(
        self, method: Method, request: Request, timeout: float, body: bytes | None = None, media: str = JSON
    ) -> urllib3.BaseHTTPResponse:
        headers = self.access.headers()
        encoding = "gzip" if self.access.compressed else "identity"
        headers.update({**request.headers, "Accept": request.accept, "Accept-Encoding": encoding})
        if body is not None:
            headers["Content-Type"] = media
        connect = min(timeout, CONNECT_TIMEOUT)
        try:
            answer = self.access.pool.request(
                method,
                self.access.server + request.path + (f"?{urlencode(request.params)}" if request.params else ""),
                body=body,
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
