"""What the pods of the platform would do to the cluster, since here they only run on paper: each of these does for its
operator what gates and checks look for. That they do it proves nothing of the real operators.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bootstrap.platform.servers import pair
from tests.stack import constraint_kinds
from tests.stack.apiserver import CRDS
from tests.testbed.api import Api, ApiError, load, now

Object = dict[str, Any]
TICK = 0.3  # seconds


def listed(api: Api, version: str, plural: str) -> list[Object]:
    """All objects of a kind that need not be served."""
    try:
        found = api.call("GET", f"/{'apis' if '/' in version else 'api'}/{version}/{plural}")
    except ApiError as error:
        if error.status in (404, 429, 503):  # not served, not yet, or its storage just begins
            return []
        raise
    kind = found["kind"].removesuffix("List")
    return [{"apiVersion": version, "kind": kind, **each} for each in found["items"]]


def conditions(item: Object, words: str = "done", **kinds: str) -> list[Object]:
    at = item["metadata"]["creationTimestamp"]
    generation = item["metadata"].get("generation", 1)
    return [
        {"type": kind, "status": status, "reason": kind, "message": words, "lastTransitionTime": at,
         "observedGeneration": generation}
        for kind, status in (kinds or {"Ready": "True"}).items()
    ]  # fmt: skip


def is_ready(item: Object) -> bool:
    found = (item.get("status") or {}).get("conditions") or []
    generation = item["metadata"].get("generation", 1)
    return any(e["type"] == "Ready" and e.get("observedGeneration", generation) == generation for e in found)


class Operators:
    """All of them, in one thread, until `stop`. *address* is the load balancer's."""

    def __init__(self, api: Api, folder: Path, authority: Path, address: str) -> None:
        self._api, self._folder, self._address = api, folder, address
        self._bundle = base64.b64encode(authority.read_bytes()).decode()
        self._match = constraint_kinds.match_schema(load(CRDS / "gatekeeper.yaml"))
        self._stop = threading.Event()
        self.trouble: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        acts: tuple[Callable[[], None], ...] = (
            self.trust, self.provision, self.balance, self.issue, self.compile, self.look, self.fetch_secrets,
            self.scale,
        )  # fmt: skip
        while not self._stop.wait(TICK):
            for act in acts:
                try:
                    act()
                except ApiError as error:
                    if error.status not in (404, 409, 422, 429, 500, 503):  # gone, changed or changing meanwhile
                        self.trouble.append(traceback.format_exc())
                except Exception:  # noqa: BLE001 (whatever it is, the fixture tells it)
                    self.trouble.append(traceback.format_exc())

    def trust(self) -> None:
        """Webhooks are told whom the API server can trust: by cainjector, by rotators, by jobs of the charts."""
        for plural in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
            for each in listed(self._api, "admissionregistration.k8s.io/v1", plural):
                clients = [hook["clientConfig"] for hook in each["webhooks"]]
                if any("service" in client and not client.get("caBundle") for client in clients):
                    for client in clients:
                        client["caBundle"] = self._bundle
                    self._api.patch(each, {"webhooks": each["webhooks"]})

    def provision(self) -> None:
        """The CSI driver: a volume for each claim that a pod waits for."""
        classes = {each["metadata"]["name"]: each for each in listed(self._api, "storage.k8s.io/v1", "storageclasses")}
        for claim in listed(self._api, "v1", "persistentvolumeclaims"):
            metadata, spec = claim["metadata"], claim["spec"]
            chosen = "volume.kubernetes.io/selected-node" in (metadata.get("annotations") or {})
            storage = classes.get(spec.get("storageClassName", ""))
            if claim["status"]["phase"] != "Pending" or not chosen or storage is None or spec.get("volumeName"):
                continue
            name = f"pvc-{metadata['uid']}"
            self._api.apply({
                "apiVersion": "v1", "kind": "PersistentVolume",
                "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": storage["provisioner"]}},
                "spec": {
                    "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                    "accessModes": spec["accessModes"],
                    "storageClassName": spec["storageClassName"],
                    "persistentVolumeReclaimPolicy": storage["reclaimPolicy"],
                    "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": metadata["name"],
                                 "namespace": metadata["namespace"], "uid": metadata["uid"]},
                    "csi": {"driver": storage["provisioner"], "volumeHandle": name},
                },
            })  # fmt: skip

    def balance(self) -> None:
        """The cloud gives load balancers an address, and the ingress controller tells it of each Ingress."""
        status = {"loadBalancer": {"ingress": [{"ip": self._address}]}}
        services = [e for e in listed(self._api, "v1", "services") if e["spec"].get("type") == "LoadBalancer"]
        ingresses = listed(self._api, "networking.k8s.io/v1", "ingresses") if services else []
        for each in (*services, *ingresses):
            if not (each.get("status") or {}).get("loadBalancer"):
                self._api.set_status(each, status)

    def issue(self) -> None:
        """cert-manager, with the part of it that makes Certificates of Ingresses."""
        if not runs(self._api, "cert-manager", "cert-manager"):
            return
        for plural in ("issuers", "clusterissuers"):
            for each in listed(self._api, "cert-manager.io/v1", plural):
                if not is_ready(each):
                    self._api.set_status(each, {"conditions": conditions(each)})
        certificates = listed(self._api, "cert-manager.io/v1", "certificates")
        for wanted in self._of_ingresses({(e["metadata"]["namespace"], e["spec"]["secretName"]) for e in certificates}):
            self._api.apply(wanted)
        for each in certificates:
            if not is_ready(each):
                self._sign(each)

    def _of_ingresses(self, known: set[tuple[str, str]]) -> Iterator[Object]:
        for each in listed(self._api, "networking.k8s.io/v1", "ingresses"):
            metadata = each["metadata"]
            issuer = (metadata.get("annotations") or {}).get("cert-manager.io/cluster-issuer")
            for tls in each["spec"].get("tls", []) if issuer else []:
                if (metadata["namespace"], tls["secretName"]) not in known:
                    owner = {
                        "apiVersion": each["apiVersion"],
                        "kind": "Ingress",
                        "name": metadata["name"],
                        "uid": metadata["uid"],
                    }
                    yield {
                        "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                        "metadata": {"namespace": metadata["namespace"], "name": tls["secretName"],
                                     "ownerReferences": [owner]},
                        "spec": {"secretName": tls["secretName"], "dnsNames": tls["hosts"],
                                 "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer}},
                    }  # fmt: skip

    def _sign(self, item: Object) -> None:
        spec, metadata = item["spec"], item["metadata"]
        names = spec.get("dnsNames") or [spec["commonName"]]
        signed, authority = pair(
            self._folder / "issued", metadata["name"], *(re.sub(r"[^\w.*-]", "-", n) for n in names)
        )
        files = {"tls.crt": signed.certificate, "tls.key": signed.key, "ca.crt": authority}
        data = {key: base64.b64encode(file.read_bytes()).decode() for key, file in files.items()}
        self._api.apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data,
                         "metadata": {"namespace": metadata["namespace"], "name": spec["secretName"]}})  # fmt: skip
        year = dt.timedelta(days=365)
        self._api.set_status(item, {
            "conditions": conditions(item), "notBefore": now(dt.timedelta(hours=1)), "notAfter": now(-year),
            "renewalTime": now(-year * 2 / 3), "revision": 1,
        })  # fmt: skip

    def compile(self) -> None:
        """Gatekeeper makes kinds of templates, and says of constraints that they are enforced."""
        if not runs(self._api, "gatekeeper-system", "gatekeeper-controller-manager"):
            return
        served = {
            e["metadata"]["name"] for e in listed(self._api, "apiextensions.k8s.io/v1", "customresourcedefinitions")
        }
        kinds = []
        for each in listed(self._api, "templates.gatekeeper.sh/v1", "constrainttemplates"):
            definition = constraint_kinds.definition(each, self._match)
            kinds.append(definition["spec"]["names"]["plural"])
            if definition["metadata"]["name"] not in served:
                definition["spec"]["versions"][0]["subresources"] = {"status": {}}
                definition["spec"]["names"]["categories"] = ["constraint", "constraints"]
                uid = {
                    "apiVersion": each["apiVersion"],
                    "kind": each["kind"],
                    "name": each["metadata"]["name"],
                    "uid": each["metadata"]["uid"],
                }
                definition["metadata"]["ownerReferences"] = [uid]
                self._api.apply(definition)
            if not (each.get("status") or {}).get("created"):
                self._api.set_status(each, {"created": True})
        for plural in kinds:
            for each in listed(self._api, f"{constraint_kinds.GROUP}/v1beta1", plural):
                self._enforce(each)

    def _enforce(self, item: Object) -> None:
        generation = item["metadata"]["generation"]
        said = (item.get("status") or {}).get("byPod") or [{}]
        if said[0].get("observedGeneration") != generation:
            by_pod = [
                {"id": "gatekeeper-1", "operations": ["webhook"], "enforced": True, "observedGeneration": generation}
            ]
            status = {"byPod": by_pod, "auditTimestamp": now(), "totalViolations": 0}
            self._api.set_status(item, status)

    def look(self) -> None:
        """Velero reaches its locations, and takes note of its schedules."""
        if not runs(self._api, "velero", "velero"):
            return
        for each in listed(self._api, "velero.io/v1", "backupstoragelocations"):
            if (each.get("status") or {}).get("phase") != "Available":
                self._api.patch(
                    each, {"status": {"phase": "Available", "lastValidationTime": now(), "lastSyncedTime": now()}}
                )
        for each in listed(self._api, "velero.io/v1", "schedules"):
            if not each.get("status"):
                self._api.patch(each, {"status": {"phase": "Enabled"}})

    def fetch_secrets(self) -> None:
        """external-secrets brings what its store has: random values."""
        if not runs(self._api, "external-secrets", "external-secrets"):
            return
        for version in ("v1beta1", "v1"):
            api = f"external-secrets.io/{version}"
            for each in (*listed(self._api, api, "clustersecretstores"), *listed(self._api, api, "externalsecrets")):
                if is_ready(each):
                    continue
                if each["kind"] == "ExternalSecret":
                    self._fetch(each)
                self._api.set_status(each, {"conditions": [without(c, "observedGeneration") for c in conditions(each)]})

    def _fetch(self, item: Object) -> None:
        metadata, spec = item["metadata"], item["spec"]
        data = {each["secretKey"]: base64.b64encode(b"a value of the store").decode() for each in spec["data"]}
        kind = (spec["target"].get("template") or {}).get("type", "Opaque")
        self._api.apply({"apiVersion": "v1", "kind": "Secret", "type": kind, "data": data,
                         "metadata": {"namespace": metadata["namespace"], "name": spec["target"]["name"]}})  # fmt: skip

    def scale(self) -> None:
        """KEDA and VPA take note of what they are to scale; nothing has to be scaled."""
        if runs(self._api, "keda", "keda-operator"):
            for each in listed(self._api, "keda.sh/v1alpha1", "scaledobjects"):
                if not is_ready(each):
                    said = conditions(each, Ready="True", Active="False", Fallback="False", Paused="False")
                    self._api.set_status(
                        each, {"conditions": [without(c, "observedGeneration", "lastTransitionTime") for c in said]}
                    )
        if runs(self._api, "vpa", "vpa-recommender"):
            for each in listed(self._api, "autoscaling.k8s.io/v1", "verticalpodautoscalers"):
                if not (each.get("status") or {}).get("conditions"):
                    said = [without(c, "observedGeneration") for c in conditions(each, RecommendationProvided="True")]
                    self._api.set_status(each, {"conditions": said})


def without(item: Mapping[str, Any], *keys: str) -> Object:
    return {key: value for key, value in item.items() if key not in keys}


def runs(api: Api, namespace: str, deployment: str) -> bool:
    """Whether a pod of the *deployment* is ready."""
    try:
        found = api.call("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}")
    except ApiError:
        return False
    return bool(found["status"].get("readyReplicas"))


def runs_everywhere(api: Api, namespace: str, daemon_set: str) -> bool:
    """Whether the *daemon_set* has a ready pod."""
    found = listed(api, "apps/v1", f"namespaces/{namespace}/daemonsets")
    return any(each["metadata"]["name"] == daemon_set and each["status"].get("numberReady") for each in found)
