"""Who signs certificates at each site, how the domain is proven, and which settings cannot work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hubops import content
from hubops.errors import ConfigError
from hubops.stack.load import load
from hubops.stack.render import render
from tests.stack.rendered import SITES, rendered, site
from tests.stack.test_site import changed, read

CREDENTIALS = {"secret": "dns", "key": "value"}


def issuers(settings: Any) -> dict[str, Any]:
    folder = content.folder("deploy")
    objects = render(load(folder / "stack.yaml"), folder, settings, "issuers").objects()
    return {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "ClusterIssuer"}


def dns01(settings: Any) -> Any:
    solver = issuers(settings)["letsencrypt-production"]["acme"]["solvers"][0]
    assert solver["selector"] == {"dnsZones": [settings.domain]}
    return solver["dns01"]


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("aws", "letsencrypt-production"),
        ("gcp", "letsencrypt-staging"),
        ("azure", "letsencrypt-production"),
        ("none", "custom-ca"),
    ],
)
def test_the_issuer_of_the_hosts_exists(name: str, issuer: str) -> None:
    assert site(name).cluster_issuer == issuer
    assert issuer in issuers(site(name))


def test_a_site_that_signs_for_itself_has_one_root(tmp_path: Path) -> None:
    settings = read(tmp_path, changed("aws", "platform.tls.issuer", "self-signed"))
    assert issuers(settings)[settings.cluster_issuer] == {"ca": {"secretName": "platform-internal-ca"}}


@pytest.mark.parametrize("name", SITES)
def test_the_answer_to_a_challenge_over_http_needs_no_node_port(name: str) -> None:
    for spec in issuers(site(name)).values():
        for solver in spec.get("acme", {}).get("solvers", []):
            if "http01" in solver:
                assert solver["http01"]["ingress"]["ingressClassName"] == "nginx"
                assert solver["http01"]["ingress"]["serviceType"] == "ClusterIP"


def test_workload_identity_needs_no_key() -> None:
    assert dns01(site("aws")) == {"route53": {"region": "eu-central-1", "hostedZoneID": "Z0123456789ABCDEFGHIJ"}}
    assert dns01(site("gcp")) == {"cloudDNS": {"project": "example-prod", "hostedZoneName": "analytics-example-org"}}
    azure = dns01(site("azure"))["azureDNS"]
    assert azure["managedIdentity"] == {"clientID": site("azure").identities["cert-manager"]}
    values = {name: rendered(name)["cert-manager"].chart_values() for name in ("aws", "gcp", "azure")}
    assert {name: list(each["serviceAccount"]["annotations"]) for name, each in values.items()} == {
        "aws": ["eks.amazonaws.com/role-arn"],
        "gcp": ["iam.gke.io/gcp-service-account"],
        "azure": ["azure.workload.identity/client-id"],
    }
    assert values["azure"]["podLabels"] == {"azure.workload.identity/use": "true"}


@pytest.mark.parametrize(
    ("name", "provider", "expected"),
    [
        (
            "aws",
            "route53",
            {
                "accessKeyIDSecretRef": {"name": "dns", "key": "access-key-id"},
                "secretAccessKeySecretRef": {"name": "dns", "key": "value"},
            },
        ),
        ("gcp", "cloudDNS", {"serviceAccountSecretRef": {"name": "dns", "key": "value"}}),
        (
            "azure",
            "azureDNS",
            {
                "clientID": "00000000-0000-4000-8000-000000000003",
                "tenantID": "00000000-0000-4000-8000-000000000002",
                "clientSecretSecretRef": {"name": "dns", "key": "value"},
            },
        ),
    ],
)
def test_credentials_instead_of_an_identity(tmp_path: Path, name: str, provider: str, expected: Any) -> None:
    settings = read(tmp_path, changed(name, "platform.tls.dns_credentials", CREDENTIALS))
    found = dns01(settings)[provider]
    assert {key: found.get(key) for key in expected} == expected
    assert "managedIdentity" not in found


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        (
            "aws",
            "tls.hosted_zone",
            "example.com",
            r"hosted_zone: is not the id of a Route53",
        ),
        ("gcp", "tls.hosted_zone", "example.org.", r"hosted_zone: is not the name of a Cloud DNS managed zone"),
        ("azure", "tls.hosted_zone", "other.net", r"hosted_zone: does not hold the domain"),
        (
            "aws",
            "tls",
            {"dns_credentials": CREDENTIALS},
            r"dns_credentials: are for DNS-01, which needs",
        ),
        (
            "aws",
            "tls.dns_credentials",
            {"secret": "dns", "key": "access-key-id"},
            r"dns_credentials\.key: is that of the access key's id; write the key of its secret half",
        ),
        ("aws", "tls", {}, r"hosted_zone: is missing; ingress\.load_balancer_sources keeps Let's Encrypt from"),
        ("none", "tls.ca_secret", "platform-internal-ca", r"ca_secret: is the name of the platform's own authority"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, name: str, path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, changed(name, f"platform.{path}", value))


def test_a_service_principal_is_named(tmp_path: Path) -> None:
    settings = changed("azure", "platform.tls.dns_credentials", CREDENTIALS)
    del settings["platform"]["identities"]["cert-manager"]
    with pytest.raises(ConfigError, match=r"identities\.cert-manager: is missing; write the client id that the secret"):
        read(tmp_path, settings)
