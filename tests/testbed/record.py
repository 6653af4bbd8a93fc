"""python -m tests.testbed.record: record the cluster of `hubops demo`, a testbed of its own with ten faults at once."""

from __future__ import annotations

import os
import subprocess
import sys

from hubops.content import DEMO
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS

STORY = (
    "pod-crash-looping",
    "image-pull-failing/not-found",
    "pod-pending/cpu",
    "node-not-ready/kubelet-stopped",
    "volume-nearly-full/bytes",
    "pv-fills-soon",
    "certificate-expires-soon/not-renewed",
    "critical-alert-firing",
    "service-without-endpoints",
    "error-log-spike",
)


#: The node that the story stops: nothing that hubops reads from may stand on it.
STOPPED = "worker-4"


def suitable() -> Testbed:
    """A testbed whose scheduler has put the observability stack elsewhere."""
    while True:
        bed = Testbed.start(say=print)
        pods = [pod for namespace in ("monitoring", "logging") for pod in bed.api.list("Pod", namespace)]
        asked = [pod for pod in pods if pod["status"].get("podIP") == bed.address]
        if all(pod["spec"]["nodeName"] != STOPPED for pod in asked):
            return bed
        bed.stop()


def main() -> int:
    bed = suitable()
    try:
        for name in STORY:
            FAULTS[name].inject(bed)
        DEMO.parent.mkdir(exist_ok=True)
        environ = os.environ | {"KUBECONFIG": str(bed.kubeconfig), "HUBOPS_CLUSTER": "demo"}
        command = [sys.executable, "-m", "hubops.cli", "snapshot", "save", str(DEMO)]
        return subprocess.run(command, env=environ, check=False, timeout=120).returncode
    finally:
        bed.stop()


if __name__ == "__main__":
    sys.exit(main())
