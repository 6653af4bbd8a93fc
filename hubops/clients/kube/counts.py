"""How many objects of a resource an API server finds in its etcd, as of one revision. It reads and decodes every one
of them for that, decrypted where they are encrypted, and sends the metadata alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from hubops.clients.answer import body_as
from hubops.clients.kube.client import KubeClient
from hubops.clients.kube.page import Page, PageSize, read_all
from hubops.clients.kube.refusal import SERVER
from hubops.clients.kube.served import AGGREGATED, Resource, Served
from hubops.clients.kube.session import Request
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.errors import HubopsError

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 1000  # objects


class _ListMeta(msgspec.Struct, frozen=True, rename={"token": "continue"}):
    token: str = ""


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: tuple[msgspec.Raw, ...] | None = ()  # null where there are none


class Counts(KubeClient):
    """A KubeClient that counts; it raises what that one does."""

    #: It asks a server that nobody else uses: what fails there fails again.
    attempts = 2

    def __init__(
        self, config: KubernetesConfig, *, deadline: Deadline, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__(config, deadline=deadline, environ=environ)
        self._served = Served(lambda path: self._get(Request(path=path, accept=AGGREGATED), f"get {path}"))

    def is_ready(self) -> bool:
        """Whether the server says so of itself."""
        try:
            return self._once(Request(path="/readyz"), "get /readyz", 2.0).status == 200
        except HubopsError:
            return False

    def resources(self) -> tuple[Resource, ...]:
        """What the server serves now, its own groups before those of CRDs."""
        return self._served.resources()

    def count(self, resource: Resource, revision: int) -> int:
        """How many objects there are of *resource* at *revision* of etcd."""
        root = "/apis" if "/" in resource.api_version else "/api"
        path = f"{root}/{resource.api_version}/{resource.plural}"
        exact = {"resourceVersion": str(revision), "resourceVersionMatch": "Exact"}
        size = PageSize(_PAGE)

        def fetch(token: str) -> Page[None]:
            # A token names its revision itself, and is refused beside another.
            params = {"limit": str(size.limit)} | ({"continue": token} if token else exact)
            request = Request(path=path, params=params, accept=_METADATA)
            answer = self._get(request, f"list {resource.plural}")
            page = body_as(answer, _List, SERVER)
            count = len(page.items or ())
            size.learn(count, len(answer.body))
            return Page(page.metadata.token, [None] * count, count)

        return len(read_all(fetch))
