"""Whether the cluster's network is known to enforce NetworkPolicies: without, nothing keeps restored pods inside."""

from __future__ import annotations

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import SourceError

#: DaemonSets of networks that enforce them, by name; with some, a container of it is what does.
_ENFORCING = {
    "calico-node": "Calico", "canal": "Canal", "rke2-canal": "Canal", "cilium": "Cilium", "anetd": "Cilium",
    "antrea-agent": "Antrea", "kube-router": "kube-router", "weave-net": "Weave Net", "kube-ovn-cni": "Kube-OVN",
    "ovnkube-node": "OVN-Kubernetes", "ovs-node": "OVN-Kubernetes", "azure-npm": "Azure NPM", "romana-agent": "Romana",
}  # fmt: skip
_AWS, _AWS_AGENT = "aws-node", ("aws-eks-nodeagent", "aws-network-policy-agent")


def enforcing(cluster: KubeWriter) -> str | None:
    """The network that is known to enforce NetworkPolicies; None where none is known, or it cannot be looked at."""
    try:
        found = cluster.find("apps/v1", "DaemonSet")
    except SourceError:
        return None
    for each in found:
        name = each["metadata"]["name"]
        if network := _ENFORCING.get(name):
            return network
        containers = [one.get("name") for one in each["spec"]["template"]["spec"].get("containers") or ()]
        if name == _AWS and any(agent in containers for agent in _AWS_AGENT):
            return "Amazon VPC CNI"
    return None
