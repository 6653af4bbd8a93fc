"""hubops.yaml as one structure: what a site sets about reading, checks and its platform."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from hubops.config.backup import BackupConfig, DrillConfig
from hubops.config.base import Duration, Positive, Strict
from hubops.config.platform import PlatformConfig
from hubops.model.check import Severity


class KubernetesConfig(Strict, frozen=True):
    """How the API server is reached; empty means kubeconfig, then the pod's ServiceAccount."""

    kubeconfig: str | None = None
    context: str | None = None
    as_user: str | None = msgspec.field(default=None, name="as")
    as_group: tuple[str, ...] = ()
    proxy: str | None = None
    page_size: Positive = 1000
    concurrency: Positive = 4  # kinds that are read at once
    timeout: Duration = Duration(seconds=30)  # one request


class BasicAuth(Strict, frozen=True):
    username: str
    password_file: str | None = None
    password_env: str | None = None


class EndpointConfig(Strict, frozen=True):
    """One of Prometheus, Alertmanager and Loki. Credentials are named by file or environment, never written here.

    Without `url` the Service is found in the cluster by its well-known labels, or by `service`
    ("namespace/name:port"), and reached through the API server's service proxy.
    """

    enabled: bool = True
    url: str | None = None
    service: str | None = None
    basic: BasicAuth | None = None
    bearer_file: str | None = None
    bearer_env: str | None = None
    tenant: str | None = None  # X-Scope-OrgID
    headers: dict[str, str] = {}
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False
    timeout: Duration = Duration(seconds=30)


class CheckSettings(Strict, frozen=True):
    """What a site changes about one check; `namespaces` overrides `with` for single namespaces."""

    enabled: bool | None = None
    severity: Severity | None = None
    with_: dict[str, Any] = msgspec.field(default={}, name="with")
    namespaces: dict[str, dict[str, Any]] = {}


class Ignore(Strict, frozen=True):
    """What not to report, why, and until when. Names are shell patterns."""

    check: str
    reason: str
    namespace: str = "*"
    kind: str = "*"
    name: str = "*"
    until: date | None = None


class Config(Strict, frozen=True):
    cluster: str | None = None  # the name in reports; default: the context, or the cluster's own id
    deadline: Duration = Duration(minutes=5)  # the whole run
    team_label: str = "team"  # the label of a namespace or object that says who owns it
    kubernetes: KubernetesConfig = KubernetesConfig()
    prometheus: EndpointConfig = EndpointConfig()
    alertmanager: EndpointConfig = EndpointConfig()
    loki: EndpointConfig = EndpointConfig()
    platform: PlatformConfig = PlatformConfig()
    backup: BackupConfig = BackupConfig()
    drill: DrillConfig = DrillConfig()
    checks: dict[str, CheckSettings] = {}
    ignores: tuple[Ignore, ...] = ()

    @property
    def endpoints(self) -> Mapping[str, EndpointConfig]:
        """The servers that are asked beside the API server, by their role."""
        return {"prometheus": self.prometheus, "alertmanager": self.alertmanager, "loki": self.loki}
