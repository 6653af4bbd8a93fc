"""The way to a Service through the API server, as a Transport for the clients of Prometheus, Alertmanager and Loki.

A `ServiceProxy` reads. Only a `KubeWriter` makes one that can post as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

from hubops.clients.http import MAX_BODY, Response
from hubops.clients.kube.session import Request, Session
from hubops.errors import ClusterUnreachable, Permanent, Retryable


class ServiceProxy:
    """One port of one Service. *service* is "https:name" where the Service speaks TLS."""

    def __init__(
        self, session: Session, namespace: str, service: str, port: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._session = session
        self._headers = headers or {}
        where = f"{quote(service, safe=':')}:{quote(port, safe='')}"
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{where}/proxy"

    @property
    def url(self) -> str:
        return self._session.access.server + self._path

    def get(self, path: str, params: Mapping[str, str], timeout: float) -> Response:
        """The answer of the Service or, with its own status, of the API server; complete within *timeout* seconds.

        Raises Retryable where the API server does not answer, Permanent for an answer without end.
        """
        request = self._request(path, params)
        return self._answer(lambda: self._session.get(request, timeout, give_up=time.monotonic() + timeout))

    def _request(self, path: str, params: Mapping[str, str]) -> Request:
        return Request(path=self._path + path, params=params, headers=self._headers, limit=MAX_BODY, proxied=True)

    def _answer(self, ask: Callable[[], Response]) -> Response:
        try:
            answer = ask()
        except ClusterUnreachable as error:
            raise Retryable(str(error)) from error
        if len(answer.body) > MAX_BODY:
            raise Permanent(f"{self.url} answered more than {MAX_BODY >> 20} MiB")
        return answer


class PostingProxy(ServiceProxy):
    """The same for a server that something is handed to: a test alert, a log line."""

    def post(self, path: str, document: bytes, timeout: float) -> Response:
        """The answer to *document*, which is JSON; raises as `get` does."""
        request = self._request(path, {})
        return self._answer(lambda: self._session.send("POST", request, timeout, document))
