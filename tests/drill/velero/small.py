"""The smallest application that a drill can prove, for what goes wrong: each backup and restore takes a second."""

from __future__ import annotations

from collections.abc import Iterator

from tests.testbed import objects
from tests.testbed.api import Object
from tests.testbed.objects import meta
from tests.testbed.process import poll
from tests.testbed.velero_platform import VeleroPlatform


def small(space: str) -> Iterator[Object]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, space)}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(space, "settings"), "data": {"colour": "red"}}
    yield objects.service(space, "web", {"app": "web"})
    yield objects.deployment(space, "web", replicas=1)


def backed_up(platform: VeleroPlatform, space: str, name: str, *more: Object) -> str:
    """The application in the new namespace *space*, ready, and then backed up as *name*; *more* is in it, too."""
    for obj in (*small(space), *more):
        platform.bed.api.apply(obj)

    def ready() -> bool:
        found = platform.bed.api.get("Deployment", space, "web") or {}
        return bool(found.get("status", {}).get("readyReplicas") == 1)

    poll(ready, f"Deployment {space}/web ready", 60)
    done = platform.velero.backup(name, space)
    assert done["status"]["phase"] == "Completed", done["status"]
    return space
