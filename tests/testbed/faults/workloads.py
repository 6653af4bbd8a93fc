"""What makes pods, hindered: the real controllers meet pods that fail, what refuses them, and times that are over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.testbed.api import Object
from tests.testbed.faults.base import Expected, Fault, older, remove, scheduled_pods
from tests.testbed.faults.pods import (
    ago,
    container_status,
    pod_status,
    probe_events,
    running_unready,
    running_well,
    terminated,
)
from tests.testbed.objects import MANUAL, cron_job, daemon_set, deployment, job
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(minutes=40)
_BY_HAND = {MANUAL: "true"}


def stateful_set(namespace: str, name: str, replicas: int, **pod: Any) -> Object:
    """Without claims, and with its pods made one after another, as is the API's default."""
    made = deployment(namespace, name, replicas=replicas, **pod)
    return made | {"kind": "StatefulSet", "spec": made["spec"] | {"serviceName": name}}


def unready(bed: Testbed, pod: Object) -> None:
    """Make *pod* run and fail its readiness probe, with the event that its kubelet would write."""
    bed.api.set_status(pod, running_unready(pod))
    for reason, message, count in probe_events(pod):
        bed.api.event(pod, reason, message, "kubelet", count)


@dataclass(frozen=True)
class Workload(Fault):
    """One object made for the fault, named as the finding is about it."""

    @property
    def at(self) -> tuple[str, str]:
        return self.expect.namespace or "", self.expect.name

    def made(self) -> Object:
        raise NotImplementedError

    def pods(self, bed: Testbed, count: int) -> list[Object]:
        found = scheduled_pods(bed, *self.at, count)
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def age(self, bed: Testbed, by: dt.timedelta = SINCE) -> None:
        namespace, name = self.at
        older(bed, namespace, name, by)
        kinds = ("statefulsets", "daemonsets", "jobs", "cronjobs")
        bed.backdate(by, *(f"/registry/{kind}/{namespace}/{name}" for kind in kinds))

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.made())


@dataclass(frozen=True)
class Ordinal(Workload):
    """A StatefulSet of which the second pod is never ready, so that the third is not made."""

    def made(self) -> Object:
        return stateful_set(*self.at, 3, annotations=_BY_HAND)

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.made())
        (first,) = self.pods(bed, 1)
        bed.api.set_status(first, running_well(first))
        self.pods(bed, 2)
        self.age(bed)
        unready(bed, self.pods(bed, 2)[1])


@dataclass(frozen=True)
class OneNode(Workload):
    """A DaemonSet that is ready on all nodes but one."""

    nodes: int

    def made(self) -> Object:
        return daemon_set(*self.at, "registry.example.com/agent:1.4.2", annotations=_BY_HAND)

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.made())
        self.pods(bed, self.nodes)
        self.age(bed)
        broken, *well = self.pods(bed, self.nodes)
        for pod in well:
            bed.api.set_status(pod, running_well(pod))
        unready(bed, broken)


@dataclass(frozen=True)
class Refused(Workload):
    """A StatefulSet whose pods name a ServiceAccount that does not exist."""

    def made(self) -> Object:
        return stateful_set(*self.at, 2, pod={"serviceAccountName": "nobody-made-it"})

    def inject(self, bed: Testbed) -> None:
        namespace, name = self.at
        bed.api.apply(self.made())
        about = f"involvedObject.name={name},reason=FailedCreate"
        poll(lambda: bool(bed.api.list("Event", namespace, fieldSelector=about)), f"{name} refused")
        self.age(bed)
        bed.backdate(dt.timedelta(minutes=15), f"/registry/events/{namespace}/{name}.")


@dataclass(frozen=True)
class Rollout(Workload):
    """A Deployment whose new version is not ready, while all pods of the old one serve on."""

    def made(self) -> Object:
        keep = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        return deployment(*self.at, replicas=2, spec={"strategy": keep, "progressDeadlineSeconds": 2})

    def _status(self, bed: Testbed) -> Object:
        found = bed.api.get("Deployment", *self.at) or {}
        status: Object = found.get("status", {})
        return status

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.made())
        poll(lambda: self._status(bed).get("availableReplicas") == 2, "the old version serves")
        new = self.made()
        new["spec"]["template"]["metadata"]["annotations"] = _BY_HAND
        bed.api.apply(new)
        self.pods(bed, 3)

        def given_up() -> bool:
            reasons = [state.get("reason") for state in self._status(bed).get("conditions", [])]
            return "ProgressDeadlineExceeded" in reasons

        poll(given_up, "the rollout past its deadline")
        self.age(bed)
        unready(bed, next(pod for pod in self.pods(bed, 3) if MANUAL in pod["metadata"].get("annotations", {})))


def fail(pod: Object) -> Object:
    """The status of a pod whose only container ended with code 3."""
    return pod_status(pod, "Failed", False, ago(minutes=1), container_status(pod, state=terminated(3, "Error", 1)))


@dataclass(frozen=True)
class FailedJob(Workload):
    """A Job whose only attempt fails, one of its own or of a CronJob that runs once a year."""

    def _parent(self) -> Object:
        return cron_job(*self.at, "0 0 1 1 *")

    def made(self) -> Object:
        made = job(*self.at)
        made["spec"] |= {"backoffLimit": 0}
        made["spec"]["template"]["metadata"]["annotations"] = _BY_HAND
        return made

    @property
    def _of_cron_job(self) -> bool:
        return self.expect.kind == "CronJob"

    def inject(self, bed: Testbed) -> None:
        made = self.made()
        if self._of_cron_job:
            uid = bed.api.apply(self._parent())["metadata"]["uid"]
            owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": self.expect.name, "uid": uid}
            made["metadata"]["ownerReferences"] = [owner | {"controller": True}]
        bed.api.apply(made)
        (pod,) = self.pods(bed, 1)
        bed.api.set_status(pod, fail(pod))

        def failed() -> bool:
            found = bed.api.get("Job", *self.at) or {}
            states = found.get("status", {}).get("conditions", [])
            return any(state["type"] == "Failed" and state["status"] == "True" for state in states)

        poll(failed, "the Job given up")

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.made(), *([self._parent()] if self._of_cron_job else []))


@dataclass(frozen=True)
class Aged(Workload):
    """A CronJob made long ago."""

    by: dt.timedelta
    make: Callable[[str, str], Object]

    def made(self) -> Object:
        return self.make(*self.at)

    def inject(self, bed: Testbed) -> None:
        bed.api.apply(self.made())
        self.age(bed, self.by)


def due_an_hour_ago(namespace: str, name: str) -> Object:
    """Every day at this time an hour ago, and by then only."""
    due = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    made = cron_job(namespace, name, f"{due.minute} {due.hour} * * *")
    made["spec"]["startingDeadlineSeconds"] = 60
    return made


FAULTS: tuple[Fault, ...] = (
    Ordinal(
        "statefulset-short",
        Expected("statefulset-short", "StatefulSet", "data", "ledger", "ledger-2 waits for it (OrderedReady)"),
        (),
    ),
    OneNode(
        "daemonset-short",
        Expected("daemonset-short", "DaemonSet", "logging", "audit-agent", "statuscode: 503"),
        (),
        6,
    ),
    Refused(
        "pods-refused/service-account",
        Expected("pods-refused", "StatefulSet", "payments", "vault", "ServiceAccount nobody-made-it does not exist"),
        (),
    ),
    Rollout(
        "rollout-stuck",
        Expected("rollout-stuck", "Deployment", "shop", "reviews", "1 of 2 replicas are of the new version"),
        (),
    ),
    FailedJob("job-failed", Expected("job-failed", "Job", "payments", "export-0007", "exits with code 3"), ()),
    FailedJob(
        "cronjob-failing",
        Expected("cronjob-failing", "CronJob", "payments", "yearly-close", "exits with code 3"),
        (),
    ),
    Aged(
        "cronjob-missed",
        Expected("cronjob-missed", "CronJob", "data", "reindex", "startingDeadlineSeconds 60"),
        (),
        dt.timedelta(hours=20),
        due_an_hour_ago,
    ),
    Aged(
        "cronjob-suspended",
        Expected("cronjob-suspended", "CronJob", "data", "old-export", "it has never run"),
        (),
        dt.timedelta(days=100),
        lambda namespace, name: cron_job(namespace, name, "0 4 * * *", suspend=True),
    ),
)
