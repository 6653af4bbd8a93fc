"""The `platform:` section of hubops.yaml: the site that the stack is installed at. See docs/platform.md."""

from __future__ import annotations

from typing import Literal

from hubops.config.base import Duration, Percent, Positive, Strict, WholePercent

Cloud = Literal["aws", "gcp", "azure", "none"]
StorageClass = Literal["fast-ssd", "standard-ssd", "standard-hdd", "nfs-storage", "local-ssd"]
#: What of the stack asks the cloud for something, and so has an identity of its own there.
IdentityOf = Literal["cert-manager", "loki", "velero", "external-secrets", "keda", "prometheus"]
Part = Literal["istio", "external-secrets"]


class SecretRef(Strict, frozen=True):
    """A value that stands in a Secret of the cluster, in the namespace of the component that reads it."""

    secret: str
    key: str


class AwsConfig(Strict, frozen=True):
    region: str
    encryption_key: str | None = None  # ARN of a KMS key for volumes


class GcpConfig(Strict, frozen=True):
    project: str
    region: str
    encryption_key: str | None = None  # resource name of a Cloud KMS key for volumes


class AzureConfig(Strict, frozen=True):
    subscription: str
    tenant: str
    resource_group: str  # of the DNS zone, the storage accounts and snapshots
    region: str
    disk_encryption_set: str | None = None  # resource id


class TlsConfig(Strict, frozen=True):
    """Who signs the certificates of the platform's hosts, and how the domain is proven to be ours."""

    issuer: Literal["letsencrypt", "letsencrypt-staging", "self-signed", "custom-ca"] = "letsencrypt"
    hosted_zone: str | None = None  # Route53 zone id, Cloud DNS or Azure DNS zone name: DNS-01 beside HTTP-01
    dns_credentials: SecretRef | None = None  # for DNS-01 where there is no workload identity
    ca_secret: str | None = None  # custom-ca: Secret of type kubernetes.io/tls in the namespace cert-manager


class IngressConfig(Strict, frozen=True):
    replicas: Positive = 3
    load_balancer_annotations: dict[str, str] = {}  # beside those that the cloud needs
    load_balancer_sources: tuple[str, ...] = ()  # CIDRs that may connect; empty: all
    internal_sources: tuple[str, ...] = ()  # CIDRs that may reach Prometheus, Alertmanager and Loki; empty: all
    internal_auth_secret: str = (
        "internal-hosts-auth"  # Secret with the key `auth` (htpasswd), in each of their namespaces
    )
    internal_auth_url: str | None = None  # an oauth2-proxy or its like, instead of the Secret
    internal_auth_signin: str | None = None
    free_text_paths: tuple[str, ...] = ()  # of api.<domain>: bodies there are people's own words, such as prompts


class NetworkConfig(Strict, frozen=True):
    api_servers: tuple[str, ...] = ()  # CIDRs where the Kubernetes API answers; empty: any address


class NfsConfig(Strict, frozen=True):
    server: str
    path: str = "/"


class CsiConfig(Strict, frozen=True):
    """The storage driver of a cluster without a cloud; the classes differ by their parameters."""

    provisioner: str
    parameters: dict[StorageClass, dict[str, str]] = {}
    snapshot_parameters: dict[str, str] = {}


class StorageConfig(Strict, frozen=True):
    default_class: StorageClass = "standard-ssd"
    parameters: dict[StorageClass, dict[str, str]] = {}  # of the cloud's driver, instead of the stack's own
    nfs: NfsConfig | None = None  # without it there is no nfs-storage
    local: bool = False  # nodes have local disks under /mnt/disks: local-ssd
    csi: CsiConfig | None = None  # cloud none


class QuotaConfig(Strict, frozen=True):
    """What a namespace may ask for in all; Kubernetes' quantities."""

    requests_cpu: str = "20"
    requests_memory: str = "64Gi"
    limits_memory: str = "96Gi"
    pods: Positive = 200
    claims: Positive = 50
    storage: str = "2Ti"


class ApplicationConfig(Strict, frozen=True):
    """A namespace for applications."""

    team: str
    quota: QuotaConfig = QuotaConfig()
    hosts: tuple[str, ...] = ()  # names under the domain, beside api and the apex of the first application


class TeamConfig(Strict, frozen=True):
    """Where a team is told: each severity goes to every channel that fits it."""

    slack: str | None = None  # a channel such as #team-api
    pagerduty: SecretRef | None = None  # routing key of Events API v2, in the namespace monitoring
    email: str | None = None


class SmtpConfig(Strict, frozen=True):
    host: str  # name:port
    sender: str
    username: str | None = None
    password: SecretRef | None = None


class AlertingConfig(Strict, frozen=True):
    default_team: str = "platform"  # of alerts that name no team
    slack: SecretRef | None = None  # the incoming webhook's URL, in the namespace monitoring
    smtp: SmtpConfig | None = None
    runbooks_url: str | None = None  # default: https://hubops.<domain>/runbooks/
    watchdog: SecretRef | None = None  # URL of a dead man's switch: it is told every minute that alerts arrive


class MonitoringConfig(Strict, frozen=True):
    """What Prometheus may use; each replica the same."""

    retention_days: Positive = 30
    volume_gib: Positive = 100  # 500,000 series every 30 s, for 30 days
    memory: str = "6Gi"  # Kubernetes' quantity


class OidcConfig(Strict, frozen=True):
    name: str
    issuer: str  # https://…; the endpoints below default to <issuer>/authorize, /token, /userinfo
    client_id: str
    client_secret: SecretRef  # in the namespace monitoring
    auth_url: str | None = None
    token_url: str | None = None
    api_url: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    role_attribute_path: str = "contains(groups[*], 'platform-admins') && 'Admin' || 'Viewer'"


class RemoteWriteConfig(Strict, frozen=True):
    """A Prometheus remote-write receiver: Thanos, Mimir, VictoriaMetrics, a vendor's."""

    url: str
    tenant: str | None = None  # X-Scope-OrgID
    bearer: SecretRef | None = None
    username: SecretRef | None = None
    password: SecretRef | None = None
    sigv4_region: str | None = None  # Amazon Managed Service for Prometheus


class ObjectStoreConfig(Strict, frozen=True):
    """A bucket (S3, GCS) or container (Azure). Without `credentials` the workload identity is used."""

    bucket: str
    prefix: str = ""
    storage_account: str | None = None  # azure
    endpoint: str | None = None  # https://… of an S3-compatible store; cloud none
    region: str | None = None  # of the bucket; default: the cloud's
    credentials: SecretRef | None = None
    ca: str | None = None  # certificates in PEM, where those of the endpoint are signed by the site's own authority


class LoggingConfig(Strict, frozen=True):
    store: ObjectStoreConfig
    retention_days: Positive = 31


class PoliciesConfig(Strict, frozen=True):
    enforcement: Literal["dryrun", "warn", "deny"] = "dryrun"
    registries: tuple[str, ...] = ()  # prefixes that images may come from, each ending in "/"; beside the stack's own
    exempt_namespaces: tuple[str, ...] = ()  # beside the system's


class SecretStoreConfig(Strict, frozen=True):
    """Where external-secrets reads from: the cloud's secret manager, or a Vault."""

    vault: str | None = None  # https://…; without it the cloud's own
    key_vault: str | None = None  # https://NAME.vault.azure.net; azure without a Vault
    vault_role: str = "external-secrets"
    vault_path: str = "secret"


class MeshConfig(Strict, frozen=True):
    zipkin: str | None = None  # host:port of a Zipkin-compatible collector
    sampling_percent: Percent = 1.0
    # Both need pods with the label `version`: stable and canary, blue and green. Without them all pods are alike.
    canary_percent: WholePercent | None = None  # of the API's requests, to its canary
    frontend_color: Literal["blue", "green"] | None = None  # the frontend that people see


class PlatformConfig(Strict, frozen=True):
    """The site: its domain and the HTTPS hosts that people use, its cloud, storage, teams and parts.

    The hosts are looked at as a client would; without a domain or full names none is. A name without a dot is a part
    of the domain, and "@" the domain itself.
    """

    domain: str | None = None
    hosts: tuple[str, ...] = ("@", "grafana", "prometheus", "alertmanager", "loki", "api")
    ingress_hosts: bool = False  # also every host that an Ingress serves over TLS
    ca_file: str | None = None  # CAs to trust besides the system's
    timeout: Duration = Duration(seconds=10)  # one step: connect, handshake, answer

    email: str | None = None  # of the ACME account: told before certificates expire
    time_zone: str = "Etc/UTC"  # of schedules that follow working hours; a name of the IANA database
    cloud: Cloud | None = None
    aws: AwsConfig | None = None
    gcp: GcpConfig | None = None
    azure: AzureConfig | None = None
    identities: dict[IdentityOf, str] = {}  # IAM role ARN, GCP service account's e-mail, Azure client id
    tls: TlsConfig = TlsConfig()
    ingress: IngressConfig = IngressConfig()
    network: NetworkConfig = NetworkConfig()
    storage: StorageConfig = StorageConfig()
    applications: dict[str, ApplicationConfig] = {}
    teams: dict[str, TeamConfig] = {}
    alerting: AlertingConfig = AlertingConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    oidc: OidcConfig | None = None
    remote_write: tuple[RemoteWriteConfig, ...] = ()
    logging: LoggingConfig | None = None
    backup: ObjectStoreConfig | None = None
    policies: PoliciesConfig = PoliciesConfig()
    secret_store: SecretStoreConfig = SecretStoreConfig()
    mesh: MeshConfig = MeshConfig()
    parts: tuple[Part, ...] = ()  # optional parts of the stack that this site wants
