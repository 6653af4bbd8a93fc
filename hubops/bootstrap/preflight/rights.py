"""Whether the user may do what an installation does, asked of the API server."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.bootstrap.at_once import at_once
from hubops.bootstrap.gates.rights import RIGHTS, rights_of
from hubops.bootstrap.preflight.finding import Finding, Prospect
from hubops.clients.kube.errors import NotServed
from hubops.model.diagnosis import Right

_EVERYTHING = Right(verb="*", resource="*", group="*")
#: The lock, the records, and what a failure is explained with.
_RUN = (
    *rights_of("get list create patch", "namespaces"),
    *rights_of("get create update", "leases", "coordination.k8s.io", "hubops"),
    *rights_of("get list create patch", "configmaps", "", "hubops"),
    *rights_of("list", "pods"),
    *rights_of("get", "pods/log"),
    *rights_of("list", "events"),
)
#: Helm keeps its releases in Secrets; charts make workloads, whose readiness is waited for, and roles.
_CHARTS = (
    *rights_of("get list create update delete", "secrets"),
    *rights_of("get", "deployments", "apps"),
    *rights_of("get", "statefulsets", "apps"),
    *rights_of("get", "daemonsets", "apps"),
    *rights_of("get", "jobs", "batch"),
    *rights_of("get create patch", "customresourcedefinitions", "apiextensions.k8s.io"),
    *rights_of("escalate", "clusterroles", "rbac.authorization.k8s.io"),
)


def rights(at: Prospect) -> Iterator[Finding]:
    """Charts bring roles of their own, which only who may do everything can grant; so that is asked first."""
    if at.cluster.may(_EVERYTHING):
        yield Finding("rights", "ok", "everything is allowed")
        return
    wanted = sorted({*_RUN, *_of_manifests(at), *_of_gates(at), *(_CHARTS if _has_charts(at) else ())})
    allowed = at_once(at.cluster.may, wanted)
    missing = [str(right) for right, may in zip(wanted, allowed, strict=True) if not may]
    if missing:
        yield Finding("rights", "failed", f"not allowed: {', '.join(missing)}; cluster-admin has all that charts need")
    else:
        yield Finding("rights", "ok", "what the manifests and the gates need is allowed; a chart may need more")


def _has_charts(at: Prospect) -> bool:
    return any(each.component.chart for each in at.components)


def _of_gates(at: Prospect) -> Iterator[Right]:
    for each in at.components:
        for gate in each.component.gates:
            yield from RIGHTS.get(gate, ())


def _of_manifests(at: Prospect) -> Iterator[Right]:
    kinds = {(item["apiVersion"], item["kind"]) for each in at.components for item in each.objects()}
    for version, kind in kinds:
        try:
            plural = at.cluster.resource(version, kind).plural
        except NotServed:
            continue  # its own CRD comes first
        # What is applied is created where it is missing; the server asks for both.
        yield from rights_of("get create patch", plural, version.rpartition("/")[0] if "/" in version else "")
