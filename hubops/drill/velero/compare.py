"""What was restored of a backup beside the objects as they were when it was taken, field by field.

Pure: both sides are read before. What servers set, what Velero changes in every restore, what controllers make anew and
what the drill changed on purpose (`Intended`) are no differences; an intended change that was not made is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hubops.drill.velero import defaults, noise
from hubops.drill.velero.fields import ABSENT, Field, differing
from hubops.drill.velero.intended import Intended
from hubops.drill.velero.made_anew import BY_OTHERS, is_usual, why_not_compared
from hubops.drill.velero.objects import Key, Object, title
from hubops.drill.velero.told import told
from hubops.model.backup import Difference
from hubops.model.quantity import parse_quantity
from hubops.model.text import inert

_FIELDS = 200  # of one object that are told
_AUTOSCALERS = "horizontalpodautoscalers.autoscaling"
_SCALED = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps", "ReplicaSet": "replicasets.apps",
           "ReplicationController": "replicationcontrollers"}  # fmt: skip


@dataclass
class Comparison:
    """What was compared: objects by kind, and how they differ. `not_compared` counts objects by the reason why not."""

    compared: Counter[str] = field(default_factory=Counter)
    not_compared: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def differs(self, key: Key, item: Object, how: str) -> None:
        self.differences.append(Difference(what=inert(title(key, item), limit=300), how=inert(how, limit=600)))


def compare(
    original: Mapping[Key, Object], restored: Mapping[Key, Object], mapping: Mapping[str, str], intended: Intended
) -> Comparison:
    """Every object of *original* (as in the backup's tarball) beside the one of *restored*, and what was added.

    The keys of both have the original namespaces; *mapping* leads from these to the scratch namespaces.
    """
    result = Comparison()
    expected = _expected(original, intended, result)
    scaled = _scaled(original, expected, restored)
    for key, item in expected.items():
        live = restored.get(key)
        result.compared[inert(str(item.get("kind") or key.resource), limit=60)] += 1
        if live is None:
            result.differs(key, item, "is missing")
            continue
        try:
            fields = list(
                islice(_differing(key, noise.mapped(key, item, mapping), live, scaled=key in scaled), _FIELDS)
            )
        except RecursionError:
            result.differs(key, item, "is nested too deeply to be compared")
            continue
        for each in fields:
            result.differs(key, item, told(key.resource, each))
        if len(fields) == _FIELDS:
            result.differs(key, item, "differs in more fields than are counted")
    _judge_added(original, expected, restored, intended, result)
    for resource, name in sorted(intended.made):
        for namespace in mapping:
            if (key := Key(resource, namespace, name)) not in restored:
                result.differs(key, {}, "is missing, which the drill itself has made")
    return result


def _expected(original: Mapping[Key, Object], intended: Intended, result: Comparison) -> dict[Key, Object]:
    """What has to have come back, as it has to be then."""
    expected: dict[Key, Object] = {}
    for key, item in original.items():
        if why := why_not_compared(key, item, original):
            result.not_compared[why] += 1
        elif why := intended.left_out(key.resource):
            result.not_compared[f"{key.resource}: {why}"] += 1
        else:
            expected[key] = dict(intended.modified(key.resource, item))
    return expected


def _scaled(
    original: Mapping[Key, Object], expected: Mapping[Key, Object], restored: Mapping[Key, Object]
) -> frozenset[Key]:
    """The objects whose replicas an autoscaler sets, unless the drill has set them."""
    found: set[Key] = set()
    for key, item in original.items():
        if key.resource == _AUTOSCALERS and key in restored:
            target = _map(_spec(item).get("scaleTargetRef"))
            scaled = Key(_SCALED.get(str(target.get("kind")), ""), key.namespace, str(target.get("name")))
            if scaled in expected and _spec(expected[scaled]).get("replicas") == _spec(original[scaled]).get(
                "replicas"
            ):
                found.add(scaled)
    return frozenset(found)


def _spec(item: Object) -> Object:
    return _map(item.get("spec"))


def _map(value: Any) -> Object:
    """*value*, where it is a map: a tarball may hold anything."""
    return dict(value) if isinstance(value, Mapping) else {}


def _differing(key: Key, was: Object, now: Object, *, scaled: bool) -> Iterator[Field]:
    for each in differing(noise.cleaned(key, was), noise.cleaned(key, now)):
        if (scaled and each.names == ("spec", "replicas")) or _is_filled(key, each) or _is_grown(key, each):
            continue
        yield each


def _is_filled(key: Key, each: Field) -> bool:
    """Whether one side alone has the field, with the value that it would have anyway."""
    if each.was is ABSENT and defaults.is_filled_in(key.resource, each.names):
        return True
    value = each.now if each.was is ABSENT else each.was if each.now is ABSENT else ABSENT
    return value is not ABSENT and defaults.is_default(key.resource, each.names, value)


def _is_grown(key: Key, each: Field) -> bool:
    """Whether it is the size of a claim, which Velero before 1.18 makes as large as the snapshot asks for."""
    if key.resource != "persistentvolumeclaims" or each.names != ("spec", "resources", "requests", "storage"):
        return False
    try:
        return parse_quantity(str(each.now)) >= parse_quantity(str(each.was))
    except ValueError:
        return False


def _judge_added(
    original: Mapping[Key, Object],
    expected: Mapping[Key, Object],
    restored: Mapping[Key, Object],
    intended: Intended,
    result: Comparison,
) -> None:
    """What is there and is not to be."""
    for key, item in restored.items():
        if key in expected or (key.resource, key.name) in intended.made or why_not_compared(key, item, restored):
            continue
        own = noise.is_of_velero(item)
        if own and (why := intended.left_out(key.resource)):
            result.differs(key, item, f"is there, although the drill was to leave it out: {why}")
        elif not own and (intended.left_out(key.resource) or item["metadata"].get("ownerReferences")):
            result.not_compared[BY_OTHERS] += 1
        elif key not in original and not is_usual(key, restored):  # or else owned by a controller then, or ended
            result.differs(key, item, "is there, and the backup does not hold it")
