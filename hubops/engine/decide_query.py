"""Checks that a query decides: PromQL to Prometheus, or LogQL to Loki. Every series of the answer is a hit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from hubops.engine.decision import Decision
from hubops.engine.parameters import ParameterSet, render
from hubops.engine.placeholders import fill
from hubops.engine.probe import Absent, Undecided
from hubops.engine.view import View
from hubops.model.check import Check, RefLabels
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.kinds import BY_NAME
from hubops.model.logql import fill_labels
from hubops.model.quantity import human_bytes, human_duration
from hubops.model.snapshot import Sample

#: Sample lines of a log that one hit carries.
_LINES = 3


def decide(view: View, check: Check, sets: Sequence[ParameterSet]) -> Decision:
    """The series of the answer as hits, once for each distinct set of thresholds."""
    hits: list[Hit] = []
    problems: list[str] = []
    absent: list[str] = []
    examined: list[int] = []
    for one in sets:
        answer = answers(view, check).get(render(check.promql or check.logql or "", one.values), ())
        for sample in answer:
            try:
                ref = _ref(view, check.ref, sample.labels)
                if one.judges(ref):
                    hits.append(_hit(view, check, one, sample, ref))
            except Undecided as error:
                problems.append(str(error))
        try:
            examined.append(_examined(view, check, one, len(answer)))
        except Absent as error:
            absent.append(str(error))
        except Undecided as error:
            problems.append(str(error))
    return Decision(hits=tuple(hits), examined=max(examined, default=0), problems=tuple(problems), absent=tuple(absent))


def answers(view: View, check: Check) -> Mapping[str, tuple[Sample, ...]]:
    """The answers of the server that *check* asks, by query."""
    return view.snapshot.metrics if check.promql else view.snapshot.log_metrics


def _examined(view: View, check: Check, one: ParameterSet, series: int) -> int:
    """How many series were looked at. Raises Absent or Undecided when there was nothing to look at."""
    if check.examines is None:
        return series
    query = render(check.examines.query, one.values)
    counted = answers(view, check).get(query)
    if counted is None:
        return series  # it could not be asked, which the runner says
    if counted:
        return round(sum(_number(sample) for sample in counted))
    kind = BY_NAME.get(check.examines.of or "")
    if kind and kind.plural in view.snapshot.read and not getattr(view.objects, kind.plural):
        return 0
    server = "Prometheus" if check.promql else "Loki"
    if check.examines.absent:
        raise Absent(f"{check.examines.absent}: {server} has no series of {query.strip()}")
    raise Undecided(f"{server} has no series for it to look at ({query.strip()} answers nothing)")


def _hit(view: View, check: Check, one: ParameterSet, sample: Sample, ref: Ref) -> Hit:
    number = _number(sample)
    value = _said(number, check)
    meaning = check.value.meaning if check.value else ""
    summary = check.summary or f"{check.title}: {{value}}"
    about = view.owner_of(ref)

    def lookup(name: str) -> str | None:
        own = {"ref": str(about), "name": about.name, "namespace": about.namespace or "", "value": value}
        kind, _, key = name.partition(".")
        if kind == "with":
            return str(one.values[key])
        return sample.labels.get(key) if kind == "labels" else own.get(name)

    depends_on = (_labelled(view, item, sample.labels) for item in check.depends_on)
    return Hit(
        ref=ref,
        summary=fill(summary, lookup),
        evidence=(Evidence("metric", f"{meaning or 'value'}: {value}", sample.at), *_lines(view, check, one, sample)),
        value=Value(number, check.value.unit if check.value else ""),
        depends_on=tuple(item for item in depends_on if item is not None),
        details=dict(sample.labels),
        example=sample.labels.get(check.example) if check.example else None,
    )


def _number(sample: Sample) -> float:
    try:
        number = sample.number
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Undecided(f"the value of {_series(sample)} is {sample.value}, which says nothing")
    return number


def _ref(view: View, labels: RefLabels | None, of: Mapping[str, str]) -> Ref:
    """What the series is about; the cluster where the check does not say."""
    if labels is None:
        return Ref("Cluster", view.snapshot.cluster)
    ref = _labelled(view, labels, of)
    if ref is None:
        raise Undecided(f"a series that fires has no label {labels.name!r} to name its {labels.kind}: {dict(of)}")
    return ref


def _labelled(view: View, labels: RefLabels, of: Mapping[str, str]) -> Ref | None:
    """The object that the labels *of* a series name; a node may be named by its address, as exporters do."""
    name = of.get(labels.name)
    if name and labels.kind == "Node":
        name = view.node_of(name, of)
    namespace = of.get(labels.namespace) if labels.namespace else None
    return Ref(labels.kind, name, namespace or None) if name else None


def _lines(view: View, check: Check, one: ParameterSet, sample: Sample) -> Iterator[Evidence]:
    """Sample lines of the log behind the series, where they were read."""
    if check.lines is None:
        return
    query = fill_labels(render(check.lines, one.values), sample.labels)
    for line in view.snapshot.log_lines.get(query, ())[-_LINES:]:
        yield Evidence("log", line.text, line.at)


def _said(number: float, check: Check) -> str:
    """The value as people read it in its unit."""
    match check.value.unit if check.value else "":
        case "bytes":
            return human_bytes(number)
        case "ratio":
            return f"{number:.1%}"
        case "seconds":
            return human_duration(timedelta(seconds=min(abs(number), 1e9)))
        case unit:
            shown = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
            return f"{shown} {unit}".rstrip()


def _series(sample: Sample) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items())) + "}"
