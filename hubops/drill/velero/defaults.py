"""Values that Kubernetes gives to fields that nobody set: written out by one version and left out by another.

Only for Kubernetes' own kinds. A field that is there on one side alone, with its default, is no difference. From the
API's types and its defaulting (k8s.io/kubernetes v1.36, pkg/apis/*/v*/defaults.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]

#: By the name of the field, and of the one that it is in where that matters.
_DEFAULTS: Mapping[Path, tuple[Any, ...]] = {
    # pods and their containers
    ("restartPolicy",): ("Always",),
    ("terminationGracePeriodSeconds",): (30,),
    ("dnsPolicy",): ("ClusterFirst",),
    ("schedulerName",): ("default-scheduler",),
    ("enableServiceLinks",): (True,),
    ("preemptionPolicy",): ("PreemptLowerPriority",),
    ("securityContext",): ({},),
    ("resources",): ({},),
    ("terminationMessagePath",): ("/dev/termination-log",),
    ("terminationMessagePolicy",): ("File",),
    ("imagePullPolicy",): ("IfNotPresent", "Always"),
    ("hostNetwork",): (False,),
    ("hostPID",): (False,),
    ("hostIPC",): (False,),
    ("serviceAccountName",): ("default",),
    ("serviceAccount",): ("default",),
    ("ports", "protocol"): ("TCP",),
    ("fieldRef", "apiVersion"): ("v1",),
    ("httpGet", "scheme"): ("HTTP",),
    ("httpGet", "path"): ("/",),
    ("grpc", "service"): ("",),
    **{(f"{probe}Probe", field): (value,) for probe in ("liveness", "readiness", "startup") for field, value in
       {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}.items()},
    # volumes
    ("volumes", "emptyDir"): ({},),
    ("defaultMode",): (420,),
    ("hostPath", "type"): ("",),
    ("serviceAccountToken", "expirationSeconds"): (3600,),
    ("volumeMode",): ("Filesystem",),
    ("recursiveReadOnly",): ("Disabled",),
    # workloads
    ("spec", "replicas"): (1,),
    ("progressDeadlineSeconds",): (600,),
    ("revisionHistoryLimit",): (10,),
    ("minReadySeconds",): (0,),
    ("podManagementPolicy",): ("OrderedReady",),
    ("strategy",): ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},),
    ("updateStrategy",): ({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                          {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
    ("rollingUpdate", "maxSurge"): ("25%", 0),
    ("rollingUpdate", "maxUnavailable"): ("25%", 1),
    ("rollingUpdate", "partition"): (0,),
    ("persistentVolumeClaimRetentionPolicy",): ({"whenDeleted": "Retain", "whenScaled": "Retain"},),
    ("backoffLimit",): (6,),
    ("parallelism",): (1,),
    ("completions",): (1,),
    ("completionMode",): ("NonIndexed",),
    ("manualSelector",): (False,),
    ("suspend",): (False,),
    ("podReplacementPolicy",): ("TerminatingOrFailed", "Failed"),
    ("concurrencyPolicy",): ("Allow",),
    ("successfulJobsHistoryLimit",): (3,),
    ("failedJobsHistoryLimit",): (1,),
    # Services
    ("type",): ("ClusterIP", "Opaque"),
    ("sessionAffinity",): ("None",),
    ("internalTrafficPolicy",): ("Cluster",),
    ("externalTrafficPolicy",): ("Cluster",),
    ("ipFamilyPolicy",): ("SingleStack",),
    ("ipFamilies",): (["IPv4"], ["IPv6"]),
    ("allocateLoadBalancerNodePorts",): (True,),
    ("publishNotReadyAddresses",): (False,),
    # autoscaling, network and others
    ("minReplicas",): (1,),
    ("policyTypes",): (["Ingress"], ["Ingress", "Egress"]),
    ("pathType",): ("ImplementationSpecific",),
    ("roleRef", "apiGroup"): ("rbac.authorization.k8s.io",),
}  # fmt: skip
#: What admission fills in where it was left open: the cluster's default classes.
_CLASSES = frozenset({("spec", "storageClassName"), ("spec", "ingressClassName")})


def is_default(resource: str, names: Path, value: Any) -> bool:
    """Whether a field of *resource* at *names* that has *value* might as well not be there."""
    if not _is_built_in(resource):
        return False
    known = _DEFAULTS.get(names[-2:], _DEFAULTS.get(names[-1:], ()))
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in known)


def is_filled_in(resource: str, names: Path) -> bool:
    """Whether admission gives the field a value where it has none."""
    return _is_built_in(resource) and names in _CLASSES


def _is_built_in(resource: str) -> bool:
    group = resource.partition(".")[2]
    return "." not in group or group.endswith(".k8s.io")
