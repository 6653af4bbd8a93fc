"""A Backup that has ended beside the cluster that it is of: what it holds, and what it should hold."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from hubops.backup.velero.contents import Contents, asks_for_all_data, bare_claims, keys_of
from hubops.backup.velero.inventory import Cluster, Inventory, still_there
from hubops.backup.velero.judge import Seen
from hubops.backup.velero.policy import leaves_out
from hubops.clients.velero import VeleroClient
from hubops.errors import Permanent, SourceError
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.kube.storage import PersistentVolumeClaim
from hubops.model.velero import Backup, BackupSpec, Results
from hubops.model.velero_scope import Scope

_NOT_THERE = 404
#: Phases of a Backup that holds something.
_RAN = frozenset({"Completed", "PartiallyFailed"})


@dataclass(frozen=True)
class Before:
    """What the cluster had of a Backup's scope at one time. `uncompared` says why that is not known, `filtered` why
    Velero alone can know what of it is to be held.

    With `born_before`, what is younger is not looked at: the list was made later than the Backup.
    """

    inventory: Inventory | None = None
    claims: dict[str, str] = field(default_factory=dict)  # the uid of each bound claim of it
    absent_namespaces: Sequence[str] = ()
    uncompared: str = ""
    filtered: str = ""
    born_before: datetime | None = None


def before(velero: VeleroClient, spec: BackupSpec, born_before: datetime | None = None) -> Before:
    """What there is now of what a Backup of *spec* is to hold."""
    try:
        cluster = Cluster(velero.cluster)
        scope = cluster.scope(spec)
        absent = scope.missing_namespaces()
        if policy := leaves_out(velero.cluster, velero.namespace, spec):
            return Before(absent_namespaces=absent, filtered=policy)
        inventory = cluster.inventory(scope)
        if inventory.unread and not any(inventory.objects.values()):
            return Before(absent_namespaces=absent, uncompared=next(iter(inventory.unread.values())))
        return Before(inventory, _claims(velero, scope), absent, born_before=born_before)
    except SourceError as error:
        return Before(uncompared=str(error))


def seen(velero: VeleroClient, backup: Backup, then: Before, *, narrowed: bool = False) -> Seen:
    """All that is known of *backup*, which has ended, beside what there was *then*."""
    try:
        contents, unreadable = read(velero, backup), ""
    except SourceError as error:
        contents, unreadable = None, str(error)
    plain = Seen(
        backup=backup, contents=contents, unreadable=unreadable, absent_namespaces=then.absent_namespaces,
        uncompared=then.uncompared, not_compared=(then.filtered,) if then.filtered else (), narrowed=narrowed,
    )  # fmt: skip
    if contents is None or then.inventory is None or backup.phase not in _RAN:
        return plain
    return _compared(velero, plain, contents, then, then.inventory)


def _compared(velero: VeleroClient, plain: Seen, contents: Contents, then: Before, inventory: Inventory) -> Seen:
    expected = inventory.expected(then.born_before)
    lacking = {each: uid for each, uid in expected.items() if each not in contents.held}
    try:
        missing = still_there(Cluster(velero.cluster), inventory.scope, lacking) if lacking else ()
        now = _claims(velero, inventory.scope)
    except SourceError as error:
        return Seen(backup=plain.backup, contents=contents, uncompared=str(error), narrowed=plain.narrowed)
    gone = len(lacking) - len(missing)
    return Seen(
        backup=plain.backup,
        contents=contents,
        absent_namespaces=plain.absent_namespaces,
        expected=len(expected) - gone,
        missing=missing,
        not_compared=tuple(sorted(inventory.unread)),
        bare_claims=bare_claims(
            contents, plain.backup.spec, [each for each, uid in then.claims.items() if now.get(each) == uid]
        ),
        narrowed=plain.narrowed,
    )


def read(velero: VeleroClient, backup: Backup) -> Contents:
    """What *backup* holds. Raises SourceError where its files cannot be had; of one that Failed there may be none."""
    if backup.phase not in _RAN:
        results = Results()
        if backup.phase == "Failed":
            with suppress(SourceError):
                results = velero.results(backup)
        return Contents(frozenset(), results)
    held = keys_of(velero.resource_list(backup))
    results = velero.results(backup) if backup.status.errors or backup.status.warnings else Results()
    try:
        volumes = velero.volumes(backup)
    except Permanent as error:
        if error.status != _NOT_THERE:
            raise
        return Contents(held, results, None)
    return Contents(held, results, volumes)


def _claims(velero: VeleroClient, scope: Scope) -> dict[str, str]:
    """The uid of each bound claim in *scope*, where the data of all of them is asked for."""
    if not asks_for_all_data(scope.spec):
        return {}
    sort = next((each for each in scope.sorts if each.resource == "persistentvolumeclaims"), None)
    if sort is None or not scope.takes_sort(sort):
        return {}
    found: dict[str, str] = {}
    for each in velero.cluster.list(BY_PLURAL["persistentvolumeclaims"]):
        bound = isinstance(each, PersistentVolumeClaim) and each.status.phase == "Bound"
        if bound and scope.takes(sort, each.namespace, each.name, each.metadata.labels):
            found[f"{each.namespace}/{each.name}"] = each.metadata.uid
    return found
