"""What a cluster says of an object: its conditions, the events about it, what a webhook makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubops.clients.kube.errors import Denied
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent
from hubops.model.text import inert

Manifest = dict[str, Any]


def condition(live: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """The status of the condition *kind* ("True", "False", "Unknown", or "" for none) and its words."""
    for each in (live.get("status") or {}).get("conditions") or []:
        if each.get("type") == kind:
            return str(each.get("status")), inert(each.get("message") or each.get("reason") or kind, limit=300)
    return "", "its controller has said nothing of it yet"


def warnings(cluster: KubeWriter, live: Mapping[str, Any]) -> str:
    """The last two warnings that events give about the object *live*, as " (…)"; empty where there are none."""
    metadata = live["metadata"]
    found = [
        each
        for each in cluster.find("v1", "Event", metadata.get("namespace") or "default")
        if each.get("type") == "Warning" and (each.get("involvedObject") or {}).get("uid") == metadata["uid"]
    ]
    found.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    words = [inert(f"{each.get('reason')}: {each.get('message')}", limit=200) for each in found[-2:]]
    return f" ({'; '.join(words)})" if words else ""


def misjudged(cluster: KubeWriter, good: Manifest, bad: Manifest) -> str:
    """How the webhooks for the kind of *good* and *bad* fail to tell them apart in a dry run; empty where they do.

    *bad* is valid for the API server, so only one of them can refuse it: that *good* is taken proves nothing, since a
    webhook that fails open is taken for consent when it is silent.
    """
    kind = good["kind"]
    hooks = _webhooks(cluster, good)
    if not hooks:
        return f"no webhook judges the kind {kind} yet"
    if untrusted := [name for name, client in hooks.items() if not client.get("caBundle")]:
        return f"the webhook {untrusted[0]} has no caBundle yet, so that the API server cannot trust it"
    try:
        cluster.apply(good, dry_run=True)
    except Permanent as error:
        return f"a correct {kind} in a dry run is not taken: {error}"
    names = ", ".join(hooks)
    try:
        cluster.apply(bad, dry_run=True)
    except Denied as error:
        return "" if error.webhook in hooks else f"a wrong {kind} is refused by {error.webhook}, not by {names}"
    except Permanent as error:
        return f"a wrong {kind} in a dry run is refused, but not by {names}: {error}"
    return f"a wrong {kind} in a dry run is accepted: {names} was not asked, or was silent and fails open"


def _webhooks(cluster: KubeWriter, item: Manifest) -> dict[str, Mapping[str, Any]]:
    """The webhooks that name the API group of *item* and are asked about its kind: how each is reached, by name."""
    group = item["apiVersion"].rpartition("/")[0]
    resources = {cluster.resource(item["apiVersion"], item["kind"]).plural, "*", "*/*"}
    return {
        hook["name"]: hook["clientConfig"]
        for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
        for configuration in cluster.find("admissionregistration.k8s.io/v1", kind)
        for hook in configuration.get("webhooks") or []
        for rule in hook.get("rules") or []
        if group in rule["apiGroups"] and resources & set(rule["resources"])
    }
