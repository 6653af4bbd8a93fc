"""What answers behind the platform's Services where the testbed has no program for it: webhooks, aggregated APIs,
Grafana, and the ingress controller. Each says what the real one says to what the gates ask, and no more.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.bootstrap.gates.webhooks import ADMIT, deny, patch
from tests.testbed.api import Api
from tests.testbed.pki import Authority, Pair

Object = dict[str, Any]


def certificate(item: Object) -> Object:
    spec = item["spec"]
    nameless = item["kind"] == "Certificate" and not ({"dnsNames", "commonName", "uris", "ipAddresses"} & set(spec))
    return deny("spec: at least one of commonName, dnsNames, uris, ipAddresses must be set") if nameless else ADMIT


def ingress(item: Object) -> Object:
    annotations = item["metadata"].get("annotations") or {}
    snippets = [key for key in annotations if key.endswith("-snippet")]
    return deny(f"{snippets[0]} annotation cannot be used: snippet directives are disabled") if snippets else ADMIT


def scaled_object(item: Object) -> Object:
    names = [each.get("name") for each in item["spec"]["triggers"] if each.get("name")]
    return deny(f"triggerName {names[0]} is defined multiple times") if len(set(names)) < len(names) else ADMIT


def autoscaler(item: Object) -> Object:
    for policy in (item["spec"].get("resourcePolicy") or {}).get("containerPolicies", []):
        least, most = (policy.get(key, {}).get("cpu", "") for key in ("minAllowed", "maxAllowed"))
        if (least, most) == ("1", "500m"):
            return deny("max resource for cpu is lower than min")
    return ADMIT


def policies(item: Object) -> Object:
    """Gatekeeper, as far as templates that do not compile and the tag latest in the applications' namespace."""
    if item["kind"] == "ConstraintTemplate":
        return deny("invalid ConstraintTemplate: rego_parse_error") if "violation[{" in _last_line(item) else ADMIT
    latest = item["kind"] == "Pod" and any(each["image"].endswith(":latest") for each in item["spec"]["containers"])
    return deny("[no-latest-tag] main: the tag latest is not allowed") if latest else ADMIT


def _last_line(template: Object) -> str:
    [target] = template["spec"]["targets"]
    return str(target.get("rego", "")).strip().splitlines()[-1]


def sidecar(item: Object) -> Object:
    proxy = {**item["spec"]["containers"][0], "name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.20.0"}
    for key in ("ports", "readinessProbe", "livenessProbe", "volumeMounts"):
        proxy.pop(key, None)
    return patch({"op": "add", "path": "/spec/containers/-", "value": proxy})


def admit(_: Object) -> Object:
    return ADMIT


JUDGES: Mapping[str, Callable[[Object], Object]] = {
    "webhook.cert-manager.io": certificate,
    "validate.nginx.ingress.kubernetes.io": ingress,
    "vscaledobject.kb.io": scaled_object,
    "vpa.k8s.io": autoscaler,
    "validation.gatekeeper.sh": policies,
    "namespace.sidecar-injector.istio.io": sidecar,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, content: object, status: int = 200) -> None:
        self.send(status, json.dumps(content).encode(), Content_Type="application/json")

    def read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that does not trust the server yet hangs up."""


class Listener:
    """A server at *address*, over TLS with a certificate of *pair*, until `stop`."""

    def __init__(self, address: str, handler: type[Handler], pair: Pair | None = None, port: int = 0) -> None:
        self._server = _Server((address, port), handler)
        self.address, self.port = address, self._server.server_port
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def resource(name: str, kind: str, group_version: str, *, namespaced: bool) -> Object:
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"],
            "group": group_version.partition("/")[0], "version": group_version.partition("/")[2]}  # fmt: skip


METRICS, EXTERNAL = "metrics.k8s.io/v1beta1", "external.metrics.k8s.io/v1beta1"
RESOURCES = {
    METRICS: [resource("nodes", "NodeMetrics", METRICS, namespaced=False),
              resource("pods", "PodMetrics", METRICS, namespaced=True)],
    EXTERNAL: [resource("externalmetrics", "ExternalMetricValueList", EXTERNAL, namespaced=True)],
}  # fmt: skip


def behind_services(api: Api) -> type[Handler]:
    """Webhooks by their names as paths; the aggregated APIs of metrics-server and of KEDA."""

    class Behind(Handler):
        def do_POST(self) -> None:
            review = json.loads(self.read())
            judge = JUDGES.get(self.path.partition("?")[0].lstrip("/"), admit)
            item = review["request"].get("object")
            response = {**(judge(item) if item else ADMIT), "uid": review["request"]["uid"]}
            self.send_json({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})

        def do_GET(self) -> None:
            version, _, name = self.path.partition("?")[0].removeprefix("/apis/").strip("/").rpartition("/")
            if f"{version}/{name}" in RESOURCES:
                listed = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{version}/{name}"}
                self.send_json({**listed, "resources": RESOURCES[f"{version}/{name}"]})
            elif version == METRICS and name in ("nodes", "pods"):
                self.send_json({"kind": f"{name[:-1].capitalize()}MetricsList", "apiVersion": METRICS, "metadata": {},
                                "items": list(used(api, name))})  # fmt: skip
            else:
                self.send_json({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, 404)

    return Behind


def used(api: Api, plural: str) -> Iterable[Object]:
    """What metrics-server says of each node, or pod: little."""
    usage = {"cpu": "100m", "memory": "64Mi"}
    for each in api.list("Node" if plural == "nodes" else "Pod"):
        metadata = {key: each["metadata"][key] for key in ("name", "namespace") if key in each["metadata"]}
        of = (
            {"usage": usage}
            if plural == "nodes"
            else {"containers": [{"name": c["name"], "usage": usage} for c in each["spec"]["containers"]]}
        )
        yield {"metadata": metadata, "timestamp": each["metadata"]["creationTimestamp"], "window": "20s", **of}


class People(Handler):
    """Grafana as it is to those who have not logged in; and the chat that Alertmanager tells."""

    told: list[bytes]

    def do_GET(self) -> None:
        if self.path == "/api/health":
            self.send_json({"commit": "0", "database": "ok", "version": "10.2.3"})
        else:
            self.send(302, b"", Location="/login") if self.path != "/login" else self.send(200, b"Welcome to Grafana")

    def do_POST(self) -> None:
        self.told.append(self.read())
        self.send(200, b"ok")


def edge(api: Api) -> type[Handler]:
    """What the ingress controller does with a host: ask a pod of its Service."""

    class Edge(Handler):
        def do_GET(self) -> None:
            pod = backend(api, (self.headers.get("Host") or "").partition(":")[0], self.path)
            if pod is None:
                self.send(503, b"Service Temporarily Unavailable")
                return
            asked = HTTPConnection(*pod, timeout=5)
            try:
                asked.request("GET", self.path)
                answer = asked.getresponse()
                self.send(answer.status, answer.read())
            except OSError:
                self.send(502, b"Bad Gateway")
            finally:
                asked.close()

        do_HEAD = do_GET

    return Edge


def backend(api: Api, host: str, path: str) -> tuple[str, int] | None:
    """Where the Service of *host* answers; None without a pod."""
    for item in api.list("Ingress"):
        for rule in item["spec"].get("rules", []):
            for route in rule["http"]["paths"] if rule.get("host") == host else []:
                service = route["backend"]["service"]
                for listed in api.list(
                    "EndpointSlice",
                    item["metadata"]["namespace"],
                    labelSelector=f"kubernetes.io/service-name={service['name']}",
                ):
                    for endpoint in listed["endpoints"] or []:
                        return endpoint["addresses"][0], listed["ports"][0]["port"]
    return None


def pair(folder: Path, name: str, *names: str) -> tuple[Pair, Path]:
    """A certificate for *names*, and that of who signed it."""
    authority = Authority(folder)
    return authority.sign(name, addresses=names), authority.certificate
