"""Evidence as probes hand it over: exact words, bounded in length, with their time, without credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from hubops.engine.view import View
from hubops.model.finding import Evidence
from hubops.model.kube.core import Event, Pod
from hubops.model.kube.meta import Condition
from hubops.model.text import redact

#: Characters of one piece of evidence. A scheduler message for a large cluster or a Java stack trace is longer.
LIMIT = 700
#: Lines of a log: the last ones say what killed the process. A finding shows six pieces of evidence in all.
LOG_LINES = 4


def bounded(text: str, limit: int = LIMIT) -> str:
    """*text* on one line, without credentials, of at most *limit* characters.

    The middle goes: messages wrap their cause in what was tried, so that it stands at their end.
    """
    line = redact(" ".join(text.split()))
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 3]} … {line[-tail:]}"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: "1 pod", "12 pods"; *nouns* is a plural that is not made with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


def innermost(message: str) -> str:
    """What a driver said, without the gRPC layers that carried it."""
    return message.rpartition(" desc = ")[2]


def labelled(labels: Mapping[str, str], separator: str = ",") -> str:
    """Labels and values in order, as `kubectl get -l` takes them."""
    return separator.join(f"{key}={value}" for key, value in sorted(labels.items()))


def fact(text: str, at: datetime | None = None) -> Evidence:
    """What an object says of itself."""
    return Evidence("object", bounded(text), at)


def from_condition(condition: Condition) -> Evidence:
    reason = f" ({condition.reason})" if condition.reason else ""
    message = f": {condition.message}" if condition.message else ""
    return fact(f"{condition.type}={condition.status}{reason}{message}", condition.last_transition_time)


def said(event: Event) -> str:
    """The message of *event*, without the mark of a recorder that has combined similar ones (client-go)."""
    return event.message.removeprefix("(combined from similar events): ")


def from_event(event: Event) -> Evidence:
    times = f" (x{event.times})" if event.times > 1 else ""
    return Evidence("event", bounded(f"{event.reason}{times}: {event.message}"), event.last_seen)


def from_log(view: View, pod: Pod, container: str) -> tuple[Evidence, ...]:
    """The last lines that the container wrote, oldest first; none where no log was read.

    Of several pods that fail alike only one log is read: the others show that one.
    """
    log = view.container_logs.get((pod.namespace, pod.name, container))
    if log is None:
        log = view.logs_of_owners.get((view.owner(pod), container))
    if log is None:
        return ()
    lines = [line for line in log.lines if line.text.strip()]
    return tuple(Evidence("log", bounded(line.text), line.at) for line in lines[-LOG_LINES:])


def newest(events: Iterable[Event], *reasons: str, containing: str = "") -> Event | None:
    """The first of *events* (they come newest first) with one of *reasons* and *containing* in its message."""
    for event in events:
        if event.reason in reasons and containing in event.message:
            return event
    return None
