"""A pod on the real node mounts what was restored from a snapshot."""

from __future__ import annotations

from tests.testbed.api import Object
from tests.testbed.csi import LATE_CLASS, Csi, claim
from tests.testbed.node.runtime import BUSYBOX
from tests.testbed.process import poll

SPACE = "restores"


def job(name: str, volume: str, command: str) -> Object:
    container = {
        "name": name,
        "image": BUSYBOX,
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    data = {"name": "data", "persistentVolumeClaim": {"claimName": volume}}
    pod = {"restartPolicy": "Never", "tolerations": [{"operator": "Exists"}], "containers": [container],
           "volumes": [data]}  # fmt: skip
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"namespace": SPACE, "name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def finished(csi: Csi, obj: Object) -> str:
    """How the job ended: Complete or Failed."""
    csi.bed.api.apply(obj)

    def ends() -> list[str]:
        found = csi.bed.api.get("Job", SPACE, obj["metadata"]["name"])
        conditions = found["status"].get("conditions", []) if found else []
        return [c["type"] for c in conditions if c["status"] == "True" and c["type"] in ("Complete", "Failed")]

    poll(lambda: bool(ends()), f"{obj['metadata']['name']} ended")
    return ends()[0]


def test_a_job_finds_in_the_restored_volume_what_another_wrote(node_csi: Csi) -> None:
    api = node_csi.bed.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    poll(lambda: api.get("ServiceAccount", SPACE, "default") is not None, "its ServiceAccount")
    files = node_csi.claim(SPACE, "data")
    assert finished(node_csi, job("write", "data", "echo kept > /data/file")) == "Complete"
    assert (files / "file").read_text() == "kept\n"
    node_csi.snapshot(SPACE, "data-1", "data")
    (files / "file").write_text("changed\n")
    api.apply(claim(SPACE, "restored", LATE_CLASS, "data-1"))
    assert finished(node_csi, job("read", "restored", '[ "$(cat /data/file)" = kept ]')) == "Complete"
    assert finished(node_csi, job("compare", "data", '[ "$(cat /data/file)" = kept ]')) == "Failed"
    api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    poll(lambda: api.get("Namespace", None, SPACE) is None, "its namespace gone")
