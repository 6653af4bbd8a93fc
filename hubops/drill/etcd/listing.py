"""What an API server lists of a restored etcd: each resource must have as many objects as etcd has keys of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hubops.clients.kube.counts import Counts
from hubops.clients.kube.served import Resource
from hubops.clients.retry import Deadline
from hubops.errors import HubopsError
from hubops.model.backup import Difference
from hubops.model.etcd_keys import OTHER
from hubops.model.text import inert

#: What the API server keeps for itself and serves to nobody.
_INTERNAL = frozenset({OTHER, "ranges", "masterleases", "peerserverleases"})
#: Seconds after its start within which the API server serves all custom resources.
_SERVED_WITHIN = 20.0
_NEEDS_WEBHOOK = "stored in several versions, which only their conversion webhook in the cluster could list"
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_FIELDS = ("spec.group", "spec.names", "spec.conversion", "spec.versions.name", "spec.versions.served", "status")


@dataclass
class Listing:
    """What was listed; `unproven` is what cannot be, on any machine that is not the cluster."""

    objects: int = 0
    resources: int = 0
    differences: list[Difference] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)


def list_all(server: Counts, keys: Mapping[str, int], at: int, *, deadline: Deadline) -> Listing:
    """List every resource of *keys*, by its name as `kubectl` writes it, at the revision *at*.

    Raises HubopsError where the server does not answer at all.
    """
    wanted = {name: count for name, count in keys.items() if name not in _INTERNAL}
    served = _served(server, wanted, deadline)
    result = Listing()
    for name, version in _converted(server).items():
        if name in served and version:
            served[name] = served[name]._replace(api_version=f"{name.partition('.')[2]}/{version}")
        elif served.pop(name, None):
            wanted.pop(name)
            result.unproven.append(f"{name}: {_NEEDS_WEBHOOK}")
    missing = [f"{name} ({wanted[name]})" for name in sorted(wanted) if name not in served]
    if missing:
        result.unproven.append(f"not served by this version of kube-apiserver: {', '.join(missing)}")
    for name, resource in sorted(served.items()):
        _list(server, name, resource, wanted[name], at, result)
    return result


def _list(server: Counts, name: str, resource: Resource, expected: int, at: int, result: Listing) -> None:
    try:
        found = server.count(resource, at)
    except HubopsError as error:
        said = inert(str(error), limit=300)
        result.differences.append(Difference(what=name, how=f"kube-apiserver cannot list them: {said}"))
        return
    result.objects += found
    result.resources += 1
    if found != expected:
        said = f"kube-apiserver lists {found}, the restored etcd has {expected} keys"
        result.differences.append(Difference(what=name, how=said))


def _converted(server: Counts) -> dict[str, str | None]:
    """The custom resources that a webhook converts, as "plural.group": the version that needs no conversion because
    all of them are stored in it, None where there is none.
    """
    found: dict[str, str | None] = {}
    for item in server.list_pruned(_DEFINITIONS, _FIELDS):
        spec = item["spec"]
        if (spec.get("conversion") or {}).get("strategy") == "Webhook":
            stored: list[str] = (item.get("status") or {}).get("storedVersions") or []
            served = {each["name"] for each in spec["versions"] if each.get("served")}
            only = stored[0] if len(stored) == 1 and stored[0] in served else None
            found[f"{spec['names']['plural']}.{spec['group']}"] = only
    return found


def _served(server: Counts, wanted: Iterable[str], deadline: Deadline) -> dict[str, Resource]:
    """How each of *wanted* is served, where it is; custom resources are soon after the server's start."""
    patience = Deadline(_SERVED_WITHIN)
    while True:
        found = _by_name(server.resources())
        missing = [name for name in wanted if name not in found]
        if not any("." in name for name in missing) or not patience.remaining():
            return {name: found[name] for name in wanted if name in found}
        deadline.bound(1.0)
        deadline.pause(0.5)


def _by_name(resources: Iterable[Resource]) -> dict[str, Resource]:
    """*resources* as "plural" and "plural.group", each in the server's first version: its own groups come first."""
    found: dict[str, Resource] = {}
    for each in resources:
        group = each.api_version.rpartition("/")[0]
        found.setdefault(each.plural, each)
        found.setdefault(f"{each.plural}.{group}", each)
    return found
