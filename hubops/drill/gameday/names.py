"""What a scenario may be practised with, as the cluster has it. It is only read."""

from __future__ import annotations

from fnmatch import fnmatchcase

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import HubopsError

#: Of the cluster and of what restores it: nobody practises with these.
_NEVER = ("kube-*", "default", "velero", "hubops", "hubops-drill*")
_MOST = 30


def suggestions(cluster: KubeWriter | None, name: str, own: str | None) -> tuple[str, ...]:
    """What *name* (namespace, node, cluster) may stand for; *own* is the cluster's name. Nothing where nobody tells."""
    if name == "cluster":
        return (own,) if own else ()
    if cluster is None or name not in ("namespace", "node"):
        return ()
    try:
        found = [str(each["metadata"]["name"]) for each in cluster.find("v1", name.capitalize())]
    except HubopsError:
        return ()
    return tuple(each for each in found if not any(fnmatchcase(each, pattern) for pattern in _NEVER))[:_MOST]
