"""Who hubops is to a configured endpoint: passwords and tokens from files or the environment, never shown."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hubops.config import EndpointConfig
from hubops.errors import ConfigError, Permanent

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PORTS = {"http": 80, "https": 443}


class Credentials:
    """The headers and certificates of one endpoint. *name* is its section in hubops.yaml, for messages."""

    def __init__(self, name: str, config: EndpointConfig) -> None:
        self._name = name
        self._config = config
        if config.basic and (config.bearer_file or config.bearer_env):
            raise ConfigError(f"{name}: basic and bearer exclude each other; configure one of them")

    def headers(self) -> dict[str, str]:
        """The headers of the next request. Files are read each time: tokens are rotated in place.

        Raises Permanent where a file or variable is missing or holds what no header can carry; the value is not shown.
        """
        headers = dict(self._config.headers)
        if self._config.tenant:
            headers["X-Scope-OrgID"] = self._config.tenant
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        for header, value in headers.items():
            if not _HEADER_NAME.fullmatch(header) or not (value.isascii() and value.isprintable()):
                raise Permanent(f"{self._name}: the header {header!r} holds characters that HTTP cannot carry")
        return headers

    def certificate(self) -> str | tuple[str, str] | None:
        """The client certificate as requests takes it, None for none. Raises Permanent where a file cannot be read."""
        config = self._config
        for key, path in (("ca_file", config.ca_file), ("cert_file", config.cert_file), ("key_file", config.key_file)):
            if path and not os.access(path, os.R_OK):
                raise Permanent(f"{self._name}.{key}: {path} cannot be read")
        if config.cert_file and config.key_file:
            return config.cert_file, config.key_file
        return config.cert_file

    def _authorization(self) -> str | None:
        config = self._config
        if config.bearer_file or config.bearer_env:
            return f"Bearer {self._secret('bearer', config.bearer_file, config.bearer_env)}"
        if config.basic:
            password = self._secret("basic.password", config.basic.password_file, config.basic.password_env)
            return _basic(config.basic.username, password)
        parts = urlsplit(config.url or "")
        if parts.username is not None:
            return _basic(unquote(parts.username), unquote(parts.password or ""))
        return None

    def _secret(self, key: str, file: str | None, variable: str | None) -> str:
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise Permanent(f"{self._name}.{key}_file: {file}: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise Permanent(f"{self._name}.{key}_file: {file} is not text") from error
        if variable:
            if not (value := os.environ.get(variable, "").strip()):
                raise Permanent(f"{self._name}.{key}_env: the environment variable {variable} is not set")
            return value
        raise ConfigError(f"{self._name}: basic needs password_file or password_env")


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def without_credentials(url: str, name: str) -> str:
    """*url* as it may be shown and asked: without user and password.

    Raises ConfigError for what is not an http or https URL, or carries a query (paths are added to it).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{name}.url: not a URL") from error
    if parts.scheme not in _PORTS or not host:
        raise ConfigError(f"{name}.url: not an http:// or https:// URL")
    if parts.query or parts.fragment:
        raise ConfigError(f"{name}.url: must end with the host or a path, without ? or #")
    literal = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{literal}{f':{port}' if port else ''}{parts.path}"


def origin_of(url: str) -> str:
    """Scheme, host and port of *url*: the same origin may see the same credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}:{parts.port or _PORTS.get(parts.scheme, 0)}"
