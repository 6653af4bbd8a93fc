"""kubelet-version-skew: kubelets that are too old, or too new, for the API server that they speak with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hubops.engine.probe import Undecided, probe
from hubops.engine.probes import evidence
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref, Value
from hubops.model.kube.core import Node

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


class Version(NamedTuple):
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def parse(text: str) -> Version | None:
    """Major and minor of "v1.28.3-eks-4f4795d"; None for what is no version."""
    match = _VERSION.match(text)
    return Version(int(match[1]), int(match[2])) if match else None


@probe(needs=("nodes",))
def kubelet_version_skew(view: View, *, older: int, older_before_1_28: int, mixed: int) -> Iterator[Hit]:
    """Nodes whose kubelet is newer than the API server, or more than *older* minor versions older.

    Where all are within that, the cluster, if its kubelets are of *mixed* different minor versions or more.
    A node whose kubelet has never reported is left to node-not-ready. Raises Undecided for a version that is not known.
    """
    server = parse(view.snapshot.server_version or "")
    if server is None:
        raise Undecided(f"the version of the API server is not known ({view.snapshot.server_version})")
    allowed = older if server >= Version(1, 28) else older_before_1_28
    kubelets = {node.name: parse(node.status.node_info.kubelet_version) for node in view.objects.nodes}
    hits = [hit for node in view.objects.nodes if (hit := _judged(view, node, kubelets[node.name], server, allowed))]
    yield from hits
    minors = Counter(version for version in kubelets.values() if version)
    if not hits and len(minors) >= mixed:
        yield _mixed(view, minors)
    odd = [text for node in view.objects.nodes if (text := node.status.node_info.kubelet_version) and not parse(text)]
    if odd:
        raise Undecided(f"{evidence.counted(len(odd), 'kubelet')} of a version that cannot be read, such as {odd[0]}")


def _judged(view: View, node: Node, kubelet: Version | None, server: Version, allowed: int) -> Hit | None:
    if kubelet is None:
        return None
    behind = server.minor - kubelet.minor if server.major == kubelet.major else 0
    if kubelet > server:
        said = f"kubelets of {kubelet} are newer than the API server of {server}, which is never supported"
    elif behind > allowed:
        said = f"kubelets of {kubelet} are {behind} minor versions behind the API server of {server} ({allowed} may be)"
    else:
        return None
    version = node.status.node_info.kubelet_version
    return Hit(
        ref=Ref("Cluster", view.snapshot.cluster),
        summary=said,
        evidence=(evidence.fact(f"{node.name}: kubelet {version}, API server {view.snapshot.server_version}"),),
        value=Value(float(abs(server.minor - kubelet.minor)), "minor versions"),
        details={"node": node.name},
        example=node.name,
    )


def _mixed(view: View, minors: Mapping[Version, int]) -> Hit:
    counted = ", ".join(f"{count} of {version}" for version, count in sorted(minors.items()))
    oldest = min(minors)
    node = next(n for n in view.objects.nodes if parse(n.status.node_info.kubelet_version) == oldest)
    return Hit(
        ref=Ref("Cluster", view.snapshot.cluster),
        summary=f"kubelets of {len(minors)} different minor versions: {counted}",
        evidence=(evidence.fact(f"{node.name}: kubelet {node.status.node_info.kubelet_version}"),),
        value=Value(float(len(minors)), "minor versions"),
        severity="info",
        details={"node": node.name},
    )
