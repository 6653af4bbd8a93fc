"""The API server on what was restored: it must come up on it, decode every object, and decrypt the encrypted ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hubops.clients.kube.counts import Counts
from hubops.clients.retry import Deadline
from hubops.config import KubernetesConfig
from hubops.drill.etcd import servers
from hubops.drill.etcd.compare import Comparison
from hubops.drill.etcd.listing import Listing, list_all
from hubops.drill.etcd.restored import Restored, Step
from hubops.drill.etcd.scratch import Scratch
from hubops.errors import Permanent

_START = 300.0  # seconds that it has to be ready


@dataclass(frozen=True)
class Found:
    version: str
    listing: Listing


def run(
    place: Scratch, program: Path, restored: Restored, compared: Comparison, *, prefix: str,
    encryption_config: str | None, step: Step, deadline: Deadline,
) -> Found:  # fmt: skip
    """Start it, and list all that has keys. Raises HubopsError where it does not come up, or answers no more."""
    if compared.encrypted and not encryption_config:  # it would never be ready
        encrypted = ", ".join(f"{count} {name}" for name, count in sorted(compared.encrypted.items()))
        raise Permanent(f"{encrypted} are encrypted, and drill.etcd.encryption_config is not set")

    def client(kubeconfig: Path) -> Counts:
        # No proxy of the environment: it is on this machine.
        return Counts(KubernetesConfig(kubeconfig=str(kubeconfig)), deadline=deadline, environ={})

    def ready(kubeconfig: Path) -> Callable[[], bool]:
        return client(kubeconfig).is_ready

    with step("start kube-apiserver", "starting kube-apiserver on it"):
        kubeconfig = servers.start_api_server(
            place, program, restored.endpoint.url, restored.certificates,
            prefix=prefix, encryption_config=encryption_config, ready=ready,
            deadline=Deadline(min(_START, deadline.remaining())),
        )  # fmt: skip
    server = client(kubeconfig)
    with step("list", "listing every resource"):
        version = server.version()
        listing = list_all(server, compared.restored, restored.revision, deadline=deadline)
    return Found(version, listing)
