"""Whether a Backup of Velero holds what it is to hold. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hubops.backup.velero.contents import Contents, is_good
from hubops.model.backup import Outcome, VeleroBackupRecord
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup, words
from hubops.model.velero_scope import Key

#: Objects, claims, errors and warnings that a record names.
NAMED = 20
_FEW = 3  # in a sentence
#: As pkg/util/logging of Velero writes them.
_LOGGED = re.compile(
    r"\s*(?:(?P<namespace>[-a-z0-9.]+):\s+)?(?:resource: /(?P<resource>\S*) )?(?:name: /(?P<name>\S*) )?"
    r"message: /(?P<message>.*?)(?: error: /(?P<error>.*))?"
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that is known of a Backup once it has ended."""

    backup: Backup
    contents: Contents | None = None
    unreadable: str = ""  # why its contents are not known
    absent_namespaces: Sequence[str] = ()  # that its spec names and the cluster does not have
    expected: int | None = None  # objects that the cluster has had all the time; None: not compared
    uncompared: str = ""  # why not
    missing: Sequence[Key] = ()  # of those
    not_compared: Sequence[str] = ()  # kinds that could not be listed
    bare_claims: Sequence[str] = ()  # "shop/data: why" of claims whose data it should hold and does not
    narrowed: bool = False


def verdict(seen: Seen, rpo: timedelta) -> tuple[Outcome, str | None]:
    """How its run ends, and in one sentence why it is no success."""
    problems = list(_problems(seen, rpo))
    if not problems:
        return "succeeded", None
    usable = seen.backup.phase in {"Completed", "PartiallyFailed"} and seen.contents and seen.contents.held
    return "partial" if usable else "failed", "; ".join(problems)


def _problems(seen: Seen, rpo: timedelta) -> Iterator[str]:
    backup = seen.backup
    yield from _phase(seen)
    if backup.phase in {"Completed", "PartiallyFailed"}:
        yield from _contents(seen)
    hooks = backup.status.hook_status
    if hooks and hooks.hooks_failed:
        yield f"{hooks.hooks_failed} of its {hooks.hooks_attempted} hooks failed"
    if short := _expires_early(backup, rpo):
        yield short


def _phase(seen: Seen) -> Iterator[str]:
    status, name = seen.backup.status, seen.backup.name
    if status.phase == "FailedValidation":
        yield f"Velero refused {name}: {_some(status.validation_errors)}"
    elif status.phase == "PartiallyFailed":
        yield f"Velero ended {name} as PartiallyFailed with {_count(status.errors, 'error')}{_first_errors(seen)}"
    elif status.phase == "Failed":
        yield f"Velero failed with {name}: {status.failure_reason or 'it does not say why'}{_first_errors(seen)}"
    elif status.phase != "Completed":
        yield f"{name} is no backup: it is {status.phase or 'not begun'}"


def _first_errors(seen: Seen) -> str:
    said = [readable(each) for each in seen.contents.results.errors.all] if seen.contents else []
    return f": {_some(said)}" if said else ""


def _contents(seen: Seen) -> Iterator[str]:
    backup = seen.backup
    if seen.absent_namespaces:
        yield f"its spec names what is not there: namespace {_some(seen.absent_namespaces)}"
    if seen.contents is None:
        yield f"what {seen.backup.name} holds cannot be read: {seen.unreadable}"
        return
    if not seen.contents.held:
        yield f"{seen.backup.name} is empty"
        return
    if seen.uncompared:
        yield f"it could not be compared with the cluster: {seen.uncompared}"
    if seen.missing:
        lacks = f"it lacks {len(seen.missing)} of {_count(seen.expected or 0, 'object')} of the cluster"
        yield f"{lacks}: {_some([str(each) for each in seen.missing])}"
    attempted = backup.status.volume_snapshots_attempted + backup.status.csi_volume_snapshots_attempted
    completed = backup.status.volume_snapshots_completed + backup.status.csi_volume_snapshots_completed
    if completed < attempted and not seen.bare_claims and not backup.spec.snapshot_move_data:
        yield f"{completed} of {attempted} snapshots of volumes were completed"
    if seen.bare_claims:
        data = f"it lacks the data of {_count(len(seen.bare_claims), 'claim')}"
        yield f"{data}: {_some(seen.bare_claims)}"


def _expires_early(backup: Backup, rpo: timedelta) -> str:
    began, ends = backup.status.start_timestamp, backup.status.expiration
    if not (began and ends) or backup.phase not in {"Completed", "PartiallyFailed"} or ends - began >= rpo:
        return ""
    return f"it expires {human_duration(ends - began)} after its beginning, and objectives.rpo is {human_duration(rpo)}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def readable(message: str) -> str:
    """A message of Velero's results without the marks of its log: "pods shop/web: Error backing up item: …"."""
    match = _LOGGED.fullmatch(message)
    if match is None:
        return message
    named = "/".join(each for each in (match["namespace"], match["name"]) if each)
    about = " ".join(each for each in (match["resource"], named) if each)
    return ": ".join(each for each in (about, match["message"], match["error"]) if each)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(words(each, 200) for each in names[:_FEW]) + more


def record_of(seen: Seen) -> VeleroBackupRecord:
    """What the journal keeps of it."""
    backup, status = seen.backup, seen.backup.status
    contents, hooks = seen.contents or Contents(frozenset()), status.hook_status
    errors = tuple(readable(each) for each in contents.results.errors.all)
    warnings = tuple(readable(each) for each in contents.results.warnings.all)
    said = errors or status.validation_errors or ((status.failure_reason,) if status.failure_reason else ())
    return VeleroBackupRecord(
        name=backup.name,
        uid=backup.metadata.uid,
        schedule=backup.schedule,
        location=backup.spec.storage_location,
        phase=status.phase,
        narrowed=seen.narrowed,
        namespaces=contents.namespaces,
        namespaces_total=len(contents.namespaces),
        items=len(contents.held),
        expected=seen.expected,
        missing=tuple(str(each) for each in seen.missing[:NAMED]),
        missing_total=len(seen.missing),
        not_compared=tuple(seen.not_compared),
        hooks=hooks.hooks_attempted if hooks else 0,
        hooks_failed=hooks.hooks_failed if hooks else 0,
        volumes=_volumes(contents, backup),
        volumes_missing=tuple(each.partition(":")[0] for each in seen.bare_claims),
        errors=said[:NAMED],
        errors_total=max(status.errors, len(said)),
        warnings=warnings[:NAMED],
        warnings_total=max(status.warnings, len(warnings)),
        expires_at=_sane(status.expiration),
    )


def _volumes(contents: Contents, backup: Backup) -> int:
    status = backup.status
    if contents.volumes is None:
        return status.volume_snapshots_completed + status.csi_volume_snapshots_completed
    return sum(is_good(each) for each in contents.volumes)


def _sane(moment: datetime | None) -> datetime | None:
    """None for a time that the journal would not take."""
    return moment if moment and 2000 <= moment.year < 9000 else None
