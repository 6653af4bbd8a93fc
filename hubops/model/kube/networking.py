"""discovery.k8s.io/v1 endpoint slices and admissionregistration.k8s.io/v1 webhooks."""

from __future__ import annotations

from hubops.model.kube.meta import Kube, LabelSelector, Object, ObjectReference


class EndpointConditions(Kube, frozen=True):
    ready: bool | None = None  # nil means ready, as the API says
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Kube, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: ObjectReference | None = None
    node_name: str | None = None


class EndpointPort(Kube, frozen=True):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(Object, frozen=True):
    address_type: str = ""
    endpoints: tuple[Endpoint, ...] | None = None  # the API writes null for none
    ports: tuple[EndpointPort, ...] | None = None

    @property
    def service(self) -> str:
        """The name of the Service that the slice belongs to, empty for none."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")


class ServiceReference(Kube, frozen=True):
    namespace: str = ""
    name: str = ""
    path: str | None = None
    port: int | None = None


class WebhookClientConfig(Kube, frozen=True):
    url: str | None = None
    service: ServiceReference | None = None


class RuleWithOperations(Kube, frozen=True):
    operations: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    api_versions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    scope: str | None = None


class ValidatingWebhook(Kube, frozen=True):
    name: str = ""
    client_config: WebhookClientConfig = WebhookClientConfig()
    rules: tuple[RuleWithOperations, ...] = ()
    failure_policy: str | None = None
    namespace_selector: LabelSelector | None = None
    object_selector: LabelSelector | None = None
    timeout_seconds: int | None = None


class MutatingWebhook(ValidatingWebhook, frozen=True):
    """The same fields as a validating webhook, as far as hubops reads them."""


class ValidatingWebhookConfiguration(Object, frozen=True):
    webhooks: tuple[ValidatingWebhook, ...] = ()


class MutatingWebhookConfiguration(Object, frozen=True):
    webhooks: tuple[MutatingWebhook, ...] = ()
