"""A small client of the API server, for setting the scene: apply, patch a status, list, delete, in bulk."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml
from requests.adapters import HTTPAdapter

from tests.testbed.errors import TestbedError
from tests.testbed.pki import Pair

Object = dict[str, Any]
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CONNECTIONS = 16
T = TypeVar("T")
R = TypeVar("R")


class YamlLoader(yaml.CSafeLoader):
    """Prometheus' CRDs have a bare `=`, which YAML 1.1 gives a tag of its own."""


yaml.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value), Loader=YamlLoader)


def load(*paths: Path) -> list[Object]:
    return [obj for path in paths for obj in yaml.load_all(path.read_text(), Loader=YamlLoader) if obj]


def now(ago: dt.timedelta = dt.timedelta()) -> str:
    return (dt.datetime.now(dt.UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


class Api:
    def __init__(self, server: str, authority: Path, user: Pair) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(authority)
        self.session.cert = (str(user.certificate), str(user.key))
        self.session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=_CONNECTIONS))

    def call(
        self, method: str, path: str, body: Any = None, content: str = "application/json", **params: str
    ) -> Object:
        """One request; an answer that is not a success raises, with what the server said."""
        answer = self.session.request(
            method, self.server + path, json=body, params=params, headers={"Content-Type": content}, timeout=30
        )
        if answer.status_code >= 400:
            raise ApiError(method, path, answer.status_code, answer.text[:500])
        decoded: Object = answer.json()
        return decoded

    def healthy(self) -> bool:
        try:
            return bool(self.session.get(self.server + "/readyz", timeout=2).ok)
        except requests.RequestException:
            return False

    def serves(self, kind: str) -> bool:
        return any(known == kind for _, known in self.served())

    def served(self) -> set[tuple[str, str]]:
        """The API version (group/version) and kind of everything that is served now."""
        self._resources.cache_clear()
        return {(version, kind) for version, kind, _, _ in self._resources()}

    def has_group(self, group: str) -> bool:
        """Whether anything of the API *group* is served."""
        return bool(self.session.get(f"{self.server}/apis/{group}", timeout=30).ok)

    def path(self, kind: str, namespace: str | None = None, name: str | None = None, group: str | None = None) -> str:
        """The path of an object or, without a name, of its collection.

        *group*, with or without a version, tells kinds of the same name apart.
        """
        version, _, plural, namespaced = self._resource(kind, group)
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        space = f"/namespaces/{namespace or 'default'}" if namespaced and (name or namespace) else ""
        return f"{base}{space}/{plural}" + (f"/{name}" if name else "")

    def path_of(self, obj: Object) -> str:
        meta = obj["metadata"]
        return self.path(obj["kind"], meta.get("namespace"), meta["name"], obj["apiVersion"])

    def namespaced(self, version: str, kind: str) -> bool:
        """Whether objects of *kind* in the API *version* (group/version) live in a namespace."""
        return self._resource(kind, version)[3]

    def _resource(self, kind: str, group: str | None) -> tuple[str, str, str, bool]:
        for fresh in (False, True):
            if fresh:
                self._resources.cache_clear()
            for found in self._resources():
                if found[1] == kind and group in (None, found[0], found[0].rpartition("/")[0]):
                    return found
        raise TestbedError(f"the API server knows no kind {kind}" + (f" in {group}" if group else ""))

    @functools.lru_cache  # noqa: B019 (one client a testbed)
    def _resources(self) -> tuple[tuple[str, str, str, bool], ...]:
        """(group/version, kind, plural, namespaced) of everything served, preferred versions first."""
        found = []
        for root in ("/api", "/apis"):
            answer = self.session.get(self.server + root, headers={"Accept": _DISCOVERY}, timeout=30).json()
            for group in answer["items"]:
                prefix = group["metadata"].get("name", "")
                for version in group["versions"]:
                    full = f"{prefix}/{version['version']}" if prefix else version["version"]
                    found += [
                        (full, r["responseKind"]["kind"], r["resource"], r["scope"] == "Namespaced")
                        for r in version.get("resources", [])
                    ]
        return tuple(found)

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        try:
            return self.call("GET", self.path(kind, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str | None = None, **params: str) -> list[Object]:
        items: list[Object] = self.call("GET", self.path(kind, namespace), **params)["items"]
        return items

    def apply(self, obj: Object) -> Object:
        """Server-side apply, of the status too when the object has one."""
        applied = self.call(
            "PATCH",
            self.path_of(obj),
            {k: v for k, v in obj.items() if k != "status"},
            "application/apply-patch+yaml",
            fieldManager="testbed",
            force="true",
        )
        return self.set_status(obj, obj["status"]) if "status" in obj else applied

    def patch(self, obj: Object, body: Object) -> Object:
        return self.call("PATCH", self.path_of(obj), body, "application/merge-patch+json")

    def set_status(self, obj: Object, status: Object) -> Object:
        """Merge into the status; lists (conditions, containerStatuses) are replaced as a whole."""
        return self.call("PATCH", self.path_of(obj) + "/status", {"status": status}, "application/merge-patch+json")

    def delete(self, obj: Object, grace: int = 0) -> None:
        try:
            self.call("DELETE", self.path_of(obj), {"gracePeriodSeconds": grace, "propagationPolicy": "Background"})
        except ApiError as error:
            if error.status != 404:
                raise

    def event(self, obj: Object, reason: str, message: str, component: str, count: int = 1, **extra: Any) -> Object:
        """Record a core/v1 Event about *obj*, first seen half an hour ago and last just now."""
        meta = obj["metadata"]
        involved = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"]}
        involved |= {key: meta[key] for key in ("namespace", "uid", "resourceVersion") if key in meta}
        namespace = meta.get("namespace", "default")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{meta['name']}.", "namespace": namespace},
            "involvedObject": involved | extra.pop("involved", {}),
            "reason": reason,
            "message": message,
            "type": "Warning",
            "source": {"component": component, **extra.pop("source", {})},
            "firstTimestamp": now(dt.timedelta(minutes=30)),
            "lastTimestamp": now(),
            "count": count,
            **extra,
        }
        return self.call("POST", self.path("Event", namespace, group=""), body)

    def forget_events(self, namespace: str, name: str) -> None:
        """Delete the events in *namespace* about *name* and about what was made of it (*name*-…)."""
        for event in self.list("Event", namespace):
            about = event["involvedObject"].get("name", "")
            if about == name or about.startswith(f"{name}-"):
                self.delete({"apiVersion": "v1", "kind": "Event", **event})


class ApiError(TestbedError):
    def __init__(self, method: str, path: str, status: int, text: str) -> None:
        super().__init__(f"{method} {path}: {status} {text}")
        self.status = status


def concurrently(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        return list(pool.map(function, items))
