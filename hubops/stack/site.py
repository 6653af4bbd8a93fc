"""The settings of a site, complete and consistent: what a template may rely on."""

from __future__ import annotations

import functools
import ipaddress
import re
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from hubops.config import Config, PlatformConfig
from hubops.config.platform import (
    AlertingConfig,
    ApplicationConfig,
    AwsConfig,
    AzureConfig,
    Cloud,
    GcpConfig,
    IdentityOf,
    IngressConfig,
    LoggingConfig,
    MeshConfig,
    MonitoringConfig,
    NetworkConfig,
    ObjectStoreConfig,
    OidcConfig,
    Part,
    PoliciesConfig,
    RemoteWriteConfig,
    SecretStoreConfig,
    StorageConfig,
    TeamConfig,
    TlsConfig,
)
from hubops.errors import ConfigError
from hubops.stack.forms import CLUSTER, DOMAIN, TEAM_LABEL, malformed, shown
from hubops.stack.secrets import Secret, secrets

_IDENTITY: dict[Cloud, tuple[str, str]] = {
    "aws": (r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "the ARN of an IAM role"),
    "gcp": (r"[a-z0-9-]+@[a-z0-9.:-]+\.iam\.gserviceaccount\.com", "the e-mail of a service account"),
    "azure": (r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "the client id of a managed identity"),
}

_ZONE: dict[Cloud, tuple[str, str]] = {
    "aws": (r"Z[A-Z0-9]{4,31}", "the id of a Route53 hosted zone"),
    "gcp": (r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "the name of a Cloud DNS managed zone"),
    "azure": (DOMAIN, "the name of an Azure DNS zone, which is its domain"),
}
#: Names under the domain that are the platform's own; hubops serves the runbooks there.
_TAKEN = ("grafana", "prometheus", "alertmanager", "loki", "api", "hubops")


@dataclass(frozen=True)
class Site:
    """`platform:` of hubops.yaml after `complete`: what the stack cannot be installed without is there."""

    cluster: str
    domain: str
    email: str | None
    time_zone: str
    cloud: Cloud
    aws: AwsConfig | None
    gcp: GcpConfig | None
    azure: AzureConfig | None
    identities: dict[IdentityOf, str]
    tls: TlsConfig
    ingress: IngressConfig
    network: NetworkConfig
    storage: StorageConfig
    applications: dict[str, ApplicationConfig]
    teams: dict[str, TeamConfig]
    team_label: str
    alerting: AlertingConfig
    monitoring: MonitoringConfig
    oidc: OidcConfig | None
    remote_write: tuple[RemoteWriteConfig, ...]
    logging: LoggingConfig
    backup: ObjectStoreConfig
    policies: PoliciesConfig
    secret_store: SecretStoreConfig
    mesh: MeshConfig
    parts: tuple[Part, ...]

    @property
    def runbooks_url(self) -> str:
        """Where people read the runbooks, ending in "/"."""
        return self.alerting.runbooks_url or f"https://hubops.{self.domain}/runbooks/"

    @property
    def cluster_issuer(self) -> str:
        """The ClusterIssuer that signs for the platform's hosts; see deploy/cert-manager."""
        return {"letsencrypt": "letsencrypt-production", "self-signed": "internal-ca"}.get(
            self.tls.issuer, self.tls.issuer
        )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The Secrets that the settings refer to."""
        return secrets(self)

    @property
    def application(self) -> str:
        """The namespace of the first application: it owns the hosts api.<domain> and <domain>."""
        return next(iter(self.applications))


def complete(config: Config, origin: str, also: Iterable[Part] = ()) -> Site:
    """The settings of *config* for the stack, with the parts *also* beside those that it names.

    Raises ConfigError that names *origin* and everything that is missing, for those parts, too.
    """
    parts = tuple(dict.fromkeys([*config.platform.parts, *also]))
    platform = msgspec.structs.replace(config.platform, parts=parts)
    problems = [f"  platform.{shown(key)}: {what}" for key, what in _problems(platform)]
    if not config.cluster:
        problems.insert(0, "  cluster: is missing; write the cluster's name, as alerts and backups shall carry it")
    elif not CLUSTER.fits(config.cluster):
        problems.insert(0, f"  cluster: {CLUSTER.what}")
    if not TEAM_LABEL.fits(config.team_label):
        problems.append(f"  team_label: {TEAM_LABEL.what}")
    if problems:
        raise ConfigError("\n".join([f"{origin}: the platform cannot be rendered:", *problems]))
    given: dict[str, Any] = {name: getattr(platform, name) for name in Site.__annotations__ if hasattr(platform, name)}
    return Site(**given, cluster=config.cluster or "", team_label=config.team_label)


Problems = Iterator[tuple[str, str]]


def _problems(platform: PlatformConfig) -> Problems:
    """What is missing or contradicts itself: the key within `platform:`, and what to write there."""
    yield from _place(platform)
    yield from _certificates(platform)
    yield from _ingress(platform)
    yield from _networks(platform)
    yield from _storage(platform)
    yield from _teams(platform)
    yield from _applications(platform)
    yield from _stores(platform)
    yield from _remote_write(platform)
    yield from _identities(platform)
    yield from malformed(platform)


def _place(platform: PlatformConfig) -> Problems:
    if not platform.domain:
        yield "domain", "is missing; write the domain that the platform's hosts are part of, such as example.com"
    if platform.time_zone not in _time_zones():
        yield "time_zone", "is no time zone; write a name such as Europe/Berlin"
    if platform.cloud is None:
        yield "cloud", "is missing; write aws, gcp, azure or none"
    elif platform.cloud != "none" and getattr(platform, platform.cloud) is None:
        kinds: dict[str, type[msgspec.Struct]] = {"aws": AwsConfig, "gcp": GcpConfig, "azure": AzureConfig}
        kind = kinds[platform.cloud]
        keys = ", ".join(field.name for field in msgspec.structs.fields(kind) if field.required)
        yield platform.cloud, f"is missing; cloud is {platform.cloud}: write its {keys}"


def _certificates(platform: PlatformConfig) -> Problems:
    tls = platform.tls
    if tls.issuer.startswith("letsencrypt") and not platform.email:
        yield "email", "is missing; Let's Encrypt tells this address before certificates expire"
    if tls.issuer == "custom-ca" and not tls.ca_secret:
        yield "tls.ca_secret", "is missing; name the Secret with the CA's certificate and key (kubernetes.io/tls)"
    if tls.ca_secret == "platform-internal-ca":
        yield "tls.ca_secret", "is the name of the platform's own authority; give the site's another one"
    yield from _dns_challenges(platform)


def _dns_challenges(platform: PlatformConfig) -> Problems:
    tls, domain = platform.tls, platform.domain or ""
    zone, credentials = tls.hosted_zone, tls.dns_credentials
    if zone and platform.cloud == "none":
        yield "tls.hosted_zone", "needs a cloud: Route53, Cloud DNS and Azure DNS are known"
    elif zone and platform.cloud in _ZONE and not re.fullmatch(_ZONE[platform.cloud][0], zone):
        yield "tls.hosted_zone", f"is not {_ZONE[platform.cloud][1]} (cloud is {platform.cloud})"
    elif zone and platform.cloud == "azure" and domain != zone and not domain.endswith(f".{zone}"):
        yield "tls.hosted_zone", "does not hold the domain: write the DNS zone that it is in"
    if credentials and not zone:
        yield "tls.dns_credentials", "are for DNS-01, which needs tls.hosted_zone"
    if credentials and platform.cloud == "aws" and credentials.key == "access-key-id":
        yield (
            "tls.dns_credentials.key",
            "is that of the access key's id; write the key of its secret half, the id stands beside it in the same"
            " Secret as access-key-id",
        )
    if credentials and platform.cloud == "azure" and "cert-manager" not in platform.identities:
        yield "identities.cert-manager", "is missing; write the client id that the secret of tls.dns_credentials is for"
    if tls.issuer.startswith("letsencrypt") and not zone and platform.ingress.load_balancer_sources:
        yield (
            "tls.hosted_zone",
            "is missing; ingress.load_balancer_sources keeps Let's Encrypt from proving the domain over HTTP",
        )


def _ingress(platform: PlatformConfig) -> Problems:
    ingress = platform.ingress
    if ingress.replicas < 3:
        yield "ingress.replicas", f"{ingress.replicas} is too few; write 3 or more: one node's end must not be felt"
    if sum(map(len, ingress.free_text_paths)) > 1000:
        yield (
            "ingress.free_text_paths",
            "are too long: write up to 1000 characters in all, nginx reads 4 KiB of rules",
        )
    if ingress.internal_auth_signin and not ingress.internal_auth_url:
        yield "ingress.internal_auth_url", "is missing; internal_auth_signin is where it sends people who are unknown"


def _networks(platform: PlatformConfig) -> Problems:
    given = {
        "network.api_servers": platform.network.api_servers,
        "ingress.load_balancer_sources": platform.ingress.load_balancer_sources,
        "ingress.internal_sources": platform.ingress.internal_sources,
    }
    for key, blocks in given.items():
        for index, block in enumerate(blocks):
            try:
                ipaddress.ip_network(block)
            except ValueError:
                yield (
                    f"{key}[{index}]",
                    "is no network; write its first address and its prefix: 203.0.113.0/24",
                )


def _storage(platform: PlatformConfig) -> Problems:
    storage = platform.storage
    if platform.cloud == "none" and storage.csi is None:
        yield (
            "storage.csi",
            "is missing; cloud is none: write the provisioner of the CSI driver, such as rbd.csi.ceph.com",
        )
    if platform.cloud not in ("none", None) and storage.csi is not None:
        yield "storage.csi", f"is for cloud none; {platform.cloud} has its own driver"
    yield from _storage_parameters(platform)
    if storage.default_class == "nfs-storage" and storage.nfs is None:
        yield "storage.nfs", "is missing; default_class is nfs-storage: write its server and path"
    if storage.default_class == "local-ssd" and not storage.local:
        yield "storage.local", "is false; default_class is local-ssd: nodes need local disks"


def _storage_parameters(platform: PlatformConfig) -> Problems:
    storage = platform.storage
    if platform.cloud == "none" and storage.parameters:
        yield "storage.parameters", "is for a cloud's driver; cloud is none: write them under storage.csi.parameters"
    for key, parameters in {
        "parameters": storage.parameters,
        "csi.parameters": getattr(storage.csi, "parameters", {}),
    }.items():
        for name in parameters:
            if name in ("nfs-storage", "local-ssd"):
                yield (
                    f"storage.{key}.{name}",
                    "has none: only fast-ssd, standard-ssd and standard-hdd are made by the driver",
                )


def _teams(platform: PlatformConfig) -> Problems:
    alerting, teams = platform.alerting, platform.teams
    if alerting.default_team not in teams and alerting.default_team != "platform":
        yield "alerting.default_team", "is not under platform.teams; write one of them or add it there"
    elif alerting.default_team not in teams:
        yield (
            f"teams.{alerting.default_team}",
            "is missing; alerts that name no team go there: write its slack, email or pagerduty",
        )
    for name, team in teams.items():
        if not (team.slack or team.email or team.pagerduty):
            yield (
                f"teams.{name}",
                "has no channel; write slack: '#channel', email: or pagerduty: {secret: NAME, key: KEY}",
            )
    if any(team.slack for team in teams.values()) and not alerting.slack:
        yield (
            "alerting.slack",
            "is missing; a team has a Slack channel: name the Secret of the webhook, {secret: NAME, key: KEY}",
        )
    if any(team.email for team in teams.values()) and not alerting.smtp:
        yield "alerting.smtp", "is missing; a team has an e-mail address: write host and sender"


def _applications(platform: PlatformConfig) -> Problems:
    if not platform.applications:
        yield (
            "applications",
            "is missing; name the applications' namespaces and their team: {llm-analytics: {team: platform}}",
        )
    for name, application in platform.applications.items():
        if application.team not in platform.teams:
            yield f"applications.{name}.team", "is not under platform.teams; write one of them or add it there"
    yield from _hosts(platform)


def _hosts(platform: PlatformConfig) -> Problems:
    """Names under the domain that two would have."""
    owners = dict.fromkeys(_TAKEN, "the platform")
    for name, application in platform.applications.items():
        for host in application.hosts:
            if host in owners:
                yield f"applications.{name}.hosts", f"names {host!r}, which belongs to {owners[host]} already"
            elif len(f"{host}.{platform.domain}") > 64:
                yield (
                    f"applications.{name}.hosts",
                    "are too long: a certificate's name has 64 characters with the domain",
                )
            owners[host] = name


def _stores(platform: PlatformConfig) -> Problems:
    if platform.logging is None:
        yield "logging", "is missing; Loki keeps logs in an object store: write store: {bucket: NAME}"
    if platform.backup is None:
        yield "backup", "is missing; Velero keeps backups in an object store: write bucket: NAME"
    for key, store in _object_stores(platform):
        if platform.cloud == "azure" and not store.storage_account:
            yield f"{key}.storage_account", "is missing; cloud is azure: a container is part of one"
        if platform.cloud == "none" and not (store.endpoint and store.credentials):
            yield key, "needs endpoint and credentials; cloud is none: write those of an S3-compatible store"
        if store.ca and not (store.endpoint or "").startswith("https://"):
            yield f"{key}.ca", "is for an endpoint that begins with https://; write it, or leave the certificates out"
    if platform.logging and platform.logging.store.prefix:
        yield "logging.store.prefix", "is not known to Loki 2.9; leave it out and give the logs a bucket of their own"
    if "external-secrets" in platform.parts and not platform.secret_store.vault:
        if platform.cloud == "none":
            yield "secret_store.vault", "is missing; cloud is none: write the URL of a Vault to read secrets from"
        if platform.cloud == "azure" and not platform.secret_store.key_vault:
            yield "secret_store.key_vault", "is missing; write the URL of the Key Vault, https://NAME.vault.azure.net"


def _remote_write(platform: PlatformConfig) -> Problems:
    for index, each in enumerate(platform.remote_write):
        key = f"remote_write[{index}]"
        if bool(each.username) != bool(each.password):
            yield key, "needs username and password, both as {secret: NAME, key: KEY}"
        if sum(map(bool, (each.username or each.password, each.bearer, each.sigv4_region))) > 1:
            yield key, "has more than one way to log in; keep one of username and password, bearer, sigv4_region"
        if each.sigv4_region and platform.cloud != "aws":
            yield f"{key}.sigv4_region", "needs cloud aws: the role in identities.prometheus signs the requests"


def _object_stores(platform: PlatformConfig) -> Iterator[tuple[str, ObjectStoreConfig]]:
    if platform.logging:
        yield "logging.store", platform.logging.store
    if platform.backup:
        yield "backup", platform.backup


def _identities(platform: PlatformConfig) -> Problems:
    if platform.cloud in (None, "none"):
        if platform.identities:
            yield "identities", "is for a cloud; without one, name credentials in Secrets"
        return
    pattern, what = _IDENTITY[platform.cloud]
    for name, identity in platform.identities.items():
        if not re.fullmatch(pattern, identity):
            yield f"identities.{name}", f"is not {what} (cloud is {platform.cloud})"
    needed: dict[IdentityOf, bool] = {
        "cert-manager": bool(platform.tls.hosted_zone and not platform.tls.dns_credentials),
        "loki": bool(platform.logging and not platform.logging.store.credentials),
        "velero": bool(platform.backup and not platform.backup.credentials),
        "external-secrets": "external-secrets" in platform.parts and not platform.secret_store.vault,
        "prometheus": any(each.sigv4_region for each in platform.remote_write),
    }
    for name, missing in needed.items():
        if missing and name not in platform.identities:
            yield (
                f"identities.{name}",
                f"is missing; write {what}, or name credentials in a Secret where that is possible",
            )


@functools.cache
def _time_zones() -> set[str]:
    return zoneinfo.available_timezones()
