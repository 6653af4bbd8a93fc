"""What a site sets about its backups and their drills. docs/backup.md explains every key."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from hubops.config.base import Duration, Positive, Strict

NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class StoreConfig(Strict, frozen=True):
    """Where copies are sent: off the site that they are to survive.

    Credentials are taken from the environment or the machine's identity, as the cloud's own tools take them
    (AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY …); they
    are never written here.
    """

    url: str  # s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, or file:///mnt/folder
    region: str | None = None
    endpoint: str | None = None  # of another server that speaks S3: https://minio.example.com:9000
    account: str | None = None  # Azure's storage account
    ca_file: str | None = None
    allow_http: bool = False  # an endpoint without TLS
    timeout: Duration = Duration(seconds=30)  # one request


class Keep(Strict, frozen=True):
    """Which copies stay: the newest ones, and of each hour, day, week and month the newest, for so many of them."""

    last: Positive = 3
    hourly: NotNegative = 24
    daily: NotNegative = 7
    weekly: NotNegative = 5
    monthly: NotNegative = 12


class Objectives(Strict, frozen=True):
    """What was promised: a missed one is a finding."""

    rpo: Duration = Duration(hours=24)  # the newest good backup is never older
    rto: Duration = Duration(hours=1)  # a restore takes no longer
    proven_every: Duration = Duration(days=30)  # a drill has restored one


class EtcdBackupConfig(Strict, frozen=True):
    """The etcd of a self-managed cluster; the paths are kubeadm's."""

    endpoints: tuple[str, ...] = ("https://127.0.0.1:2379",)  # the first that answers is read
    ca_file: str = "/etc/kubernetes/pki/etcd/ca.crt"
    cert_file: str = "/etc/kubernetes/pki/etcd/healthcheck-client.crt"
    key_file: str = "/etc/kubernetes/pki/etcd/healthcheck-client.key"
    prefix: str = "/registry"  # of the API server's keys (--etcd-prefix)
    keep: Keep = Keep()
    local: NotNegative = 1  # copies that stay on this machine, too
    timeout: Duration = Duration(minutes=30)  # the whole backup
    objectives: Objectives = Objectives(rpo=Duration(hours=6))


class VolumeBackupConfig(Strict, frozen=True):
    """Which claims are snapshotted: those that match all of what is given, where the class of their volumes can."""

    selector: str = ""  # a label selector of claims
    namespaces: tuple[str, ...] = ()  # shell patterns; none means all
    exclude: tuple[str, ...] = ()  # namespaces that are not
    storage_classes: tuple[str, ...] = ()  # none means all that have a driver
    snapshot_class: str | None = None  # default: the driver's default VolumeSnapshotClass
    keep: Keep = Keep(last=3, hourly=0, daily=7, weekly=4, monthly=0)
    at_once: Positive = 4  # snapshots of one driver at the same time
    timeout: Duration = Duration(hours=1)  # until one snapshot is ready
    objectives: Objectives = Objectives()


class VeleroBackupConfig(Strict, frozen=True):
    """What `hubops backup velero` asks Velero for, and how what it holds is judged."""

    namespace: str = "velero"  # where its server and its resources are
    schedule: str | None = None  # back up by the template of this Schedule; what stands below is then not used
    namespaces: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()  # namespaces that no backup needs to hold, as shell patterns
    cluster_resources: bool | None = None  # None: those that what is backed up refers to
    volumes: bool | None = None  # snapshots of volumes
    location: str | None = None  # a BackupStorageLocation
    ttl: Duration = Duration(days=30)
    within: Duration = Duration(hours=26)  # what no backup of this long holds is not covered
    timeout: Duration = Duration(hours=4)  # until a backup has ended
    objectives: Objectives = Objectives()


class BackupConfig(Strict, frozen=True):
    """A kind whose section is there is backed up by `hubops backup`."""

    store: StoreConfig | None = None
    recipients: tuple[str, ...] = ()  # age public keys; with more than one, each alone can decrypt
    recipients_file: str | None = None  # the same, one a line
    encryption: Literal["age", "none"] = "age"
    directory: str = "/var/lib/hubops"  # of local copies and of what is being made
    etcd: EtcdBackupConfig | None = None
    volumes: VolumeBackupConfig | None = None
    velero: VeleroBackupConfig | None = None


class EtcdDrillConfig(Strict, frozen=True):
    compare: bool = True  # with the live etcd (backup.etcd), every key; false where it cannot be reached from here
    api_server: bool = True  # start kube-apiserver on what was restored, where it is on PATH
    encryption_config: str | None = None  # the API server's --encryption-provider-config, where it has one
    timeout: Duration = Duration(hours=1)


class VolumeDrillConfig(Strict, frozen=True):
    """One restored claim is mounted by a Job that reads all its files, or runs the site's own command."""

    image: str = "busybox:1.36"
    command: tuple[str, ...] = ()  # run in /data; default: read and sum every file
    run_as: Positive = 65534  # the user that reads, never root; files of block storage are made readable to its group
    claims: Positive = 1  # of each round, those whose last proof is the oldest
    namespace: str = "hubops-drill"  # a scratch namespace, made and removed
    labels: dict[str, str] = {}  # of it and of the Job, where the policies of the cluster ask for some: {team: sre}
    timeout: Duration = Duration(minutes=30)


_WRITTEN = {"http": "service:port/path, or https://service:port/path", "tcp": "service:port"}
_SERVICE = {
    "http": re.compile(r"(https?://)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[a-z0-9-]{1,15}(/\S*)?"),
    "tcp": re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[a-z0-9-]{1,15}"),
}


class DrillCheck(Strict, frozen=True):
    """What a person would try after a restore; one of `http`, `tcp`, `sql` and `command`, in a restored namespace."""

    name: str
    namespace: str  # the original one: it is looked for in what was restored of it
    http: str | None = None  # service:port/path, with https:// before it for TLS; the answer has to be 200 to 399
    tcp: str | None = None  # service:port
    sql: str | None = None  # a statement; `pod` says where psql or mysql is run
    command: tuple[str, ...] = ()  # run in `pod`
    pod: str | None = None  # a name, or a label selector with "="; the first that is ready
    container: str | None = None
    expect: str | None = None  # a regular expression that what came back has to match
    timeout: Duration = Duration(minutes=2)  # tried again until then

    def __post_init__(self) -> None:
        given = [kind for kind in ("http", "tcp", "sql", "command") if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError(f"check {self.name!r} needs one of http, tcp, sql and command; it has {len(given)}")
        if given[0] in ("sql", "command") and not self.pod:
            raise ValueError(f"check {self.name!r} does not say in which pod")
        if (where := self.http or self.tcp) and not _SERVICE[given[0]].fullmatch(where):
            raise ValueError(f"check {self.name!r} is to name {_WRITTEN[given[0]]}")
        try:
            re.compile(self.expect or "")
        except re.error as error:
            raise ValueError(f"check {self.name!r} expects what is no regular expression: {error}") from error


class VeleroDrillConfig(Strict, frozen=True):
    """The newest backup of each of `namespaces`, restored beside it under another name."""

    namespaces: tuple[str, ...] = ()  # shell patterns; default: all that the newest backup holds, but for `exclude`
    exclude: tuple[str, ...] = ("kube-*", "velero", "hubops", "hubops-drill*")
    prefix: str = "hubops-drill"  # of the scratch namespaces: <prefix>-<namespace>-<id>
    labels: dict[str, str] = {}  # of them, where the policies of the cluster ask for some
    custom_resources: tuple[str, ...] = ()  # shell patterns (widgets.example.com): their controllers see two of each
    volumes: bool = True  # restore the volumes, too, where the backup holds them
    workloads: bool = True  # run what was restored, closed for all traffic, and wait until it is ready
    wait: Duration = Duration(minutes=10)  # for the workloads
    checks: tuple[DrillCheck, ...] = ()
    timeout: Duration = Duration(hours=1)


class DrillConfig(Strict, frozen=True):
    identity_files: tuple[str, ...] = ()  # age identities that decrypt the copies; kept away from what makes them
    etcd: EtcdDrillConfig = EtcdDrillConfig()
    volumes: VolumeDrillConfig = VolumeDrillConfig()
    velero: VeleroDrillConfig = VeleroDrillConfig()
