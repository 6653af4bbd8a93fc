"""Pods whose containers fail: the status, events and log lines that a kubelet would leave."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.testbed.api import Object, now
from tests.testbed.faults.base import Expected, Fault, older, patch_conditions, remove, scheduled_pods
from tests.testbed.objects import MANUAL, deployment
from tests.testbed.telemetry import container_log, stream

if TYPE_CHECKING:
    from tests.testbed.bed import Testbed

SINCE = dt.timedelta(minutes=40)
Event = tuple[str, str, int]
"""(reason, message, count) of a Warning"""


def ago(**units: float) -> str:
    return now(dt.timedelta(**units))


def container_status(pod: Object, **status: object) -> Object:
    container = pod["spec"]["containers"][0]
    base = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
    return {**base, "ready": False, "started": False, **status}


def pod_status(pod: Object, phase: str, ready: bool, since: str, container: Object) -> Object:
    """A pod's whole status, with the conditions that fit."""
    name = container["name"]
    reason = {} if ready else {
        "reason": "ContainersNotReady", "message": f"containers with unready status: [{name}]"}  # fmt: skip
    verdict = {"status": "True" if ready else "False", "lastTransitionTime": since, **reason}
    started = pod["metadata"]["creationTimestamp"]
    there = {"status": "True", "lastTransitionTime": started}
    conditions = {"PodReadyToStartContainers": there, "Initialized": there}
    conditions |= {"Ready": verdict, "ContainersReady": verdict}
    address = {} if phase == "Pending" else {"podIP": "10.244.200.7", "podIPs": [{"ip": "10.244.200.7"}]}
    return {
        "phase": phase,
        "startTime": started,
        "conditions": patch_conditions(pod["status"].get("conditions", []), conditions),
        "containerStatuses": [container],
        **address,
    }


@dataclass(frozen=True)
class BrokenPods(Fault):
    """A Deployment of its own, whose pods the scheduler places and of which the first *broken* fail."""

    image: str | None
    replicas: int
    broken: int
    status: Callable[[Object], Object]
    events: Callable[[Object], list[Event]]
    log: tuple[str, ...] = ()

    @property
    def workload(self) -> Object:
        return deployment(
            self.expect.namespace or "", self.expect.name, self.image, self.replicas, annotations={MANUAL: "true"}
        )

    def inject(self, bed: Testbed) -> None:
        namespace, name = self.expect.namespace or "", self.expect.name
        bed.api.apply(self.workload)
        scheduled_pods(bed, namespace, name, self.replicas)
        older(bed, namespace, name, SINCE)
        for index, pod in enumerate(scheduled_pods(bed, namespace, name, self.replicas)):
            if index >= self.broken:
                bed.api.set_status(pod, running_well(pod))
                continue
            bed.api.set_status(pod, self.status(pod))
            for reason, message, count in self.events(pod):
                kubelet = {"source": {"host": pod["spec"]["nodeName"]}}
                path = {"involved": {"fieldPath": f"spec.containers{{{name}}}"}}
                bed.api.event(pod, reason, message, "kubelet", count, **kubelet, **path)
            if self.log:
                lines = [(time.time() - 130 + index, line) for index, line in enumerate(self.log)]
                container_log(bed, pod, lines)
                bed.stack.log([(stream(namespace, name, pod["metadata"]["name"], pod["spec"]["nodeName"]), lines)])

    def clear(self, bed: Testbed) -> None:
        remove(bed, self.workload)


def terminated(code: int, reason: str, minutes: float) -> Object:
    times = {"startedAt": ago(minutes=minutes, seconds=9), "finishedAt": ago(minutes=minutes)}
    return {"terminated": {"exitCode": code, "reason": reason, "containerID": "containerd://0", **times}}


def _waits(pod: Object, reason: str) -> Object:
    name, meta = pod["spec"]["containers"][0]["name"], pod["metadata"]
    where = f"pod={meta['name']}_{meta['namespace']}({meta['uid']})"
    return {"waiting": {"reason": reason, "message": f"back-off 5m0s restarting failed container={name} {where}"}}


def crash_loop(code: int, reason: str, restarts: int) -> Callable[[Object], Object]:
    def status(pod: Object) -> Object:
        container = container_status(
            pod,
            restartCount=restarts,
            state=_waits(pod, "CrashLoopBackOff"),
            lastState=terminated(code, reason, 2),
        )
        return pod_status(pod, "Running", False, ago(minutes=2), container)

    return status


def back_off_events(pod: Object) -> list[Event]:
    name, meta = pod["spec"]["containers"][0]["name"], pod["metadata"]
    where = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
    return [("BackOff", f"Back-off restarting failed container {name} in pod {where}", 131)]


def came_back(pod: Object, restarts: int, code: int, reason: str) -> Object:
    """It runs and is ready, and its last run ended eight minutes ago."""
    container = container_status(
        pod,
        ready=True,
        started=True,
        restartCount=restarts,
        state={"running": {"startedAt": ago(minutes=8)}},
        lastState=terminated(code, reason, 8),
    )
    return pod_status(pod, "Running", True, ago(minutes=8), container)


def came_back_after_oom(pod: Object) -> Object:
    return came_back(pod, 3, 137, "OOMKilled")


def running_well(pod: Object) -> Object:
    running = container_status(pod, ready=True, started=True, state={"running": {"startedAt": ago(minutes=39)}})
    return pod_status(pod, "Running", True, ago(minutes=39), running)


def running_unready(pod: Object) -> Object:
    running = container_status(pod, started=True, state={"running": {"startedAt": ago(minutes=39)}})
    return pod_status(pod, "Running", False, ago(minutes=25), running)


def probe_events(pod: Object) -> list[Event]:
    return [("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 150)]


def cannot_pull(error: str) -> tuple[Callable[[Object], Object], Callable[[Object], list[Event]]]:
    def status(pod: Object) -> Object:
        image = pod["spec"]["containers"][0]["image"]
        message = f'Back-off pulling image "{image}": ErrImagePull: {error.format(image=image)}'
        waiting = container_status(pod, state={"waiting": {"reason": "ImagePullBackOff", "message": message}})
        return pod_status(pod, "Pending", False, ago(minutes=39), waiting)

    def events(pod: Object) -> list[Event]:
        image = pod["spec"]["containers"][0]["image"]
        return [
            ("Failed", f'Failed to pull image "{image}": {error.format(image=image)}', 12),
            ("Failed", "Error: ErrImagePull", 12),
            ("Failed", "Error: ImagePullBackOff", 164),
        ]

    return status, events


_PULL = 'failed to pull and unpack image "{image}": failed to '
NOT_FOUND = "rpc error: code = NotFound desc = " + _PULL + 'resolve reference "{image}": {image}: not found'
DENIED = (
    "rpc error: code = Unknown desc = " + _PULL + 'resolve reference "{image}": failed to authorize: failed to fetch '
    "oauth token: unexpected status from POST request to https://registry.example.com/token: 401 Unauthorized"
)
RATE_LIMITED = (
    "rpc error: code = Unknown desc = " + _PULL + "copy: httpReadSeeker: failed open: unexpected status code "
    "https://registry-1.docker.io/v2/library/nginx/manifests/sha256:4c0fdaa8b634: 429 Too Many Requests - Server "
    "message: toomanyrequests: You have reached your unauthenticated pull rate limit. "
    "https://www.docker.com/increase-rate-limit"
)


_UNAVAILABLE = ("deployment-unavailable", "pod-not-ready")


def _pull(variant: str, namespace: str, name: str, image: str, error: str, cause: str) -> Fault:
    expect = Expected("image-pull-failing", "Deployment", namespace, name, cause)
    return BrokenPods(f"image-pull-failing/{variant}", expect, _UNAVAILABLE, image, 2, 2, *cannot_pull(error))


FAULTS: tuple[Fault, ...] = (
    BrokenPods(
        "pod-crash-looping",
        Expected("pod-crash-looping", "Deployment", "shop", "recommendations", "exit code 1"),
        (*_UNAVAILABLE, "error-log-spike"),
        None,
        2,
        2,
        crash_loop(1, "Error", 14),
        back_off_events,
        (
            "level=info msg=starting version=1.4.2",
            'level=error msg="cannot connect to the database" error="password authentication failed for user shop"',
            "level=fatal msg=exiting code=1",
        ),
    ),
    BrokenPods(
        "pod-oom-killed",
        Expected("pod-oom-killed", "Deployment", "data", "report-builder", "OOMKilled"),
        (),
        None,
        1,
        1,
        came_back_after_oom,
        lambda _: [],
    ),
    BrokenPods(
        "pod-oom-killed/looping",
        Expected("pod-oom-killed", "Deployment", "data", "image-resizer", "OOMKilled"),
        (*_UNAVAILABLE, "pod-crash-looping"),
        None,
        1,
        1,
        crash_loop(137, "OOMKilled", 9),
        back_off_events,
    ),
    BrokenPods(
        "pod-not-ready",
        Expected("pod-not-ready", "Deployment", "shop", "wishlist", "503"),
        ("deployment-unavailable",),
        None,
        4,
        1,
        running_unready,
        probe_events,
    ),
    BrokenPods(
        "deployment-unavailable/rollout-stuck",
        Expected("deployment-unavailable", "Deployment", "payments", "pricing", "ProgressDeadlineExceeded"),
        ("pod-not-ready",),
        None,
        2,
        2,
        running_unready,
        probe_events,
    ),
    _pull("not-found", "shop", "search", "registry.example.com/shop/search:2.9.9", NOT_FOUND, "not found"),
    _pull("denied", "payments", "invoices", "registry.example.com/payments/invoices:1.0.3", DENIED, "credentials"),
    _pull("rate-limited", "shop", "assets", "docker.io/library/nginx:1.27.2", RATE_LIMITED, "429 Too Many Requests"),
)
