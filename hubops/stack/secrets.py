"""The Secrets that a site's settings name: what must be in the cluster, and what its secret manager calls it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubops.config import SecretRef

if TYPE_CHECKING:
    from hubops.stack.site import Site


@dataclass(frozen=True)
class Secret:
    """A Secret and those of its keys that the platform reads."""

    namespace: str
    name: str
    keys: tuple[str, ...]
    remote: str  # its name in the site's secret manager, where the keys are the properties of a JSON object
    type: str = "Opaque"


def secrets(site: Site) -> tuple[Secret, ...]:
    """What the settings of *site* refer to, each Secret once, by namespace and name."""
    found: dict[tuple[str, str], set[str]] = {}
    for namespace, name, key in _references(site):
        found.setdefault((namespace, name), set()).add(key)
    return tuple(
        Secret(namespace, name, tuple(sorted(keys)), remote_name(site, namespace, name), _type(keys))
        for (namespace, name), keys in sorted(found.items())
    )


def remote_name(site: Site, namespace: str, name: str) -> str:
    """What the Secret *name* of *namespace* is called outside: <cluster>/<namespace>/<name>.

    GCP's Secret Manager and Azure's Key Vault know neither slashes nor dots, and get dashes.
    """
    if site.secret_store.vault or site.cloud not in ("gcp", "azure"):
        return f"{site.cluster}/{namespace}/{name}"
    return re.sub(r"[^A-Za-z0-9-]", "-", f"{site.cluster}-{namespace}-{name}")


def _type(keys: set[str]) -> str:
    return "kubernetes.io/tls" if keys == {"tls.crt", "tls.key"} else "Opaque"


def _references(site: Site) -> Iterator[tuple[str, str, str]]:
    """Namespace, name and key of everything that is referred to; the same may come twice."""
    by_namespace: dict[str, list[SecretRef | None]] = {
        "monitoring": [*_of_monitoring(site)],
        "logging": [site.logging.store.credentials],
        "velero": [site.backup.credentials],
        "cert-manager": [site.tls.dns_credentials],
    }
    for namespace, references in by_namespace.items():
        yield from ((namespace, each.secret, each.key) for each in references if each)
    if site.tls.dns_credentials and site.cloud == "aws":
        yield "cert-manager", site.tls.dns_credentials.secret, "access-key-id"
    if site.tls.ca_secret:
        yield from (("cert-manager", site.tls.ca_secret, key) for key in ("tls.crt", "tls.key"))
    if not site.ingress.internal_auth_url:
        yield from ((space, site.ingress.internal_auth_secret, "auth") for space in ("monitoring", "logging"))


def _of_monitoring(site: Site) -> Iterator[SecretRef | None]:
    yield from (team.pagerduty for team in site.teams.values())
    yield from (site.alerting.slack, site.alerting.watchdog)
    yield site.alerting.smtp.password if site.alerting.smtp else None
    yield site.oidc.client_secret if site.oidc else None
    for each in site.remote_write:
        yield from (each.bearer, each.username, each.password)
