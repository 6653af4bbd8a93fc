"""backup-location-unavailable and velero-server-down: where backups go, and who makes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.velero import (
    BACKUPS,
    LOCATIONS,
    SCHEDULES,
    Planned,
    Resources,
    by_namespace,
    duration,
    fields,
    is_ahead,
    is_good,
    server,
    told,
)
from hubops.engine.view import View
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.workloads import Deployment
from hubops.model.quantity import human_duration
from hubops.model.velero import Backup, Location

_READ = fields(LOCATIONS, SCHEDULES, BACKUPS)
#: The location that Velero takes where none is marked as the default (velero server --default-backup-storage-location).
_DEFAULT = "default"
_ZERO = frozenset({"0", "0s"})


@probe(needs=(LOCATIONS, SCHEDULES, BACKUPS), fields=_READ)
def velero_location_unavailable(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Locations that Velero cannot use, and those that schedules write to and that are not there or are read-only.

    One that no server has looked at within *grace* of its creation is one of them. It is a warning where no schedule
    writes to it: nothing can be restored from it.
    """
    velero = Resources(view)
    for namespace, locations in _by_server(velero).items():
        writers = _writers(velero, namespace, locations)
        known = {each.name for each in locations}
        for location in locations:
            if words := _wrong(view, location, writers[location.name], grace):
                yield _unusable(location, words, writers[location.name], velero.backups)
        for name in sorted(writers.keys() - known):
            yield _missing(namespace, name, writers[name])
    velero.doubt()


def _by_server(velero: Resources) -> dict[str, list[Location]]:
    """The locations by their namespace, and the namespaces of schedules that have none."""
    found = {planned.schedule.namespace: list[Location]() for planned in velero.planned}
    return found | dict(by_namespace(velero.locations))


def _writers(velero: Resources, namespace: str, locations: Sequence[Location]) -> dict[str, list[Planned]]:
    """The schedules that make backups, by the location that these go to; an empty name is none."""
    default = next((each.name for each in locations if each.spec.default), "")
    if not default and any(each.name == _DEFAULT for each in locations):
        default = _DEFAULT
    found: dict[str, list[Planned]] = defaultdict(list)
    for planned in velero.planned:
        if planned.schedule.namespace == namespace and planned.works:
            # Which one a server takes by itself can be a flag of it: its last backup tells.
            took = planned.backups[0].spec.storage_location if planned.backups else ""
            found[planned.spec.storage_location or default or took].append(planned)
    return found


def _wrong(view: View, location: Location, writers: Sequence[Planned], grace: timedelta) -> str:
    """What is wrong with it, or nothing."""
    status = location.status
    if status.phase == "Unavailable":
        return f"Velero cannot use it: {status.message or 'it gives no reason'}"
    if location.read_only and writers:
        return f"is read-only, and {_named(writers)} to it: Velero refuses each of their backups"
    never = not status.phase and location.spec.validation_frequency not in _ZERO
    if never and pods.longer_than(view, location.metadata.creation_timestamp, grace):
        return "no server has looked at it"
    return ""


def _named(writers: Sequence[Planned]) -> str:
    names = [each.schedule.name for each in writers]
    return f"Schedule {names[0]} writes" if len(names) == 1 else f"{len(names)} schedules write"


def _unusable(location: Location, words: str, writers: Sequence[Planned], backups: Sequence[Backup]) -> Hit:
    severity: Severity | None = None if writers or location.spec.default else "warning"
    return Hit(
        ref=Ref("BackupStorageLocation", location.name, location.namespace),
        summary=evidence.bounded(words, 300),
        evidence=tuple(_evidence(location, writers, backups)),
        # A server goes through the backups of a location each minute, and leaves out those that it cannot use.
        since=location.status.last_synced_time if location.status.phase == "Unavailable" else None,
        severity=severity,
        depends_on=(server(location.namespace),),
        details={"location": location.name},
    )


def _evidence(location: Location, writers: Sequence[Planned], backups: Sequence[Backup]) -> Iterator[Evidence]:
    status, storage = location.status, location.spec.object_storage
    if storage:
        prefix = f"/{storage.prefix}" if storage.prefix else ""
        yield evidence.fact(f"{location.spec.provider} bucket {storage.bucket}{prefix}")
    if status.last_validation_time:
        yield evidence.fact(f"Velero found it {status.phase or 'not looked at'}", status.last_validation_time)
    if status.last_synced_time:
        yield evidence.fact("Velero last read what is in it", status.last_synced_time)
    for planned in writers[:3]:
        yield evidence.fact(f"Schedule {planned.schedule.name} writes to it")
    here = (each for each in backups if is_good(each) and each.spec.storage_location == location.name)
    if newest := next(here, None):
        yield told(newest)


def _missing(namespace: str, name: str, writers: Sequence[Planned]) -> Hit:
    """A location that schedules write to and that is not there; without a name, the default one."""
    words = "does not exist" if name else "no location is the default one, and none is named"
    return Hit(
        ref=Ref("BackupStorageLocation", name or _DEFAULT, namespace),
        summary=f"{words}: {_named(writers)} to it, and Velero refuses each of their backups",
        evidence=tuple(evidence.fact(f"Schedule {each.schedule.name} writes to it") for each in writers[:3]),
        depends_on=tuple(each.ref for each in writers),
        details={"location": name or _DEFAULT},
    )


@probe(needs=(LOCATIONS, SCHEDULES, BACKUPS), uses=("deployments",), fields=_READ)
def velero_server_down(view: View, *, silent: timedelta, scaled: timedelta) -> Iterator[Hit]:
    """Namespaces with Velero's resources in which no server works: for *silent* it has looked at no location.

    A server validates each location every minute and reads what is in it, unless it is told to do so more rarely or
    never. Where its Deployment is scaled to none, *scaled* is long enough: it may be down for a moment on purpose.
    """
    velero = Resources(view)
    for namespace, locations in by_namespace(velero.locations).items():
        seen, rarest = _last_sign(velero, namespace, locations), _rarest(locations)
        if is_ahead(view, seen):
            velero.cannot(f"Velero in {namespace} last worked after this round: the clock of its machine is wrong")
        elif _scaled_down(view, namespace) and pods.longer_than(view, seen, scaled):
            yield _down(view, namespace, "is scaled to 0 replicas", seen)
        elif rarest is not None and (late := _late(view, locations, seen, silent + rarest)):
            yield _down(view, namespace, late, seen)
    velero.doubt()


def _last_sign(velero: Resources, namespace: str, locations: Sequence[Location]) -> datetime | None:
    """When the server in *namespace* last did anything that its resources tell of."""
    times = [time for each in locations for time in (each.status.last_validation_time, each.status.last_synced_time)]
    mine = [each for each in velero.planned if each.schedule.namespace == namespace]
    times += [time for each in mine for time in (each.schedule.status.last_backup, each.schedule.status.last_skipped)]
    ours = [each for planned in mine for each in planned.backups]
    times += [time for each in ours for time in (each.status.start_timestamp, each.status.completion_timestamp)]
    return max((time for time in times if time), default=None)


def _rarest(locations: Sequence[Location]) -> timedelta | None:
    """How often the one is looked at that is looked at most often; None where no look is taken at any."""
    every = [
        duration(each.spec.validation_frequency) or timedelta(minutes=1)
        for each in locations
        if each.spec.validation_frequency not in _ZERO
    ]
    return min(every, default=None)


def _late(view: View, locations: Sequence[Location], seen: datetime | None, allowed: timedelta) -> str:
    """How long nothing was seen of it, where that is more than *allowed*."""
    created = [each.metadata.creation_timestamp for each in locations]
    since = seen or min((time for time in created if time), default=None)
    if since is None or view.now - since <= allowed:
        return ""
    return f"has done nothing for {human_duration(view.now - since)}" if seen else "has never done anything"


def _scaled_down(view: View, namespace: str) -> bool:
    found = view.find(server(namespace))
    return isinstance(found, Deployment) and found.spec.replicas == 0


def _down(view: View, namespace: str, words: str, seen: datetime | None) -> Hit:
    ref = server(namespace)
    found = view.find(ref)
    replicas = "there is none"
    if isinstance(found, Deployment):
        replicas = f"{evidence.counted(found.status.available_replicas, 'replica')} of it available"
    return Hit(
        ref=ref,
        summary=f"Velero's server {words}: it makes no backups and restores none",
        evidence=(
            evidence.fact("the newest thing that its resources tell of it", seen) if seen
            else evidence.fact("its resources tell of nothing that it did"),
            evidence.fact(f"Deployment {ref.name} in namespace {namespace}: {replicas}"),
        ),
        value=Value((view.now - seen).total_seconds(), "seconds") if seen else None,
        since=seen,
    )  # fmt: skip
