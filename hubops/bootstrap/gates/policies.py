"""Gatekeeper judges: the webhook answers, the constraints are in force, and a pod that breaks a rule is denied."""

from __future__ import annotations

from typing import Any

from hubops.bootstrap.gate import Installed, Verdict, passed, untried, waiting
from hubops.bootstrap.gates import pods
from hubops.bootstrap.record import refs
from hubops.clients.kube.errors import Denied
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent

Manifest = dict[str, Any]
_CONSTRAINTS = "constraints.gatekeeper.sh/"
_WEBHOOK = "validation.gatekeeper.sh"


def policy_denies(at: Installed) -> Verdict:
    """As strictly as the site's `policies.enforcement` says; with "dryrun" nothing is denied that could be seen."""
    cluster = at.target.cluster
    constraints = [item for item in at.rendered.objects() if item["apiVersion"].startswith(_CONSTRAINTS)]
    if problem := _template_problem(cluster) or _constraint_problem(cluster, constraints):
        return waiting(problem)
    if problem := _silent(cluster):
        return waiting(problem)
    if at.site.policies.enforcement == "deny":
        return _denied(at, len(constraints))
    if at.site.policies.enforcement == "warn":
        return _warned(at, len(constraints))
    return untried(
        "policies.enforcement is dryrun, so nothing is denied; the webhook answers, and what breaks one of the "
        f"{len(constraints)} constraints is listed in its status"
    )


def _template_problem(cluster: KubeWriter) -> str:
    for item in cluster.find("templates.gatekeeper.sh/v1", "ConstraintTemplate"):
        status = item.get("status") or {}
        errors = [error.get("message") for pod in status.get("byPod") or [] for error in pod.get("errors") or []]
        if errors:
            return f"ConstraintTemplate {item['metadata']['name']}: {errors[0]}"
        if not status.get("created"):
            return f"ConstraintTemplate {item['metadata']['name']} is not compiled yet"
    return ""


def _constraint_problem(cluster: KubeWriter, constraints: list[Manifest]) -> str:
    """Every one is enforced by every pod of Gatekeeper that judges, in the version that is stored now."""
    for item in constraints:
        [ref] = refs([item])
        live = cluster.read(item)
        if live is None:
            return f"{ref} is missing"
        by_pod = (live.get("status") or {}).get("byPod") or []
        judging = [each for each in by_pod if "webhook" in (each.get("operations") or [])]
        if not judging:
            return f"no pod of Gatekeeper has said that its webhook enforces {ref}"
        for each in judging:
            old = each.get("observedGeneration", 0) < live["metadata"].get("generation", 0)
            if old or not each.get("enforced"):
                return f"{ref} is not enforced by {each.get('id')} yet"
    return ""


def _silent(cluster: KubeWriter) -> str:
    """Why the webhook is not known to answer; it refuses a template that no program could compile, in any mode."""
    target = {"target": "admission.k8s.gatekeeper.sh", "rego": "package broken\nviolation[{"}
    template = {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": "bootstrapgate"},
        "spec": {"crd": {"spec": {"names": {"kind": "BootstrapGate"}}}, "targets": [target]},
    }
    try:
        cluster.apply(template, dry_run=True)
    except Denied as error:
        return "" if error.webhook == _WEBHOOK else f"a broken template is refused by {error.webhook}: {error}"
    except Permanent as error:
        return f"the webhook {_WEBHOOK} cannot be asked: {error}"
    return f"the webhook {_WEBHOOK} was not asked, or was silent and fails open: it let a broken template pass"


def _denied(at: Installed, count: int) -> Verdict:
    # Other refusals of it, such as that of a quota which is used up, come after the policies.
    good, bad = (_shown(at, pod) for pod in (pods.correct(at.site), pods.wrong(at.site)))
    if isinstance(good, Denied) and good.webhook == _WEBHOOK:
        return waiting(f"a pod that breaks no rule is denied: {good}")
    if isinstance(bad, Denied) and bad.webhook == _WEBHOOK:
        return passed(f"{count} constraints are in force, and a pod with the image tag latest was denied")
    said = f"refused by something else: {bad}" if bad else f"admitted to {at.site.application}, and nothing is denied"
    return waiting(f"a pod with the image tag latest is {said}")


def _shown(at: Installed, pod: Manifest) -> Permanent | None:
    """Why the API server would not admit *pod*."""
    try:
        at.target.cluster.apply(pod, dry_run=True)
    except Permanent as error:
        return error
    return None


def _warned(at: Installed, count: int) -> Verdict:
    said = at.target.cluster.apply(pods.wrong(at.site), dry_run=True).warnings
    if not any(each.startswith("[no-latest-tag]") for each in said):
        return waiting(f"nobody is warned of a pod with the image tag latest in {at.site.application}")
    return passed(f"{count} constraints warn, as policies.enforcement says; nothing is denied")
