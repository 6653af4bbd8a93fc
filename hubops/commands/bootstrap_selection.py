"""The flags that say what a verb of bootstrap is about, and what they come to: components, and a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from hubops.commands.options import ACCESS, CONFIG, STACK, DurationType, Options, with_options
from hubops.config import Duration
from hubops.config.platform import Part
from hubops.errors import UsageError

if TYPE_CHECKING:
    from hubops.bootstrap.record import Records
    from hubops.bootstrap.target import Target
    from hubops.stack.render import Rendered
    from hubops.stack.site import Site
    from hubops.stack.structure import Stack

#: Seconds that the whole of a run may take; each component has its own, much shorter time.
_LONGEST = 6 * 3600.0

_SELECTION = (
    click.option("--only", "names", multiple=True, metavar="COMPONENT", help="Only this component; repeatable."),
    click.option("--skip", multiple=True, metavar="COMPONENT", help="Not this component; repeatable."),
    click.option("--from", "start", metavar="COMPONENT", help="This component and what follows it."),
    click.option("--with", "parts", multiple=True, metavar="PART", help="An optional part, such as istio; repeatable."),
    click.option("--repo", "repositories", multiple=True, metavar="NAME=URL", help="A mirror, or an oci:// registry."),
    click.option(
        "--pull-timeout", type=DurationType(), default="2m", show_default=True, help="For one chart's download."
    ),
    click.option("--accept", "accepted", multiple=True, metavar="ID", help="Go on in spite of this preflight."),
    click.option("--helm", "program", default="helm", show_default=True, help="The helm program; 3.12 or newer, or 4."),
)


def with_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a verb with the flags that say what it is about; it takes them as `options` and `**flags`."""
    decorated: Any = with_options(CONFIG, STACK, ACCESS)(function)
    for option in reversed(_SELECTION):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Run:
    """All that a verb works with: the chosen components, rendered, in the order of their needs, and the cluster."""

    stack: Stack
    site: Site
    components: Sequence[Rendered]
    target: Target
    records: Records
    accepted: tuple[str, ...]  # ids of preflight findings that are no hindrance


def prepare(
    options: Options, *, names: tuple[str, ...], skip: tuple[str, ...], start: str | None, parts: tuple[str, ...],
    repositories: tuple[str, ...], pull_timeout: Duration, program: str, accepted: tuple[str, ...],
) -> Run:  # fmt: skip
    """Everything that can be wrong without the cluster is said first: settings, names, templates, helm."""
    from hubops.bootstrap.charts import Charts, default_folder
    from hubops.bootstrap.choice import Choice, check_names, chosen
    from hubops.bootstrap.preflight.finding import Id
    from hubops.bootstrap.record import Records
    from hubops.bootstrap.target import Target
    from hubops.clients.helm import Helm
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline
    from hubops.stack.render import render
    from hubops.stack.site import complete

    check_names("--accept", accepted, get_args(Id))
    stack, folder = options.stack()
    config = options.config()
    site = complete(config, options.settings_file(), cast(tuple[Part, ...], parts))
    order = chosen(stack, site, Choice(only=names, skip=skip, start=start, parts=parts))
    components = [render(stack, folder, site, name) for name in order]
    for each in components:
        list(each.objects())
        each.chart_values()
    helm = Helm(config.kubernetes, program=program, home=default_folder() / "helm")
    helm.version()
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    urls = {**stack.repositories, **_mirrors(repositories, stack.repositories)}
    charts = Charts(helm, urls, default_folder(), timeout=pull_timeout.total_seconds())
    records = Records(cluster)
    records.read()
    return Run(stack, site, components, Target(cluster, helm, charts), records, accepted)


def _mirrors(given: tuple[str, ...], known: Any) -> dict[str, str]:
    mirrors = {}
    for each in given:
        name, equals, url = each.partition("=")
        if not equals or not url.startswith(("https://", "http://", "oci://")):
            raise UsageError(f"--repo {each}: write NAME=URL, the URL with https:// or oci://")
        if name not in known:
            raise UsageError(f"--repo {each}: the stack has no repository {name!r}; it has {', '.join(known)}")
        mirrors[name] = url
    return mirrors
