"""Gatekeeper's proof: constraints in force, a webhook that answers, and a pod that is denied, warned of or listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from hubops.bootstrap.gate import Installed
from hubops.bootstrap.gates.policies import policy_denies
from hubops.config.platform import PoliciesConfig
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.bootstrap.gates.webhooks import ADMIT, Manifest, Webhooks, deny
from tests.stack import rendered
from tests.testbed.bed import Testbed

Enforcement = Literal["dryrun", "warn", "deny"]
GATEKEEPER = "validation.gatekeeper.sh"
RESOURCES = (("", "pods"), ("templates.gatekeeper.sh", "constrainttemplates"))


def gatekeeper(enforcement: Enforcement) -> Callable[[Manifest], Manifest]:
    """What Gatekeeper answers: to templates that do not compile, and to an image tag that is not allowed."""

    def judge(item: Manifest) -> Manifest:
        if item["kind"] == "ConstraintTemplate":
            return deny("invalid ConstraintTemplate: rego_parse_error") if "[{" in str(item["spec"]) else ADMIT
        said = "[no-latest-tag] main: the tag latest is not allowed"
        if enforcement == "dryrun" or not any(":latest" in each["image"] for each in item["spec"]["containers"]):
            return ADMIT
        return deny(said) if enforcement == "deny" else {**ADMIT, "warnings": [said]}

    return judge


@pytest.fixture
def constraints(component: Component, store: Store) -> list[Manifest]:
    """Templates and constraints, as Gatekeeper's pods say that they enforce them; and the applications' namespace."""
    site = component("policies").site
    enforced = {f"pod-security.kubernetes.io/{each}": "restricted" for each in ("enforce", "warn")}
    store.namespace(site.application, **enforced)
    for item in rendered.component("none", "policy-templates").objects():
        if item["kind"] == "ConstraintTemplate":
            store(item | {"status": {"created": True}})
    by_pod = [{"id": "gatekeeper-1", "operations": ["webhook"], "enforced": True, "observedGeneration": 9}]
    found = [item | {"status": {"byPod": by_pod}} for item in component("policies").rendered.objects()]
    for item in found:
        store(item)
    return found


@pytest.fixture
def policies(component: Component) -> Callable[[Enforcement], Installed]:
    return lambda enforcement: component("policies", policies=PoliciesConfig(enforcement=enforcement))


@pytest.mark.usefixtures("constraints")
def test_a_bad_pod_is_denied(
    webhooks: Webhooks, policies: Callable[[Enforcement], Installed], control_plane: Testbed
) -> None:
    expect(policy_denies, policies("deny"), "waiting", "was not asked, or was silent and fails open")
    webhooks.configure(GATEKEEPER, gatekeeper("dryrun"), *RESOURCES)
    expect(policy_denies, policies("deny"), "waiting", "a pod with the image tag latest is admitted to")
    webhooks.configure(GATEKEEPER, gatekeeper("deny"), *RESOURCES)
    verdict = expect(policy_denies, policies("deny"), "passed", "a pod with the image tag latest was denied")
    assert verdict.words.startswith("7 constraints")
    assert control_plane.api.list("Pod") == []


@pytest.mark.usefixtures("constraints")
def test_a_refusal_of_somebody_else_is_no_proof(
    webhooks: Webhooks, policies: Callable[[Enforcement], Installed], store: Store
) -> None:
    webhooks.configure(GATEKEEPER, gatekeeper("dryrun"), *RESOURCES)
    webhooks.configure("images.example.com", gatekeeper("deny"), RESOURCES[0])
    expect(policy_denies, policies("deny"), "waiting", "refused by something else", "images.example.com")


@pytest.mark.usefixtures("constraints")
def test_policies_that_deny_what_is_right(webhooks: Webhooks, policies: Callable[[Enforcement], Installed]) -> None:
    webhooks.configure(GATEKEEPER, lambda _: deny("[workload-labels] no"), *RESOURCES)
    expect(policy_denies, policies("deny"), "waiting", "a pod that breaks no rule is denied", "[workload-labels] no")


@pytest.mark.usefixtures("constraints")
def test_a_bad_pod_is_warned_of(webhooks: Webhooks, policies: Callable[[Enforcement], Installed]) -> None:
    webhooks.configure(GATEKEEPER, gatekeeper("dryrun"), *RESOURCES)
    expect(policy_denies, policies("warn"), "waiting", "nobody is warned of a pod")
    webhooks.configure(GATEKEEPER, gatekeeper("warn"), *RESOURCES)
    expect(policy_denies, policies("warn"), "passed", "constraints warn")


@pytest.mark.usefixtures("constraints")
def test_where_nothing_is_denied_by_design_that_is_said(
    webhooks: Webhooks, policies: Callable[[Enforcement], Installed]
) -> None:
    expect(policy_denies, policies("dryrun"), "waiting", "was not asked")
    webhooks.configure(GATEKEEPER, gatekeeper("dryrun"), *RESOURCES)
    expect(policy_denies, policies("dryrun"), "untried", "policies.enforcement is dryrun, so nothing is denied")


def test_what_is_not_enforced_yet(
    constraints: list[Manifest], policies: Callable[[Enforcement], Installed], store: Store
) -> None:
    first = constraints[0]
    name = f"{first['kind']} {first['metadata']['name']}"
    auditing = [{"id": "audit-1", "operations": ["audit"], "enforced": True, "observedGeneration": 9}]
    store(first | {"status": {"byPod": auditing}})
    expect(
        policy_denies, policies("deny"), "waiting", f"no pod of Gatekeeper has said that its webhook enforces {name}"
    )
    old = [{"id": "gatekeeper-2", "operations": ["webhook"], "enforced": True, "observedGeneration": 0}]
    store(first | {"status": {"byPod": old}})
    expect(policy_denies, policies("deny"), "waiting", f"{name} is not enforced by gatekeeper-2 yet")


def test_templates_that_are_not_compiled(
    constraints: list[Manifest], policies: Callable[[Enforcement], Installed], store: Store
) -> None:
    assert constraints
    template = next(iter(rendered.component("none", "policy-templates").objects()))
    name = template["metadata"]["name"]
    errors = [{"id": "gatekeeper-1", "errors": [{"code": "ingest_error", "message": "undefined ref: input.review"}]}]
    store(template | {"status": {"byPod": errors}})
    expect(policy_denies, policies("deny"), "waiting", f"ConstraintTemplate {name}: undefined ref: input.review")
    store(template | {"status": {"byPod": None, "created": False}})
    expect(policy_denies, policies("deny"), "waiting", f"ConstraintTemplate {name} is not compiled yet")
