"""What a cluster has of what a Backup of Velero is to hold: by discovery, of each object the metadata alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import quote

from hubops.clients.kube.metadata_list import Metadata
from hubops.clients.kube.served import Resource
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, SourceError
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.velero import BackupSpec
from hubops.model.velero_scope import VERBS, Key, Scope, Sort

#: So many namespaces are asked one by one; of more, whole lists are read.
_ONE_BY_ONE = 5
_GONE = 404


@dataclass(frozen=True)
class Inventory:
    """What was listed at one time. `unread` says of which kinds the server gave no list, and why."""

    scope: Scope
    objects: Mapping[Sort, tuple[Metadata, ...]]
    unread: Mapping[str, str]

    def expected(self, born_before: datetime | None = None) -> dict[Key, str]:
        """The uid of each object that a backup of the scope has to hold, where it exists throughout.

        What is being deleted is none. With *born_before*, only objects that were made before it.
        """
        return {
            sort.key(each.namespace, each.name): each.uid
            for sort, items in self.objects.items()
            for each in items
            if each.deletion_timestamp is None
            and (born_before is None or (each.creation_timestamp or born_before) < born_before)
            and self.scope.takes(sort, each.namespace, each.name, each.labels)
        }


class Cluster:
    """The kinds that a cluster serves and its namespaces, as they were when this was made."""

    def __init__(self, api: KubeWriter) -> None:
        self._api = api
        self._resources = served(api)
        self.namespaces = {each.name: each.metadata.labels for each in api.list(BY_PLURAL["namespaces"])}

    @property
    def sorts(self) -> tuple[Sort, ...]:
        """All that Velero takes of them."""
        return tuple(self._resources)

    def scope(self, spec: BackupSpec) -> Scope:
        """What a Backup of *spec* takes of it."""
        return Scope(spec, self.namespaces, self.sorts)

    def inventory(self, scope: Scope, only: Callable[[Sort], bool] | None = None) -> Inventory:
        """What there is now of the kinds that *scope* takes, or of those of them that *only* names."""
        wanted = [sort for sort in self._resources if scope.takes_sort(sort) and (only is None or only(sort))]
        within = _within(scope)
        with ThreadPoolExecutor(self._api.concurrency, thread_name_prefix="list") as pool:
            lists = list(pool.map(partial(self._listed, within), wanted))
        found = dict(zip(wanted, lists, strict=True))
        return Inventory(
            scope=scope,
            objects={sort: items for sort, items in found.items() if not isinstance(items, SourceError)},
            unread={sort.resource: str(items) for sort, items in found.items() if isinstance(items, SourceError)},
        )

    def _listed(self, within: Collection[str], sort: Sort) -> tuple[Metadata, ...] | SourceError:
        resource = self._resources[sort]
        paths = [resource.path]
        if sort.namespaced and within:
            root = resource.path.removesuffix(resource.plural)
            paths = [f"{root}namespaces/{quote(each, safe='')}/{resource.plural}" for each in within]
        try:
            return tuple(item for path in paths for item in self._list(path, sort))
        except SourceError as error:
            return error

    def _list(self, path: str, sort: Sort) -> tuple[Metadata, ...]:
        try:
            return self._api.list_metadata(path, sort.resource)
        except Permanent as error:
            if error.status == _GONE:  # its CustomResourceDefinition has just been deleted
                return ()
            raise


def served(api: KubeWriter) -> dict[Sort, Resource]:
    """The kinds that Velero takes, each in the preferred version of its group, and once where two groups serve it."""
    found: dict[tuple[str, str], tuple[Sort, Resource]] = {}
    for each in api.resources():
        if each.verbs >= VERBS:
            sort = Sort(each.group, each.kind, each.plural, each.namespaced, each.names)
            same = sort.key("", "")
            if (same.group, same.kind) not in found or same.group == each.group != found[same.group, same.kind][
                0
            ].group:
                found[same.group, same.kind] = sort, each
    return dict(found.values())


def _within(scope: Scope) -> list[str]:
    """The namespaces to be asked one by one, where the spec names a few; empty for all of them."""
    named = scope.spec.included_namespaces
    plain = named and not any(set(each) & set("*?[") for each in named)
    return [each for each in named if scope.takes_namespace(each)] if plain and len(named) <= _ONE_BY_ONE else []


def still_there(cluster: Cluster, scope: Scope, lacking: Mapping[Key, str]) -> tuple[Key, ...]:
    """Those of *lacking*, each with its uid, that are there yet, the same, and still to be backed up.

    Raises Permanent where the server no longer tells of one of their kinds: none of them is taken for deleted.
    """
    kinds = {each[:2] for each in lacking}
    now = cluster.inventory(scope, lambda sort: sort.key("", "")[:2] in kinds)
    if now.unread:
        raise Permanent("; ".join(f"{name}: {why}" for name, why in now.unread.items()))
    there = now.expected()
    return tuple(sorted(each for each, uid in lacking.items() if there.get(each) == uid))
