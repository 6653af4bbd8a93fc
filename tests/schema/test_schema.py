"""The schema is what the structs say, and what several versions of Kubernetes say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hubops.clients.kube.schema.kinds import DECODERS
from hubops.clients.kube.schema.values import message
from hubops.model.kube.core import Container, Pod
from hubops.model.kube.kinds import KINDS
from hubops.model.kube.meta import Kube, Object, ObjectMeta
from tests.schema import __main__ as generator
from tests.schema import plan, proto_file, upstream
from tests.schema.upstream import Field

#: Read from servers that have them; where a server is older, nothing is there to read.
NEWER_THAN: dict[str, dict[str, str]] = {}
VERSIONS = ("v0.29.15", "v0.32.13", "v0.34.4", upstream.CURRENT)


def test_what_is_generated_is_up_to_date() -> None:
    assert generator.stale() == [], "hubops/model/kube has changed: run python -m tests.schema"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_numbers_and_types_of_fields_never_changed(version: str) -> None:
    current, older = upstream.messages(), upstream.messages(version)
    absent = set()
    for name, field in proto_file.read_fields(plan.pairs(current), current):
        theirs = older.get(name, {}).get(field.name)
        if theirs is None:
            absent.add(f"{name}.{field.name}")
        else:
            assert theirs == field, f"{name} in {version}"
    assert absent == set(NEWER_THAN.get(version, {}))


def test_the_versions_are_different_files() -> None:
    assert len({tuple(sorted(upstream.messages(version))) for version in VERSIONS}) == len(VERSIONS)


def test_every_kind_has_a_decoder_and_a_list() -> None:
    assert set(DECODERS) == {kind.plural for kind in KINDS}
    for kind in KINDS:
        assert isinstance(DECODERS[kind.plural](message(kind.name)()), kind.type)
        assert message(f"{kind.name}List")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_an_empty_message_is_the_structs_own_defaults(kind: object) -> None:
    found = next(item for item in KINDS if item is kind)
    assert DECODERS[found.plural](message(found.name)()) == found.type()


def pod_with(**fields: Field) -> Mapping[str, Mapping[str, Field]]:
    """Kubernetes' messages with other fields in its pods."""
    messages = dict(upstream.messages())
    messages["k8s.io.api.core.v1.Pod"] = {**messages["k8s.io.api.core.v1.Pod"], **fields}
    return messages


def test_a_field_that_kubernetes_does_not_have_is_an_error() -> None:
    messages = {name: dict(fields) for name, fields in upstream.messages().items()}
    del messages["k8s.io.api.core.v1.PodSpec"]["nodeName"]
    with pytest.raises(plan.Mismatch, match="PodSpec has no field nodeName"):
        plan.pairs(messages)


@pytest.mark.parametrize(
    "other",
    [
        Field("spec", 2, "repeated", "k8s.io.api.core.v1.PodSpec"),
        Field("spec", 2, "optional", "string"),
        Field("spec", 2, "map", "string"),
    ],
    ids=lambda field: f"{field.label} {field.type}",
)
def test_a_field_of_another_type_is_an_error(other: Field) -> None:
    with pytest.raises(plan.Mismatch, match=r"Pod\.spec"):
        plan.pairs(pod_with(spec=other))


def test_a_field_in_an_inline_message_is_found_there() -> None:
    pairs = plan.pairs(upstream.messages())
    slot = next(slot for slot in pairs["Probe"].slots if slot.attribute == "http_get")
    assert [field.name for field in slot.path] == ["handler", "httpGet"]


def test_every_struct_that_a_kind_reaches_is_planned() -> None:
    planned = {pair.struct for pair in plan.pairs(upstream.messages()).values()}
    structs: set[type[Kube]] = {Pod, Container, ObjectMeta}
    assert structs | {kind.type for kind in KINDS} <= planned
    assert Object not in planned


def test_a_generated_proto_that_is_not_understood_is_an_error() -> None:
    text = "package a;\n\nmessage M {\n  optional string s = 1;\n  oneof x { string y = 2; }\n}\n"
    with pytest.raises(ValueError, match="M: not understood: oneof"):
        upstream.parse(text)
