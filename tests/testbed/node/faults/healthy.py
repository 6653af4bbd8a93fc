"""Healthy things that look like faults at a first glance: nothing may be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.testbed.api import Object
from tests.testbed.node.faults.base import (
    Shows,
    Trial,
    always,
    app,
    claim,
    container,
    cron_job,
    job,
    phase,
    placed,
    pod_spec,
    pods,
    ready,
    service,
    statuses,
)
from tests.testbed.node.faults.cluster import MI, filled, volume_trial, webhook
from tests.testbed.node.platform import LOCAL
from tests.testbed.process import poll

if TYPE_CHECKING:
    from tests.testbed.node.bed import NodeTestbed

# A folder of the node that outlives a pod: what ran there once is known the next time.
MEMORY: Object = {"volumes": [{"name": "memory", "hostPath": {"path": "/mnt/memory", "type": "DirectoryOrCreate"}}]}
_MOUNT = [{"name": "memory", "mountPath": "/memory"}]


def _remembering(script: str) -> Object:
    return container(script, volumeMounts=_MOUNT)


def restarted(times: int) -> Shows:
    def shows(bed: NodeTestbed, namespace: str) -> bool:
        found = [s for pod in pods(bed, namespace) for s in statuses(pod)]
        return any(s["restartCount"] >= times and "running" in s["state"] for s in found)

    return both_ready(shows)


def both_ready(shows: Shows) -> Shows:
    return lambda bed, namespace: shows(bed, namespace) and ready()(bed, namespace)


def succeeded(bed: NodeTestbed, namespace: str) -> bool:
    return all(j["status"].get("succeeded") for j in bed.api.list("Job", namespace))


def terminating(bed: NodeTestbed, namespace: str) -> bool:
    return any("deletionTimestamp" in pod["metadata"] for pod in pods(bed, namespace))


def _scale_down(bed: NodeTestbed, namespace: str) -> None:
    poll(lambda: ready(2)(bed, namespace), f"the pods of {namespace} ready")
    bed.api.apply(placed(_draining(1), namespace))


def _draining(replicas: int) -> Object:
    slow = container("trap 'echo draining' TERM; while :; do sleep 1; done")
    return app("api", slow, replicas=replicas, spec={"terminationGracePeriodSeconds": 3600})


def _roll(replicas: int, version: str) -> Object:
    """Pods that take long to be ready, except those of version 1."""
    delay = 2 if version == "1" else 3000
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": delay, "periodSeconds": 2}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}
    one = container(readinessProbe=probe, env=[{"name": "VERSION", "value": version}])
    return app("api", one, replicas=replicas, strategy=strategy)


def _roll_on(bed: NodeTestbed, namespace: str) -> None:
    poll(lambda: ready(3)(bed, namespace), f"the pods of {namespace} ready")
    bed.api.apply(placed(_roll(3, "2"), namespace))


def _rolling(bed: NodeTestbed, namespace: str) -> bool:
    status = bed.api.list("Deployment", namespace)[0]["status"]
    return bool(status.get("updatedReplicas", 0) >= 1 and status.get("unavailableReplicas", 0) >= 1)


def slow_pod(seconds: int) -> Object:
    probe = {"exec": {"command": ["test", "-e", "/tmp/started"]}, "periodSeconds": 2, "failureThreshold": seconds}
    return container(f"sleep {seconds}; touch /tmp/started; sleep 100000", startupProbe=probe, readinessProbe=probe)


def _evicted(bed: NodeTestbed, namespace: str) -> bool:
    return phase("Failed")(bed, namespace) and ready()(bed, namespace)


EVICTED_ONCE = (
    "if [ -e /memory/evicted ]; then trap 'exit 0' TERM; sleep 100000 & wait; fi; "
    "touch /memory/evicted; dd if=/dev/zero of=/scratch/big bs=1M count=12; sleep 1000"
)
TWICE = "n=$(cat /memory/runs 2>/dev/null || echo 0); echo $((n+1)) > /memory/runs; "

FINE = (
    Trial("fine-job-done", (job("migrate", container("echo migrated")),), succeeded),
    Trial(
        "fine-job-second-try",
        (
            job(
                "import",
                _remembering("[ -e /memory/tried ] && exit 0; touch /memory/tried; echo 'connection reset'; exit 1"),
                spec=MEMORY,
                backoffLimit=3,
            ),
        ),
        succeeded,
    ),
    Trial(
        "fine-cron-job-done",
        (cron_job("tick", pod_spec(container("echo tick"), restartPolicy="OnFailure")),),
        phase("Succeeded"),
    ),
    Trial(
        "fine-cron-job-suspended",
        (cron_job("report", pod_spec(restartPolicy="OnFailure"), suspend=True),),
        always,
    ),
    # Waited for its database at first; since then it runs. Its last end is behind it for longer than its run was.
    Trial(
        "fine-restarted-twice",
        (
            app(
                "api",
                _remembering(f"{TWICE} [ $n -lt 2 ] && {{ echo 'no database yet'; exit 1; }}; sleep 100000"),
                spec=MEMORY,
            ),
        ),
        restarted(2),
    ),
    Trial(
        "fine-worker-recycles",
        (
            app(
                "worker",
                container("trap 'exit 0' TERM; echo 'working for a while, then a fresh process'; sleep 100 & wait"),
            ),
        ),
        restarted(1),
    ),
    Trial("fine-slow-start", (app("api", slow_pod(3000)), service("api", {"app": "api"})), phase("Running")),
    Trial("fine-scaled-to-zero", (app("api", replicas=0), service("api", {"app": "api"})), always),
    Trial("fine-claim-unused", (claim("scratch", LOCAL),), always),
    Trial(
        "fine-external-name",
        (service("billing", None, type="ExternalName", externalName="billing.example.com", ports=[]),),
        always,
    ),
    Trial("fine-headless-without-selector", (service("legacy-db", None, clusterIP="None"),), always),
    Trial("fine-terminating", (_draining(2),), terminating, after=_scale_down),
    Trial("fine-rollout", (_roll(3, "1"),), _rolling, after=_roll_on),
    Trial(
        "fine-sidecar",
        (app("api", spec={"initContainers": [container(name="proxy", restartPolicy="Always")]}),),
        ready(),
    ),
    Trial(
        "fine-job-with-sidecar",
        (
            job(
                "backup",
                container("echo saved"),
                spec={"initContainers": [container(name="proxy", restartPolicy="Always")]},
            ),
        ),
        succeeded,
    ),
    Trial(
        "fine-evicted-once",
        (
            app(
                "api",
                container(EVICTED_ONCE, volumeMounts=[*_MOUNT, {"name": "scratch", "mountPath": "/scratch"}]),
                spec={"volumes": [*MEMORY["volumes"], {"name": "scratch", "emptyDir": {"sizeLimit": "4Mi"}}]},
            ),
        ),
        _evicted,
    ),
    Trial("fine-webhook-ignores", (webhook("fine-webhook-ignores", "Ignore"), app("api")), ready()),
    volume_trial(
        "fine-volume",
        64 * MI,
        "dd if=/dev/zero of=/data/wal bs=1M count=42",
        filled("used_bytes", "capacity_bytes", 0.6),
        None,
    ),
)
