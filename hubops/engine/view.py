"""The snapshot as probes look at it: with the indexes that several of them need, built once, when first asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

import msgspec

from hubops.model.finding import Ref
from hubops.model.kube.core import Event, Pod
from hubops.model.kube.kinds import BY_NAME, Objects
from hubops.model.kube.meta import Object, ObjectMeta, OwnerReference
from hubops.model.kube.networking import (
    EndpointSlice,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from hubops.model.kube.workloads import Job, ReplicaSet
from hubops.model.snapshot import ContainerLog, Sample, Snapshot


class View:
    """Read-only; everything in it is derived from `snapshot` alone."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._indexes: dict[str, Mapping[tuple[str, str], Object]] = {}

    @property
    def objects(self) -> Objects:
        return self.snapshot.objects

    @property
    def now(self) -> datetime:
        """The moment of the snapshot: no probe reads the clock."""
        return self.snapshot.taken_at

    def answer(self, evidence: str) -> tuple[Sample, ...]:
        """The series that answer the query of *evidence* ("promql:up"); none where it was not answered."""
        language, _, query = evidence.partition(":")
        answers = self.snapshot.metrics if language == "promql" else self.snapshot.log_metrics
        return answers.get(query, ())

    @cached_property
    def events(self) -> Mapping[Ref, tuple[Event, ...]]:
        """Events by the object they are about, newest first."""
        grouped: dict[Ref, list[Event]] = defaultdict(list)
        for event in self.objects.events:
            about = event.involved_object
            grouped[Ref(about.kind, about.name, about.namespace or None)].append(event)
        oldest = datetime.min.replace(tzinfo=self.now.tzinfo)
        return {
            ref: tuple(sorted(events, key=lambda event: event.last_seen or oldest, reverse=True))
            for ref, events in grouped.items()
        }

    @cached_property
    def container_logs(self) -> Mapping[tuple[str, str, str], ContainerLog]:
        """Logs by namespace, pod and container."""
        return {(log.namespace, log.pod, log.container): log for log in self.snapshot.container_logs}

    @cached_property
    def logs_of_owners(self) -> Mapping[tuple[Ref, str], ContainerLog]:
        """One log of each container by what makes its pods."""
        return {
            (self.owner_of(Ref("Pod", log.pod, log.namespace)), log.container): log
            for log in self.snapshot.container_logs
        }

    @cached_property
    def slices(self) -> Mapping[tuple[str, str], tuple[EndpointSlice, ...]]:
        """Endpoint slices by namespace and Service."""
        grouped: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
        for item in self.objects.endpointslices:
            grouped[item.namespace, item.service].append(item)
        return {key: tuple(items) for key, items in grouped.items()}

    @cached_property
    def pods_by_namespace(self) -> Mapping[str, tuple[Pod, ...]]:
        grouped: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.objects.pods:
            grouped[pod.namespace].append(pod)
        return {namespace: tuple(pods) for namespace, pods in grouped.items()}

    @cached_property
    def pods_of(self) -> Mapping[Ref, tuple[Pod, ...]]:
        """Pods by what a person would edit: their Deployment, StatefulSet, DaemonSet, CronJob, or themselves."""
        grouped: dict[Ref, list[Pod]] = defaultdict(list)
        for pod in self.objects.pods:
            grouped[self.owner(pod)].append(pod)
        return {ref: tuple(pods) for ref, pods in grouped.items()}

    @cached_property
    def jobs_by_cron_job(self) -> Mapping[tuple[str, str], tuple[Job, ...]]:
        """Jobs by the namespace and name of the CronJob that controls them."""
        grouped: dict[tuple[str, str], list[Job]] = defaultdict(list)
        for job in self.objects.jobs:
            controller = job.metadata.controller()
            if controller is not None and controller.kind == "CronJob":
                grouped[job.namespace, controller.name].append(job)
        return {key: tuple(items) for key, items in grouped.items()}

    @cached_property
    def pods_on(self) -> Mapping[str, tuple[Pod, ...]]:
        """Pods by the node that they were placed on; those without a node under the empty name."""
        grouped: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.objects.pods:
            grouped[pod.spec.node_name].append(pod)
        return {node: tuple(pods) for node, pods in grouped.items()}

    def node_of(self, name: str, labels: Mapping[str, str]) -> str:
        """The node that a series of *labels* is about, one of which says *name*.

        That is a node's name or one of its addresses, with a port or without; else the node of the pod that exposes
        the series. *name* itself where the cluster has no such node: Prometheus may watch other machines too.
        """
        host = name.rpartition(":")[0].strip("[]") if name.rpartition(":")[2].isdigit() else name
        for known in (name, host, labels.get("node", "")):
            if self.find(Ref("Node", known)) is not None:
                return known
        if host in self._nodes_by_address:
            return self._nodes_by_address[host]
        pod = self.find(Ref("Pod", labels.get("pod", ""), labels.get("namespace")))
        return (pod.spec.node_name if isinstance(pod, Pod) else "") or name

    @cached_property
    def _nodes_by_address(self) -> Mapping[str, str]:
        return {item.address: node.name for node in self.objects.nodes for item in node.status.addresses}

    @cached_property
    def host_ports(self) -> Mapping[tuple[int, str], tuple[Pod, ...]]:
        """Placed pods by the ports of their node that they take, and the protocol."""
        grouped: dict[tuple[int, str], list[Pod]] = defaultdict(list)
        for pod in self.objects.pods:
            for port in pod.spec.host_ports() if pod.spec.node_name else ():
                grouped[port].append(pod)
        return {port: tuple(pods) for port, pods in grouped.items()}

    @cached_property
    def unsociable(self) -> tuple[Pod, ...]:
        """Placed pods with a required anti-affinity."""
        return tuple(pod for pod in self.objects.pods if pod.spec.node_name and pod.spec.excluded_neighbours)

    @cached_property
    def claims_of_pods(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """The names of claims made for the generic ephemeral volumes of pods, by namespace and pod."""
        grouped: dict[tuple[str, str], set[str]] = defaultdict(set)
        for claim in self.objects.persistentvolumeclaims:
            controller = claim.metadata.controller()
            if controller is not None and controller.kind == "Pod":
                grouped[claim.namespace, controller.name].add(claim.name)
        return {pod: frozenset(names) for pod, names in grouped.items()}

    @cached_property
    def _controllers(self) -> Mapping[tuple[str, str, str], OwnerReference]:
        """The controller of each ReplicaSet and Job: the two links between a pod and what a person edits."""
        found: dict[tuple[str, str, str], OwnerReference] = {}
        for kind, items in (("ReplicaSet", self.objects.replicasets), ("Job", self.objects.jobs)):
            for item in items:
                controller = item.metadata.controller()
                if controller:
                    found[kind, item.metadata.namespace, item.metadata.name] = controller
        return found

    def owner(self, item: Object) -> Ref:
        """What a person would edit to fix *item*: what controls a Pod, ReplicaSet or Job, else *item* itself.

        A Deployment that an operator's custom resource controls is itself: that is where its rollout is looked at.
        """
        controller = item.metadata.controller() if isinstance(item, Pod | ReplicaSet | Job) else None
        if controller is None:
            return Ref(type(item).__name__, item.name, item.namespace or None)
        namespace = item.namespace
        while (above := self._controllers.get((controller.kind, namespace, controller.name))) is not None:
            controller = above
        # A static pod is controlled by its Node, which has no namespace.
        return Ref(controller.kind, controller.name, None if controller.kind == "Node" else namespace or None)

    def owner_of(self, ref: Ref) -> Ref:
        """The owner of the object that *ref* names; *ref* itself where the snapshot has no such object.

        A Webhook is no object: the API server's metrics name it, and what a person edits is its configuration.
        """
        item = self.find(ref)
        if item is not None:
            return self.owner(item)
        return self._webhooks.get(ref.name, ref) if ref.kind == "Webhook" else ref

    def find(self, ref: Ref) -> Object | None:
        """The built-in object that *ref* names, or None."""
        kind = BY_NAME.get(ref.kind)
        return self._index(kind.plural).get((ref.namespace or "", ref.name)) if kind else None

    def metadata(self, ref: Ref) -> ObjectMeta | None:
        """The metadata of the object that *ref* names, built-in or custom, or None."""
        item = self.find(ref)
        return item.metadata if item is not None else self._custom.get(ref)

    @cached_property
    def _webhooks(self) -> Mapping[str, Ref]:
        """The configuration that each admission webhook stands in, the first of several, by the webhook's name."""
        objects = self.objects
        configurations: tuple[ValidatingWebhookConfiguration | MutatingWebhookConfiguration, ...] = (
            *objects.validatingwebhookconfigurations,
            *objects.mutatingwebhookconfigurations,
        )
        found: dict[str, Ref] = {}
        for item in configurations:
            for hook in item.webhooks:
                found.setdefault(hook.name, Ref(type(item).__name__, item.name))
        return found

    def _index(self, plural: str) -> Mapping[tuple[str, str], Object]:
        if plural not in self._indexes:
            items: tuple[Object, ...] = getattr(self.objects, plural)
            self._indexes[plural] = {(item.metadata.namespace, item.metadata.name): item for item in items}
        return self._indexes[plural]

    @cached_property
    def _custom(self) -> Mapping[Ref, ObjectMeta]:
        """The metadata of custom resources; an object whose metadata is not Kubernetes' has none."""
        found: dict[Ref, ObjectMeta] = {}
        for items in self.snapshot.custom.values():
            for item in items:
                try:
                    meta = msgspec.convert(item.get("metadata", {}), ObjectMeta)
                except msgspec.ValidationError:
                    continue
                found[Ref(str(item.get("kind", "")), meta.name, meta.namespace or None)] = meta
        return found
