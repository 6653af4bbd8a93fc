"""How much of a live volume is in use, as its kubelet tells Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.collect.round import collect
from hubops.config import Config
from hubops.errors import HubopsError
from hubops.model.snapshot import Needs

_QUERY = "max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_used_bytes)"
_LONGEST = 60.0  # seconds; what is not known by then stays unknown


def used_by(config: Config) -> Callable[[str, str], float | None]:
    """Tells the bytes in use of a claim (namespace, name); None where that is not known. It is asked for once."""

    @cache
    def answer() -> dict[tuple[str, str], float]:
        deadline = Deadline(_LONGEST)
        try:
            client = KubeClient(config.kubernetes, deadline=deadline)
            read = collect(
                config,
                Needs(promql=frozenset({_QUERY})),
                client=client,
                deadline=deadline,
                progress=lambda _words: None,
            )
        except HubopsError:
            return {}
        samples = read.metrics.get(_QUERY, ())
        return {
            (each.labels.get("namespace", ""), each.labels.get("persistentvolumeclaim", "")): each.number
            for each in samples
        }

    return lambda namespace, claim: answer().get((namespace, claim))
