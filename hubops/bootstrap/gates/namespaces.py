"""Namespaces: there with their labels, and not on their way out; network policies: there in each of them."""

from __future__ import annotations

from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.bootstrap.gates.objects import are_served


def namespaces_labelled(at: Installed) -> Verdict:
    """As they were applied, Pod Security and all, and Active."""
    verdict = are_served(at)
    if verdict.state != "passed":
        return verdict
    count = 0
    for item in at.rendered.objects():
        if item["kind"] == "Namespace":
            live = at.target.cluster.read(item) or {}
            if (live.get("status") or {}).get("phase") != "Active":
                return waiting(f"Namespace {item['metadata']['name']} is being deleted")
            count += 1
    return passed(f"{count} namespaces with their labels")


def network_policies_present(at: Installed) -> Verdict:
    """As they were applied. Whether the cluster's network plugin enforces them is not to be seen in objects."""
    verdict = are_served(at)
    return (
        passed(f"{verdict.words}; their enforcement is the network plugin's") if verdict.state == "passed" else verdict
    )
