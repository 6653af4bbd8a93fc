"""The protocol of a drill of volumes, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.model.backup import Promised, Run, VolumeSnapshotRecord
from hubops.model.quantity import human_bytes
from hubops.report.document import Code, Document, Heading, Mark, Paragraph, Part
from hubops.report.document.wording import moment, sentence
from hubops.report.protocol import common


def document(run: Run) -> Document:
    """The recorded drill *run* of volumes."""
    claims = [part for record in run.volumes for part in _claim(record, run.promised)]
    return common.document(run, (), claims or (common.NOTHING,))


def _claim(record: VolumeSnapshotRecord, promised: Promised) -> Iterator[Part]:
    yield Heading(f"Claim {record.namespace}/{record.claim}")
    if record.error:
        yield Paragraph((Mark("Failed:", good=False), " ", sentence(record.error)))
    proof = record.proof
    if proof is None:
        yield Paragraph("It was not restored, so nothing is proven of it.")
        return
    size = f", {human_bytes(record.size)}" if record.size else ""
    yield Paragraph(("Snapshot ", Code(proof.copy), f", taken {moment(proof.taken_at)}{size}."))
    yield common.objectives(proof, promised, rpo="age of the newest snapshot", rto="until a pod had the volume")
    yield common.steps(proof)
    yield from common.statements(proof, level=3, none=True)
    if proof.sha256:
        yield Paragraph(("SHA-256 over all of it: ", Code(proof.sha256)))
    if proof.differences:
        yield Heading("Differences", level=3)
        yield from common.differences(proof)
