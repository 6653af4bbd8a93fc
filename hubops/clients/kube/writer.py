"""The one way in which hubops changes a cluster: server-side apply under its own name, creation, replacement, deletion.

Only verbs that say so make one: bootstrap, backup, drill. Where somebody else owns a field and wants another value, the
API server refuses unless the caller knows why that is not to be so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from socket import socket
from typing import Any

import msgspec

from hubops.clients.answer import body_as
from hubops.clients.http import Response
from hubops.clients.kube.client import KubeClient
from hubops.clients.kube.errors import AlreadyExists, Conflict, WebhookSilent
from hubops.clients.kube.exec import Executed, executed
from hubops.clients.kube.page import Page
from hubops.clients.kube.portforward import forwarded, listens
from hubops.clients.kube.proxy import PostingProxy
from hubops.clients.kube.refusal import SERVER
from hubops.clients.kube.served import AGGREGATED, Resource, Served
from hubops.clients.kube.session import JSON, Method, Request
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.errors import Permanent, Retryable
from hubops.model.text import inert

Manifest = dict[str, Any]

#: The name that hubops' fields carry in managedFields.
FIELD_MANAGER = "hubops"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#: How the API server says that an admission or conversion webhook could not be asked.
_SILENT = re.compile(r"failed calling webhook|conversion webhook for .{1,200} failed: ")
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Applied:
    """What the API server made of a manifest, and what it warned of."""

    object: Manifest
    warnings: tuple[str, ...] = ()


class _ListMeta(msgspec.Struct, frozen=True):
    next: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()
    items: tuple[Manifest, ...] | None = None


class KubeWriter(KubeClient):
    """A KubeClient that can also write; it raises what that one does, and as each method says."""

    def __init__(
        self, config: KubernetesConfig, *, deadline: Deadline, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__(config, deadline=deadline, environ=environ)
        self._served = Served(lambda path: self._get(Request(path=path, accept=AGGREGATED), f"get {path}"))

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str] | None = None) -> PostingProxy:
        """As that of a KubeClient; it can post, too."""
        return PostingProxy(self._session, namespace, service, port, headers)

    def resource(self, api_version: str, kind: str) -> Resource:
        """How *kind* is served. Raises NotServed."""
        return self._served.resource(api_version, kind)

    def is_namespaced(self, item: Manifest) -> bool:
        """Whether objects of its kind are in namespaces. Raises NotServed."""
        return self.resource(item["apiVersion"], item["kind"]).namespaced

    def resources(self) -> tuple[Resource, ...]:
        """Every kind in every version that is served now, the preferred version of a group before its others."""
        return self._served.resources()

    def api_versions(self) -> tuple[str, ...]:
        """Every version and kind that is served: "apps/v1", "apps/v1/Deployment"."""
        return self._served.api_versions()

    def read(self, item: Manifest) -> Manifest | None:
        """The live object that *item* names; None where there is none. Raises NotServed."""
        return self._live(item, JSON)

    def _live(self, item: Manifest, accept: str) -> Manifest | None:
        request = Request(path=self._served.path(item), accept=accept)
        try:
            return _object(self._get(request, _wanted("get", item)))
        except Permanent as error:
            if error.status == 404:
                return None
            raise

    def find(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[Manifest]:
        """The live objects of *kind*, of all namespaces or one, that the label selector *labels* matches.

        The whole list or an error. Raises NotServed.
        """
        item: Manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace or ""}}
        selector = {"labelSelector": labels} if labels else {}
        request = Request(path=self._served.path(item, collection=True), params=selector)
        items = self._paged(request, _wanted("list", item), _manifests)
        return [{"apiVersion": api_version, "kind": kind, **each} for each in items]

    def has_secret(self, namespace: str, name: str) -> bool:
        """Whether there is such a Secret; the server sends its metadata alone."""
        return self.has({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}})

    def has(self, item: Manifest) -> bool:
        """Whether there is the object that *item* names; its content is not asked for. Raises NotServed."""
        return self.metadata(item) is not None

    def metadata(self, item: Manifest) -> Manifest | None:
        """The live object that *item* names, of which the server sends the metadata alone; None where there is none.

        Raises NotServed.
        """
        return self._live(item, _METADATA)

    def apply(self, item: Manifest, *, dry_run: bool = False, take_over: bool = False) -> Applied:
        """Server-side apply: hubops owns the fields of *item* afterwards; with *dry_run* nothing is stored.

        Raises Conflict where another manager owns one of them with another value, unless hubops is to *take over*;
        NotServed for an unknown kind; WebhookSilent where a webhook does not answer; and Permanent where the object is
        refused: invalid, denied by a webhook or by Pod Security, no right.
        """
        params = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(take_over).lower()}
        params |= {"dryRun": "All"} if dry_run else {}
        request = Request(path=self._served.path(item), params=params)
        answer = self._written("PATCH", request, item, _wanted("patch", item), _APPLY)
        return Applied(_object(answer), tuple(inert(said, limit=300) for said in _warnings(answer)))

    def create(self, item: Manifest, *, dry_run: bool = False) -> Manifest:
        """The new object. Raises AlreadyExists, and as `apply` does."""
        params = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        request = Request(path=self._served.path(item, collection=True), params=params)
        return _object(self._written("POST", request, item, _wanted("create", item)))

    def replace(self, item: Manifest) -> Manifest:
        """*item* in place of the object. Raises Conflict where that is no longer at the resourceVersion of *item*."""
        request = Request(path=self._served.path(item), params={"fieldManager": FIELD_MANAGER})
        return _object(self._written("PUT", request, item, _wanted("update", item)))

    def execute(
        self, namespace: str, pod: str, command: Sequence[str], *, container: str | None = None, timeout: float
    ) -> Executed:
        """*command*, run in a pod to its end. Raises as `executed` says, once: it may have had an effect."""
        return executed(self._access, namespace, pod, command, container, self.deadline.bound(timeout))

    def port(self, namespace: str, pod: str, port: int, *, timeout: float) -> AbstractContextManager[socket]:
        """A socket that leads to *port* of a pod, as `forwarded` says."""
        return forwarded(self._access, namespace, pod, port, self.deadline.bound(timeout))

    def listens(self, namespace: str, pod: str, port: int, *, timeout: float) -> None:
        """Return once *port* of a pod has taken a connection. Raises Retryable where it did not."""
        listens(self._access, namespace, pod, port, self.deadline.bound(timeout))

    def delete(self, item: Manifest) -> bool:
        """Delete the object, and in the background what belongs to it; whether there was one. Raises NotServed."""
        request = Request(path=self._served.path(item))
        options: Manifest = {"propagationPolicy": "Background"}
        if uid := item["metadata"].get("uid"):
            options["preconditions"] = {"uid": uid}
        try:
            self._written("DELETE", request, options, _wanted("delete", item))
        except Permanent as error:
            if error.status == 404:
                return False
            raise
        return True

    def _written(self, method: Method, request: Request, item: Manifest, wanted: str, media: str = JSON) -> Response:
        document = msgspec.json.encode(item)

        def ask(timeout: float) -> Response:
            try:
                return self._answer(lambda: self._session.send(method, request, timeout, document, media), wanted)
            except Retryable as error:
                if _SILENT.search(str(error)):
                    raise WebhookSilent(str(error), status=500) from error
                raise

        try:
            # A creation that is asked for twice may meet itself: its caller looks whose it is.
            return self._retried(ask)
        except Permanent as error:
            if error.status == 409:
                kind = AlreadyExists if method == "POST" else Conflict
                raise kind(str(error), status=409) from error
            raise


def _object(answer: Response) -> Manifest:
    return body_as(answer, dict[str, Any], SERVER)


def _manifests(answer: Response) -> Page[Manifest]:
    page = body_as(answer, _Page, SERVER)
    items = page.items or ()
    return Page(page.metadata.next, items, len(items))


def _wanted(verb: str, item: Manifest) -> str:
    return f"{verb} {item['kind']} {item['metadata'].get('name', '')}".rstrip()


def _warnings(answer: Response) -> list[str]:
    return [said.replace('\\"', '"') for said in _WARNING.findall(answer.headers.get("Warning", ""))]
