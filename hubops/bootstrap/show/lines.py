"""Plans and outcomes as text, in the order in which things would be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from hubops.bootstrap.apply.graph import Outcome
from hubops.bootstrap.plan.images import registries
from hubops.bootstrap.plan.planned import ComponentPlan, ObjectPlan, ReleasePlan
from hubops.errors import HubopsError, StepFailed
from hubops.model.text import inert

_SIGNS = {"change": "~", "replace": "-/+", "delete": "-"}
_COUNTED = ("create", "change", "replace", "delete")


def plan_lines(plans: Sequence[ComponentPlan], *, full: bool) -> Iterator[str]:
    """What each component would change. With *full* every new object is named; else new ones are counted by kind."""
    counts: Counter[str] = Counter()
    for each in plans:
        counts.update(_counted(each))
        yield f"{each.name}: {_headline(each)}"
        yield from (f"  ! {inert(problem, limit=600)}" for problem in each.problems)
        if each.release and each.release.action != "keep":
            yield from (f"  ~ value {change}" for change in each.release.values)
            yield from _objects(each.release.objects, full)
        yield from _objects((*each.crds, *each.objects), full)
    total = ", ".join(f"{counts[action]} to {action}" for action in _COUNTED if counts[action])
    yield ""
    if pulled := registries(image for each in plans if each.changes for image in each.images):
        yield f"Images come from {', '.join(pulled)}"
    changing = ", ".join(each.name for each in plans if each.changes)
    if total:
        yield f"Objects of manifests: {total}."
    else:
        yield f"To be changed: {changing}; of their manifests nothing." if changing else "Nothing to change."


def _headline(each: ComponentPlan) -> str:
    if each.problems:
        return "cannot be installed as it is"
    if each.adopted:
        return "adopted: it was installed by other means" + (f"; {_changed(each)}" if each.changes else "")
    if each.unfinished:
        rest = _changed(each) if each.changes else "its gates are tried again"
        return f"not finished by the last run; {rest}"
    return _changed(each) if each.changes else "unchanged"


def _changed(each: ComponentPlan) -> str:
    return _release(each.release) if each.release and each.release.action != "keep" else "manifests"


def _release(release: ReleasePlan) -> str:
    if release.action == "install":
        return f"install {release.after} as {release.namespace}/{release.name}"
    if release.action == "repair":
        state = "a part of it is missing" if release.status == "deployed" else f"it is {release.status}"
        return f"repair {release.namespace}/{release.name}: {state}"
    if release.before == release.after:
        return f"upgrade {release.namespace}/{release.name}: new values"
    return f"upgrade {release.namespace}/{release.name}: {release.before} → {release.after}"


def _objects(objects: Iterable[ObjectPlan], full: bool) -> Iterator[str]:
    new = [each for each in objects if each.action in ("create", "later")]
    if full:
        yield from (f"  + {each.ref}{f' ({each.reason})' if each.reason else ''}" for each in new)
    elif new:
        kinds = Counter(each.ref.kind for each in new)
        yield "  + " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    for each in objects:
        if each.action in _SIGNS:
            yield f"  {_SIGNS[each.action]} {each.ref}{f': {each.reason}' if each.reason else ''}"
            yield from (f"      {change}" for change in each.changes)
        if each.action == "keep" and each.reason:
            yield f"  = {each.ref}: {each.reason}"


def _counted(each: ComponentPlan) -> Iterator[str]:
    for item in (*each.crds, *each.objects):
        if item.action != "keep":
            yield "create" if item.action == "later" else item.action


def failure_lines(name: str, error: HubopsError) -> Iterator[str]:
    """Why a component failed, and what stood in its way."""
    yield f"Failed: {name}: {error}"
    if isinstance(error, StepFailed):
        yield from (f"  {line}" for line in error.details)


def outcome_lines(outcome: Outcome, changed: Iterable[str]) -> Iterator[str]:
    """How a run ended: what was changed, what failed and why, what was not begun, and how to go on."""
    new = set(changed)
    unchanged = [name for name in outcome.done if name not in new]
    if installed := [name for name in outcome.done if name in new]:
        yield f"Installed: {', '.join(installed)}."
    if unchanged:
        yield f"Unchanged: {', '.join(unchanged)}."
    for name, error in outcome.failed.items():
        yield from failure_lines(name, error)
    for name, needs in outcome.blocked.items():
        yield f"Not begun: {name}" + (f" (it needs {', '.join(needs)})" if needs else "")
    if outcome.failed or outcome.blocked:
        yield "Nothing else was touched. Run the same command again to go on from here."
