"""webhook-without-endpoints: admission webhooks that fail closed and that nobody answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import endpoints, evidence, pods
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Service
from hubops.model.kube.meta import LabelSelector
from hubops.model.kube.networking import (
    MutatingWebhookConfiguration,
    RuleWithOperations,
    ServiceReference,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
)

Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration


@probe(
    needs=(
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "services",
        "endpointslices",
        "pods",
    ),
    uses=("deployments", "statefulsets", "daemonsets", "jobs"),
)
def webhook_without_endpoints(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Webhooks with failurePolicy Fail whose Service is missing, or for longer than *grace* without a ready endpoint.

    A webhook that is called by URL is out of view. One finding per configuration and Service.
    """
    configurations: tuple[Configuration, ...] = (
        *view.objects.validatingwebhookconfigurations,
        *view.objects.mutatingwebhookconfigurations,
    )
    for item in configurations:
        for called, hooks in _closed(item).items():
            yield from _judge(view, item, called, hooks, grace)


def _closed(item: Configuration) -> dict[tuple[str, str], list[ValidatingWebhook]]:
    """The webhooks that refuse requests when they are not answered (Fail is the API's default), by their Service."""
    found: dict[tuple[str, str], list[ValidatingWebhook]] = defaultdict(list)
    for hook in item.webhooks:
        service: ServiceReference | None = hook.client_config.service
        if service is not None and hook.rules and (hook.failure_policy or "Fail") == "Fail":
            found[service.namespace, service.name].append(hook)
    return found


def _judge(
    view: View, item: Configuration, called: tuple[str, str], hooks: list[ValidatingWebhook], grace: timedelta
) -> Iterator[Hit]:
    namespace, name = called
    service = view.find(Ref("Service", name, namespace))
    if not isinstance(service, Service):
        if pods.longer_than(view, item.metadata.creation_timestamp, grace):
            since = item.metadata.creation_timestamp
            yield _hit(item, called, hooks, f"Service {namespace}/{name} does not exist", since, ())
        return
    gap = endpoints.gap(view, service) if service.spec.type != "ExternalName" else None
    if gap is not None and pods.longer_than(view, gap.since, grace):
        yield _hit(item, called, hooks, f"Service {namespace}/{name}: {gap.words}", gap.since, gap.owners)


def _hit(
    item: Configuration,
    called: tuple[str, str],
    hooks: list[ValidatingWebhook],
    reason: str,
    since: datetime | None,
    owners: tuple[Ref, ...],
) -> Hit:
    namespace, name = called
    return Hit(
        ref=Ref(type(item).__name__, item.name),
        summary=evidence.bounded(f"blocks {blocked(hooks)}: {reason}", 300),
        evidence=tuple(_evidence(hooks)),
        since=since,
        depends_on=owners,
        details={"service": name, "service_namespace": namespace, "webhook": hooks[0].name},
    )


def blocked(hooks: list[ValidatingWebhook]) -> str:
    """What the API server refuses while the webhook does not answer: "CREATE, UPDATE of deployments.apps, pods"."""
    rules = [rule for hook in hooks for rule in hook.rules]
    operations = sorted({name for rule in rules for name in rule.operations})
    resources = sorted({name for rule in rules for name in _resources(rule)})
    doing = "every change" if "*" in operations else ", ".join(operations)
    of = "all resources" if "*" in resources or "*.*" in resources else ", ".join(resources[:6])
    more = f" and {len(resources) - 6} more" if len(resources) > 6 and of != "all resources" else ""
    everything = (None, LabelSelector())
    narrowed = all(h.namespace_selector not in everything or h.object_selector not in everything for h in hooks)
    return f"{doing} of {of}{more}{' where its selectors match' if narrowed else ''}"


def _resources(rule: RuleWithOperations) -> Iterator[str]:
    for group in rule.api_groups:
        for resource in rule.resources:
            yield f"{resource}.{group}" if group else resource


def _evidence(hooks: list[ValidatingWebhook]) -> Iterator[Evidence]:
    for hook in hooks[:3]:
        timeout = f", timeout {hook.timeout_seconds}s" if hook.timeout_seconds else ""
        yield evidence.fact(
            f"webhook {hook.name}: failurePolicy {hook.failure_policy or 'Fail (the default)'}{timeout}"
        )
