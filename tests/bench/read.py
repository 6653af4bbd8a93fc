"""Only the reading of a round: every kind, by `python -m tests.bench.read KUBECONFIG`."""

from __future__ import annotations

import sys

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.collect.objects import read_objects
from hubops.config import KubernetesConfig
from hubops.model.kube.kinds import BY_PLURAL
from hubops.model.snapshot import Needs


def tell(source: str, done: int, total: int) -> None:
    """Say when all is read."""
    if done == total:
        print(f"{source}: {total} kinds")


def main(kubeconfig: str) -> int:
    deadline = Deadline(300)
    client = KubeClient(KubernetesConfig(kubeconfig=kubeconfig), deadline=deadline)
    part = read_objects(client, Needs(kinds=frozenset(BY_PLURAL)), deadline=deadline, progress=tell)
    print({plural: len(getattr(part.objects, plural)) for plural in BY_PLURAL}, part.unread)
    return 1 if part.unread else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
