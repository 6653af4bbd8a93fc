"""What Alertmanager tells: evidence "alerts", "silences" and "alertmanager-status"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hubops.clients.alertmanager import Alertmanager
from hubops.clients.retry import Deadline
from hubops.collect.part import Part, Progress, errors
from hubops.collect.threads import gather
from hubops.errors import SourceError
from hubops.model.snapshot import Needs

#: By the name of the evidence: the field of a snapshot that holds it.
_FIELDS = {"alerts": "alerts", "silences": "silences", "alertmanager-status": "alertmanager"}


def evidence(needs: Needs) -> tuple[str, ...]:
    """The names of what *needs* asks of Alertmanager."""
    asked = {"alerts": needs.alerts, "silences": needs.silences, "alertmanager-status": needs.alertmanager_status}
    return tuple(name for name, wanted in asked.items() if wanted)


def read_alertmanager(alertmanager: Alertmanager, needs: Needs, *, deadline: Deadline, progress: Progress) -> Part:
    """All that *needs* asks of it, each piece in full or with the reason why it is unread."""
    ways: dict[str, Callable[[], object]] = {
        "alerts": alertmanager.alerts,
        "silences": alertmanager.silences,
        "alertmanager-status": alertmanager.status,
    }
    names = evidence(needs)
    results = gather(
        names,
        lambda name: ways[name](),
        at_once=len(names),
        deadline=deadline,
        done=lambda done: progress("alertmanager", done, len(names)),
    )
    found: dict[str, Any] = {name: result for name, result in results.items() if not isinstance(result, SourceError)}
    fields = {_FIELDS[name]: result for name, result in found.items()}
    return Part(**fields, read=tuple(found), unread=errors(results))
