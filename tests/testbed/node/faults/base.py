"""What a real fault is: objects in a namespace of their own, when it shows, and what hubops must say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.testbed.api import Object, concurrently
from tests.testbed.errors import TestbedError
from tests.testbed.node.runtime import BUSYBOX
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.node.bed import NodeTestbed

Shows = Callable[["NodeTestbed", str], bool]
Step = Callable[["NodeTestbed", str], None]
# The node carries this taint; every pod but one tolerates it, so that pods can be kept away from the only node.
TAINT = {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}


@dataclass(frozen=True)
class Expected:
    """The finding that must be there: its check, its object, and words of its cause (in summary or evidence)."""

    check: str
    kind: str
    name: str
    cause: str
    namespaced: bool = True


@dataclass(frozen=True)
class Trial:
    """Something put on the node. `name` is its namespace, so that whatever is said of it can be told apart.

    expect  the one finding there must be; None for something healthy, of which nothing may be said
    shows   whether it can be seen yet
    before  what must be done on the machine before its objects are made;  after  what once they are
    """

    name: str
    objects: tuple[Object, ...]
    shows: Shows
    expect: Expected | None = None
    before: Step | None = None
    after: Step | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def start(self, bed: NodeTestbed) -> None:
        """Make it; returns at once, `wait` when it can be seen."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": self.labels}}
        bed.api.apply(namespace)
        poll(lambda: bed.api.get("ServiceAccount", self.name, "default") is not None, f"account of {self.name}")
        if self.before:
            self.before(bed, self.name)
        for obj in self.objects:
            bed.api.apply(placed(obj, self.name))
        if self.after:
            self.after(bed, self.name)

    def wait(self, bed: NodeTestbed, timeout: float = 240) -> None:
        poll(lambda: self.shows(bed, self.name), f"{self.name} shows", timeout, every=1)


CLUSTER_WIDE = frozenset(
    {"PersistentVolume", "StorageClass", "RuntimeClass", "ValidatingWebhookConfiguration", "Namespace"}
)


def placed(obj: Object, namespace: str) -> Object:
    meta = obj["metadata"] if obj["kind"] in CLUSTER_WIDE else {"namespace": namespace, **obj["metadata"]}
    return {**obj, "metadata": meta}


def start(bed: NodeTestbed, trials: Iterable[Trial], seconds: float = 300) -> list[str]:
    """Start all and wait until each shows; returns what did not, with the reason."""
    trials = list(trials)
    bed.api.patch({"apiVersion": "v1", "kind": "Node", "metadata": {"name": bed.node}}, {"spec": {"taints": [TAINT]}})
    concurrently(lambda trial: trial.start(bed), trials)
    failed = []
    for trial in trials:
        try:
            trial.wait(bed, seconds)
        except TestbedError as error:
            failed.append(str(error))
    return failed


# Objects


def container(script: str | None = None, *, name: str = "app", image: str = BUSYBOX, **more: Any) -> Object:
    """A container that runs a shell *script*; without one it sleeps."""
    base: Object = {
        "name": name,
        "image": image,
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "48Mi"}},
    }
    if "command" not in more and image == BUSYBOX:
        base["command"] = ["sh", "-c", script or "trap 'exit 0' TERM; sleep 100000 & wait"]
    return base | more


def pod_spec(*containers: Object, **more: Any) -> Object:
    return {
        "containers": list(containers) or [container()],
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "tolerations": [{"key": TAINT["key"], "operator": "Exists"}],
        **more,
    }


def workload(kind: str, name: str, spec: Object, **more: Any) -> Object:
    """A Deployment, StatefulSet or DaemonSet of pods labelled app=*name*."""
    labels = {"app": name, "app.kubernetes.io/name": name}
    body: Object = {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }
    if kind == "StatefulSet":
        body["serviceName"] = name
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        "spec": body | more,
    }


def app(name: str, *containers: Object, spec: Object | None = None, **more: Any) -> Object:
    """A Deployment called *name*; *spec* adds to its pods, *more* to itself."""
    return workload("Deployment", name, pod_spec(*containers, **(spec or {})), **more)


def job(name: str, *containers: Object, spec: Object | None = None, restart: str = "Never", **more: Any) -> Object:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": pod_spec(*containers, **(spec or {}), restartPolicy=restart),
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template} | more}


def cron_job(name: str, spec: Object, **more: Any) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": spec}}}, **more},
    }


def service(name: str, selector: dict[str, str] | None, **spec: Any) -> Object:
    body: Object = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]} | spec
    if selector is not None:
        body["selector"] = selector
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}


def claim(name: str, storage_class: str, size: str = "1Gi", **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
            **spec,
        },
    }


def mounting(claim_name: str, path: str = "/data") -> tuple[Object, Object]:
    """The volume and its mount of a pod that uses a claim."""
    return {"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}, {"name": "data", "mountPath": path}


# When something shows


def pods(bed: NodeTestbed, namespace: str) -> list[Object]:
    return bed.api.list("Pod", namespace)


def statuses(pod: Object) -> list[Object]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def waits(*reasons: str, restarts: int = 0) -> Shows:
    """A container of the namespace waits for one of these reasons, after that many restarts."""

    def shows(bed: NodeTestbed, namespace: str) -> bool:
        return any(
            status["state"].get("waiting", {}).get("reason") in reasons and status["restartCount"] >= restarts
            for pod in pods(bed, namespace)
            for status in statuses(pod)
        )

    return shows


def event(*words: str, times: int = 1) -> Shows:
    """An event of the namespace says all of these words."""

    def shows(bed: NodeTestbed, namespace: str) -> bool:
        found = [
            e for e in bed.api.list("Event", namespace) if all(w in f"{e['reason']} {e['message']}" for w in words)
        ]
        return sum(int(e.get("count") or e.get("series", {}).get("count", 1)) for e in found) >= times

    return shows


def phase(wanted: str) -> Shows:
    def shows(bed: NodeTestbed, namespace: str) -> bool:
        return any(pod["status"].get("phase") == wanted for pod in pods(bed, namespace))

    return shows


def ready(count: int = 1) -> Shows:
    def shows(bed: NodeTestbed, namespace: str) -> bool:
        conditions = [c for pod in pods(bed, namespace) for c in pod["status"].get("conditions", [])]
        return len([c for c in conditions if c["type"] == "Ready" and c["status"] == "True"]) >= count

    return shows


def condition(kind: str, name: str, type: str, status: str, reason: str = "") -> Shows:
    def shows(bed: NodeTestbed, namespace: str) -> bool:
        found = bed.api.get(kind, namespace, name)
        conditions = found["status"].get("conditions", []) if found else []
        return any(
            c["type"] == type and c["status"] == status and (not reason or c.get("reason") == reason)
            for c in conditions
        )

    return shows


def always(_bed: NodeTestbed, _namespace: str) -> bool:
    return True


def both(*all_of: Shows) -> Shows:
    return lambda bed, namespace: all(shows(bed, namespace) for shows in all_of)
