"""What a pod demands of its place, in the words of its manifest: labels of nodes, neighbours, spread, ports, claims."""

from __future__ import annotations

from collections.abc import Iterable

from hubops.engine.probes import evidence, pods
from hubops.engine.view import View
from hubops.model.kube.core import NodeSelectorRequirement, Pod, PodAffinityTerm
from hubops.model.kube.meta import LabelSelector, LabelSelectorRequirement
from hubops.model.kube.storage import PersistentVolumeClaim


def node_labels(pod: Pod) -> str:
    """Which nodes it wants: "its node selector pool=gpu and its node affinity kubernetes.io/arch in (arm64)"."""
    found = []
    if wanted := pod.spec.node_selector:
        found.append("its node selector " + evidence.labelled(wanted, ", "))
    if terms := _node_terms(pod):
        found.append("its node affinity " + " or ".join(terms))
    return " and ".join(found) or "its node selector"


def _node_terms(pod: Pod) -> list[str]:
    terms = pod.spec.required_nodes.node_selector_terms if pod.spec.required_nodes else ()
    return [", ".join(_requirement(item) for item in (*term.match_expressions, *term.match_fields)) for term in terms]


def _requirement(item: NodeSelectorRequirement | LabelSelectorRequirement) -> str:
    match item.operator:
        case "Exists":
            return item.key
        case "DoesNotExist":
            return f"no {item.key}"
        case "In" | "NotIn":
            return f"{item.key} {'in' if item.operator == 'In' else 'not in'} ({', '.join(item.values)})"
        case _:
            return f"{item.key} {item.operator} {', '.join(item.values)}"


def neighbours_wanted(pod: Pod) -> str:
    """The pods that its required pod affinity asks for: " (app=redis in one kubernetes.io/hostname)", or nothing."""
    return _terms(pod.spec.required_neighbours)


def neighbours_excluded(pod: Pod) -> str:
    """The pods that its required anti-affinity keeps it away from, likewise."""
    return _terms(pod.spec.excluded_neighbours)


def _terms(terms: Iterable[PodAffinityTerm]) -> str:
    said = [f"{_selector(term.label_selector)} in one {term.topology_key}" for term in terms]
    return f" ({' or '.join(said)})" if said else ""


def _selector(selector: LabelSelector | None) -> str:
    if selector is None:
        return "no pod"
    said = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    said += [_requirement(item) for item in selector.match_expressions]
    return ", ".join(said) or "any pod"


def excluded_by(view: View, pod: Pod) -> str:
    """Whose anti-affinity keeps it away: " (of Deployment data/trainer)", or nothing where none is found."""
    for other in filter(pods.alive, view.unsociable):
        if any(_applies(term, other, pod) for term in other.spec.excluded_neighbours):
            return f" (of {view.owner(other)})"
    return ""


def _applies(term: PodAffinityTerm, of: Pod, to: Pod) -> bool:
    """Whether a term of one pod speaks of another; one that selects namespaces by label is not looked into."""
    if term.namespace_selector is None and to.namespace not in (term.namespaces or (of.namespace,)):
        return False
    return term.label_selector is not None and term.label_selector.matches(to.metadata.labels)


def spread(pod: Pod) -> str:
    """The spread it must keep: " (over topology.kubernetes.io/zone, at most 1 apart)", or nothing."""
    hard = [item for item in pod.spec.topology_spread_constraints if item.when_unsatisfiable == "DoNotSchedule"]
    said = [f"over {item.topology_key}, at most {item.max_skew} apart" for item in hard]
    return f" ({' and '.join(said)})" if said else ""


def spread_keys(pod: Pod) -> str:
    """The labels by which its spread counts nodes."""
    hard = [item for item in pod.spec.topology_spread_constraints if item.when_unsatisfiable == "DoNotSchedule"]
    return " or ".join(item.topology_key for item in hard) or "(of no name)"


def ports_in_use(view: View, pod: Pod) -> str:
    """Its host ports and who else has them: "its host port 9100 in use (by DaemonSet monitoring/node-exporter)"."""
    wanted = sorted(pod.spec.host_ports())
    others = (other for port in wanted for other in view.host_ports.get(port, ()) if pods.alive(other))
    holders = list(dict.fromkeys(str(view.owner(other)) for other in others))
    by = f" (by {', '.join(holders[:2])})" if holders else ""
    names = ", ".join(str(port) for port, _ in wanted)
    return f"its host port{'s' if len(wanted) > 1 else ''} {names}".rstrip() + f" in use{by}"


def unbound_claims(view: View, pod: Pod) -> str:
    """Its claims without a volume: "its claim spool is not bound to a volume"."""
    found = ((ref.name, view.find(ref)) for ref in pods.claims(view, pod))
    names = [name for name, item in found if isinstance(item, PersistentVolumeClaim) and item.status.phase != "Bound"]
    if len(names) == 1:
        return f"its claim {names[0]} is not bound to a volume"
    return f"its claims {', '.join(names)}".rstrip() + " are not bound to a volume"
