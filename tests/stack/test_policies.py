"""Every policy denies what it is there for and nothing else: gator judges tests/stack/policies/<policy>.yaml.

Such a file has cases per constraint. A case is an object (or, for an operation other than CREATE, the old and the new
one), and under `denied` a pattern for each message that it must bring; without it, the object must be allowed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops.stack.render import Rendered
from tests.stack import gator
from tests.stack.gator import Object
from tests.stack.rendered import SITES, rendered, site

SUITES = {path.stem: path for path in sorted((Path(__file__).parent / "policies").glob("*.yaml"))}
CASES: dict[str, dict[str, list[Any]]] = {
    name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in SUITES.items()
}


def review(case: Object) -> Object:
    """The object of *case* as the API server sends it for review, where the case names an operation."""
    if "operation" not in case:
        obj: Object = case["object"]
        return obj
    some = case.get("object") or case["old"]
    group, _, version = some["apiVersion"].rpartition("/")
    request = {
        "operation": case["operation"],
        "kind": {"group": group, "version": version, "kind": some["kind"]},
        "name": some["metadata"]["name"],
        "namespace": some["metadata"].get("namespace"),
        "object": case.get("object"),
        "oldObject": case["old"],
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def suite(folder: Path, template: Object, constraint: Object, cases: list[Any]) -> None:
    """Write a suite of gator with *cases* into *folder*."""
    folder.mkdir()
    gator.write(folder / "template.yaml", [template])
    gator.write(folder / "constraint.yaml", [constraint])
    written = []
    for number, case in enumerate(cases):
        gator.write(folder / f"{number}.yaml", [review(case)])
        patterns = case.get("denied", [])
        said = [{"violations": 1, "message": pattern} for pattern in patterns]
        assertions = [{"violations": len(patterns)}, *said]
        written.append({"name": case["name"], "object": f"{number}.yaml", "assertions": assertions})
    test = {"name": "cases", "template": "template.yaml", "constraint": "constraint.yaml", "cases": written}
    head = {"apiVersion": "test.gatekeeper.sh/v1alpha1", "kind": "Suite", "metadata": {"name": folder.name}}
    gator.write(folder / "suite.yaml", [head | {"tests": [test]}])


@pytest.mark.parametrize("policy", SUITES)
def test_policy_denies_what_it_should_and_nothing_else(tmp_path: Path, policy: str) -> None:
    for name, cases in CASES[policy].items():
        constraint = gator.constraints("aws")[name]
        suite(tmp_path / name, gator.templates("aws")[constraint["kind"]], constraint, cases)
    good, said = gator.verify(tmp_path)
    assert good, said


@pytest.mark.parametrize("weakened", ["not unchanged(list, container)", "not deleted", "not images.pinned(image)"])
def test_a_policy_that_is_wrong_fails_its_cases(tmp_path: Path, weakened: str) -> None:
    constraint = gator.constraints("aws")["no-latest-tag"]
    template = yaml.safe_dump(gator.templates("aws")["NoLatestTag"], width=10_000)
    assert weakened in template
    broken = yaml.safe_load(template.replace(weakened, "true"))
    suite(tmp_path / "broken", broken, constraint, CASES["no-latest-tag"]["no-latest-tag"])
    good, said = gator.verify(tmp_path)
    assert not good, said


@pytest.mark.parametrize("where", SITES)
def test_every_template_has_a_constraint_and_every_constraint_its_cases(where: str) -> None:
    constraints = gator.constraints(where)
    assert {each["kind"] for each in constraints.values()} == gator.templates(where).keys()
    cases = {name: each for policy in CASES.values() for name, each in policy.items()}
    assert cases.keys() == constraints.keys()
    for name, each in cases.items():
        assert any("denied" in case for case in each), name
        assert any("denied" not in case for case in each), name


@pytest.mark.parametrize("where", SITES)
def test_the_site_decides_what_is_done_and_who_is_exempt(where: str) -> None:
    policies = site(where).policies
    for constraint in gator.constraints(where).values():
        assert constraint["spec"]["enforcementAction"] == policies.enforcement
        assert {"kube-*", *policies.exempt_namespaces} <= set(constraint["spec"]["match"]["excludedNamespaces"])
    allowed = gator.constraints(where)["allowed-registries"]["spec"]["parameters"]["registries"]
    assert set(policies.registries) < set(allowed)


@pytest.mark.parametrize(
    ("constraint", "parameters"),
    [
        ("allowed-registries", {"registries": ["registry.example"]}),
        ("allowed-registries", {"registries": []}),
        ("no-latest-tag", {}),
        ("workload-labels", {"labels": [{"key": "team"}]}),
    ],
)
def test_parameters_that_would_allow_too_much_are_refused(
    tmp_path: Path, constraint: str, parameters: dict[str, Any]
) -> None:
    wrong = copy.deepcopy(gator.constraints("aws")[constraint])
    wrong["spec"]["parameters"] = parameters
    suite(tmp_path / "wrong", gator.templates("aws")[wrong["kind"]], wrong, [])
    file = tmp_path / "wrong" / "suite.yaml"
    (written,) = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    written["tests"] = [{key: each[key] for key in ("name", "template", "constraint")} for each in written["tests"]]
    gator.write(file, [written | {"tests": [each | {"invalid": True} for each in written["tests"]]}])
    good, said = gator.verify(tmp_path)
    assert good, said


def runs_pods(obj: Object) -> bool:
    return obj["kind"] in {"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}


@pytest.mark.parametrize("where", SITES)
def test_what_the_stack_itself_runs_complies(tmp_path: Path, where: str) -> None:
    judged = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "probe", "namespace": "probe"}}]
    for component in rendered(where).values():
        for obj in filter(runs_pods, copy.deepcopy(list(component.objects()))):
            obj["metadata"].setdefault("namespace", component.component.namespace)
            judged.append(obj)
    against = gator.violations(tmp_path, where, judged)
    assert [each for each in against if not each.startswith("Deployment probe/probe:")] == []
    assert against, "gator judged nothing"


def images(component: Rendered) -> Iterator[str]:
    """The images that the values of *component* name, in the usual keys."""

    def within(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("repository"), str):
                yield "/".join(filter(None, [value.get("registry"), value["repository"]]))
            for each in value.values():
                yield from within(each)
        elif isinstance(value, list):
            for each in value:
                yield from within(each)

    return within(component.chart_values())


@pytest.mark.parametrize("where", SITES)
def test_images_that_values_name_come_from_the_listed_registries(tmp_path: Path, where: str) -> None:
    named = {image for component in rendered(where).values() for image in images(component)}
    containers = [{"name": f"c{index}", "image": f"{image}:1"} for index, image in enumerate(sorted(named))]
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "images", "namespace": "images"}}
    said = gator.violations(tmp_path, where, [pod | {"spec": {"containers": containers}}])
    assert [each for each in said if "comes from a registry that is not allowed" in each] == []


def test_the_documented_deployment_complies(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "platform.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "\nkind: Deployment" in block]
    assert blocks
    for block in blocks:
        documented = list(yaml.safe_load_all(block))
        assert gator.violations(tmp_path, "aws", documented) == []
        for container in documented[0]["spec"]["template"]["spec"]["containers"]:
            del container["securityContext"]
        assert gator.violations(tmp_path, "aws", documented) != []
