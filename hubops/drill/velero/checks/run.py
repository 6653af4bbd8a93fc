"""All checks of a drill: each is tried again until it passes, or its time is over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping

from hubops.clients.kube.writer import KubeWriter
from hubops.config.backup import DrillCheck
from hubops.drill.velero.checks import command, http, sql, tcp
from hubops.drill.velero.checks.place import NotPassed, Place
from hubops.errors import ClusterUnreachable, SourceError
from hubops.model.backup import CheckResult
from hubops.model.text import inert, redact

_PAUSES = (0.5, 5.0)  # seconds between two attempts: the first, and the longest
_LEAST = 5.0  # seconds of an attempt that was begun
_SAID = 200  # characters that are kept of what came back
_LOOKED_AT = 2**16

_Try = Callable[[Place, DrillCheck, float], str]
_KINDS: Mapping[str, _Try] = {"http": http.tried, "tcp": tcp.tried, "sql": sql.tried, "command": command.tried}


def run_checks(
    cluster: KubeWriter, checks: Iterable[DrillCheck], mapping: Mapping[str, str], *, say: Callable[[str], None]
) -> list[CheckResult]:
    """One result of each check, in their order; *mapping* leads from the original namespaces to what was restored.

    What is wrong with the restore is a result. Raises OutOfTime where the deadline of *cluster* is over.
    """
    results = []
    for check in checks:
        say(f"check {inert(check.name, limit=60)}")
        results.append(_checked(cluster, check, mapping.get(check.namespace)))
    return results


def _checked(cluster: KubeWriter, check: DrillCheck, namespace: str | None) -> CheckResult:
    began = time.monotonic()
    if namespace is None:
        said = f"the namespace {check.namespace} was not restored"
        return CheckResult(name=inert(check.name, limit=100), passed=False, said=inert(said, limit=_SAID), took_s=0.0)
    passed, said = _tried(Place(cluster, namespace, check.namespace), check, began + check.timeout.total_seconds())
    took = round(time.monotonic() - began, 3)
    return CheckResult(name=inert(check.name, limit=100), passed=passed, said=_shown(said), took_s=took)


def _tried(place: Place, check: DrillCheck, until: float) -> tuple[bool, str]:
    """Whether it passed, and what came back last, or why it did not."""
    tried = next(found for kind, found in _KINDS.items() if getattr(check, kind))
    pause, longest = _PAUSES
    while True:
        place.cluster.deadline.bound(0)
        try:
            said = tried(place, check, max(until - time.monotonic(), _LEAST))
            _expected(check, said)
        except (SourceError, ClusterUnreachable) as error:
            if time.monotonic() + pause >= until:
                place.cluster.deadline.bound(0)  # a run that was ended has found nothing out
                return False, str(error)
        else:
            return True, said
        place.cluster.deadline.pause(pause)
        pause = min(pause * 1.5, longest)


def _expected(check: DrillCheck, said: str) -> None:
    if check.expect and not re.search(check.expect, said[:_LOOKED_AT]):
        came = _shown(said) or "nothing"
        raise NotPassed(f"{came!r} came back, where {check.expect!r} was expected")


def _shown(said: str) -> str:
    return inert(redact(" ".join(said[:_LOOKED_AT].split())), limit=_SAID)
