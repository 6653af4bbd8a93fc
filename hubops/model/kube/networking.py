"""discovery.k8s.io/v1 endpoint slices, networking.k8s.io/v1 ingresses and policies, admission webhooks."""

from __future__ import annotations

from msgspec import field

from hubops.model.kube.meta import IntOrString, Kube, LabelSelector, Object, ObjectReference


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


class ServiceBackendPort(Kube, frozen=True):
    name: str = ""
    number: int = 0


class IngressServiceBackend(Kube, frozen=True):
    name: str = ""
    port: ServiceBackendPort = ServiceBackendPort()


class IngressBackend(Kube, frozen=True):
    service: IngressServiceBackend | None = None  # None: a custom resource serves it


class HTTPIngressPath(Kube, frozen=True):
    path: str = ""
    path_type: str | None = None
    backend: IngressBackend = IngressBackend()


class HTTPIngressRuleValue(Kube, frozen=True):
    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(Kube, frozen=True):
    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressTLS(Kube, frozen=True):
    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Kube, frozen=True):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class IngressLoadBalancerIngress(Kube, frozen=True):
    ip: str = ""
    hostname: str = ""


class IngressLoadBalancerStatus(Kube, frozen=True):
    ingress: tuple[IngressLoadBalancerIngress, ...] = ()


class IngressStatus(Kube, frozen=True):
    load_balancer: IngressLoadBalancerStatus = IngressLoadBalancerStatus()


class Ingress(Object, frozen=True):
    spec: IngressSpec = IngressSpec()
    status: IngressStatus = IngressStatus()


class IngressClassSpec(Kube, frozen=True):
    controller: str = ""


class IngressClass(Object, frozen=True):
    spec: IngressClassSpec = IngressClassSpec()


class IPBlock(Kube, frozen=True):
    cidr: str = ""
    except_: tuple[str, ...] = field(default=(), name="except")


class NetworkPolicyPeer(Kube, frozen=True):
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(Kube, frozen=True):
    protocol: str | None = None
    port: IntOrString | None = None
    end_port: int | None = None


class NetworkPolicyEgressRule(Kube, frozen=True):
    ports: tuple[NetworkPolicyPort, ...] = ()
    to: tuple[NetworkPolicyPeer, ...] = ()


class NetworkPolicyIngressRule(Kube, frozen=True):
    ports: tuple[NetworkPolicyPort, ...] = ()
    from_: tuple[NetworkPolicyPeer, ...] = field(default=(), name="from")


class NetworkPolicySpec(Kube, frozen=True):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()


class NetworkPolicy(Object, frozen=True):
    spec: NetworkPolicySpec = NetworkPolicySpec()


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
