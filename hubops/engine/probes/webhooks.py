"""webhook-without-endpoints: admission webhooks that fail closed and that nobody answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import endpoints, evidence
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.core import Service
from hubops.model.kube.meta import LabelSelector
from hubops.model.kube.networking import (
    MutatingWebhookConfiguration,
    RuleWithOperations,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
)

Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration


class Call(NamedTuple):
    """One webhook and the configuration that it stands in."""

    configuration: Configuration
    hook: ValidatingWebhook


@probe(
    needs=(
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "services",
        "endpointslices",
        "pods",
    ),
    uses=("deployments", "statefulsets", "daemonsets", "jobs", "replicasets"),
)
def webhook_without_endpoints(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Webhooks with failurePolicy Fail whose Service is missing, or for longer than *grace* without a ready endpoint.

    A webhook that is called by URL is out of view. One finding per Service, at the first configuration that calls it.
    """
    for (namespace, name), calls in sorted(_closed(view).items()):
        gap = _gap(view, namespace, name, calls)
        if gap is not None and gap.lasts(view, grace):
            yield _hit(namespace, name, calls, gap)


def _configurations(view: View) -> tuple[Configuration, ...]:
    return (*view.objects.validatingwebhookconfigurations, *view.objects.mutatingwebhookconfigurations)


def _closed(view: View) -> dict[tuple[str, str], list[Call]]:
    """The webhooks that refuse requests when they are not answered (Fail is the API's default), by their Service."""
    found: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for item in _configurations(view):
        for hook in item.webhooks:
            service = hook.client_config.service
            if service is not None and hook.rules and (hook.failure_policy or "Fail") == "Fail":
                found[service.namespace, service.name].append(Call(item, hook))
    return found


def _gap(view: View, namespace: str, name: str, calls: list[Call]) -> endpoints.Gap | None:
    created = [item.metadata.creation_timestamp for item, _ in calls if item.metadata.creation_timestamp]
    service = view.find(Ref("Service", name, namespace))
    if not isinstance(service, Service):
        return endpoints.Gap(words="it does not exist", not_before=min(created, default=None))
    if service.spec.type == "ExternalName":
        return None
    for port in sorted({_port(call) for call in calls} - {port.port for port in service.spec.ports}):
        return endpoints.Gap(words=f"it has no port {port}", not_before=min(created, default=None))
    return endpoints.gap(view, service)


def _port(call: Call) -> int:
    """The port that the API server calls; its default is 443."""
    service = call.hook.client_config.service
    return (service.port if service else None) or 443


def configurations_of(view: View, hook: str, service: str, namespace: str) -> Iterator[Ref]:
    """The configurations with a webhook called *hook* that is answered by this Service."""
    for item in _configurations(view):
        called = [each.client_config.service for each in item.webhooks if each.name == hook]
        if any(each is not None and (each.name, each.namespace) == (service, namespace) for each in called):
            yield Ref(type(item).__name__, item.name)


def _hit(namespace: str, name: str, calls: list[Call], gap: endpoints.Gap) -> Hit:
    first = calls[0]
    reason = f"Service {namespace}/{name} does not answer: {gap.words}"
    return Hit(
        ref=Ref(type(first.configuration).__name__, first.configuration.name),
        summary=evidence.bounded(f"blocks {blocked([hook for _, hook in calls])}: {reason}", 300),
        evidence=tuple(_evidence(calls)),
        since=gap.since,
        depends_on=gap.owners,
        details={"service": name, "namespace": namespace, "webhook": first.hook.name},
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


def _evidence(calls: list[Call]) -> Iterator[Evidence]:
    for item, hook in calls[:4]:
        timeout = f", timeout {hook.timeout_seconds}s" if hook.timeout_seconds else ""
        policy = hook.failure_policy or "Fail (the default)"
        yield evidence.fact(f"{type(item).__name__} {item.name}: webhook {hook.name}, failurePolicy {policy}{timeout}")
