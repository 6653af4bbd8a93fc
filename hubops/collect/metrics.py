"""PromQL queries to Prometheus: evidence "promql:<query>"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hubops.clients.prometheus import Answer, Prometheus
from hubops.clients.retry import Deadline
from hubops.collect.part import Part, Progress, errors
from hubops.collect.threads import gather
from hubops.model.quantity import human_duration

#: Four at once are what one open dashboard asks.
AT_ONCE = 4
#: Prometheus answers with what it scraped in the 5 minutes before the moment it is asked about: clocks that differ
#: hide the newest of that, or all. NTP keeps clocks well within this; VictoriaMetrics evaluates 30 s back on purpose.
CLOCKS_DIFFER = timedelta(seconds=60)


def evidence(query: str) -> str:
    """The name of the answer to *query* in a snapshot's `read` and `unread`."""
    return f"promql:{query}"


def read_metrics(
    prometheus: Prometheus, queries: Iterable[str], at: datetime, *, deadline: Deadline, progress: Progress
) -> Part:
    """The answers to *queries* at the moment *at*.

    An answer from which the server says that data is missing is kept and counts as unread as well: what fires in it
    fires, but what does not may be hidden. Raises SourceError where the server answers nothing at all.
    """
    ordered = sorted(queries)
    offset = prometheus.clock_offset()
    moment = at + offset if abs(offset) > CLOCKS_DIFFER else at
    answers = gather(
        ordered,
        lambda query: prometheus.query(query, moment),
        at_once=AT_ONCE,
        deadline=deadline,
        done=lambda done: progress("prometheus", done, len(ordered)),
    )
    answered = {query: answer for query, answer in answers.items() if isinstance(answer, Answer)}
    partial = {query: f"partial answer: {answer.partial}" for query, answer in answered.items() if answer.partial}
    unread = {**errors(answers), **partial}
    return Part(
        metrics={query: answer.samples for query, answer in answered.items()},
        read=tuple(evidence(query) for query in answered if query not in partial),
        unread={evidence(query): reason for query, reason in unread.items()},
        remarks=(*_clocks(offset), *dict.fromkeys(note for answer in answered.values() for note in answer.notes)),
    )


def _clocks(offset: timedelta) -> tuple[str, ...]:
    if abs(offset) <= CLOCKS_DIFFER:
        return ()
    direction = "ahead of" if offset > timedelta(0) else "behind"
    return (f"its clock is {human_duration(offset)} {direction} this machine's; it was asked about its own now",)
