"""What keeps a backup from coming back, or a drill from cleaning up: said, and never taken for a proof."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from hubops.config import Duration
from hubops.drill.velero import drill as velero_drill
from hubops.drill.velero import removal
from hubops.drill.velero import scratch as velero_scratch
from hubops.drill.velero.scratch import MARK
from hubops.errors import ConfigError, UsageError
from hubops.model.backup import Run
from tests.drill.velero.small import backed_up
from tests.drill.velero.world import Looking, World
from tests.testbed import objects
from tests.testbed.api import ApiError, Object
from tests.testbed.objects import meta
from tests.testbed.process import poll
from tests.testbed.velero import NAMESPACE
from tests.testbed.velero_platform import VeleroPlatform

_SPACE = "small"
#: A label of scratch namespaces that does not tell whose they are.
_ANY = {"app.kubernetes.io/name": "hubops-drill"}


@pytest.fixture(scope="module", autouse=True)
def application(velero_platform: VeleroPlatform) -> Iterator[None]:
    """One that comes back; in a backup before that there is something which nothing can run."""
    nowhere = objects.deployment(_SPACE, "nowhere", replicas=1, pod={"nodeSelector": {"nowhere": "yes"}})
    backed_up(velero_platform, _SPACE, "small-0", nowhere)
    velero_platform.bed.api.delete(nowhere)
    velero_platform.velero.backup("small-1", _SPACE)
    yield
    velero_platform.bed.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(None, _SPACE)})


@pytest.fixture
def world(velero_platform: VeleroPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(velero_drill, "_REMOVING", 60.0)  # where one test fails, the next does not wait for long
    return World(velero_platform, tmp_path, _SPACE)


def refusing(api_kind: str, resource: str) -> tuple[Object, Object]:
    """A policy that refuses objects of *resource* in scratch namespaces, and its binding."""
    group = "admissionregistration.k8s.io/v1"
    name = f"no-{resource}-in-drills"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    selector = {"namespaceSelector": {"matchLabels": _ANY}}
    policy = {
        "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule], **selector},
            "validations": [{"expression": "false", "message": f"no {api_kind} of a drill may be here"}],
        },
    }  # fmt: skip
    binding = {
        "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }  # fmt: skip
    return policy, binding


def said(run: Run) -> str:
    return f"{run.outcome}: {run.reason}"


def test_objects_that_admission_refuses_are_missing_and_the_reason_is_told(world: World) -> None:
    policy = refusing("ConfigMap", "configmaps")
    probe = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "probe-of-policy", "labels": _ANY},
    }
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("probe-of-policy", "probe")}

    def in_force() -> bool:
        try:
            world.api.call("POST", world.api.path("ConfigMap", "probe-of-policy"), item, dryRun="All")
        except ApiError:
            return True
        return False

    try:
        world.api.apply(probe)
        for obj in policy:
            world.api.apply(obj)
        poll(in_force, "the policy in force", 30)
        run = world.drill()
    finally:
        for obj in (*policy, probe):
            world.api.delete(obj)
    assert run.outcome == "failed"
    assert "ConfigMap small/settings is missing" in said(run)
    assert "PartiallyFailed" in said(run)
    assert "no ConfigMap of a drill may be here" in said(run)
    assert world.left() == []


def test_a_quota_that_stops_the_restore_is_told(world: World) -> None:
    def limit() -> None:
        """As a controller of the site would for each new namespace."""
        [space] = world.scratches()
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta(space["metadata"]["name"], "no-more")}
        world.api.apply(quota | {"spec": {"hard": {"count/deployments.apps": "0"}}})

    world.told = Looking(words="restoring", look=limit)
    run = world.drill()
    assert run.outcome == "failed"
    assert run.proof
    assert {each.what for each in run.proof.differences} == {"Deployment small/web", "ResourceQuota small/no-more"}
    assert "PartiallyFailed" in said(run)
    assert "no-more" in said(run)
    assert world.left() == []


def test_a_namespace_that_does_not_go_is_told_and_the_next_drill_removes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "finalizers": ["example.com/never"]}}

    def keep() -> None:
        [space] = world.scratches()
        kept["metadata"]["namespace"] = space["metadata"]["name"]  # type: ignore[index]
        world.api.apply(kept)

    world.told = Looking(words="comparing", look=keep)
    monkeypatch.setattr(velero_drill, "_REMOVING", 1.0)
    run = world.drill()
    assert run.outcome == "failed"  # nobody expected that ConfigMap
    assert "which the next drill will try: namespace hubops-drill-small-" in said(run)
    poll(lambda: "example.com/never" in str(world.scratches()[0]["status"]), "the cluster at the namespace's end", 60)
    count, still = velero_drill.clear(world.config(), world.told)
    assert count == 1
    assert "example.com/never in 1 resource" in still[0]
    monkeypatch.setattr(velero_drill, "_REMOVING", 60.0)
    world.api.patch(kept, {"metadata": {"finalizers": None}})
    assert velero_drill.clear(world.config(), world.told) == (1, [])
    assert world.left() == []
    assert velero_drill.clear(world.config(), world.told) == (0, [])


def test_a_namespace_of_somebody_else_is_never_touched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["a" * 8, "b" * 8])
    monkeypatch.setattr(velero_scratch, "_new_id", lambda: next(ids))
    foreign = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"hubops-drill-small-{each * 8}"}}
               for each in "ab"]  # fmt: skip
    world.api.apply(foreign[0])
    # The other one comes about after its name was chosen.
    world.told = Looking(words="making", look=partial(world.api.apply, foreign[1]))
    run = world.drill()
    assert run.outcome == "failed"
    assert "Namespace hubops-drill-small-bbbbbbbb is there already and does not belong to this drill" in said(run)
    for obj in foreign:
        live = world.api.get("Namespace", None, obj["metadata"]["name"])  # type: ignore[index]
        assert live
        assert "deletionTimestamp" not in live["metadata"]
        world.api.delete(obj)
    assert world.left() == []


def test_only_a_completed_backup_counts(world: World, velero_platform: VeleroPlatform) -> None:
    done = velero_platform.velero.backup("small-2-partly", _SPACE, "no-such-namespace")
    assert done["status"]["phase"] == "PartiallyFailed"
    velero_platform.velero.backup("small-3-narrow", _SPACE, includedResources=["configmaps"])
    run = world.drill()
    assert (run.outcome, run.velero and run.velero.name) == ("succeeded", "small-1"), said(run)
    asked = world.drill(backup="small-2-partly")
    assert asked.outcome == "partial"
    assert "Backup small-2-partly is PartiallyFailed" in said(asked)
    assert world.left() == []


def test_what_cannot_be_drilled_is_told(world: World) -> None:
    with pytest.raises(UsageError, match="there is no Backup 'unheard-of'"):
        world.drill(backup="unheard-of")
    with pytest.raises(ConfigError, match=r"drill\.velero\.prefix"):
        world.drill(prefix="Not-A-Name")
    assert "no Completed backup holds any of the namespaces" in said(world.drill(namespaces=["unheard-of"]))
    missing = world.drill(backup="small-1", namespaces=["unheard-of"])
    assert "Backup small-1 holds nothing of the namespaces that are to be drilled; it has small" in said(missing)
    assert world.left() == []


def test_workloads_that_do_not_become_ready_are_no_proof(world: World) -> None:
    run = world.drill(backup="small-0", wait=Duration(seconds=2))
    assert run.outcome == "partial"
    assert "1 workload did not become ready: Deployment small/nowhere (pod nowhere-" in said(run)
    assert "node(s) didn't match" in said(run)
    assert world.left() == []


def test_a_server_that_dies_in_the_middle_leaves_nothing_once_it_is_back(
    world: World, velero_platform: VeleroPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    velero = velero_platform.velero
    world.told = Looking(words="InProgress", look=velero.kill_server)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(removal, "ENDING", 1.0)
            run = world.drill(timeout=Duration(seconds=4))
    finally:
        velero.start_server()
    assert run.outcome == "failed"
    assert world.scratches() == []
    poll(lambda: world.api.list("Restore", NAMESPACE, labelSelector=MARK) == [], "the Restore gone", 30)
    velero_drill.clear(world.config(), world.told)
    assert world.left() == []
