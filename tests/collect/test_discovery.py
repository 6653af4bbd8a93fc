from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from hubops.clients.http import Response
from hubops.collect.discovery import locate
from hubops.config import BasicAuth, EndpointConfig
from hubops.errors import ConfigError, Permanent
from hubops.model.kube.core import Service
from tests.model.test_wellknown import KUBE_PROMETHEUS_STACK, LOKI_DISTRIBUTED, service


class Way:
    """A transport that remembers what was asked of it."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url
        self.headers = headers
        self.paths: list[str] = []

    def get(self, path: str, params: Mapping[str, str], timeout: float) -> Response:
        self.paths.append(path)
        return Response(200, params, b"%g" % timeout)


class Cluster:
    def __init__(
        self,
        services: Sequence[Service] = (),
        down: Sequence[str] = (),
        forbidden: bool = False,
        hidden: bool = False,
    ) -> None:
        self.ways: list[Way] = []
        self._hidden = hidden
        self._services = services
        self._down = down
        self._forbidden = forbidden

    def services(self) -> Sequence[Service]:
        if self._forbidden:
            raise Permanent("user jane may not list services (403)", status=403)
        return self._services

    def is_ready(self, namespace: str, service: str) -> bool:
        if self._hidden:
            raise Permanent("user jane may not list endpointslices (403)", status=403)
        return f"{namespace}/{service}" not in self._down

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str]) -> Way:
        self.ways.append(Way(f"https://api/{namespace}/{service}:{port}", headers))
        return self.ways[-1]


STACK = Cluster([*KUBE_PROMETHEUS_STACK, *LOKI_DISTRIBUTED])


def test_the_service_is_found_and_the_way_is_told() -> None:
    found = locate("prometheus", EndpointConfig(), STACK)
    assert found.transport.url == "https://api/monitoring/kps-prometheus:http-web"
    assert found.via == (
        "service proxy monitoring/kps-prometheus:http-web, found by its labels "
        "(also there: monitoring/prometheus-operated:http-web)"
    )


def test_one_without_ready_endpoints_is_passed_over() -> None:
    cluster = Cluster(LOKI_DISTRIBUTED, down=["logging/loki-gateway"])
    assert locate("loki", EndpointConfig(), cluster).transport.url == "https://api/logging/loki-query-frontend:http"


def test_none_is_ready() -> None:
    cluster = Cluster(LOKI_DISTRIBUTED, down=[f"logging/{item.name}" for item in LOKI_DISTRIBUTED])
    with pytest.raises(
        Permanent, match=r"^logging/loki-gateway:http has no ready endpoint; loki\.url or loki\.service"
    ):
        locate("loki", EndpointConfig(), cluster)


def test_nothing_is_there() -> None:
    with pytest.raises(
        Permanent, match=r"not found: no Service has the labels of a known Alertmanager; alertmanager\.url"
    ):
        locate("alertmanager", EndpointConfig(), Cluster())


def test_services_that_may_not_be_listed() -> None:
    with pytest.raises(
        Permanent, match=r"Loki cannot be looked for: user jane may not list services \(403\); loki\.url"
    ):
        locate("loki", EndpointConfig(), Cluster(forbidden=True))


def test_endpoints_that_may_not_be_listed_are_tried() -> None:
    cluster = Cluster(LOKI_DISTRIBUTED, hidden=True)
    assert locate("loki", EndpointConfig(), cluster).transport.url == "https://api/logging/loki-gateway:http"


def test_a_url_goes_without_the_cluster() -> None:
    found = locate("loki", EndpointConfig(url="https://u:p@loki.example.com/x"), Cluster(forbidden=True))
    assert (found.transport.url, found.via) == ("https://loki.example.com/x", "configured url")


@pytest.mark.parametrize("name", ["prometheus", "https:prometheus"])
def test_a_configured_service(name: str) -> None:
    config = EndpointConfig(service=f"team-a/{name}:9090", tenant="a", headers={"X-Route": "blue"})
    cluster = Cluster(forbidden=True)
    found = locate("prometheus", config, cluster)
    assert found.transport.url == f"https://api/team-a/{name}:9090"
    assert cluster.ways[0].headers == {"X-Route": "blue", "X-Scope-OrgID": "a"}
    assert found.via == f"service proxy team-a/{name}:9090, configured"


@pytest.mark.parametrize("text", ["prometheus", "ns/svc", "ns/svc:", "/svc:9090", "ns/svc:a/b", "ns/../x:1", "a/b/c:1"])
def test_what_is_no_service(text: str) -> None:
    with pytest.raises(ConfigError, match=r"prometheus\.service: .* is not namespace/name:port"):
        locate("prometheus", EndpointConfig(service=text), STACK)


def test_switched_off() -> None:
    with pytest.raises(Permanent, match=r"^switched off in the configuration \(loki\.enabled: false\)"):
        locate("loki", EndpointConfig(enabled=False, url="http://h"), STACK)


@pytest.mark.parametrize(
    "config",
    [EndpointConfig(basic=BasicAuth(username="u", password_env="P")), EndpointConfig(bearer_env="T", service="a/b:1")],
)
def test_credentials_that_the_api_server_does_not_pass_on_are_refused(config: EndpointConfig) -> None:
    with pytest.raises(ConfigError, match=r"needs loki\.url"):
        locate("loki", config, STACK)


def test_a_path_before_the_api() -> None:
    labels = {"app.kubernetes.io/name": "vmselect"}
    cluster = Cluster([service("vmselect", labels, {"http": 8481})])
    found = locate("prometheus", EndpointConfig(), cluster)
    assert found.transport.url.endswith("/vmselect:http/select/0/prometheus")
    found.transport.get("/api/v1/query", {}, 1)
    assert cluster.ways[0].paths == ["/select/0/prometheus/api/v1/query"]
