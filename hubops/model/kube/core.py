"""core/v1: pods, nodes, services, events, namespaces, quotas."""

from __future__ import annotations

from datetime import datetime

from msgspec import field

from hubops.model.kube.meta import (
    Condition,
    IntOrString,
    Kube,
    LabelSelector,
    Object,
    ObjectReference,
    Quantity,
)


class ResourceRequirements(Kube, frozen=True):
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}


class ContainerPort(Kube, frozen=True):
    name: str = ""
    container_port: int = 0
    host_port: int = 0
    host_ip: str = field(default="", name="hostIP")
    protocol: str = "TCP"


class HTTPGetAction(Kube, frozen=True):
    path: str = ""
    port: IntOrString = 0
    scheme: str = ""


class TCPSocketAction(Kube, frozen=True):
    port: IntOrString = 0


class ExecAction(Kube, frozen=True):
    command: tuple[str, ...] = ()


class GRPCAction(Kube, frozen=True):
    port: int = 0
    service: str | None = None


class Probe(Kube, frozen=True):
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    exec: ExecAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    failure_threshold: int = 3


class Container(Kube, frozen=True):
    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None
    restart_policy: str = ""  # "Always" on an init container makes it a sidecar


class PersistentVolumeClaimVolumeSource(Kube, frozen=True):
    claim_name: str = ""


class ConfigMapVolumeSource(Kube, frozen=True):
    name: str = ""
    optional: bool | None = None


class SecretVolumeSource(Kube, frozen=True):
    """The name of the Secret; what is in it is never read."""

    secret_name: str = ""
    optional: bool | None = None


class Volume(Kube, frozen=True):
    name: str = ""
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    secret: SecretVolumeSource | None = None


class NodeSelectorRequirement(Kube, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeSelectorTerm(Kube, frozen=True):
    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()


class NodeSelector(Kube, frozen=True):
    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(Kube, frozen=True):
    """What is required; what is only preferred keeps no pod from a node."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class PodAffinityTerm(Kube, frozen=True):
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    topology_key: str = ""
    namespace_selector: LabelSelector | None = None


class PodAffinity(Kube, frozen=True):
    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()


class PodAntiAffinity(Kube, frozen=True):
    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()


class Affinity(Kube, frozen=True):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class TopologySpreadConstraint(Kube, frozen=True):
    max_skew: int = 0
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None


class PodReadinessGate(Kube, frozen=True):
    condition_type: str = ""


class PodSchedulingGate(Kube, frozen=True):
    name: str = ""


class Toleration(Kube, frozen=True):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""


class PodSpec(Kube, frozen=True):
    node_name: str = ""
    node_selector: dict[str, str] = {}
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: str = "Always"
    scheduler_name: str = ""
    service_account_name: str = ""
    priority_class_name: str = ""
    termination_grace_period_seconds: int | None = None
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    host_network: bool = False
    dns_policy: str = ""
    affinity: Affinity | None = None
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    # Since 1.34 the scheduler no longer says which taint was not tolerated: it has to be told from these.
    tolerations: tuple[Toleration, ...] = ()

    @property
    def required_nodes(self) -> NodeSelector | None:
        """Its required node affinity."""
        affinity = self.affinity.node_affinity if self.affinity else None
        return affinity.required_during_scheduling_ignored_during_execution if affinity else None

    @property
    def required_neighbours(self) -> tuple[PodAffinityTerm, ...]:
        """Its required pod affinity."""
        affinity = self.affinity.pod_affinity if self.affinity else None
        return affinity.required_during_scheduling_ignored_during_execution if affinity else ()

    @property
    def excluded_neighbours(self) -> tuple[PodAffinityTerm, ...]:
        """Its required pod anti-affinity."""
        affinity = self.affinity.pod_anti_affinity if self.affinity else None
        return affinity.required_during_scheduling_ignored_during_execution if affinity else ()

    def host_ports(self) -> frozenset[tuple[int, str]]:
        """The ports of its node that it takes, with their protocol; on the host's network all of its ports are."""
        ports = [port for item in (*self.containers, *self.init_containers) for port in item.ports]
        taken = ((port.host_port or (port.container_port if self.host_network else 0), port) for port in ports)
        return frozenset((number, port.protocol) for number, port in taken if number)


class ContainerStateWaiting(Kube, frozen=True):
    reason: str = ""
    message: str = ""


class ContainerStateRunning(Kube, frozen=True):
    started_at: datetime | None = None


class ContainerStateTerminated(Kube, frozen=True):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Kube, frozen=True):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Kube, frozen=True):
    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = field(default="", name="imageID")
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Kube, frozen=True):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    start_time: datetime | None = None
    nominated_node_name: str = ""
    pod_ip: str = field(default="", name="podIP")
    qos_class: str = ""
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object, frozen=True):
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Taint(Kube, frozen=True):
    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: datetime | None = None


class NodeSpec(Kube, frozen=True):
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    provider_id: str = field(default="", name="providerID")


class NodeCondition(Condition, frozen=True):
    last_heartbeat_time: datetime | None = None


class NodeSystemInfo(Kube, frozen=True):
    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    architecture: str = ""
    operating_system: str = ""


class NodeAddress(Kube, frozen=True):
    type: str = ""
    address: str = ""


class AttachedVolume(Kube, frozen=True):
    name: str = ""


class NodeStatus(Kube, frozen=True):
    capacity: dict[str, Quantity] = {}
    allocatable: dict[str, Quantity] = {}
    conditions: tuple[NodeCondition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeSystemInfo = NodeSystemInfo()
    volumes_in_use: tuple[str, ...] = ()
    volumes_attached: tuple[AttachedVolume, ...] = ()


class Node(Object, frozen=True):
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class NamespaceStatus(Kube, frozen=True):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class NamespaceSpec(Kube, frozen=True):
    finalizers: tuple[str, ...] = ()


class Namespace(Object, frozen=True):
    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class ServicePort(Kube, frozen=True):
    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: IntOrString = 0
    node_port: int = 0


class ServiceSpec(Kube, frozen=True):
    type: str = "ClusterIP"
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(default="", name="clusterIP")
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    load_balancer_class: str | None = None
    external_traffic_policy: str = ""


class LoadBalancerIngress(Kube, frozen=True):
    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Kube, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Kube, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(Object, frozen=True):
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class ResourceQuotaSpec(Kube, frozen=True):
    hard: dict[str, Quantity] = {}
    scopes: tuple[str, ...] = ()


class ResourceQuotaStatus(Kube, frozen=True):
    hard: dict[str, Quantity] = {}
    used: dict[str, Quantity] = {}


class ResourceQuota(Object, frozen=True):
    spec: ResourceQuotaSpec = ResourceQuotaSpec()
    status: ResourceQuotaStatus = ResourceQuotaStatus()


class EventSeries(Kube, frozen=True):
    count: int = 0
    last_observed_time: datetime | None = None


class EventSource(Kube, frozen=True):
    component: str = ""
    host: str = ""


class Event(Object, frozen=True):
    involved_object: ObjectReference = ObjectReference()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource = EventSource()
    reporting_component: str = ""

    @property
    def last_seen(self) -> datetime | None:
        """When it was last observed, whichever of the API's four fields carries it."""
        observed = self.series.last_observed_time if self.series else None
        return observed or self.last_timestamp or self.event_time or self.metadata.creation_timestamp

    @property
    def first_seen(self) -> datetime | None:
        """When it was first observed, as far as the API tells; else when it was last."""
        return self.first_timestamp or self.event_time or self.last_seen

    @property
    def times(self) -> int:
        """How often it was observed, at least once."""
        return max(self.count, self.series.count if self.series else 0, 1)
