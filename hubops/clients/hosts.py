"""HTTPS hosts as their clients see them: DNS, TLS and one HTTP answer, each with what went wrong in words."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies

from hubops.clients.hosts_proxy import ProxyError, tunnel
from hubops.clients.http import USER_AGENT
from hubops.errors import ConfigError
from hubops.model.hosts import Host
from hubops.model.text import inert

if TYPE_CHECKING:
    from hubops.clients.hosts_certificate import Verification

HTTPS = 443
#: What the resolver says of a name that exists and has no address; not every system tells that apart.
_NO_ADDRESS = {socket.EAI_NODATA} if hasattr(socket, "EAI_NODATA") else set()
#: And of a name that does not exist. Everything else is trouble on the way.
_NO_SUCH_NAME = {socket.EAI_NONAME, *_NO_ADDRESS}
#: This machine has no way to go there at all.
_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.ENETDOWN}


class Resolved(NamedTuple):
    """What the resolver answered. `asked` is False where it did not answer, which says nothing about the name.

    `exists` says that the name does, with an address or without.
    """

    addresses: tuple[str, ...] = ()
    canonical: str = ""
    problem: str = ""
    asked: bool = True
    exists: bool = True


class NotReached(Exception):
    """No connection. `silent` where nothing came back at all: then it may be this machine that cannot go there."""

    def __init__(self, reason: str, *, silent: bool) -> None:
        super().__init__(reason)
        self.silent = silent


def resolve(name: str) -> Resolved:
    """The addresses of *name* by the system's resolver: /etc/hosts, then DNS. Takes as long as that takes."""
    try:
        found = socket.getaddrinfo(name, HTTPS, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except socket.gaierror as error:
        said = inert(error.strerror or str(error), limit=200)
        asked, exists = error.errno in _NO_SUCH_NAME, error.errno in _NO_ADDRESS
        return Resolved(problem=said.lower(), asked=asked, exists=exists)
    except UnicodeError:  # a label that is empty or longer than 63 characters never reaches the resolver
        return Resolved(problem="not a host name", exists=False)
    canonical = found[0][3].rstrip(".")
    addresses = tuple(dict.fromkeys(str(item[4][0]) for item in found))
    return Resolved(addresses, "" if canonical.lower() == name.lower() else canonical)


@dataclass(frozen=True, kw_only=True)
class HostClient:
    """Looks at hosts. *ca_file* holds CAs to trust besides the system's; *timeout* bounds each step, in seconds.

    The proxy of the environment is honoured. It resolves names itself; what this machine resolves is only noted.
    """

    ca_file: str | None = None
    timeout: float = 10.0
    port: int = HTTPS

    def look(self, name: str) -> Host:
        """What a client would see at https://*name*/. Raises ConfigError where *ca_file* cannot be used."""
        resolved = resolve(name)
        proxy = get_environ_proxies(f"https://{name}").get("https", "")
        host = Host(name=name, addresses=resolved.addresses, canonical=resolved.canonical, proxied=bool(proxy))
        if resolved.problem and not proxy:
            return _failed(host, "resolve", resolved.problem, None if resolved.asked else resolved.problem)
        try:
            return self._greet(host, proxy)
        except NotReached as error:
            return _failed(host, "connect", str(error), str(error) if error.silent else None)
        except ProxyError as error:
            return _failed(host, "connect", str(error), str(error))
        except (OSError, http.client.HTTPException) as error:
            return _failed(host, "answer", f"the connection is made and then fails: {_words(error)}")

    def look_at(self, name: str, address: str, path: str = "/") -> Host:
        """What a client of https://*name*/*path* would see at *address*, an IP address, whatever DNS says of the name.

        The certificate is taken whoever signed it; nothing goes through a proxy.
        """
        from hubops.clients.hosts_certificate import served

        host = Host(name=name, addresses=(address,))
        try:
            with self._direct(host) as sock, _trusting().wrap_socket(sock, server_hostname=name) as tls:
                return msgspec.structs.replace(host, certificate=served(tls), status=_status(tls, name, path))
        except NotReached as error:
            return _failed(host, "connect", str(error), str(error) if error.silent else None)
        except (OSError, http.client.HTTPException) as error:
            return _failed(host, "answer", f"the connection is made and then fails: {_words(error)}")

    def _greet(self, host: Host, proxy: str) -> Host:
        # Not with this module: reading certificates takes longer to load than all else, and most sites name no host.
        from hubops.clients.hosts_certificate import Verification, served

        context = self._trust
        try:
            with self._connected(host, proxy) as sock, context.wrap_socket(sock, server_hostname=host.name) as tls:
                certificate = served(tls)
                status = _status(tls, host.name)
        except ssl.SSLCertVerificationError as error:
            return self._unverified(host, proxy, Verification(error.verify_code, error.verify_message))
        return msgspec.structs.replace(host, certificate=certificate, status=status)

    def _unverified(self, host: Host, proxy: str, refused: Verification) -> Host:
        """The facts of a certificate that was refused: nothing else is asked of that server."""
        from hubops.clients.hosts_certificate import served

        with self._connected(host, proxy) as sock, _trusting().wrap_socket(sock, server_hostname=host.name) as tls:
            certificate = served(tls)
        seen = msgspec.structs.replace(host, certificate=certificate)
        return _failed(seen, "verify", refused.words(host.name, certificate))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """The system's CAs, those that HTTP clients of Python bring, and the site's own; read once for all hosts."""
        context = ssl.create_default_context()
        environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        for path in (DEFAULT_CA_BUNDLE_PATH, environment, self.ca_file):
            try:
                if path:
                    context.load_verify_locations(path)
            except (OSError, ssl.SSLError) as error:
                if path == self.ca_file:
                    raise ConfigError(f"platform.ca_file: {path} cannot be used: {_words(error)}") from error
        return context

    @contextmanager
    def _connected(self, host: Host, proxy: str) -> Iterator[socket.socket]:
        if proxy:
            with tunnel(proxy, host.name, self.port, self.timeout) as sock:
                yield sock
            return
        with self._direct(host) as sock:
            yield sock

    def _direct(self, host: Host) -> socket.socket:
        """A connection to the first of the addresses that takes one. Raises NotReached where none does."""
        failed: list[OSError] = []
        for address in host.addresses:
            try:
                return socket.create_connection((address, self.port), self.timeout)
            except OSError as error:
                failed.append(error)
        tried = ", ".join(host.addresses[:3])
        silent = all(isinstance(error, TimeoutError) or error.errno in _NO_WAY for error in failed)
        raise NotReached(f"{tried} port {self.port}: {_words(failed[0])}", silent=silent) from failed[0]


def resolver_knows(name: str) -> bool:
    """Whether the resolver knows the top of *name* ("com."), which exists whatever became of the name below it.

    One without a way to the world does not: it is mute, or says of every name that it does not exist.
    """
    return resolve(f"{name.rpartition('.')[2]}.").exists


def _trusting() -> ssl.SSLContext:
    """For a look at a certificate, whoever signed it; nothing that is secret may be said there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _status(tls: ssl.SSLSocket, name: str, path: str = "/") -> int:
    """The status of the answer to GET *path*. Redirects are answers: they are not followed."""
    asked = (f"GET {path} HTTP/1.1", f"Host: {name}", f"User-Agent: {USER_AGENT}", "Accept: */*", "Connection: close")
    head = "\r\n".join([*asked, "", ""])
    tls.sendall(head.encode("idna" if not name.isascii() else "ascii"))
    answer = http.client.HTTPResponse(tls, method="GET")
    answer.begin()
    return answer.status


def _failed(host: Host, stage: str, reason: str, unknown: str | None = None) -> Host:
    return msgspec.structs.replace(host, failed=stage, reason=inert(reason, limit=300), unknown=unknown)


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLEOFError | ConnectionResetError | http.client.RemoteDisconnected):
        return "it is broken off"
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {inert((error.reason or str(error)).replace('_', ' ').lower(), limit=200)}"
    said = (error.strerror or "").lower() if isinstance(error, OSError) else ""
    return inert(said or str(error) or type(error).__name__, limit=200)
