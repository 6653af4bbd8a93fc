"""What a drill makes for a restore keeps what its driver needs, and is as large as the restore is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hubops.backup.volumes.snapshots import CLASS, DRILL, DRILL_OF, MODE, SIZE
from hubops.drill.volumes.scratch import Scratch
from hubops.errors import Permanent
from tests.drill.test_volume_proof import SNAPSHOT

SCRATCH = Scratch("hubops-drill-20260131t120000z-abcdef", {"team": "sre"})
OWN = "snapshot.storage.kubernetes.io"


def source(**status: Any) -> dict[str, Any]:
    """The content of the snapshot that is to be proven, as its controllers leave it."""
    annotations = {
        f"{OWN}/deletion-secret-name": "keys",
        f"{OWN}/deletion-secret-namespace": "storage",
        f"{OWN}/volumesnapshot-being-created": "yes",
        "example.com/other": "mark",
    }
    spec = {"driver": "fast.csi.example.com", "deletionPolicy": "Delete", "source": {"volumeHandle": "vol-1"},
            "sourceVolumeMode": "Block", "volumeSnapshotClassName": "fast",
            "volumeSnapshotRef": {"namespace": "data", "name": "db-1", "uid": "u"}}  # fmt: skip
    metadata = {"name": "snapcontent-u", "labels": {f"{OWN}/managed-by": "worker-1", "example.com/other": "mark"},
                "annotations": annotations}  # fmt: skip
    return {"metadata": metadata, "spec": spec, "status": status}


def test_the_content_leads_to_the_same_snapshot_and_does_not_end_it() -> None:
    made = SCRATCH.content(source(snapshotHandle="snap-1"), SNAPSHOT)
    assert made["spec"] == {
        "driver": "fast.csi.example.com", "volumeSnapshotClassName": "fast", "sourceVolumeMode": "Block",
        "deletionPolicy": "Retain", "source": {"snapshotHandle": "snap-1"},
        "volumeSnapshotRef": {"namespace": SCRATCH.name, "name": "restored"},
    }  # fmt: skip
    assert made["metadata"]["labels"] == {
        f"{OWN}/managed-by": "worker-1", "app.kubernetes.io/managed-by": "hubops", DRILL: SCRATCH.name,
        "app.kubernetes.io/name": "hubops-drill", "team": "sre",
    }  # fmt: skip
    assert made["metadata"]["annotations"] == {
        f"{OWN}/deletion-secret-name": "keys", f"{OWN}/deletion-secret-namespace": "storage", DRILL_OF: "data/db-1",
    }  # fmt: skip


def test_a_content_that_names_no_snapshot_is_an_error() -> None:
    with pytest.raises(Permanent, match="does not say which snapshot"):
        SCRATCH.content(source(), SNAPSHOT)


@pytest.mark.parametrize(
    ("size", "restore", "asked", "expected"),
    [(None, None, "10Gi", 10 * 2**30), (2**30, None, "10Gi", 10 * 2**30), (2**30, 12 * 2**30, "10Gi", 12 * 2**30)],
)
def test_the_claim_is_as_large_as_the_restore_needs(
    size: int | None, restore: int | None, asked: str, expected: int
) -> None:
    of = replace(SNAPSHOT, size=size, annotations={SIZE: asked, MODE: "Block", CLASS: "fast"})
    made = SCRATCH.claim(of, "fast", restore)["spec"]
    assert made["resources"] == {"requests": {"storage": str(expected)}}
    assert (made["volumeMode"], made["storageClassName"], made["accessModes"]) == ("Block", "fast", ["ReadWriteOnce"])
