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


def misjudged(cluster: KubeWriter, good: Manifest, bad: Manifest, webhook: str) -> str:
    """How the webhooks of *good* and *bad* fail to tell them apart in a dry run; empty where they do.

    *bad* is valid for the API server, so only an answer of *webhook* can refuse it: that it takes *good* proves
    nothing, since a webhook that fails open is taken for consent when it is silent.
    """
    name = f"{good['kind']} in a dry run"
    try:
        cluster.apply(good, dry_run=True)
    except Permanent as error:
        return f"a correct {name} is not taken: {error}"
    try:
        cluster.apply(bad, dry_run=True)
    except Denied as error:
        return "" if error.webhook == webhook else f"a wrong {name} is refused by {error.webhook}, not by {webhook}"
    except Permanent as error:
        return f"a wrong {name} is refused, but not by the webhook {webhook}: {error}"
    return f"a wrong {name} is accepted: the webhook {webhook} was not asked, or was silent and fails open"
