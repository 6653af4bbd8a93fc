"""Whether a cluster can take the platform, asked before anything is planned or written.

The smallest cluster is the one that the platform's owner names: 3 nodes, 32 CPU and 64 GB of memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hubops.bootstrap.record import Ref
from hubops.bootstrap.target import Target
from hubops.clients.kube.errors import NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import SourceError
from hubops.model.diagnosis import Right
from hubops.model.quantity import human_bytes, parse_quantity
from hubops.model.text import inert
from hubops.stack.render import Rendered
from hubops.stack.site import Site
from hubops.stack.structure import Stack

NODES = 3
CORES = 32
MEMORY = 64e9  # bytes

Id = Literal["kubernetes", "nodes", "cpu", "memory", "rights", "cloud", "storage-drivers", "snapshots", "default-class",
             "identity", "secrets"]  # fmt: skip
#: How a node of each cloud begins its providerID.
_PROVIDER = {"aws": "aws://", "gcp": "gce://", "azure": "azure://"}
#: The webhook that gives pods an identity of the cloud, once the cluster was set up for it.
_WEBHOOKS = {"aws": "pod-identity-webhook", "azure": "azure-wi-webhook-mutating-webhook-configuration"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. A "failed" one stops an installation unless it is accepted by its id."""

    id: Id
    state: Literal["ok", "warning", "failed", "unknown"]
    text: str


def examine(target: Target, stack: Stack, site: Site, components: Sequence[Rendered]) -> list[Finding]:
    """All findings, in the order in which they matter; what could not be read is "unknown", with its reason."""
    cluster = target.cluster
    questions: list[tuple[Id, Callable[[], Iterable[Finding]]]] = [
        ("kubernetes", lambda: _version(cluster, stack)),
        ("nodes", lambda: _nodes(cluster, site)),
        ("rights", lambda: _rights(cluster, components)),
        ("storage-drivers", lambda: _drivers(cluster, components)),
        ("snapshots", lambda: _snapshots(cluster, components)),
        ("default-class", lambda: _default_class(cluster, components)),
        ("identity", lambda: _identity(cluster, site)),
        ("secrets", lambda: _secrets(cluster, site)),
    ]
    found: list[Finding] = []
    for name, ask in questions:
        try:
            found += ask()
        except SourceError as error:
            found.append(Finding(name, "unknown", f"could not be looked at: {error}"))
    return found


def _version(cluster: KubeWriter, stack: Stack) -> Iterator[Finding]:
    version = cluster.version()
    wanted = tuple(int(part) for part in stack.kubernetes.split("."))
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match and (int(match[1]), int(match[2])) >= wanted:
        yield Finding("kubernetes", "ok", f"Kubernetes {version}")
    else:
        yield Finding(
            "kubernetes", "failed", f"Kubernetes is {version}; the platform needs {stack.kubernetes} or newer"
        )


def _nodes(cluster: KubeWriter, site: Site) -> Iterator[Finding]:
    """Only nodes that take ordinary pods count."""
    nodes = [each for each in cluster.find("v1", "Node") if _takes_pods(each)]
    cores = sum(_allocatable(each, "cpu") for each in nodes)
    memory = sum(_allocatable(each, "memory") for each in nodes)
    yield _enough("nodes", len(nodes), NODES, f"{len(nodes)} nodes take pods", f"{NODES} are needed")
    yield _enough("cpu", cores, CORES, f"{cores:g} CPU in all", f"{CORES} are needed")
    yield _enough(
        "memory", memory, MEMORY, f"{human_bytes(memory)} of memory in all", f"{human_bytes(MEMORY)} are needed"
    )
    providers = {(each["spec"].get("providerID") or "").partition("://")[0] + "://" for each in nodes} - {"://"}
    wanted = _PROVIDER.get(site.cloud)
    if wanted and providers and wanted not in providers:
        found = inert(", ".join(sorted(providers)), limit=60)
        yield Finding(
            "cloud", "failed", f"platform.cloud is {site.cloud}, but nodes are of {found}; is this the cluster?"
        )


def _takes_pods(node: Mapping[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    taints = node["spec"].get("taints") or []
    return ready and not any(each["effect"] in ("NoSchedule", "NoExecute") for each in taints)


def _allocatable(node: Mapping[str, Any], resource: str) -> float:
    return parse_quantity(node.get("status", {}).get("allocatable", {}).get(resource, "0"))


def _enough(name: Id, there: float, wanted: float, has: str, needs: str) -> Finding:
    return Finding(name, "ok", has) if there >= wanted else Finding(name, "failed", f"{has}; {needs}")


def _rights(cluster: KubeWriter, components: Sequence[Rendered]) -> Iterator[Finding]:
    """Charts bring roles of their own, which only who may do everything can grant; so that is asked first."""
    if cluster.may(Right(verb="*", resource="*", group="*")):
        yield Finding("rights", "ok", "everything is allowed")
        return
    wanted = [Right(verb="patch", resource=plural, group=group) for plural, group in _resources(cluster, components)]
    if any(each.component.chart for each in components):
        wanted += [Right(verb=verb, resource="secrets") for verb in ("get", "list", "create", "update", "delete")]
        wanted += [Right(verb="create", resource="customresourcedefinitions", group="apiextensions.k8s.io")]
        wanted += [Right(verb="escalate", resource="clusterroles", group="rbac.authorization.k8s.io")]
    missing = [str(right) for right in wanted if not cluster.may(right)]
    if missing:
        yield Finding("rights", "failed", f"not allowed: {', '.join(missing)}; cluster-admin has all that charts need")
    else:
        yield Finding("rights", "ok", "what the manifests need is allowed; a chart may need more")


def _resources(cluster: KubeWriter, components: Sequence[Rendered]) -> list[tuple[str, str]]:
    kinds = {(item["apiVersion"], item["kind"]) for each in components for item in each.objects()}
    found = set()
    for version, kind in kinds:
        try:
            found.add((cluster.resource(version, kind).plural, version.rpartition("/")[0]))
        except NotServed:
            continue  # its own CRD comes first
    return sorted(found)


def _drivers(cluster: KubeWriter, components: Sequence[Rendered]) -> Iterator[Finding]:
    wanted = {item["provisioner"] for item in _of(components, "StorageClass")} - {"kubernetes.io/no-provisioner"}
    there = {each["metadata"]["name"] for each in cluster.find("storage.k8s.io/v1", "CSIDriver")}
    missing = sorted(wanted - there)
    if missing:
        text = f"no CSI driver {', '.join(missing)}: claims of its classes would stay pending; install it first"
        yield Finding("storage-drivers", "failed", text)
    elif wanted:
        yield Finding("storage-drivers", "ok", f"CSI drivers {', '.join(sorted(wanted))}")


def _snapshots(cluster: KubeWriter, components: Sequence[Rendered]) -> Iterator[Finding]:
    for item in _of(components, "VolumeSnapshotClass"):
        try:
            cluster.resource(item["apiVersion"], item["kind"])
        except NotServed:
            text = (
                "no volume snapshots: install the CRDs and the controller of kubernetes-csi/external-snapshotter first"
            )
            yield Finding("snapshots", "failed", text)
        else:
            yield Finding("snapshots", "ok", "volume snapshots are served")
        return


def _default_class(cluster: KubeWriter, components: Sequence[Rendered]) -> Iterator[Finding]:
    key = "storageclass.kubernetes.io/is-default-class"
    ours = {item["metadata"]["name"] for item in _of(components, "StorageClass")}
    if not ours:
        return
    live = cluster.find("storage.k8s.io/v1", "StorageClass")
    others = [
        each["metadata"]["name"] for each in live if (each["metadata"].get("annotations") or {}).get(key) == "true"
    ]
    for name in sorted(set(others) - ours):
        command = f"kubectl annotate storageclass {name} {key}-"
        yield Finding("default-class", "warning", f"{name} is a default class too: {command}")


def _identity(cluster: KubeWriter, site: Site) -> Iterator[Finding]:
    if not site.identities:
        return
    if site.cloud == "gcp":
        ref = Ref("apps/v1", "DaemonSet", "kube-system", "gke-metadata-server")
    else:
        ref = Ref("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", _WEBHOOKS[site.cloud])
    if cluster.read(ref.item()) is None:
        text = f"{ref} is not there: pods get no identity of {site.cloud}"
        yield Finding("identity", "warning", text)
    else:
        yield Finding("identity", "ok", f"pods can get identities of {site.cloud}")


def _secrets(cluster: KubeWriter, site: Site) -> Iterator[Finding]:
    """Only whether they are there: of a Secret no more than its metadata is asked for."""
    missing = [
        f"{each.namespace}/{each.name}" for each in site.secrets if not cluster.has_secret(each.namespace, each.name)
    ]
    if missing and "external-secrets" in site.parts:
        yield Finding("secrets", "ok", f"external-secrets will make {', '.join(missing)}")
    elif missing:
        text = f"to be made before what reads them: Secret {', '.join(missing)} (docs/platform.md lists their keys)"
        yield Finding("secrets", "warning", text)


def _of(components: Sequence[Rendered], kind: str) -> Iterator[dict[str, Any]]:
    return (item for each in components for item in each.objects() if item["kind"] == kind)
