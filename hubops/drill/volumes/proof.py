"""What a restored volume proves, and what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec

from hubops.backup.volumes.snapshots import SIZE, Snapshot
from hubops.config.backup import VolumeDrillConfig
from hubops.drill.volumes.job import Read, result
from hubops.drill.volumes.restore import Came
from hubops.errors import Permanent
from hubops.model.backup import Difference, Proof
from hubops.model.quantity import human_bytes, size_in_bytes
from hubops.model.text import inert, redact

#: Bytes in use of a live volume, by namespace and claim; None where that is not known.
Used = Callable[[str, str], float | None]

#: What a file system of its own needs: up to this part of its size, and never less than these bytes.
_EMPTY_PART, _EMPTY = 0.02, 64 * 2**20


def proof_of(
    snapshot: Snapshot,
    came: Came,
    age: timedelta,
    *,
    before: str | None,
    used: float | None,
    settings: VolumeDrillConfig,
) -> Proof:
    """What *came* back from *snapshot* proves. *before* is what an earlier drill has summed of the same snapshot.

    Raises Permanent where the Job has not told what it found.
    """
    proof = Proof(
        copy=snapshot.id,
        taken_at=snapshot.taken_at,
        rpo_s=round(max(age.total_seconds(), 0.0), 1),
        rto_s=round(came.rto_s, 1),
        steps=dict(came.steps),
    )
    if settings.command:
        return _by_command(proof, came, " ".join(settings.command))
    read = result(came.message)
    if read is None:
        said = inert(redact(came.message), limit=200) or "nothing"
        raise Permanent(f"the Job ended with {came.exit_code} and did not tell what it has read; it said: {said}")
    return _by_reading(proof, read, came.block, before, used, snapshot)


def failure(proof: Proof) -> str | None:
    """Why the restore is not what it should be; None where nothing speaks against it."""
    if not proof.differences:
        return None
    first = proof.differences[0]
    return f"{first.what}: {first.how}"


def _by_command(proof: Proof, came: Came, command: str) -> Proof:
    shown = inert(redact(command), limit=100)
    if came.exit_code:
        said = inert(redact(came.message), limit=300)
        how = f"ended with {came.exit_code}{f': {said}' if said else ''}"
        return _differing(proof, [Difference(what=f"the command {shown}", how=how)])
    return msgspec.structs.replace(
        proof,
        proven=(f"the command {shown} ended with 0 in the restored volume",),
        unproven=("what that command does not look at",),
    )


def _by_reading(
    proof: Proof, read: Read, block: bool, before: str | None, used: float | None, snapshot: Snapshot
) -> Proof:
    differences = list(_differences(read, block, before, used, snapshot))
    doubts = list(_doubts(read, used))
    compared = {"bytes": read.bytes} if block else {"files": read.files, "bytes": read.bytes}
    proven: list[str] = []
    if not differences and not doubts:
        what = "the device" if block else f"each of {read.files} files"
        proven.append(f"{what} was read to its end, {human_bytes(read.bytes)}" if read.files else _as_empty(used))
        if before:
            proven.append("an earlier drill has read the same from this snapshot")
    return msgspec.structs.replace(
        _differing(proof, differences),
        compared=compared,
        sha256=read.sha256 if read.complete else None,
        proven=tuple(proven),
        unproven=(*doubts, "that the application can use it: drill.volumes.command would try", *_unheld(used)),
    )


def _differences(
    read: Read, block: bool, before: str | None, used: float | None, snapshot: Snapshot
) -> Iterator[Difference]:
    if faults := read.problems - read.denied:
        what = "the device" if block else f"{faults} files or folders"
        said = [each for each in read.first if "Permission denied" not in each]
        yield Difference(what=what, how=f"cannot be read: {'; '.join(said)}")
    if not read.files and used is not None and used > _empty(snapshot):
        yield Difference(
            what="the restored volume", how=f"holds no file; {human_bytes(used)} of the live one are in use"
        )
    if before and read.complete and before != read.sha256:
        yield Difference(what="the same snapshot", how="an earlier drill has read something else from it")


def _doubts(read: Read, used: float | None) -> Iterator[str]:
    """What makes it uncertain whether everything was seen."""
    if read.denied:
        yield (
            f"{read.denied} files or folders may not be read by the Job's user; drill.volumes.run_as may name theirs: "
            + "; ".join(each for each in read.first if "Permission denied" in each)
        )
    elif not read.complete and not read.problems:
        yield f"{read.read} of {read.files} files were read: the Job's tools are others, or were killed"
    if not read.files and used is None:
        yield "it holds no file, and how much the live volume holds is not known"


def _unheld(used: float | None) -> Iterator[str]:
    if used is None:
        yield "how much of the live volume is in use is not known: no Prometheus has kubelet_volume_stats_used_bytes"
    else:
        yield f"that it is the same as what lives, {human_bytes(used)} in use: that has changed since"


def _as_empty(used: float | None) -> str:
    return f"it holds no file, as the live volume, {human_bytes(used or 0.0)} in use, hardly can"


def _empty(snapshot: Snapshot) -> float:
    """Bytes in use of a volume that may as well be empty."""
    size = snapshot.size or size_in_bytes({"storage": snapshot.annotations.get(SIZE, "0")})
    return max(_EMPTY, size * _EMPTY_PART)


def _differing(proof: Proof, differences: list[Difference]) -> Proof:
    return msgspec.structs.replace(proof, differences=tuple(differences), differences_total=len(differences))
