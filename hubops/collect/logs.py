"""LogQL queries to Loki: evidence "logql:<query>", and sample lines of the series they answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from hubops.clients.loki import Loki
from hubops.clients.retry import Deadline
from hubops.collect.part import Part, Progress, errors
from hubops.collect.threads import gather
from hubops.errors import SourceError
from hubops.model.logql import fill_labels
from hubops.model.snapshot import LogLine, Needs, Sample
from hubops.model.text import REDACTED, redact

#: As many as for metrics: Loki splits each query among its own workers anyway.
AT_ONCE = 4
#: Sample lines are read for this many series of a query, the largest first; a report shows no more.
SERIES = 10
LINES = 5
LINES_WITHIN = timedelta(hours=1)
#: Characters of a line that are kept; a line may have megabytes.
LINE_LENGTH = 2000
_BEGIN = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")


def evidence(query: str) -> str:
    """The name of the answer to *query* in a snapshot's `read` and `unread`."""
    return f"logql:{query}"


def read_logs(loki: Loki, needs: Needs, at: datetime, *, deadline: Deadline, progress: Progress) -> Part:
    """The answers to the metric queries of *needs* at the moment *at*, and sample lines of what they answered.

    Lines that cannot be read are a remark: they only enrich. Raises SourceError where the server answers nothing.
    """
    loki.labels(at - LINES_WITHIN, at)  # so that a server that is down is asked once and not for every query
    ordered = sorted(needs.logql)
    answers = gather(
        ordered,
        lambda query: loki.query(query, at),
        at_once=AT_ONCE,
        deadline=deadline,
        done=lambda done: progress("loki", done, len(ordered)),
    )
    answered = {query: answer for query, answer in answers.items() if not isinstance(answer, SourceError)}
    selections = sorted(_selections(answered, needs.log_lines))
    lines = gather(
        selections,
        lambda query: loki.lines(query, at - LINES_WITHIN, at, LINES),
        at_once=AT_ONCE,
        deadline=deadline,
    )
    return Part(
        log_metrics=answered,
        log_lines={query: inoffensive(found) for query, found in lines.items() if not isinstance(found, SourceError)},
        read=tuple(evidence(query) for query in answered),
        unread={evidence(query): reason for query, reason in errors(answers).items()},
        remarks=_remarks(errors(lines), len(selections)),
    )


def _selections(answered: Mapping[str, tuple[Sample, ...]], templates: Mapping[str, Iterable[str]]) -> set[str]:
    """The queries for sample lines: each template of a query, with the labels of each of its largest series."""
    return {
        fill_labels(template, sample.labels)
        for query, samples in answered.items()
        for sample in sorted(samples, key=lambda sample: -sample.number)[:SERIES]
        for template in templates.get(query, ())
    }


def inoffensive(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """*lines* without what looks like a credential, and without the far end of very long ones."""
    keys = _private_keys([line.text for line in lines])
    return tuple(
        LogLine(REDACTED if number in keys else _shortened(redact(line.text[: 2 * LINE_LENGTH])), line.at)
        for number, line in enumerate(lines)
    )


def _private_keys(texts: Sequence[str]) -> set[int]:
    """The numbers of the lines that are part of a PEM private key, also of one that began before the first line."""
    inside: set[int] = set()
    begin = 0
    for number, text in enumerate(texts):
        if _BEGIN.search(text):
            begin = number
        if _END.search(text):
            inside.update(range(begin, number + 1))
            begin = number + 1
    unfinished = next((number for number in range(begin, len(texts)) if _BEGIN.search(texts[number])), len(texts))
    return inside | set(range(unfinished, len(texts)))


def _shortened(text: str) -> str:
    return text if len(text) <= LINE_LENGTH else text[: LINE_LENGTH - 1] + "…"


def _remarks(reasons: Mapping[str, str], total: int) -> tuple[str, ...]:
    if not reasons:
        return ()
    return (f"{len(reasons)} of {total} samples of log lines not read: {next(iter(reasons.values()))}",)
