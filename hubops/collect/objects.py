"""The objects of the cluster: built-in kinds and custom resources, all of each kind or the reason why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from hubops.clients.retry import Deadline
from hubops.collect.part import Part, Progress, errors
from hubops.collect.threads import gather
from hubops.errors import ClusterUnreachable, Permanent, Retryable, SourceError
from hubops.model.kube.kinds import BY_PLURAL, Kind, Objects
from hubops.model.kube.meta import Object
from hubops.model.snapshot import Needs

SOURCE = "kubernetes"
#: Read first, because they take longest.
_LONGEST = ("pods", "replicasets", "events", "nodes")


class Cluster(Protocol):
    """The part of the Kubernetes client that lists."""

    @property
    def concurrency(self) -> int: ...

    def version(self) -> str: ...

    def list(self, kind: Kind) -> Sequence[Object]: ...

    def list_pruned(self, evidence: str, paths: Iterable[str]) -> Sequence[dict[str, Any]]: ...


class _Unreachable(Retryable):
    """The server was there when asked for its version, and then no longer."""


def read_objects(client: Cluster, needs: Needs, *, deadline: Deadline, progress: Progress) -> Part:
    """Everything that *needs* asks of the API server; what could not be read is in `unread`, never a part of it.

    Raises ClusterUnreachable where the server does not answer, is none, or refuses the credentials.
    """
    version = _version(client, deadline)
    names = sorted(needs.kinds | needs.custom.keys(), key=_order)

    def read(name: str) -> Sequence[Object] | Sequence[dict[str, Any]]:
        try:
            return client.list(BY_PLURAL[name]) if name in needs.kinds else client.list_pruned(name, needs.custom[name])
        except ClusterUnreachable as error:
            raise _Unreachable(str(error)) from error

    results = gather(
        names,
        read,
        at_once=client.concurrency,
        deadline=deadline,
        done=lambda count: progress(SOURCE, count, len(names)),
    )
    if names and all(isinstance(result, _Unreachable) for result in results.values()):
        raise ClusterUnreachable(str(results[names[0]]))
    found: dict[str, Any] = {name: tuple(r) for name, r in results.items() if not isinstance(r, SourceError)}
    return Part(
        server_version=version,
        objects=Objects(**{name: items for name, items in found.items() if name in needs.kinds}),
        custom={name: items for name, items in found.items() if name in needs.custom},
        read=tuple(found),
        unread=errors(results),
    )


def _order(name: str) -> tuple[int, str]:
    return (_LONGEST.index(name) if name in _LONGEST else len(_LONGEST), name)


def _version(client: Cluster, deadline: Deadline) -> str | None:
    """The version of the server, None where it answers but does not tell: the lists will show what it gives."""
    version = gather([SOURCE], lambda _: client.version(), at_once=1, deadline=deadline)[SOURCE]
    if isinstance(version, Permanent) and version.status is None:
        raise ClusterUnreachable(str(version)) from version
    return None if isinstance(version, SourceError) else version
