"""What Helm would refuse to make of a release, or stop in the middle of: said before it is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hubops.bootstrap.at_once import at_once
from hubops.bootstrap.chart_objects import placed
from hubops.bootstrap.owner import is_of, owner
from hubops.bootstrap.plan.planned import ReleasePlan
from hubops.bootstrap.plan.replacement import by_hand
from hubops.bootstrap.record import refs
from hubops.clients.helm import Release
from hubops.clients.kube.errors import Immutable, NotServed
from hubops.clients.kube.writer import KubeWriter
from hubops.errors import Permanent, SourceError
from hubops.stack.render import Rendered

Manifest = dict[str, Any]


def taken(name: str, namespace: str, releases: Mapping[tuple[str, str], Release]) -> str | None:
    """Charts make objects of the whole cluster that carry the release's name: a second one would fight over them."""
    for other in releases.values():
        if other.name == name and other.namespace != namespace and other.status != "uninstalled":
            return (
                f"a release {name} of {other.chart} is in the namespace {other.namespace}; remove it, or move it here"
            )
    return None


def in_the_way(cluster: KubeWriter, made: Iterable[Manifest], rendered: Rendered) -> str | None:
    """What is there of the objects that the chart makes, by others: Helm refuses to take it over."""

    def found(item: Manifest) -> str:
        item = placed(item, rendered.component.namespace or "") if cluster.is_namespaced(item) else item
        live = cluster.metadata(item)
        return "" if live is None or is_of(live, rendered) else f"{refs([item])[0]}, {owner(live)}"

    others = [said for said in at_once(_unless_unknown(found), made) if said]
    if not others:
        return None
    more = f"; and {len(others) - 3} more" if others[3:] else ""
    return (
        f"Helm does not take over what is there: {'; '.join(others[:3])}{more}; remove it, or go on with "
        f"--skip {rendered.name}"
    )


def _unless_unknown(found: Callable[[Manifest], str]) -> Callable[[Manifest], str]:
    """*found*, which finds nothing of a kind that is not served yet, or that may not be read."""

    def asked(item: Manifest) -> str:
        try:
            return found(item)
        except NotServed:
            return ""
        except Permanent as error:
            if error.status == 403:
                return ""
            raise

    return asked


def unchangeable(cluster: KubeWriter, release: ReleasePlan, made: Iterable[Manifest]) -> str | None:
    """Which objects Helm could not make of those that there are: it would stop in the middle, with a part changed."""
    changing = {each.ref.key() for each in release.objects if each.action == "change"}

    def problem(item: Manifest) -> str:
        item = placed(item, release.namespace) if cluster.is_namespaced(item) else item
        try:
            cluster.apply(item, dry_run=True, take_over=True)
        except Immutable as error:
            return by_hand(cluster, item, error)
        except SourceError:
            return ""  # Helm may know better, and tells
        return ""

    return (
        "; ".join(filter(None, at_once(problem, [item for item in made if refs([item])[0].key() in changing]))) or None
    )
