"""One GET over HTTP: what every client of a monitoring API needs, whichever way the server is reached."""

from __future__ import annotations

import http.cookiejar
import os
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urljoin

import msgspec
import requests
import urllib3
from requests.utils import get_environ_proxies

from hubops import __version__
from hubops.clients.connection import failure
from hubops.clients.credentials import Credentials, origin_of, without_credentials
from hubops.config import EndpointConfig
from hubops.errors import Permanent, Retryable
from hubops.model.text import inert

#: An answer may not be larger, decompressed: ten times what the largest of hubops' own queries brings from 10,000 pods.
MAX_BODY = 64 * 2**20
CONNECT_TIMEOUT = 10.0  # seconds
MAX_REDIRECTS = 5
_CHUNK = 2**16
_REDIRECTS = {301, 302, 303, 307, 308}
USER_AGENT = f"hubops/{__version__}"


class Response(msgspec.Struct, frozen=True):
    """An answer with any status; the names of `headers` are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """A way to one server. `url` is for people: it carries no credentials."""

    @property
    def url(self) -> str: ...

    def get(self, path: str, params: Mapping[str, str], timeout: float) -> Response:
        """The complete answer to GET *path* (with a leading slash), within *timeout* seconds in all.

        Raises Retryable on connection trouble and timeouts, Permanent where trying again cannot help (a certificate
        that is not trusted, an answer without end). A status of 400 or more is an answer, not an error.
        """
        ...


class DirectTransport:
    """The way to a configured URL. Raises Permanent where its credentials or certificates cannot be read."""

    def __init__(self, name: str, config: EndpointConfig) -> None:
        if not config.url:
            raise ValueError("an endpoint without url has no direct way")
        self._base = without_credentials(config.url, name).rstrip("/")
        self._credentials = Credentials(name, config)
        self._session = _session(self._base, config, self._credentials)

    @property
    def url(self) -> str:
        return self._base

    def get(self, path: str, params: Mapping[str, str], timeout: float) -> Response:
        give_up = time.monotonic() + timeout
        target, query = self._base + path, dict(params)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(target, query, give_up, timeout)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            target, query = self._follow(target, location), {}  # a Location carries its own query
        raise Permanent(f"{self._base} redirects in a circle")

    def _follow(self, target: str, location: str) -> str:
        """The address that *target* redirects to; credentials must not leave the configured server."""
        try:
            following = urljoin(target, location)
            origin = origin_of(following)
        except ValueError as error:
            raise Permanent(f"{self._base} redirects to what is not a URL") from error
        if origin != origin_of(target):
            raise Permanent(
                f"{self._base} redirects to {inert(origin, limit=100)}, perhaps to log in; "
                "configure the url that it answers at, and the credentials it asks for"
            )
        return following

    def _get(self, target: str, query: Mapping[str, str], give_up: float, timeout: float) -> Response:
        left = max(give_up - time.monotonic(), 0.001)
        headers = self._credentials.headers()
        try:
            with self._session.get(
                target,
                params=query,
                headers=headers,
                timeout=(min(left, CONNECT_TIMEOUT), left),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return Response(answer.status_code, answer.headers, _body(answer, give_up, timeout, self._base))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise failure(error, self._base) from error


def _body(answer: requests.Response, give_up: float, timeout: float, base: str) -> bytes:
    """The decompressed body. Read as it comes, so that neither an endless nor a dripping answer holds the run up."""
    chunks: list[bytes] = []
    size = 0
    while chunk := answer.raw.read1(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > MAX_BODY:
            raise Permanent(f"{base} answered more than {MAX_BODY >> 20} MiB")
        if time.monotonic() > give_up:
            raise Retryable(f"{base} did not answer completely within {timeout:g} s")
        chunks.append(chunk)
    return b"".join(chunks)


def _session(base: str, config: EndpointConfig, credentials: Credentials) -> requests.Session:
    session = requests.Session()
    # Read from the environment by hand: with trust_env, requests puts REQUESTS_CA_BUNDLE above the configured CA and
    # the credentials of ~/.netrc above the configured ones.
    session.trust_env = False
    session.proxies = dict(get_environ_proxies(base))
    session.verify = _verification(config)
    session.cert = credentials.certificate()
    session.headers["User-Agent"] = USER_AGENT
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    if config.insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return session


def _verification(config: EndpointConfig) -> bool | str:
    """What requests calls `verify`: the configured CA, then the environment's, then the system's; False if insecure."""
    if config.insecure:
        return False
    environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return config.ca_file or environment or True
