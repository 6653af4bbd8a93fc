"""Velero's backups and schedules, and what they cover, as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from tabulate import tabulate

from hubops.model.quantity import human_duration
from hubops.model.text import inert
from hubops.model.velero_told import BackupDetails, BackupRow, ClaimCover, Cover, Coverage, ScheduleRow

_TEXT = 120  # characters of a cell
_BACKUPS = (
    "BACKUP",
    "PHASE",
    "AGE",
    "ITEMS",
    "VOLUMES",
    "ERRORS",
    "WARNINGS",
    "EXPIRES",
    "LOCATION",
    "SCHEDULE",
    "REMARK",
)
_SCHEDULES = ("SCHEDULE", "CRON", "STATE", "NEXT", "LAST", "LAST GOOD", "MISSED", "REMARK")


def backups_table(rows: Iterable[BackupRow], now: datetime) -> str:
    """One line for each backup."""
    return _table(_BACKUPS, [_backup(each, now) for each in rows])


def _backup(row: BackupRow, now: datetime) -> tuple[str, ...]:
    return (
        row.name, row.phase, _ago(row.began, now), f"{row.items:,}", str(row.volumes), str(row.errors),
        str(row.warnings), _ahead(row.expires, now), row.location or "-", row.schedule or "-", row.remark,
    )  # fmt: skip


def schedules_table(rows: Iterable[ScheduleRow], now: datetime) -> str:
    """One line for each schedule."""
    lines = [
        (each.name, each.cron, each.state, _ahead(each.next, now), _ago(each.last, now), _ago(each.last_good, now),
         str(each.missed), each.remark)
        for each in rows
    ]  # fmt: skip
    return _table(_SCHEDULES, lines)


def _table(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    cells = [[inert(each, limit=_TEXT) for each in line] for line in lines]
    return tabulate(cells, headers=headers, tablefmt="plain", disable_numparse=True)


def _ago(moment: datetime | None, now: datetime) -> str:
    return human_duration(max(now - moment, now - now)) if moment else "-"


def _ahead(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    return f"in {human_duration(moment - now)}" if moment > now else f"{human_duration(now - moment)} ago"


def backup_text(told: BackupDetails, now: datetime) -> str:
    """A backup in full; the text ends with a line break."""
    return "\n".join(inert(line, limit=400) for line in _details(told, now)) + "\n"


def _details(told: BackupDetails, now: datetime) -> Iterator[str]:
    row = told.backup
    by = f", by schedule {row.schedule}" if row.schedule else ""
    yield f"Backup {row.name}: {row.phase}, began {_ago(row.began, now)} ago{by}"
    if row.began and told.ended:
        took = human_duration(told.ended - row.began)
        yield f"  took {took}, expires {_ahead(row.expires, now)}, in {row.location or '-'}"
    yield from (f"  {each}" for each in (row.remark, told.failure) if each)
    yield "It was to hold"
    yield from (f"  {each}" for each in told.spec)
    if told.hooks:
        yield f"Hooks: {told.hooks}"
    yield from _holds(told)
    yield from _named("Errors", told.errors)
    yield from _named("Warnings", told.warnings)
    yield from _beside(told)


def _holds(told: BackupDetails) -> Iterator[str]:
    if told.unreadable:
        yield f"What it holds cannot be read: {told.unreadable}"
    if told.kinds:
        yield f"It holds {_count(sum(told.kinds.values()), 'object')}"
        yield from (f"  {count:>7,}  {kind}" for kind, count in told.kinds.items())
        yield "by namespace"
        yield from (f"  {count:>7,}  {name or '(none)'}" for name, count in told.namespaces.items())
    yield from _named("Volumes", told.volumes)


def _beside(told: BackupDetails) -> Iterator[str]:
    """What it lacks of the cluster as it is now."""
    if told.expected is not None:
        lacks = f"lacks {told.missing_total:,}" if told.missing_total else "lacks none"
        yield f"Of {told.expected:,} objects of its scope that were there when it began and still are, it {lacks}"
        yield from (f"  {each}" for each in told.missing)
        if told.missing_total > len(told.missing):
            yield f"  and {told.missing_total - len(told.missing):,} more"
    if told.younger:
        yield f"Made since it began: {_count(told.younger, 'object')} of its scope"
    yield from _named("Not compared", told.not_compared)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def _named(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title} ({len(lines)})"
        yield from (f"  {each}" for each in lines)


def coverage_text(told: Coverage, now: datetime, every: bool) -> str:
    """What no backup holds, or with *every* all that was looked at; the text ends with a line break."""
    return "\n".join(inert(line, limit=400) for line in _coverage(told, now, every)) + "\n"


def _coverage(told: Coverage, now: datetime, every: bool) -> Iterator[str]:
    span = human_duration(now - told.since)
    if told.backups:
        yield f"Backups of the last {span} that were read: {', '.join(told.backups)}"
    elif told.unread_backups:
        yield f"No good backup of the last {span} could be read"
    else:
        yield f"There is no good backup of the last {span}: nothing is covered"
    yield from (f"  {name} is {phase}, and counts for nothing" for name, phase in told.not_good.items())
    yield from _covers("Namespaces", told.namespaces, every)
    yield from _covers("Cluster-scoped kinds", told.cluster, every)
    yield from _claims(told.claims, every)
    if told.too_young:
        yield f"Younger than the newest of these backups, and not looked at: {_count(told.too_young, 'object')}"
    yield from _named("Kinds that were not looked at", [f"{name}: {why}" for name, why in told.unread.items()])
    unread = [f"{name}: {why}" for name, why in told.unread_backups.items()]
    yield from _named("Backups that could not be read, and may hold what seems to be in none", unread)


def _covers(title: str, covers: Sequence[Cover], every: bool) -> Iterator[str]:
    bare = [each for each in covers if each.state != "covered"]
    yield f"{title}: {len(covers) - len(bare)} of {len(covers)} covered"
    for each in covers if every else bare:
        lacking = ", ".join(f"{kind} {count}" for kind, count in each.lacking.items())
        more = f"; lacking: {lacking}; such as {each.examples[0]}" if each.examples else ""
        yield f"  {each.name}: {each.state}, {each.held:,} of {each.objects:,} objects{more}"


def _claims(claims: Sequence[ClaimCover], every: bool) -> Iterator[str]:
    bare = [each for each in claims if each.backup is None]
    yield f"Claims: the data of {len(claims) - len(bare)} of {len(claims)} covered"
    for each in claims if every else bare:
        where = f"in {each.backup}" if each.backup else "no data" + (", only its definition" if each.definition else "")
        yield f"  {each.namespace}/{each.name}: {where}"
