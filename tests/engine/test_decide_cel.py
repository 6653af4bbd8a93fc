from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hubops.config import CheckSettings
from hubops.engine.decide_cel import decide
from hubops.engine.decision import Decision
from hubops.engine.parameters import parameter_sets
from hubops.engine.view import View
from hubops.model.check import Check
from hubops.model.finding import Evidence, Ref
from tests.engine.make import check, deployment_pods, snapshot

KIND = "certificates.cert-manager.io"
EXPIRES = check(
    "expires",
    kind=f"{KIND}/v1",
    cel="timestamp(object.status.notAfter) - now < duration(with.within)",
    with_={"within": "168h"},
    since="object.status.notBefore",
    origin="site/expires.yaml",
    summary="expires at {object.status.notAfter}, below {with.within}: {object.spec} {object.nothing}",
)


def certificate(name: str, not_after: str | None, namespace: str = "shop", **fields: Any) -> dict[str, Any]:
    status = {"notAfter": not_after, "notBefore": "2026-01-01T00:00:00Z"} if not_after else {}
    return {
        "kind": "Certificate",
        "apiVersion": "cert-manager.io/v1",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"dnsNames": ["a.example"]},
        "status": status,
        **fields,
    }


def decided(of: Check, *items: dict[str, Any], settings: CheckSettings | None = None) -> Decision:
    return decide(View(snapshot(custom={KIND: items})), of, parameter_sets(of, settings))


def test_objects_of_which_it_is_true_are_hits() -> None:
    answer = decided(EXPIRES, certificate("soon", "2026-03-03T00:00:00Z"), certificate("later", "2026-09-01T00:00:00Z"))
    (hit,) = answer.hits
    assert (answer.examined, answer.problems) == (2, ())
    assert hit.ref == Ref("Certificate", "soon", "shop")
    assert hit.summary == 'expires at 2026-03-03T00:00:00Z, below 168h: {"dnsNames":["a.example"]} (no object.nothing)'
    assert hit.since == datetime(2026, 1, 1, tzinfo=UTC)
    assert hit.evidence == (Evidence("object", "status.notAfter: 2026-03-03T00:00:00Z"),)


def test_an_object_for_which_it_fails_is_undecided_and_hides_no_other() -> None:
    answer = decided(EXPIRES, certificate("new", None), certificate("soon", "2026-03-03T00:00:00Z"))
    assert [hit.ref.name for hit in answer.hits] == ["soon"]
    assert answer.reason == "site/expires.yaml: cel: no such key: notAfter (Certificate shop/new)"


def test_one_reason_for_many_objects_is_said_once() -> None:
    answer = decided(EXPIRES, *(certificate(f"c{at}", None) for at in range(5)))
    assert answer.reason == "site/expires.yaml: cel: no such key: notAfter (Certificate shop/c0 and 4 more)"


def test_another_version_of_the_api_is_not_judged() -> None:
    answer = decided(EXPIRES, certificate("old", "2026-03-03T00:00:00Z", apiVersion="cert-manager.io/v1alpha2"))
    assert answer.hits == ()
    assert answer.reason == (
        "site/expires.yaml: cel: served as cert-manager.io/v1alpha2, and the check is written for cert-manager.io/v1"
        " (Certificate shop/old)"
    )


def test_namespaces_have_their_own_thresholds() -> None:
    settings = CheckSettings(namespaces={"data": {"within": "24h"}})
    both = [certificate("web", "2026-03-03T00:00:00Z", namespace) for namespace in ("data", "shop")]
    assert [hit.ref.namespace for hit in decided(EXPIRES, *both, settings=settings).hits] == ["shop"]


def test_when_it_began_is_left_open_where_the_object_does_not_say() -> None:
    for since in ("object.status.gone", "object.spec.dnsNames", "object.metadata.name"):
        of = check(kind=KIND, cel="has(object.status.notAfter)", since=since)
        (hit,) = decided(of, certificate("web", "2026-03-03T00:00:00Z")).hits
        assert hit.since is None
        assert hit.summary == "Something is wrong"


def test_built_in_kinds_roll_up_like_any_other() -> None:
    pods, owner = deployment_pods("cart", 1)
    raw = {"metadata": {"name": pods[0].name, "namespace": "shop"}, "spec": {"hostNetwork": True}}
    of = check(kind="Pod", cel="object.spec.hostNetwork", summary="{ref} of {name} in {namespace}")
    view = View(snapshot(*pods, owner, custom={"raw:pods": (raw,)}))
    (hit,) = decide(view, of, parameter_sets(of, None)).hits
    assert hit.ref == Ref("Pod", pods[0].name, "shop")
    assert hit.summary == "Deployment shop/cart of cart in shop"
