"""The protocol of a drill of Velero."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.model.backup import Proof, Run, VeleroBackupRecord
from hubops.report.document import Bullets, Code, Document, Facts, Heading, Line, Paragraph, Part, Table
from hubops.report.document.wording import duration, moment
from hubops.report.protocol import common
from hubops.report.protocol.etcd import restored_by


def document(run: Run) -> Document:
    """The recorded drill *run* of Velero."""
    parts = [*(_backup(run.velero) if run.velero else ()), *(_proof(run.proof, run) if run.proof else ())]
    return common.document(run, _facts(run), [*parts, *([] if run.proof else [common.NOTHING])])


def _facts(run: Run) -> Iterator[tuple[str, Line]]:
    if backup := run.velero:
        taken = f", taken {moment(run.proof.taken_at)}" if run.proof else ""
        yield "Backup", (Code(backup.name), taken)
        yield "uid", Code(backup.uid)
        yield "Schedule", Code(backup.schedule) if backup.schedule else "none: it was asked for"
        yield "Location", Code(backup.location)
        yield "Namespaces in it", common.listed(backup.namespaces) or "none"
        if backup.expires_at:
            yield "Expires", moment(backup.expires_at)
    if run.proof and run.proof.versions:
        yield "Restored by", restored_by(run.proof)


def _backup(backup: VeleroBackupRecord) -> Iterator[Part]:
    """How good the backup itself was: what it does not hold, no restore brings back."""
    yield Heading("Backup")
    yield Facts((
        ("Phase", Code(backup.phase)),
        ("Objects", f"{backup.items:,}" + (f"; the cluster had {backup.expected:,}" if backup.expected else "")),
        ("Volumes", f"{backup.volumes:,}"),
        ("Errors, warnings", f"{backup.errors_total:,}, {backup.warnings_total:,}"),
    ))  # fmt: skip
    for heading, lines, total in (
        ("Missing in it", backup.missing, backup.missing_total),
        ("Claims without their volume", backup.volumes_missing, len(backup.volumes_missing)),
        ("Errors", backup.errors, backup.errors_total),
        ("Warnings", backup.warnings, backup.warnings_total),
    ):
        if lines:
            yield Heading(f"{heading}: {max(total, len(lines)):,}", level=3)
            yield Bullets(lines)


def _proof(proof: Proof, run: Run) -> Iterator[Part]:
    yield Heading("Objectives")
    rto = "until what was restored was ready"
    yield common.objectives(proof, run.promised, rpo="age of the newest backup", rto=rto)
    yield Heading("Steps")
    yield common.steps(proof)
    yield from common.statements(proof)
    if proof.checks:
        yield Heading("Checks")
        rows = ((each.name, common.passed(each.passed), duration(each.took_s), each.said) for each in proof.checks)
        yield Table(("Check", "", "Took", "What came back"), tuple(rows))
    yield Heading("Differences")
    if proof.differences_total or proof.differences:
        yield from common.differences(proof)
    else:
        yield Paragraph("None." if proof.compared else "Nothing was compared.")
    if proof.compared:
        yield Heading("Compared")
        yield Facts(tuple((name, f"{count:,}") for name, count in proof.compared.items()))
