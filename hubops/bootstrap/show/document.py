"""Plans and states as JSON, for what reads them in place of a person: hubops.bootstrap-plan/v1 and -status/v1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from hubops.bootstrap.difference import Change
from hubops.bootstrap.plan.planned import ComponentPlan, ObjectPlan, ReleasePlan
from hubops.bootstrap.preflight.finding import Finding
from hubops.bootstrap.record import Ref

State = Literal["complete", "not finished", "by others", "not installed"]

PLAN, STATUS = "hubops.bootstrap-plan/v1", "hubops.bootstrap-status/v1"


class Preflight(msgspec.Struct, frozen=True):
    """One thing that was looked at; a "failed" one is in the way unless it is `accepted`."""

    id: str
    state: Literal["ok", "warning", "failed", "unknown"]
    text: str
    accepted: bool


class Item(msgspec.Struct, frozen=True):
    """What would become of one object, and why it is replaced or refused, or cannot be told."""

    ref: Ref
    action: Literal["create", "change", "replace", "delete", "later", "refused"]
    reason: str
    changes: tuple[Change, ...]


class Chart(msgspec.Struct, frozen=True):
    """What would become of a release; `before` and `after` are charts with their versions."""

    namespace: str
    name: str
    action: Literal["install", "upgrade", "repair"]
    status: str
    before: str
    after: str
    values: tuple[Change, ...]
    objects: tuple[Item, ...]


class Planned(msgspec.Struct, frozen=True):
    """One component. `adopted`: it is there, and hubops has not installed it; `unfinished`: the last run failed, or was
    ended.
    """

    name: str
    action: Literal["keep", "change", "refuse"]
    adopted: bool
    unfinished: bool
    problems: tuple[str, ...]
    release: Chart | None
    objects: tuple[Item, ...]
    images: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """What `hubops bootstrap plan` tells. Objects and releases that would be kept are left out."""

    schema: str
    cluster: str
    server: str
    preflight: tuple[Preflight, ...]
    components: tuple[Planned, ...]


class Installed(msgspec.Struct, frozen=True):
    """One component as it is; `chart` and `release` are of the release that there is, empty without one."""

    name: str
    state: State
    chart: str
    release: str


class Status(msgspec.Struct, frozen=True):
    """What `hubops bootstrap status` tells."""

    schema: str
    cluster: str
    server: str
    components: tuple[Installed, ...]


def plan_document(
    cluster: str, server: str, findings: Iterable[Finding], accepted: Sequence[str], plans: Iterable[ComponentPlan]
) -> Plan:
    """The plan of a run; *accepted* are the ids of findings that are not in its way."""
    preflight = tuple(Preflight(each.id, each.state, each.text, each.id in accepted) for each in findings)
    return Plan(PLAN, cluster, server, preflight, tuple(map(_planned, plans)))


def encoded(document: Plan | Status) -> str:
    """*document* as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document)).decode()


def schema(name: Literal["plan", "status"]) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a document. Every key is always there; later versions of v1 may add keys."""
    kind, const = {"plan": (Plan, PLAN), "status": (Status, STATUS)}[name]
    _, definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    definitions[kind.__name__]["properties"]["schema"] = {"const": const}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": const}
    return {**head, "$ref": f"#/$defs/{kind.__name__}", "$defs": definitions}


def _planned(each: ComponentPlan) -> Planned:
    action: Literal["keep", "change", "refuse"] = "refuse" if each.problems else "change" if each.changes else "keep"
    release = _chart(each.release) if each.release and each.release.action != "keep" else None
    objects = _items((*each.crds, *each.objects))
    return Planned(each.name, action, each.adopted, each.unfinished, each.problems, release, objects, each.images)


def _chart(release: ReleasePlan) -> Chart:
    assert release.action != "keep"
    return Chart(
        release.namespace, release.name, release.action, release.status, release.before, release.after, release.values,
        _items(release.objects),
    )  # fmt: skip


def _items(objects: Iterable[ObjectPlan]) -> tuple[Item, ...]:
    return tuple(Item(each.ref, each.action, each.reason, each.changes) for each in objects if each.action != "keep")
