"""The mesh's objects mean what they say: istioctl judges them together, and these tests what no schema can."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.rendered import SITES, objects, rendered, site
from tests.testbed import build

Object = dict[str, Any]
MESHED = [name for name in SITES if "istio" in site(name).parts]
#: The documented workloads of the first application, with the ports that they serve.
WORKLOADS = {
    "llm-analytics-api": [8080],
    "llm-analytics-frontend": [8080],
    "llm-analytics-ingestion": [8080],
    "llm-analytics-worker": [8080],
    "llm-analytics-reports": [8080],
    "timescaledb": [5432, 8008, 9187],
    "redis": [6379, 26379, 9121],
    "kafka": [9092, 9093, 9094, 9308],
}


def mesh(where: str, kind: str | None = None) -> list[Object]:
    found = rendered(where)["mesh"].objects()
    return [each for each in found if kind is None or each["kind"] == kind]


def workloads(where: str) -> Iterator[tuple[str, str, list[int]]]:
    """Namespace, name and ports of what may be selected: the documented workloads, and what stands behind hosts."""
    yield from ((site(where).application, name, ports) for name, ports in WORKLOADS.items())
    for namespace, application in site(where).applications.items():
        yield from ((namespace, host, [8080]) for host in application.hosts if namespace != site(where).application)


def surroundings(where: str) -> Iterator[Object]:
    """What the mesh's objects refer to and hubops does not install: Services, pods, the gateway and the collector."""
    yield from objects(where, "Namespace")
    for namespace, name, ports in workloads(where):
        listed = [{"name": f"tcp-{port}" if port != 8080 else "http", "port": port} for port in ports]
        spec: Object = {"selector": {"app.kubernetes.io/name": name}, "ports": listed}
        yield named("v1", "Service", namespace, name) | {"spec": spec}
        pod = named("v1", "Pod", namespace, name)
        pod["metadata"]["labels"] = {"app.kubernetes.io/name": name}
        yield pod | {
            "spec": {"containers": [{"name": "app", "image": "app:1"}, {"name": "istio-proxy", "image": "p:1"}]}
        }
    gateway = named("v1", "Pod", "istio-ingress", "istio-gateway")
    gateway["metadata"]["labels"] = {"istio": "gateway"}
    yield gateway | {"spec": {"containers": [{"name": "istio-proxy", "image": "p:1"}]}}
    service = {"selector": {"istio": "gateway"}, "ports": gateway_values(where)["service"]["ports"]}
    yield named("v1", "Service", "istio-ingress", "istio-gateway") | {"spec": service}
    yield named("v1", "Secret", "istio-ingress", "gateway-tls") | {"type": "kubernetes.io/tls"}


def named(version: str, kind: str, namespace: str, name: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def gateway_values(where: str) -> Object:
    return rendered(where)["istio-gateway"].chart_values()


def mesh_config(where: str) -> Object:
    config: Object = rendered(where)["istiod"].chart_values()["meshConfig"]
    return config


def analyze(folder: Path, where: str, found: list[Object]) -> list[str]:
    """What istioctl says about *found* in the surroundings of *where*, each with its code and object."""
    (folder / "mesh.yaml").write_text(yaml.safe_dump_all([*surroundings(where), *found]), encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump(mesh_config(where)), encoding="utf-8")
    program = str(build.programs(families=("istio",))["istioctl"])
    argv = [program, "analyze", "--use-kube=false", "-A", "-o", "json", "--meshConfigFile", str(folder / "config.yaml")]
    done = subprocess.run([*argv, str(folder / "mesh.yaml")], capture_output=True, text=True, check=False)
    assert done.stdout.strip().startswith("["), done.stdout + done.stderr
    return [f"{each['code']} {each['origin']}: {each['message']}" for each in json.loads(done.stdout)]


@pytest.mark.parametrize("where", MESHED)
def test_istioctl_finds_nothing_wrong(tmp_path: Path, where: str) -> None:
    assert analyze(tmp_path, where, mesh(where)) == []


def test_istioctl_does_find_what_is_wrong(tmp_path: Path) -> None:
    broken = [each for each in mesh("aws") if each["kind"] != "DestinationRule"]
    said = analyze(tmp_path, "aws", broken)
    assert any(
        "IST0101" in each and "llm-analytics-api.llm-analytics.svc.cluster.local+canary" in each for each in said
    )


@pytest.mark.parametrize("where", MESHED)
def test_requests_are_shared_out_completely_and_among_subsets_that_exist(where: str) -> None:
    rules = {rule["spec"]["host"]: rule["spec"] for rule in mesh(where, "DestinationRule")}
    for service in mesh(where, "VirtualService"):
        for route in service["spec"]["http"]:
            targets = [target["destination"] for target in route["route"]]
            assert sum(target.get("weight", 100 / len(targets)) for target in route["route"]) == 100
            for target in targets:
                subsets = {subset["name"] for subset in rules[target["host"]]["subsets"]}
                assert target.get("subset") in {None, *subsets}
                name, namespace, *_ = target["host"].split(".")
                assert target["port"]["number"] in {(n, w): p for n, w, p in workloads(where)}[namespace, name]


def test_the_share_of_the_canary_and_the_colour_are_the_sites() -> None:
    routes = {service["metadata"]["name"]: service["spec"]["http"] for service in mesh("aws", "VirtualService")}
    shares = {each["destination"]["subset"]: each["weight"] for each in routes["llm-analytics-api"][-1]["route"]}
    assert shares == {"stable": 90, "canary": 10}
    assert routes["llm-analytics-api"][0]["match"] == [{"headers": {"x-version": {"exact": "canary"}}}]
    assert [each["destination"]["subset"] for each in routes["llm-analytics-frontend"][-1]["route"]] == ["green"]
    assert [each["destination"]["subset"] for each in routes["llm-analytics-frontend"][0]["route"]] == ["blue"]


def test_without_versions_every_pod_is_alike() -> None:
    for service in mesh("gcp", "VirtualService"):
        targets = [target["destination"] for route in service["spec"]["http"] for target in route["route"]]
        assert [target.get("subset") for target in targets] == [None]


@pytest.mark.parametrize("where", MESHED)
def test_nothing_loosens_mutual_tls_but_for_listed_ports(where: str) -> None:
    for rule in mesh(where, "DestinationRule"):
        policies = [rule["spec"]["trafficPolicy"], *(each.get("trafficPolicy", {}) for each in rule["spec"]["subsets"])]
        assert policies[0]["tls"] == {"mode": "ISTIO_MUTUAL"}
        assert all("tls" not in each for each in policies[1:])
    default, *others = mesh(where, "PeerAuthentication")
    assert (default["metadata"]["namespace"], default["metadata"]["name"]) == ("istio-system", "default")
    assert "selector" not in default["spec"]
    assert {each["spec"]["mtls"]["mode"] for each in (default, *others)} == {"STRICT"}
    open_ports = {(namespace, name): ports for namespace, name, ports in workloads(where)}
    for each in others:
        name = each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        assert set(map(int, each["spec"]["portLevelMtls"])) <= set(open_ports[each["metadata"]["namespace"], name])


@pytest.mark.parametrize("where", MESHED)
def test_authorization_names_what_there_is_and_starts_from_nothing(where: str) -> None:
    policies = mesh(where, "AuthorizationPolicy")
    nothing = {each["metadata"]["namespace"] for each in policies if each["spec"] == {}}
    assert nothing == set(site(where).applications)
    known = {(namespace, name): ports for namespace, name, ports in workloads(where)}
    accounts = {f"cluster.local/ns/{namespace}/sa/{name}" for namespace, name in known}
    accounts.add("cluster.local/ns/istio-ingress/sa/istio-gateway")
    for policy in filter(lambda each: each["spec"], policies):
        (name,) = policy["spec"]["selector"]["matchLabels"].values()
        for rule in policy["spec"]["rules"]:
            assert rule["from"] and rule["to"], "a rule without them would allow everybody"  # noqa: PT018
            ports = {int(port) for each in rule["to"] for port in each["operation"]["ports"]}
            assert ports <= set(known[policy["metadata"]["namespace"], name])
            for source in (each["source"] for each in rule["from"]):
                assert source == {"notPrincipals": ["*"]} or set(source["principals"]) <= accounts


@pytest.mark.parametrize("where", MESHED)
def test_who_has_no_identity_reaches_no_port_that_is_strict(where: str) -> None:
    permissive = {
        (each["metadata"]["namespace"], each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], port)
        for each in mesh(where, "PeerAuthentication")[1:]
        for port in each["spec"]["portLevelMtls"]
    }
    open_to_all = {
        (policy["metadata"]["namespace"], policy["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], port)
        for policy in mesh(where, "AuthorizationPolicy")
        for rule in policy["spec"].get("rules", [])
        if {"source": {"notPrincipals": ["*"]}} in rule["from"]
        for each in rule["to"]
        for port in each["operation"]["ports"]
    }
    assert open_to_all == permissive


@pytest.mark.parametrize("where", MESHED)
def test_identities_are_allowed_what_network_policies_allow_addresses(where: str) -> None:
    application = site(where).application
    assert set(by_identity(where, application)) == set(by_address(where, application))


def by_identity(where: str, namespace: str) -> Iterator[tuple[str, str, int]]:
    for policy in mesh(where, "AuthorizationPolicy"):
        if policy["metadata"]["namespace"] != namespace or not policy["spec"]:
            continue
        target = policy["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for rule in policy["spec"]["rules"]:
            for principal in (p for each in rule["from"] for p in each["source"].get("principals", [])):
                if f"/ns/{namespace}/" in principal:
                    for port in rule["to"][0]["operation"]["ports"]:
                        yield principal.rpartition("/")[2], target, int(port)


def by_address(where: str, namespace: str) -> Iterator[tuple[str, str, int]]:
    """Flows between named workloads of *namespace* in the NetworkPolicies."""
    for policy in objects(where, "NetworkPolicy"):
        target = policy["spec"].get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name")
        if policy["metadata"].get("namespace") != namespace or target not in WORKLOADS:
            continue
        for rule in policy["spec"].get("ingress", []):
            for peer in rule.get("from", []):
                if "namespaceSelector" in peer or "podSelector" not in peer:
                    continue
                for name in names(peer["podSelector"]):
                    for port in rule["ports"]:
                        yield name, target, port["port"]


def names(selector: Object) -> Iterator[str]:
    key = "app.kubernetes.io/name"
    if key in selector.get("matchLabels", {}):
        yield selector["matchLabels"][key]
    for each in selector.get("matchExpressions", []):
        if each["key"] == key and each["operator"] == "In":
            yield from each["values"]


@pytest.mark.parametrize("where", MESHED)
def test_the_gateway_serves_hosts_that_a_virtual_service_answers(where: str) -> None:
    (gateway,) = mesh(where, "Gateway")
    (server,) = gateway["spec"]["servers"]
    (certificate,) = mesh(where, "Certificate")
    assert [host.partition("/")[2] for host in server["hosts"]] == certificate["spec"]["dnsNames"]
    assert server["tls"]["credentialName"] == certificate["spec"]["secretName"]
    assert server["port"]["number"] in {port["port"] for port in gateway_values(where)["service"]["ports"]}
    answered = {
        f"{service['metadata']['namespace']}/{host}"
        for service in mesh(where, "VirtualService")
        for host in service["spec"]["hosts"]
    }
    own = {host for host in server["hosts"] if host.startswith(f"{site(where).application}/")}
    teams = {f"{site(where).application}/{host}.{site(where).domain}" for host in first_hosts(where)}
    assert own - teams <= answered


def first_hosts(where: str) -> tuple[str, ...]:
    return site(where).applications[site(where).application].hosts


def test_traces_go_where_the_site_says() -> None:
    assert mesh_config("aws")["extensionProviders"][0]["zipkin"] == {
        "service": "zipkin.monitoring.svc.cluster.local",
        "port": 9411,
    }
    (telemetry,) = mesh("gcp", "Telemetry")
    assert telemetry["spec"]["tracing"] == [{"providers": [{"name": "zipkin"}], "randomSamplingPercentage": 0.5}]
    (outside,) = mesh("gcp", "ServiceEntry")
    assert outside["spec"]["hosts"] == ["traces.example.org"]
    (silent,) = mesh("azure", "Telemetry")
    assert silent["spec"]["tracing"] == [{"disableSpanReporting": True}]
    assert "extensionProviders" not in mesh_config("azure")


def backends(where: str, ingress: str) -> set[str]:
    (found,) = (each for each in objects(where, "Ingress") if each["metadata"]["name"] == ingress)
    paths = (path for rule in found["spec"]["rules"] for path in rule["http"]["paths"])
    return {path["backend"]["service"]["name"] for path in paths}


def test_requests_from_outside_are_shared_out_as_those_inside() -> None:
    annotations = {
        each["metadata"]["name"]: {
            key.partition("/")[2]: value for key, value in each["metadata"]["annotations"].items()
        }
        for each in objects("aws", "Ingress")
        if each["metadata"]["name"].endswith("-other-version")
    }
    rule = {"canary": "true", "canary-by-header": "x-version"}
    assert annotations == {
        "llm-analytics-api-other-version": rule | {"canary-by-header-value": "canary", "canary-weight": "10"},
        "llm-analytics-frontend-other-version": rule | {"canary-by-header-value": "blue", "canary-weight": "0"},
    }
    assert backends("aws", "llm-analytics-api-other-version") == {"llm-analytics-api-canary"}
    assert backends("aws", "llm-analytics-api") == {"llm-analytics-api-stable"}
    assert backends("aws", "llm-analytics-frontend-other-version") == {"llm-analytics-frontend-blue"}
    assert backends("aws", "llm-analytics-frontend") == {"llm-analytics-frontend-green"}
    selected = {each["metadata"]["name"]: each["spec"]["selector"] for each in objects("aws", "Service")}
    for destination in mesh("aws", "DestinationRule"):
        name = destination["metadata"]["name"]
        for subset in destination["spec"]["subsets"]:
            assert selected[f"{name}-{subset['name']}"] == {"app.kubernetes.io/name": name} | subset["labels"]


def test_without_versions_hosts_lead_to_the_common_services() -> None:
    assert backends("gcp", "llm-analytics-api") == {"llm-analytics-api"}
    assert backends("gcp", "llm-analytics-frontend") == {"llm-analytics-frontend"}
    assert [each["metadata"]["name"] for each in objects("gcp", "Service") if "version" in str(each["spec"])] == []
