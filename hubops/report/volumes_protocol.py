"""The protocol of a drill of volumes, as Markdown: which claims were restored, from when, how long, what is proven."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.model.backup import Promised, Run, VolumeSnapshotRecord
from hubops.model.quantity import human_bytes
from hubops.report.markdown import code, prose, table
from hubops.report.protocol import about, duration, moment, objectives, sentence, title


def protocol(run: Run) -> str:
    """The recorded drill *run* of volumes."""
    parts = [
        title(run),
        table(("", ""), about(run)),
    ]
    if run.reason:
        parts.append(sentence(run.reason))
    for record in run.volumes:
        parts += _claim(record, run.promised)
    if not run.volumes:
        parts.append("Nothing was restored, so nothing is proven.")
    return "\n\n".join(parts) + "\n"


def _claim(record: VolumeSnapshotRecord, promised: Promised) -> Iterator[str]:
    yield f"## Claim {prose(f'{record.namespace}/{record.claim}')}"
    if record.error:
        yield f"**Failed:** {sentence(record.error)}"
    proof = record.proof
    if proof is None:
        yield "It was not restored, so nothing is proven of it."
        return
    size = f", {human_bytes(record.size)}" if record.size else ""
    yield f"Snapshot {code(proof.copy)}, taken {moment(proof.taken_at)}{size}."
    yield objectives(
        ("RPO: age of the newest snapshot", proof.rpo_s, promised.rpo_s),
        ("RTO: until a pod had the volume", proof.rto_s, promised.rto_s),
    )
    yield table(("Step", "Took"), ((prose(name), duration(took)) for name, took in proof.steps.items()))
    for heading, lines in (("Proven", proof.proven), ("Not proven", proof.unproven)):
        yield f"{heading}:"
        yield "\n".join(f"- {sentence(line)}" for line in lines) or "- Nothing."
    if proof.sha256:
        yield f"SHA-256 over all of it: {code(proof.sha256)}"
    if proof.differences:
        yield table(("What", "How"), ((prose(each.what), prose(each.how)) for each in proof.differences))
