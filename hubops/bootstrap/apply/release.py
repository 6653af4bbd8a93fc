"""Brings a release to what is planned of it, with Helm; and back to where it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hubops.bootstrap.apply.step import Step
from hubops.bootstrap.gate import Verdict, passed, waiting
from hubops.bootstrap.plan.planned import ComponentPlan, ReleasePlan
from hubops.bootstrap.target import values_text
from hubops.clients.helm import Helm
from hubops.errors import Retryable, SourceError, StepFailed

_HELM_AGAIN = 15.0  # seconds at most until helm is tried again; each time is another revision
_SHORTEST = 30.0  # seconds that helm gets in any case: what it is killed at has to be repaired


def idle(helm: Helm, release: str, namespace: str) -> Verdict:
    """Of a run that was killed, helm may have been left alive: what it does is not to be taken for left behind."""
    if helm.is_at_work(release, namespace):
        return waiting(f"the helm of a run that was killed is still at work on {namespace}/{release}")
    return passed("")


def change(helm: Helm, planned: ComponentPlan, step: Step) -> None:
    """Install, upgrade or repair the component's release, where that is planned. Raises StepFailed and SourceError."""
    release = planned.release
    if release is None or release.action == "keep" or planned.chart is None:
        return
    if release.status.startswith("pending-") or release.status == "uninstalling":
        _repair(helm, release, step)
    step.say(f"helm {'install' if release.action == 'install' else 'upgrade'} {release.after}")
    upgrade = partial(helm.upgrade, planned.chart, release.name, release.namespace, values_text(planned.rendered))

    def upgraded() -> None:
        upgrade(timeout=max(step.deadline.remaining(), _SHORTEST))

    step.until(_only_passing(upgraded), every=_HELM_AGAIN)


def _repair(helm: Helm, release: ReleasePlan, step: Step) -> None:
    """Undo what a killed Helm left half done: back to the last revision that was deployed, or to nothing."""
    left = step.deadline.remaining()
    deployed = [each for each in helm.history(release.name, release.namespace) if each.status == "deployed"]
    if deployed:
        step.say(f"{release.status} was left behind; back to revision {deployed[-1].revision}")
        helm.rollback(release.name, release.namespace, deployed[-1].revision, timeout=left)
    else:
        step.say(f"{release.status} was left behind; removing it")
        helm.uninstall(release.name, release.namespace, timeout=left)


def _only_passing(do: Callable[[], None]) -> Callable[[], Verdict]:
    """*do*, of whose errors only those are waited for that may pass by themselves."""

    def asked() -> Verdict:
        try:
            do()
        except Retryable as error:
            return waiting(str(error))
        except SourceError as error:
            raise StepFailed(str(error)) from error
        return passed("")

    return asked
