"""Who asks which API server: the kubeconfig or the pod's ServiceAccount, read by the kubernetes package."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import urllib3

from hubops import __version__
from hubops.clients.kube import plugin
from hubops.clients.kube.kubeconfig import Kubeconfig
from hubops.config import KubernetesConfig
from hubops.errors import ClusterUnreachable, ConfigError
from hubops.model.text import inert, redact

#: More connections than lists at a time: each may have its next page under way, and logs are read beside them.
_SPARE_CONNECTIONS = 4

#: What the package logs of a plugin that failed on a terminal, where its messages are not captured but shown.
_SHOWN = "'NoneType' object has no attribute 'strip'"

Impersonation = tuple[tuple[str, str], ...]


class Access:
    """One cluster as one user. Raises ConfigError for a kubeconfig that cannot be used, ClusterUnreachable where the
    credential plugin that it names fails.

    `server` is the URL without credentials, `context` the kubeconfig's, None inside a pod. `compressed` is whether
    answers are worth compressing: they shrink to a tenth, at the cost of the server's time. Inside the cluster they
    are not; elsewhere `disable-compression` of the kubeconfig decides, as for kubectl.
    """

    server: str
    context: str | None
    compressed: bool
    pool: urllib3.PoolManager

    def __init__(self, config: KubernetesConfig, environ: Mapping[str, str] = os.environ) -> None:
        self._config = config
        self._environ = environ
        self._lock = threading.Lock()  # a credential plugin is run once, not by every thread that sees its token expire
        self._load()

    def headers(self) -> urllib3.HTTPHeaderDict:
        """The headers of a request: credentials, renewed when they have expired, and who is impersonated."""
        from kubernetes.config import ConfigException

        with self._lock, _captured_log(), plugin.may_run():
            try:
                token = self._configuration.auth_settings().get("BearerToken", {}).get("value")
            except (ConfigException, OSError, urllib3.exceptions.HTTPError) as error:
                said = redact(inert(" ".join(str(error).split()), limit=200))
                raise ClusterUnreachable(f"the credentials could not be renewed: {said}") from error
        headers = urllib3.HTTPHeaderDict({"User-Agent": f"hubops/{__version__}"})
        if token:
            headers["Authorization"] = token.strip()
        for name, value in self._impersonation:
            # HTTP headers are sent as Latin-1; the API server reads them as UTF-8.
            headers.add(name, value.encode().decode("latin-1"))
        return headers

    @property
    def configuration(self) -> Any:
        """The kubernetes package's Configuration: certificates and proxy, for what does not go through `pool`."""
        return self._configuration

    def renew(self) -> bool:
        """Read the credentials anew after the server refused them; whether they are others now."""
        before = self.headers().get("Authorization")
        with self._lock:
            self._load()
        return self.headers().get("Authorization") != before

    def _load(self) -> None:
        from kubernetes.client import Configuration
        from kubernetes.client.rest import RESTClientObject

        configuration = Configuration()
        kubeconfig = Kubeconfig.find(self._config.kubeconfig, self._environ)
        if kubeconfig is not None:
            self.context, self._impersonation = _from_kubeconfig(kubeconfig, self._config.context, configuration)
            self.compressed = kubeconfig.compressed(self.context)
        else:
            self.context, self._impersonation, self.compressed = None, (), False
            _from_pod(configuration, self._config.context, self._environ)
        if self._config.as_user:
            groups = tuple(("Impersonate-Group", group) for group in self._config.as_group)
            self._impersonation = (("Impersonate-User", self._config.as_user), *groups)
        if self._config.proxy:
            configuration.proxy, configuration.no_proxy = self._config.proxy, None
        configuration.connection_pool_maxsize = 2 * self._config.concurrency + _SPARE_CONNECTIONS
        if not configuration.verify_ssl:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._configuration: Any = configuration
        self.server = _without_credentials(configuration.host)
        self.pool = RESTClientObject(configuration).pool_manager


def _from_kubeconfig(kubeconfig: Kubeconfig, context: str | None, configuration: Any) -> tuple[str, Impersonation]:
    name = kubeconfig.context(context)
    with _captured_log() as log, plugin.may_run():
        kubeconfig.load(name, configuration)
    # The package logs the failure of a plugin and goes on without credentials, as system:anonymous.
    if kubeconfig.plugin(name) and not configuration.api_key and not configuration.cert_file:
        raise _plugin_failed(kubeconfig, name, " ".join(log).removeprefix("exec: "))
    return name, kubeconfig.impersonation(name)


def _plugin_failed(kubeconfig: Kubeconfig, context: str, logged: str) -> ClusterUnreachable:
    command = kubeconfig.plugin(context) or ""
    named = f"the credential plugin {inert(command, limit=100)!r} of context {context!r}"
    if os.sep not in command and shutil.which(command) is None:
        hint = inert(" ".join(kubeconfig.install_hint(context).split()), limit=200)
        return ClusterUnreachable(f"{named} is not on PATH{f': {hint}' if hint else ''}")
    if logged == _SHOWN:
        return ClusterUnreachable(f"{named} failed; what it said stands above")
    said = redact(inert(" ".join(logged.split()), limit=300)) or "it gave neither token nor certificate"
    return ClusterUnreachable(f"{named} failed: {said}")


def _from_pod(configuration: Any, context: str | None, environ: Mapping[str, str]) -> None:
    from kubernetes.config import ConfigException, incluster_config

    if context or not environ.get("KUBERNETES_SERVICE_HOST"):
        wanted = f" for context {context!r}" if context else ""
        raise ConfigError(
            f"no kubeconfig{wanted}: neither --kubeconfig, KUBECONFIG nor ~/.kube/config names one that exists"
            + ("" if context else ", and this is not a pod of a cluster")
        )
    try:
        load: Any = incluster_config.load_incluster_config
        load(client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise ConfigError(f"the pod's ServiceAccount cannot be used: {inert(str(error), limit=200)}") from error


@contextmanager
def _captured_log() -> Iterator[list[str]]:
    """What the kubernetes package logs instead of raising; without a handler it would print it."""
    lines: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield lines
    finally:
        root.removeHandler(handler)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
