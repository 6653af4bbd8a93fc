"""Checks that a probe decides."""

from __future__ import annotations

from collections.abc import Sequence

from hubops.engine.decision import Decision
from hubops.engine.parameters import ParameterSet, arguments
from hubops.engine.probe import Absent, Probe, Undecided
from hubops.engine.view import View
from hubops.model.check import Check
from hubops.model.finding import Hit
from hubops.model.kube.kinds import BY_PLURAL

#: What foreign data can make a probe raise. Anything else is a broken hubops, and ends the run as one.
_FROM_DATA = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def decide(view: View, check: Check, probe: Probe, sets: Sequence[ParameterSet]) -> Decision:
    """What *probe* says, once for each distinct set of thresholds."""
    hits: list[Hit] = []
    problems: list[str] = []
    absent: list[str] = []
    for one in sets:
        try:
            for hit in probe(view, **arguments(probe, one.values)):
                if one.judges(hit.ref):
                    hits.append(hit)
        except Undecided as error:
            problems.append(str(error))
        except Absent as error:
            absent.append(str(error))
        except _FROM_DATA as error:
            problems.append(f"bug in check {check.id}: {type(error).__name__}: {error}")
    examined = _examined(view, probe.examines)
    return Decision(hits=tuple(hits), examined=examined, problems=tuple(problems), absent=tuple(absent))


def _examined(view: View, evidence: str) -> int:
    """How many objects the snapshot holds of *evidence*."""
    if evidence in BY_PLURAL:
        return len(getattr(view.objects, evidence))
    match evidence:
        case "alerts":
            return len(view.snapshot.alerts)
        case "silences":
            return len(view.snapshot.silences)
        case "alertmanager-status":
            return 0 if view.snapshot.alertmanager is None else 1
        case "rules":
            return sum(len(group.rules) for group in view.snapshot.rules)
        case "hosts":
            return len(view.snapshot.hosts)
        case "journal":
            return len(view.snapshot.journal.runs) + len(view.snapshot.journal.configured)
        case "container-logs":
            return len(view.snapshot.container_logs)
        case _:
            kind, _, query = evidence.partition(":")
            answers = {"promql": view.snapshot.metrics, "logql": view.snapshot.log_metrics}.get(kind)
            return len(answers.get(query, ()) if answers is not None else view.snapshot.custom.get(evidence, ()))
