"""Velero's backups and schedules as hubops tells of them, and what they cover: plain data for people and programs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

State = Literal["enabled", "paused", "refused", "new"]


class BackupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A Backup in one line."""

    name: str
    phase: str
    began: datetime | None = None
    items: int = 0
    volumes: int = 0  # of which snapshots were completed
    errors: int = 0
    warnings: int = 0
    expires: datetime | None = None
    location: str = ""
    schedule: str | None = None
    remark: str = ""


class BackupDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A Backup in full, and beside the cluster as it is now. `unreadable` says why its files cannot be had."""

    backup: BackupRow
    spec: tuple[str, ...]
    ended: datetime | None = None
    hooks: str = ""
    failure: str = ""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kinds: dict[str, int] = {}
    namespaces: dict[str, int] = {}
    volumes: tuple[str, ...] = ()  # "shop/data: CSISnapshot"
    missing: tuple[str, ...] = ()  # that were there when it began, and are now
    missing_total: int = 0
    expected: int | None = None  # of those that were there when it began, and are now
    younger: int = 0  # objects of its scope that were made since it began
    not_compared: tuple[str, ...] = ()
    unreadable: str = ""


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A Schedule as it stands. Times are UTC; `next` is None where none will come."""

    name: str
    cron: str
    state: State
    next: datetime | None = None
    last: datetime | None = None  # that it began
    last_good: datetime | None = None  # the beginning of its newest Completed backup
    missed: int = 0  # times since then that nothing was begun
    remark: str = ""


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a namespace, or of a cluster-scoped kind, some backup holds."""

    name: str
    objects: int
    held: int
    lacking: dict[str, int] = {}  # objects that no backup holds, by their kind
    examples: tuple[str, ...] = ()  # of them

    @property
    def state(self) -> str:
        return "covered" if self.held == self.objects else "partly" if self.held else "not covered"


class ClaimCover(msgspec.Struct, frozen=True, kw_only=True):
    """Whether some backup holds the data of a bound claim, and in which one it is the newest."""

    namespace: str
    name: str
    backup: str | None = None
    definition: bool = False  # the claim itself is held


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What is there now and was when the newest good backup began, and what of it some backup holds.

    `unread` says of which kinds the cluster gave no list; `unread_backups` of which good backups it is not known what
    they hold: with one of these, what seems to be in none may be in it.
    """

    since: datetime
    backups: tuple[str, ...] = ()  # that were looked at, newest first
    not_good: dict[str, str] = {}  # those that count for nothing, and their phase
    namespaces: tuple[Cover, ...] = ()
    cluster: tuple[Cover, ...] = ()
    claims: tuple[ClaimCover, ...] = ()
    too_young: int = 0  # objects that were made after the newest backup began
    unread: dict[str, str] = {}
    unread_backups: dict[str, str] = {}

    @property
    def gaps(self) -> bool:
        every = (*self.namespaces, *self.cluster)
        return any(each.state != "covered" for each in every) or any(each.backup is None for each in self.claims)
