"""The Ingresses of the platform's hosts: which there are, and what each must have at every site."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hubops import content
from hubops.errors import ConfigError
from hubops.stack.load import PINNED, load
from hubops.stack.render import render
from tests.stack.nginx.configuration import ANNOTATION
from tests.stack.rendered import SITES, site
from tests.stack.test_site import changed, read

INTERNAL = ("prometheus", "alertmanager", "loki")


def rendered(name: str, component: str) -> Any:
    deploy = content.folder("deploy")
    return render(load(deploy / PINNED), deploy, site(name), component)


def ingresses(name: str) -> list[dict[str, Any]]:
    """Those that make a host; a canary only adds a backend to one of them."""
    found = [each for each in rendered(name, "hosts").objects() if each["kind"] == "Ingress"]
    return [each for each in found if f"{ANNOTATION}canary" not in each["metadata"].get("annotations", {})]


def host(ingress: dict[str, Any]) -> str:
    (rule,) = ingress["spec"]["rules"]
    return str(rule["host"])


@pytest.mark.parametrize("name", SITES)
def test_every_host_is_served_over_tls_by_the_sites_issuer(name: str) -> None:
    found, domain = ingresses(name), site(name).domain
    hosts = {domain, *(f"{part}.{domain}" for part in ("grafana", "api", *INTERNAL))}
    assert hosts | {f"{each}.{domain}" for app in site(name).applications.values() for each in app.hosts} == {
        host(each) for each in found
    }
    asked = [each for each in found if "cert-manager.io/cluster-issuer" in each["metadata"]["annotations"]]
    assert Counter(map(host, asked)) == Counter({host(each) for each in found})  # by one Ingress of each
    for each in asked:
        assert each["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == site(name).cluster_issuer
    for each in found:
        (tls,) = each["spec"]["tls"]
        assert tls["hosts"] == [host(each)]
        assert {other["spec"]["tls"][0]["secretName"] for other in found if host(other) == host(each)} == {
            tls["secretName"]
        }


@pytest.mark.parametrize("name", SITES)
def test_internal_hosts_are_behind_a_login(name: str) -> None:
    for each in ingresses(name):
        annotations = each["metadata"]["annotations"]
        if host(each).partition(".")[0] in INTERNAL:
            assert {f"{ANNOTATION}auth-secret", f"{ANNOTATION}auth-url"} & annotations.keys()
        assert not [key for key in annotations if key.endswith("-snippet")]


def test_a_site_may_have_its_own_login() -> None:
    (prometheus,) = [each for each in ingresses("gcp") if each["metadata"]["name"] == "prometheus"]
    annotations = prometheus["metadata"]["annotations"]
    assert annotations[f"{ANNOTATION}auth-url"] == "https://login.example.org/oauth2/auth"
    assert annotations[f"{ANNOTATION}auth-signin"] == "https://login.example.org/oauth2/start"
    assert f"{ANNOTATION}auth-type" not in annotations


@pytest.mark.parametrize(
    ("name", "affinity", "annotation"),
    [
        ("aws", None, "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol"),
        ("gcp", "ClientIP", "cloud.google.com/l4-rbs"),
        ("azure", "ClientIP", "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path"),
        ("none", "ClientIP", None),
    ],
)
def test_the_load_balancer_keeps_the_clients_address(name: str, affinity: str | None, annotation: str | None) -> None:
    controller = rendered(name, "ingress-nginx").chart_values()["controller"]
    service = controller["service"]
    assert service["externalTrafficPolicy"] == "Local"
    assert service.get("sessionAffinity") == affinity
    assert annotation is None or annotation in service["annotations"]
    assert ("use-proxy-protocol" in controller["config"]) == (name == "aws")
    assert controller["autoscaling"]["minReplicas"] == controller["replicaCount"] >= 3


@pytest.mark.parametrize("name", SITES)
def test_controllers_are_evicted_one_at_a_time(name: str) -> None:
    """The chart's template takes minAvailable, whose default is 1, before maxUnavailable."""
    controller = rendered(name, "ingress-nginx").chart_values()["controller"]
    assert controller["minAvailable"] is None
    assert controller["maxUnavailable"] == 1


def test_the_sites_annotations_go_before_those_of_the_cloud(tmp_path: Path) -> None:
    key = "service.beta.kubernetes.io/aws-load-balancer-scheme"
    settings = read(tmp_path, changed("aws", "platform.ingress.load_balancer_annotations", {key: "internal"}))
    deploy = content.folder("deploy")
    values = render(load(deploy / PINNED), deploy, settings, "ingress-nginx").chart_values()
    assert values["controller"]["service"]["annotations"][key] == "internal"


@pytest.mark.parametrize("name", SITES)
def test_nginx_can_read_the_rules_of_the_firewall(name: str) -> None:
    snippet = rendered(name, "ingress-nginx").chart_values()["controller"]["config"]["modsecurity-snippet"]
    assert len(snippet) < 4096 - 40  # one word of nginx, with the controller's quotes and indentation


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("replicas", 2, r"ingress\.replicas: 2 is too few; write 3 or more"),
        ("internal_auth_signin", "https://login.example.com/", r"internal_auth_url: is missing; internal_auth_signin"),
        ("internal_auth_url", "https://x/;deny all", r"internal_auth_url: is no URL; write https://host/path"),
        ("free_text_paths", ["api/v1/events"], r"free_text_paths\[0\]: is no path; write it as"),
        ("free_text_paths", ["/" + "a" * 1000], r"free_text_paths: are too long: write up to 1000"),
        ("free_text_paths", ['/a" "id:1'], r"free_text_paths\[0\]: is no path"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, changed("aws", f"platform.ingress.{path}", value))
