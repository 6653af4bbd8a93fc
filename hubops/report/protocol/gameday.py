"""The protocol of a game day: the timeline, what was measured against what was promised, and what is to be done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from hubops.model.gameday import GameDay, Note, Played
from hubops.report.document import FORMATS, Bullets, Code, Document, Facts, Heading, Line, Mark, Paragraph, Part, Table
from hubops.report.document.wording import duration, moment, sentence
from hubops.report.protocol import common

_OUTCOMES = {"succeeded": "restored", "partial": "restored, with steps left open", "failed": "NOT RESTORED"}


def protocol(day: GameDay, form: str = "markdown") -> str:
    """The game day *day* as text in *form*, one of report.document.FORMATS."""
    return FORMATS[form].write(document(day))


def document(day: GameDay) -> Document:
    title = f"Game day, {moment(day.started_at)}: {day.title}"
    outcome = Mark(_OUTCOMES[day.outcome], day.outcome == "succeeded")
    if day.finished_at is None:
        outcome = Mark("NOT FINISHED", good=False)
    return Document(title, outcome, tuple(_parts(day)))


def _parts(day: GameDay) -> Iterator[Part]:
    yield Facts(tuple(_facts(day)))
    yield Heading("Objectives")
    yield from _objectives(day)
    yield Heading("How long it took")
    measured = (("to detect", day.detect_s), ("to decide", day.decide_s), ("to restore", day.restore_s))
    yield Table(("Time", "Measured"), tuple((name, _measured(took)) for name, took in measured))
    yield Heading("Timeline")
    yield Table(("Clock", "Step", "How", "Took"), tuple(_row(day, step) for step in day.steps))
    if notes := [(step, note) for step in day.steps for note in step.notes]:
        yield Heading("Notes")
        yield Table(("Clock", "Step", "Note"), tuple(_note(day, step, note) for step, note in notes))
    yield Heading("Actions to take")
    yield Bullets(tuple(map(sentence, day.actions)) or ("None was named.",))


def _facts(day: GameDay) -> Iterator[tuple[str, Line]]:
    yield "Record", Code(day.id)
    ended = moment(day.finished_at) if day.finished_at else "not finished"
    yield "Begun, ended", f"{moment(day.started_at)}, {ended}"
    yield "Cluster", Code(day.cluster)
    for name, value in day.names.items():
        if name != "cluster":
            yield name.capitalize(), Code(value)
    yield "Run on", Code(day.host)
    yield "hubops", Code(day.hubops_version)
    if day.backup:
        yield "Newest good backup at the loss", Code(day.backup)


def _objectives(day: GameDay) -> Iterator[Part]:
    if day.promised is None:
        yield Paragraph("Nothing was promised: hubops.yaml backs up none of what this is about.")
        return
    rows: list[tuple[Line, ...]] = []
    for name, got, most in (
        ("RPO: age of the newest good backup at the loss", day.rpo_s, day.promised.rpo_s),
        ("RTO: from the loss until it was restored", day.rto_s, day.promised.rto_s),
    ):
        mark = common.kept(got, most) if got is not None else Mark("NOT MEASURED", good=False)
        rows.append((name, _measured(got), duration(most), mark))
    yield Table(("", "Measured", "Promised", ""), tuple(rows))


def _measured(took: float | None) -> str:
    return "–" if took is None else duration(took)


def _row(day: GameDay, step: Played) -> tuple[Line, ...]:
    how = Mark(step.answer if step.answer == "done" else step.answer.upper(), step.answer == "done")
    return _clock(day, step.ended_at), f"{step.title} ({step.phase})", how, _measured(_took(step))


def _took(step: Played) -> float:
    return (step.ended_at - step.began_at).total_seconds()


def _note(day: GameDay, step: Played, note: Note) -> tuple[Line, ...]:
    return _clock(day, note.at), step.title, note.text


def _clock(day: GameDay, at: datetime) -> str:
    """*at* as time of the day, and what the stopwatch said then."""
    lost = day.lost_at
    if lost is None or at < lost:
        return f"{at:%H:%M:%S}"
    return f"{at:%H:%M:%S}, loss + {stopwatch((at - lost).total_seconds())}"


def stopwatch(seconds: float) -> str:
    """*seconds* as 1:02:05."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
