"""Containers that die, cannot be started, or are killed."""

from __future__ import annotations

from tests.testbed.node.faults.base import (
    Expected,
    Trial,
    app,
    container,
    cron_job,
    event,
    pod_spec,
    waits,
    workload,
)

LOOP = "pod-crash-looping"


def loops(cause: str, kind: str = "Deployment", name: str = "api") -> Expected:
    return Expected(LOOP, kind, name, cause)


def _probe(path: str, **more: int) -> dict[str, object]:
    return {"httpGet": {"path": path, "port": 8080}, "periodSeconds": 3, "failureThreshold": 2, **more}


HTTPD = "exec httpd -f -p 8080 -h /www"
CRASHED = waits("CrashLoopBackOff", restarts=3)

FAULTS = (
    Trial(
        "crash-exit-1",
        (app("api", container("echo 'FATAL: cannot connect to postgres at db:5432'; exit 1"), replicas=2),),
        CRASHED,
        loops("exit code 1"),
    ),
    Trial("crash-exit-127", (app("api", container("exec serve --port 8080")),), CRASHED, loops("127")),
    Trial(
        "start-no-such-file",
        (app("api", container(command=["/app/server"])),),
        waits("CrashLoopBackOff", restarts=2),
        loops("no such file"),
    ),
    Trial(
        "start-not-executable",
        (app("api", container(command=["/etc/hostname"])),),
        waits("CrashLoopBackOff", restarts=2),
        loops("permission denied"),
    ),
    # The shell overflows its stack: a real SIGSEGV.
    Trial("crash-segfault", (app("api", container("f() { f; }; f")),), CRASHED, loops("SIGSEGV")),
    Trial(
        "crash-exit-0",
        (app("api", container("echo 'nothing to do, bye'; exit 0")),),
        CRASHED,
        loops("exit code 0"),
    ),
    Trial(
        "oom-killed",
        (app("api", container("echo 'loading the model'; exec tail /dev/zero")),),
        waits("CrashLoopBackOff", restarts=2),
        Expected("pod-oom-killed", "Deployment", "api", "48"),
    ),
    Trial(
        "oom-of-a-child",
        (app("api", container("tail /dev/zero; code=$?; echo worker died with $code; exit $code")),),
        waits("CrashLoopBackOff", restarts=2),
        Expected("pod-oom-killed", "Deployment", "api", "48"),
    ),
    Trial(
        "init-fails",
        (
            app(
                "api",
                spec={
                    "initContainers": [container("echo 'migration 0042 failed: lock timeout'; exit 3", name="migrate")]
                },
            ),
        ),
        CRASHED,
        loops("exit code 3"),
    ),
    Trial(
        "sidecar-fails",
        (
            app(
                "api",
                spec={
                    "initContainers": [
                        container("echo 'proxy: bad config'; exit 2", name="proxy", restartPolicy="Always")
                    ]
                },
            ),
        ),
        CRASHED,
        loops("exit code 2"),
    ),
    Trial(
        "liveness-fails",
        (app("api", container(HTTPD, livenessProbe=_probe("/healthz"))),),
        event("Unhealthy", "Liveness probe failed", times=6),
        loops("liveness probe"),
    ),
    Trial(
        "startup-fails",
        (app("api", container(HTTPD, startupProbe=_probe("/started"))),),
        event("Unhealthy", "Startup probe failed", times=6),
        loops("startup probe"),
    ),
    Trial(
        "readiness-fails",
        (app("api", container(HTTPD, readinessProbe=_probe("/ready")), replicas=2),),
        event("Unhealthy", "Readiness probe failed", times=6),
        Expected("deployment-unavailable", "Deployment", "api", "404"),
    ),
    Trial(
        "post-start-hook-fails",
        (app("api", container(lifecycle={"postStart": {"exec": {"command": ["sh", "-c", "echo no vault; exit 7"]}}})),),
        event("FailedPostStartHook", times=2),
        loops("postStart"),
    ),
    Trial(
        "stateful-set-crashes",
        (
            workload(
                "StatefulSet",
                "ledger",
                pod_spec(container("echo 'WAL is corrupt at 0/16B3748'; exit 1")),
                replicas=3,
            ),
        ),
        CRASHED,
        loops("exit code 1", "StatefulSet", "ledger"),
    ),
    Trial(
        "daemon-set-crashes",
        (workload("DaemonSet", "agent", pod_spec(container("echo 'no such device eth9'; exit 1"))),),
        CRASHED,
        loops("exit code 1", "DaemonSet", "agent"),
    ),
    Trial(
        "cron-job-crashes",
        (
            cron_job(
                "report",
                pod_spec(container("echo 'disk quota exceeded'; exit 5"), restartPolicy="OnFailure"),
                concurrencyPolicy="Forbid",
            ),
        ),
        CRASHED,
        loops("exit code 5", "CronJob", "report"),
    ),
    # Each pod fills more than it may and is evicted; the next one does the same.
    Trial(
        "evicted-again-and-again",
        (
            app(
                "api",
                container(
                    "dd if=/dev/zero of=/scratch/big bs=1M count=12; sleep 1000",
                    volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
                ),
                spec={"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "4Mi"}}]},
            ),
        ),
        event("Evicted", "EmptyDir", times=4),
        Expected("pod-evicted", "Deployment", "api", "emptyDir"),
    ),
)
