"""The kinds that the cluster serves, and the path of each object of one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from hubops.clients.answer import body_as
from hubops.clients.http import Response
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.refusal import SERVER

#: One answer for everything that is served: API server 1.27 and newer.
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class _Kind(msgspec.Struct, frozen=True):
    kind: str


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    scope: str
    response_kind: _Kind | None = None
    verbs: tuple[str, ...] = ()
    singular_resource: str = ""
    short_names: tuple[str, ...] = ()


class _Version(msgspec.Struct, frozen=True):
    version: str
    resources: tuple[_Resource, ...] = ()


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    versions: tuple[_Version, ...] = ()


class _Groups(msgspec.Struct, frozen=True):
    items: tuple[_Group, ...] = ()


class Resource(NamedTuple):
    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()  # other than the plural: the singular and short ones

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def path(self) -> str:
        """Of the list of all of them."""
        return f"/{'apis' if self.group else 'api'}/{self.api_version}/{self.plural}"


class Served:
    """Asks once, and again when a kind is missing: it may have been installed since. *get* answers a path."""

    def __init__(self, get: Callable[[str], Response]) -> None:
        self._get = get
        self._lock = threading.Lock()
        self._known: Mapping[tuple[str, str], Resource] = {}

    def resource(self, api_version: str, kind: str) -> Resource:
        """Raises NotServed where the cluster does not have *kind* in *api_version*."""
        key = (api_version, kind)
        with self._lock:
            if key not in self._known:
                self._known = {(each.api_version, each.kind): each for each in self._read()}
            if key not in self._known:
                raise NotServed(f"the cluster does not serve {kind} of {api_version}", status=404)
            return self._known[key]

    def api_versions(self) -> tuple[str, ...]:
        """What is served, as `helm template --api-versions` takes it: "apps/v1" and "apps/v1/Deployment"."""
        with self._lock:
            self._known = {(each.api_version, each.kind): each for each in self._read()}
            known = self._known
        return tuple(dict.fromkeys(name for version, kind in known for name in (version, f"{version}/{kind}")))

    def resources(self) -> tuple[Resource, ...]:
        """What is served now: in the server's order, which puts its own groups before those of CRDs."""
        return tuple(self._read())

    def path(self, item: Mapping[str, Any], *, collection: bool = False) -> str:
        """The path of the object *item*, or of the collection that it belongs to. Raises NotServed."""
        resource = self.resource(item["apiVersion"], item["kind"])
        base = f"/apis/{resource.api_version}" if "/" in resource.api_version else f"/api/{resource.api_version}"
        namespace = item["metadata"].get("namespace", "")
        if resource.namespaced and (namespace or not collection):
            base += f"/namespaces/{quote(namespace or 'default', safe='')}"
        return f"{base}/{resource.plural}" + ("" if collection else f"/{quote(item['metadata']['name'], safe='')}")

    def _read(self) -> list[Resource]:
        found: list[Resource] = []
        for root in ("/api", "/apis"):
            for group in body_as(self._get(root), _Groups, SERVER).items:
                for version in group.versions:
                    name = f"{group.metadata.name}/{version.version}" if group.metadata.name else version.version
                    found += [
                        _resource(name, each.response_kind.kind, each)
                        for each in version.resources
                        if each.response_kind
                    ]
        return found


def _resource(api_version: str, kind: str, given: _Resource) -> Resource:
    names = frozenset(name for name in (given.singular_resource, *given.short_names) if name)
    return Resource(
        api_version, kind, given.resource, given.scope == "Namespaced", verbs=frozenset(given.verbs), names=names
    )
