"""What the protocols of all kinds tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hubops.model.backup import Promised, Proof, Run
from hubops.report.document import (
    Bullets,
    Code,
    Document,
    Facts,
    Heading,
    Line,
    Mark,
    Paragraph,
    Part,
    Span,
    Table,
    Timings,
)
from hubops.report.document.wording import duration, moment, sentence

_OUTCOMES = {"succeeded": "succeeded", "partial": "succeeded in part", "failed": "FAILED"}
NOTHING = Paragraph("Nothing was restored, so nothing is proven.")


def document(run: Run, facts: Iterable[tuple[str, Line]], parts: Iterable[Part]) -> Document:
    """The protocol of *run*: its title, *facts* beside those of every run, why it did not succeed, and *parts*."""
    title = f"Restore drill of {run.kind}, {moment(run.started_at)}"
    reason = (Paragraph(sentence(run.reason)),) if run.reason else ()
    outcome = Mark(_OUTCOMES[run.outcome], run.outcome == "succeeded" and not run.alarm)
    return Document(title, outcome, (Facts((*_about(run), *facts)), *reason, *parts))


def _about(run: Run) -> Iterator[tuple[str, Line]]:
    yield "Record", Code(run.id)
    yield "Begun, ended", f"{moment(run.started_at)}, {moment(run.finished_at)}"
    yield "Run on", Code(run.host)
    yield "hubops", Code(run.hubops_version)


def objectives(proof: Proof, promised: Promised, *, rpo: str, rto: str) -> Table:
    """What was measured beside what was promised; *rpo* and *rto* say between which moments."""
    measured = ((f"RPO: {rpo}", proof.rpo_s, promised.rpo_s), (f"RTO: {rto}", proof.rto_s, promised.rto_s))
    rows = ((name, duration(got), duration(most), kept(got, most)) for name, got, most in measured)
    return Table(("", "Measured", "Promised", ""), tuple(rows))


def kept(got: float, promised: float) -> Mark:
    return Mark("kept", good=True) if got <= promised else Mark("MISSED", good=False)


def passed(did: bool) -> Mark:
    return Mark("passed", good=True) if did else Mark("NOT PASSED", good=False)


def steps(proof: Proof) -> Timings:
    return Timings(tuple(proof.steps.items()))


def statements(proof: Proof, level: int = 2, *, none: bool = False) -> Iterator[Part]:
    """What is proven and what is not; *none*: also that nothing is."""
    for heading, lines in (("Proven", proof.proven), ("Not proven", proof.unproven)):
        if lines or none:
            yield Heading(heading, level)
            yield Bullets(tuple(map(sentence, lines)) or ("Nothing.",))


def differences(proof: Proof) -> Iterator[Part]:
    """How many there are, and those of them that are named."""
    named, total = len(proof.differences), max(proof.differences_total, len(proof.differences))
    more = f", of which {named} are named" if total > named else ""
    yield Paragraph(f"There {'is' if total == 1 else 'are'} {total:,}{more}.")
    yield Table(("What", "How"), tuple((Code(each.what), each.how) for each in proof.differences))


def listed(names: Iterable[str]) -> tuple[Span, ...]:
    """*names* with commas between them."""
    found: list[Span] = []
    for name in names:
        found += [", ", Code(name)] if found else [Code(name)]
    return tuple(found)
