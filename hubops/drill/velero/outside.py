"""What in an object makes somebody act outside of its namespace: annotations, labels, the node's own network and files.

For JSON merge patches: what is to go is None in them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

Object = Mapping[str, Any]

#: Annotations by which controllers write DNS records, copy objects into other namespaces, scrape, make load balancers
#: and certificates, or give a ServiceAccount rights in the cloud.
ANNOTATIONS = (
    "*external-dns*", "reflector.v1.k8s.emberstack.com/*", "replicator.v1.mittwald.de/*", "kubed.appscode.com/*",
    "config.syncer/*", "prometheus.io/*", "service.beta.kubernetes.io/*", "service.kubernetes.io/*load-balancer*",
    "cloud.google.com/*", "networking.gke.io/*", "metallb.*", "*.metallb.*", "lbipam.cilium.io/*", "io.cilium/*",
    "service.cilium.io/*", "cert-manager.io/*", "acme.cert-manager.io/*", "getambassador.io/*", "konghq.com/*",
    "traefik.*", "haproxy.org/*", "alb.ingress.kubernetes.io/*", "multicluster.*", "mirror.linkerd.io/*",
    "eks.amazonaws.com/*", "iam.gke.io/*", "azure.workload.identity/*",
)  # fmt: skip
#: Labels that sidecars look for in every namespace, and under which others read what they name.
LABELS = ("grafana_dashboard", "grafana_datasource", "grafana_alert", "grafana_folder", "mirror.linkerd.io/*",
          "azure.workload.identity/*", "argocd.argoproj.io/secret-type")  # fmt: skip


def marks(metadata: Object) -> dict[str, dict[str, None]]:
    """The patch of *metadata* that takes such annotations and labels away; empty where there are none."""
    found = {
        name: {key: None for key in metadata.get(name) or {} if any(fnmatchcase(key, each) for each in patterns)}
        for name, patterns in (("annotations", ANNOTATIONS), ("labels", LABELS))
    }
    return {name: keys for name, keys in found.items() if keys}


def of_node(pod: Object) -> str | None:
    """What pods of this spec use that is the node's own, in words; None where they use nothing of it.

    No NetworkPolicy holds for the node's network, and its files are those of everybody.
    """
    return next(_of_node(pod), None)


def _of_node(pod: Object) -> Iterator[str]:
    for field, words in (("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "shared memory")):
        if pod.get(field):
            yield f"the node's own {words}"
    for volume in pod.get("volumes") or ():
        if "hostPath" in volume:
            yield "the node's own files"
    for container in [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]:
        if any(port.get("hostPort") for port in container.get("ports") or ()):
            yield "the node's own ports"
        if (container.get("securityContext") or {}).get("privileged"):
            yield "every right on the node"
