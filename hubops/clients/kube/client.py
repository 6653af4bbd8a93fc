"""What hubops reads from the API server. There is no way to write: see `session` for the one request that is no GET."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from hubops.clients.ahead import Ahead
from hubops.clients.answer import body_as
from hubops.clients.http import Response
from hubops.clients.kube import plugin
from hubops.clients.kube.access import Access
from hubops.clients.kube.discovery import Discovery
from hubops.clients.kube.envelope import MEDIA_TYPE, protobuf_page
from hubops.clients.kube.errors import NoConnection, NotServed, PlainHttp, Unauthorized
from hubops.clients.kube.json_list import json_page
from hubops.clients.kube.metadata_list import MEDIA_TYPE as METADATA
from hubops.clients.kube.metadata_list import Metadata, metadata_page
from hubops.clients.kube.page import Page, PageSize, read_all
from hubops.clients.kube.proxy import ServiceProxy
from hubops.clients.kube.pruned import Pruner
from hubops.clients.kube.refusal import SERVER, refusal
from hubops.clients.kube.session import JSON, Request, Session
from hubops.clients.retry import Deadline, retrying
from hubops.config import KubernetesConfig
from hubops.errors import ClusterUnreachable, Permanent, SourceError
from hubops.model.diagnosis import Right
from hubops.model.kube.kinds import BY_PLURAL, Kind
from hubops.model.kube.meta import Object
from hubops.model.snapshot import NOT_SERVED
from hubops.model.text import inert

T = TypeVar("T")

#: A log line may be as long as its writer likes.
_LOG_BYTES = 2**20
_BULK = f"{MEDIA_TYPE}, {JSON};q=0.9"


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str


class _Decision(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct, frozen=True):
    status: _Decision


class _Metadata(msgspec.Struct, frozen=True):
    uid: str = ""


class _Identified(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


class KubeClient:
    """One cluster. All methods may be called from several threads; none goes on beyond *deadline*.

    They raise ClusterUnreachable where the server does not answer or refuses the credentials, Permanent and Retryable
    for what it does not give. Making one reads the kubeconfig and raises as `Access` does; nothing is asked yet.
    """

    #: How often a request is made; overload passes in seconds, and API servers say Retry-After: 1.
    attempts = 5

    def __init__(
        self,
        config: KubernetesConfig,
        *,
        deadline: Deadline,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.deadline = deadline
        self.concurrency = config.concurrency
        self._config = config
        self._access = _access(config, deadline, environ)
        self._session = Session(self._access, self.deadline)
        self._discovery = Discovery(lambda path: self._get(Request(path=path), f"get {path}"))

    @property
    def server(self) -> str:
        """The URL of the API server, without credentials."""
        return self._access.server

    def clock_offset(self, patience: float = 0) -> timedelta:
        """How far the server's clock is ahead of this machine's; see `ServerClock.offset`."""
        return self._session.clock.offset(patience)

    @property
    def context(self) -> str | None:
        """The kubeconfig's context; None inside a pod."""
        return self._access.context

    @cached_property
    def cluster_name(self) -> str:
        """The kubeconfig's context; inside a pod the uid of the namespace kube-system, the cluster's only own id."""
        if self._access.context:
            return self._access.context
        try:
            answer = self._get(Request(path="/api/v1/namespaces/kube-system"), "get namespaces")
            uid = body_as(answer, _Identified, SERVER).metadata.uid
        except SourceError:
            uid = ""  # not allowed to see it: the address is a name as well
        return uid or urlsplit(self.server).netloc

    def version(self) -> str:
        """The server's version as it names it: "v1.34.2+k3s1"."""
        answer = self._get(Request(path="/version"), "get /version")
        return inert(body_as(answer, _Version, SERVER).git_version, limit=60)

    def list(self, kind: Kind, *, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        """All objects of a built-in kind, or those of *namespace*, or those that the label selector *labels* matches.

        The whole list or an error, never a part of it.
        """
        path = kind.path
        if namespace is not None:
            path = f"{path.removesuffix(kind.plural)}namespaces/{quote(namespace, safe='')}/{kind.plural}"
        items: tuple[Object, ...] = ()
        for fields in kind.field_selectors:
            selectors = {"fieldSelector": fields, "labelSelector": labels}
            items += self._list(path, {key: value for key, value in selectors.items() if value}, kind)
        return items

    def list_pruned(self, evidence: str, paths: Iterable[str]) -> tuple[dict[str, Any], ...]:
        """All objects of "plural.group" or "raw:plural[.group]" as JSON with only the fields at *paths*.

        Kept beside them: apiVersion, kind and metadata, without managedFields and other tools' annotations.
        """
        resource = evidence.removeprefix("raw:")
        known = BY_PLURAL.get(resource.partition(".")[0]) if evidence.startswith("raw:") else None
        path = known.path if known else self._discovery.path(resource)
        pruner = Pruner(paths)
        return self._paged(Request(path=path), f"list {resource}", lambda answer: pruner.page(answer.body, resource))

    def list_metadata(self, path: str, wanted: str) -> tuple[Metadata, ...]:
        """The metadata of all objects in the list at *path*, of any kind; *wanted* names them in errors."""
        return self._paged(Request(path=path, accept=METADATA), f"list {wanted}", partial(metadata_page, wanted))

    def config_map(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The ConfigMap as JSON; None where there is none of that name, or no such namespace."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
        try:
            return body_as(self._get(Request(path=path), "get configmaps"), dict[str, Any], SERVER)
        except Permanent as error:
            if error.status == 404:
                return None
            raise

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str] | None = None) -> ServiceProxy:
        """The way to a Service through the API server; *service* is "https:name" for one that speaks TLS."""
        return ServiceProxy(self._session, namespace, service, port, headers)

    def pod_log(self, namespace: str, pod: str, container: str, previous: bool, tail_lines: int, timeout: float) -> str:
        """The last *tail_lines* lines of a container, or of its run before; about 1 MiB of them at most."""
        request = Request(
            path=f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log",
            params={"container": container, "tailLines": str(tail_lines), "previous": str(previous).lower()},
            accept="*/*",
            limit=_LOG_BYTES,
        )
        return self._once(request, "get pods/log", timeout).body.decode("utf-8", "replace")

    def may(self, right: Right) -> bool:
        """Whether the server would allow *right* to the user, or to whom the user impersonates.

        Raises Permanent where it does not tell, which any authenticated user may ask by default.
        """
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "verb": right.verb, "group": right.group, "resource": resource, "subresource": subresource,
            "namespace": right.namespace, "name": right.name,
        }  # fmt: skip
        document = msgspec.json.encode({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        })  # fmt: skip
        wanted = "create selfsubjectaccessreviews.authorization.k8s.io"
        answer = self._retried(lambda timeout: self._answer(lambda: self._session.review(document, timeout), wanted))
        return body_as(answer, _Review, SERVER).status.allowed

    def serves(self, evidence: str) -> bool:
        """Whether the cluster has the custom resource "plural.group"; raises as `list_pruned` does for any other."""
        try:
            self._discovery.path(evidence)
        except NotServed:
            return False
        return True

    def _list(self, path: str, selectors: Mapping[str, str], kind: Kind) -> tuple[Object, ...]:
        wanted = f"list {kind.plural}" + (f".{kind.group}" if kind.group else "")
        size = PageSize(self._config.page_size)
        decode = partial(_sized, size, partial(_page_of, kind))

        def fetch(token: str) -> Page[Object]:
            params = {**selectors, **_page_params(size, token)}
            try:
                return self._read(Request(path=path, params=params, accept=_BULK), wanted, decode)
            except Permanent as error:
                if error.status == 406:
                    return self._read(Request(path=path, params=params), wanted, decode)
                if error.status == 404:
                    raise NotServed(f"{NOT_SERVED} {kind.plural} in {kind.api_version}") from error
                raise

        return read_all(fetch)

    def _paged(self, request: Request, wanted: str, decode: Callable[[Response], Page[T]]) -> tuple[T, ...]:
        """All items of the list at the path of *request*, read page by page."""
        size = PageSize(self._config.page_size)

        def fetch(token: str) -> Page[T]:
            paged = msgspec.structs.replace(request, params={**request.params, **_page_params(size, token)})
            return self._read(paged, wanted, partial(_sized, size, decode))

        return read_all(fetch)

    def _get(self, request: Request, wanted: str) -> Response:
        return self._read(request, wanted, lambda answer: answer)

    def _read(self, request: Request, wanted: str, decode: Callable[[Response], T]) -> T:
        """What *decode* makes of the answer, asked for again while it or *decode* raises Retryable."""
        return self._retried(lambda timeout: decode(self._once(request, wanted, timeout)))

    def _retried(self, ask: Callable[[float], T]) -> T:
        try:
            return retrying(
                ask,
                timeout=self._config.timeout.total_seconds(),
                deadline=self.deadline,
                attempts=self.attempts,
            )
        except NoConnection as error:
            raise ClusterUnreachable(str(error)) from error

    def _once(self, request: Request, wanted: str, timeout: float) -> Response:
        """One successful answer to a GET."""
        return self._answer(lambda: self._session.get(request, timeout), wanted)

    def _answer(self, ask: Callable[[], Response], wanted: str) -> Response:
        """One successful answer, with renewed credentials if the server refused the ones at hand."""
        answer = ask()
        if answer.status == 401 and self._access.renew():
            answer = ask()
        if answer.status in (200, 201):
            return answer
        error = refusal(answer, wanted)
        if isinstance(error, Unauthorized | PlainHttp):
            raise ClusterUnreachable(f"{self.server}: {error}") from error
        raise error


def _access(config: KubernetesConfig, deadline: Deadline, environ: Mapping[str, str]) -> Access:
    """The access, within the deadline: a credential plugin may wait for someone to log in. Then it is ended."""
    try:
        return Ahead(lambda: Access(config, environ)).result(timeout=deadline.remaining())
    except KeyboardInterrupt:
        plugin.end()
        raise
    except TimeoutError as error:
        plugin.end()
        waited = f"the run's deadline of {deadline.seconds:g} s"
        raise ClusterUnreachable(f"{waited} was over before the kubeconfig and its plugin gave credentials") from error


def _page_params(size: PageSize, token: str) -> dict[str, str]:
    return {"limit": str(size.limit)} | ({"continue": token} if token else {})


def _sized(size: PageSize, decode: Callable[[Response], Page[T]], answer: Response) -> Page[T]:
    """The page in *answer*, from which the *size* of the next is learnt."""
    page = decode(answer)
    size.learn(page.count, len(answer.body))
    return page


def _page_of(kind: Kind, answer: Response) -> Page[Object]:
    media = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media == MEDIA_TYPE:
        return protobuf_page(answer.body, kind)
    if media == JSON:
        return json_page(answer.body, kind)
    said = inert(media, limit=60) or "something unnamed"
    raise Permanent(f"{SERVER} answered {said} instead of a list of {kind.plural}; is it really an API server?")
