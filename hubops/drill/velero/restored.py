"""What is in the scratch namespaces now: every object of every kind, read from the API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hubops.clients.kube.served import Resource
from hubops.clients.kube.writer import KubeWriter
from hubops.drill.velero.concealed import Concealer
from hubops.drill.velero.objects import Key, Object
from hubops.errors import Permanent

#: What a kind has to be able to for Velero to back it up (velero 1.18, pkg/discovery/helper.go, filterByVerbs).
_VERBS = frozenset({"list", "create", "get", "delete"})


def restored(
    cluster: KubeWriter, original: Mapping[Key, Object], mapping: Mapping[str, str], concealer: Concealer
) -> tuple[dict[Key, Object], tuple[str, ...]]:
    """All objects in the scratch namespaces of *mapping*, under their original ones, Secrets without their values.

    Each kind is read in the version that *original* has of it, where that is still served. The second are the kinds
    that may not be listed, of which *original* has none: what was added of them is not known. Raises Permanent for one
    of which it has some, and as the client does.
    """
    versions = {key.resource: str(item.get("apiVersion")) for key, item in original.items()}
    found: dict[Key, Object] = {}
    unread: list[str] = []
    for resource, kind in _kinds(cluster.resources(), versions):
        try:
            for namespace, scratch in mapping.items():
                for item in cluster.find(kind.api_version, kind.kind, scratch):
                    key = Key(resource, namespace, item["metadata"]["name"])
                    found[key] = concealer.concealed(resource, item)
        except Permanent as error:
            if resource in versions or error.status not in (403, 404, 405):
                raise
            unread.append(resource)
    return found, tuple(unread)


def _kinds(served: tuple[Resource, ...], versions: Mapping[str, str]) -> Iterator[tuple[str, Resource]]:
    """Each kind in namespaces once, with its name as Velero writes it: in the wanted version, or else the preferred."""
    chosen: dict[str, Resource] = {}
    for each in served:
        if each.namespaced and each.verbs >= _VERBS:
            name = f"{each.plural}.{each.group}" if each.group else each.plural
            if name not in chosen or each.api_version == versions.get(name):
                chosen[name] = each
    yield from chosen.items()
