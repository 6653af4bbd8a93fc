"""Backups and drills as they are recorded: what was copied, where it lies, what a restore of it proved.

`Copy` is written beside each copy in its store; `Run` is one line of the journal, which checks decide on. Sizes are
bytes, durations seconds, times UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

COPY_SCHEMA = "hubops.copy/v1"
RUN_SCHEMA = "hubops.run/v1"

Kind = Literal["etcd", "volumes", "velero"]
Action = Literal["backup", "verify", "drill"]
Outcome = Literal["succeeded", "partial", "failed"]

#: A record may be read that somebody else wrote: a time without its zone, or a duration that no clock has, is refused.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


class EtcdState(msgspec.Struct, frozen=True, kw_only=True):
    """An etcd as a snapshot holds it."""

    cluster_id: str  # hexadecimal
    member_id: str
    version: str
    revision: int
    keys: int
    size: int  # of the database file
    hash: str  # of all key-value pairs, as `etcdutl snapshot status` computes it


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """One copy of an etcd in a store, complete: it is written after the file that it is about was read back."""

    schema: str = COPY_SCHEMA
    id: str  # etcd-20260131T120000Z-9f3c: two machines may begin in the same second
    cluster: str
    taken_at: Moment
    etcd: EtcdState
    file: str  # the name beside this record
    size: int  # of the file as it is stored
    sha256: str  # of the file as it is stored
    plain_sha256: str  # of the snapshot that it holds
    recipients: tuple[str, ...] = ()  # age public keys; none means that it is not encrypted
    history: str = ""  # the id of the first copy after etcd was restored or made anew; in one, revisions only rise
    hubops_version: str

    @property
    def encrypted(self) -> bool:
        return bool(self.recipients)


class CertificateEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate between hubops and an etcd, and when it ends."""

    of: str  # serving certificate of https://10.0.0.1:2379
    not_after: Moment


class VolumeSnapshotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One claim in one run."""

    namespace: str
    claim: str
    snapshot: str | None = None  # the VolumeSnapshot's name
    ready: bool = False
    size: int | None = None  # that a restore needs
    took_s: float | None = None
    error: str | None = None  # the driver's own words
    skipped: str | None = None  # why none was asked for, where that is no failure
    proof: Proof | None = None  # drill


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a restore did not bring back as it was."""

    what: str  # a key's resource and name, a file
    how: str


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the site's own (drill.velero.checks) found in what was restored."""

    name: str
    passed: bool
    said: str  # what came back, or why it did not pass: one line
    took_s: Seconds  # until it passed, or was given up


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill restored, and how it compared with what lives."""

    copy: str  # the id of the Copy, or namespace/name of the VolumeSnapshot
    taken_at: Moment
    rpo_s: Seconds  # the age of the newest copy when the drill began: what would have been lost
    rto_s: Seconds  # from the beginning of the fetch until what was restored answered
    steps: dict[str, float] = {}  # seconds of each step
    compared: dict[str, int] = {}  # how much was compared: keys, objects, files, bytes
    changed_since: dict[str, int] = {}  # what changed after the copy was taken, which is no difference
    differences: tuple[Difference, ...] = ()  # the first ones
    differences_total: int = 0
    by_resource: dict[str, int] = {}  # keys of each resource in what was restored
    live_by_resource: dict[str, int] = {}  # and in the live etcd that it was compared with
    by_namespace: dict[str, int] = {}  # the same of namespaces, the largest ones
    live_by_namespace: dict[str, int] = {}
    sha256: str | None = None  # of a volume: over the names and contents of its files, or of the device
    checks: tuple[CheckResult, ...] = ()  # of the site's own
    proven: tuple[str, ...] = ()  # in words: what may be relied upon
    unproven: tuple[str, ...] = ()  # what could not be tried, and why
    server: str | None = None  # version of the API server that was started on it
    versions: dict[str, str] = {}  # of the programs that restored it


class VeleroBackupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One Backup of Velero, as it ended and as it was judged against the cluster."""

    name: str
    uid: str
    schedule: str | None = None
    location: str = ""
    phase: str
    narrowed: bool = False  # of other namespaces or another schedule than hubops.yaml names: it keeps no promise
    namespaces: tuple[str, ...] = ()  # that it holds something of, the first ones
    namespaces_total: int = 0
    items: int = 0  # in its resource list
    expected: int | None = None  # objects that the cluster had of what it was to hold; None: not compared
    missing: tuple[str, ...] = ()  # of those, the first that it does not hold: "Deployment shop/cart"
    missing_total: int = 0
    not_compared: tuple[str, ...] = ()  # kinds of which the cluster gave no list: "secrets"; or why nothing was
    hooks: int = 0  # that Velero tried
    hooks_failed: int = 0
    volumes: int = 0  # that it holds: snapshots, moved data, files of pods
    volumes_missing: tuple[str, ...] = ()  # claims that it should hold and does not
    errors: tuple[str, ...] = ()  # of its results, the first ones
    errors_total: int = 0
    warnings: tuple[str, ...] = ()
    warnings_total: int = 0
    expires_at: Moment | None = None


class Promised(msgspec.Struct, frozen=True, kw_only=True):
    """The objectives as they were when the run was made: whoever judges the journal needs no other configuration."""

    rpo_s: Seconds
    rto_s: Seconds
    proven_every_s: Seconds


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one kind. `reason` says in one sentence why it is not `succeeded`."""

    schema: str = RUN_SCHEMA
    id: str  # backup-etcd-20260131T120000Z
    kind: Kind
    action: Action
    started_at: Moment
    finished_at: Moment
    outcome: Outcome
    reason: str | None = None
    alarm: bool = False  # not a failure of this run: what it found must not be taken for a backup
    host: str = ""
    clock_ahead_s: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)] = 0.0  # of the API server's, when it was recorded
    hubops_version: str
    promised: Promised
    copy: Copy | None = None  # of etcd
    certificates: tuple[CertificateEnd, ...] = ()  # of etcd's members and of its clients, as the backup saw them
    store: str | None = None  # the URL of the store that holds it, without credentials; None: no off-site copy
    volumes: tuple[VolumeSnapshotRecord, ...] = ()
    volumes_left_out: int = 0  # more of them than the journal has room for; those that were ready are left out first
    velero: VeleroBackupRecord | None = None  # the backup that was taken, or restored by a drill
    proof: Proof | None = None  # drill

    @property
    def at(self) -> datetime:
        """When it began, by the API server's clock where that was known."""
        return self.started_at - timedelta(seconds=self.clock_ahead_s)

    @property
    def narrowed(self) -> bool:
        """Whether it is somebody's extra backup of a part, which says nothing of what was promised."""
        return self.action == "backup" and self.velero is not None and self.velero.narrowed

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """What a drill restored: the etcd, the backup, or volumes."""
        return (*((self.proof,) if self.proof else ()), *(each.proof for each in self.volumes if each.proof))


class Unreadable(msgspec.Struct, frozen=True):
    """Something in the journal that is no run that this hubops can read."""

    kind: Kind
    name: str
    reason: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The journal as evidence, and what is promised now for each kind that hubops.yaml backs up."""

    runs: tuple[Run, ...] = ()  # newest first
    unreadable: tuple[Unreadable, ...] = ()
    configured: dict[Kind, Promised] = {}
    excluded: tuple[str, ...] = ()  # namespaces whose claims hubops.yaml does not want, as shell patterns
    excluded_from_velero: tuple[str, ...] = ()  # namespaces that no backup of Velero needs to hold, likewise
