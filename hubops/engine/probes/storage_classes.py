"""storage-class-default: claims that leave the choice of their storage class to the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.claims import default_classes
from hubops.engine.view import View
from hubops.model.finding import Hit, Ref


@probe(needs=("storageclasses", "persistentvolumeclaims"))
def storage_class_default(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """More than one default storage class; or none, while claims have waited for one for longer than *grace*.

    No default is a choice that many sites make: it is wrong only where a claim relies on it. Of several defaults the
    newest is taken (Kubernetes 1.26 and later), which may not be the one that was meant.
    """
    ref = Ref("Cluster", view.snapshot.cluster)
    found = default_classes(view)
    if len(found) > 1:
        names = [item.name for item in found]
        yield Hit(
            ref=ref,
            summary=f"{len(found)} storage classes are the default: new claims get {names[0]}, the newest of"
            f" {', '.join(sorted(names))}",
            evidence=tuple(
                evidence.fact(f"{item.name}, provisioner {item.provisioner}", item.metadata.creation_timestamp)
                for item in found
            ),
            since=found[0].metadata.creation_timestamp,
            details={"storageclass": names[0]},
        )
    waiting = [
        claim
        for claim in view.objects.persistentvolumeclaims
        if claim.status.phase == "Pending"
        and claim.spec.storage_class_name is None
        and not claim.spec.volume_name
        and claim.metadata.deletion_timestamp is None
        and pods.longer_than(view, claim.metadata.creation_timestamp, grace)
    ]
    if not found and waiting:
        times = [claim.metadata.creation_timestamp for claim in waiting if claim.metadata.creation_timestamp]
        classes = ", ".join(sorted(item.name for item in view.objects.storageclasses)) or "none"
        yield Hit(
            ref=ref,
            summary=f"no storage class is the default, and {evidence.counted(len(waiting), 'claim')} asked for it",
            evidence=(
                evidence.fact(f"storage classes: {classes}"),
                *(evidence.fact(f"waits: {item.namespace}/{item.name}", item.metadata.creation_timestamp)
                  for item in waiting[:3]),
            ),
            since=min(times, default=None),
        )  # fmt: skip
