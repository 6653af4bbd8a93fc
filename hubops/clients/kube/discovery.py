"""In which version the cluster serves the resources of a group."""

from __future__ import annotations

import threading
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from hubops.clients.answer import body_as
from hubops.clients.http import Response
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.refusal import SERVER
from hubops.errors import Permanent
from hubops.model.snapshot import NOT_SERVED


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    preferred_version: _Version
    versions: tuple[_Version, ...] = ()


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _Resources(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


class Discovery:
    """Asks the server once for each group. *get* gives the answer to a path, or raises Permanent with its status."""

    def __init__(self, get: Callable[[str], Response]) -> None:
        self._get = get
        self._lock = threading.Lock()
        self._groups: dict[str, dict[str, str]] = {}

    def path(self, resource: str) -> str:
        """The path of the list of "plural.group", in the group's preferred version if that has it.

        Raises NotServed where the cluster has no such resource.
        """
        plural, _, group = resource.partition(".")
        with self._lock:
            if group not in self._groups:
                self._groups[group] = self._read(group)
        path = self._groups[group].get(plural)
        if path is None:
            raise NotServed(f"{NOT_SERVED} {resource}", status=404)
        return path

    def _read(self, group: str) -> dict[str, str]:
        """The path of each resource of *group*; empty where the cluster does not have the group."""
        try:
            answer = body_as(self._get(f"/apis/{quote(group, safe='')}"), _Group, SERVER)
        except Permanent as error:
            if error.status == 404:
                return {}
            raise
        served: dict[str, str] = {}
        for version in dict.fromkeys((answer.preferred_version, *answer.versions)):
            path = f"/apis/{version.group_version}"
            for resource in body_as(self._get(path), _Resources, SERVER).resources:
                served.setdefault(resource.name, f"{path}/{resource.name}")
        return served
