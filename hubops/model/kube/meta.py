"""What every Kubernetes object has in common, trimmed to what hubops decides with."""

from __future__ import annotations

from datetime import datetime

import msgspec

#: A Kubernetes quantity as written ("500m", "2Gi"); `hubops.model.quantity` reads it.
Quantity = str
#: A port or a count that Kubernetes writes as a number or as a name or percentage.
IntOrString = int | str

#: Annotations other than these are dropped where objects enter: they may hold whole manifests and secrets. What ends
#: in a slash is a prefix, all else one key: the header of a canary may carry a token, its mark does not.
KEPT_ANNOTATIONS = (
    "hubops.io/",
    "meta.helm.sh/",
    "deployment.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "storageclass.kubernetes.io/",
    "ingressclass.kubernetes.io/",
    "kubernetes.io/ingress.class",
    "nginx.ingress.kubernetes.io/canary",
)


_PREFIXES = tuple(key for key in KEPT_ANNOTATIONS if key.endswith("/"))
_KEYS = frozenset(KEPT_ANNOTATIONS)


def is_kept(annotation: str) -> bool:
    """Whether the annotation of that key is kept; see KEPT_ANNOTATIONS."""
    return annotation.startswith(_PREFIXES) or annotation in _KEYS


class Kube(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel", omit_defaults=True):
    """Base of all trimmed objects: the attribute names are Kubernetes' own, in snake case.

    The fields of these structs are the single list of what hubops reads: the trimmed protobuf schema is generated
    from them, and JSON is decoded straight into them. A field that is not here is never fetched into memory.
    """


class OwnerReference(Kube, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(Kube, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: tuple[str, ...] = ()
    generation: int = 0

    def controller(self) -> OwnerReference | None:
        """The owner that controls this object, or None for an object of its own."""
        for owner in self.owner_references:
            if owner.controller:
                return owner
        return None


class Condition(Kube, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class LabelSelectorRequirement(Kube, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Kube, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether *labels* satisfy the selector; an empty selector matches everything, as in the API."""
        if any(labels.get(key) != value for key, value in self.match_labels.items()):
            return False
        return all(_meets(requirement, labels) for requirement in self.match_expressions)


def _meets(requirement: LabelSelectorRequirement, labels: dict[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


class ObjectReference(Kube, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class Object(Kube, frozen=True):
    """A Kubernetes object with metadata; the base of each kind."""

    metadata: ObjectMeta = ObjectMeta()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace


def condition(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """The condition of type *kind*, or None where the object does not report it."""
    for item in conditions:
        if item.type == kind:
            return item
    return None


def holding(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """The condition of type *kind* where its status is True, else None."""
    found = condition(conditions, kind)
    return found if found is not None and found.status == "True" else None
