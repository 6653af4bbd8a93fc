"""The settings of a site: what is missing or wrong is refused with file, key and what to write instead."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubops import config
from hubops.errors import ConfigError
from hubops.stack.site import Site, complete
from tests.stack.rendered import SITES, site_file

MISSING = object()
SECRET = "xoxb-0123456789 not a name"


def changed(site: str, path: str, value: object) -> dict[str, Any]:
    """The settings of *site* with *value* at the dotted *path*, or without it."""
    settings = copy.deepcopy(yaml.safe_load(site_file(site).read_text(encoding="utf-8")))
    *parents, last = path.split(".")
    at = settings
    for parent in parents:
        at = at.setdefault(parent, {})
    if value is MISSING:
        del at[last]
    else:
        at[last] = value
    return dict(settings)


def read(folder: Path, settings: dict[str, Any]) -> Site:
    file = folder / "hubops.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return complete(config.load(file, {}), str(file))


@pytest.mark.parametrize("site", SITES)
def test_each_site_is_complete(tmp_path: Path, site: str) -> None:
    found = read(tmp_path, yaml.safe_load(site_file(site).read_text(encoding="utf-8")))
    assert found.cloud == site
    assert found.application == "llm-analytics"
    assert found.runbooks_url.startswith("https://")
    assert found.runbooks_url.endswith("/")


WRONG = [
    ("aws", "platform.domain", MISSING, r"platform\.domain: is missing; write the domain .* such as example\.com"),
    (
        "aws",
        "platform.domain",
        "https://example.com",
        r"platform\.domain: is no domain; write it in lower case without",
    ),
    ("aws", "platform.domain", 'x.y"\nadmin: true', r"platform\.domain: is no domain"),
    ("aws", "cluster", MISSING, r"cluster: is missing; write the cluster's name"),
    ("aws", "platform.cloud", MISSING, r"platform\.cloud: is missing; write aws, gcp, azure or none"),
    ("aws", "platform.cloud", "ibm", r"platform\.cloud: 'ibm' is not one of aws, gcp, azure, none"),
    ("aws", "platform.aws", MISSING, r"platform\.aws: is missing; cloud is aws: write its region"),
    ("gcp", "platform.gcp", MISSING, r"platform\.gcp: is missing; cloud is gcp: write its project, region"),
    ("aws", "platform.email", MISSING, r"platform\.email: is missing; Let's Encrypt"),
    ("aws", "platform.email", "ops", r"platform\.email: is no e-mail address"),
    ("none", "platform.tls.ca_secret", MISSING, r"platform\.tls\.ca_secret: is missing; name the Secret"),
    ("none", "platform.storage.csi", MISSING, r"platform\.storage\.csi: is missing; .* rbd\.csi\.ceph\.com"),
    ("none", "platform.storage.parameters", {"fast-ssd": {}}, r"storage\.parameters: .* storage\.csi\.parameters"),
    ("aws", "platform.storage.parameters", {"local-ssd": {"a": "b"}}, r"storage\.parameters\.local-ssd: has none"),
    ("none", "platform.storage.csi.parameters.nfs-storage", {"a": "b"}, r"csi\.parameters\.nfs-storage: has none"),
    ("aws", "platform.logging.store.prefix", "eu", r"platform\.logging\.store\.prefix: is not known to Loki"),
    ("none", "platform.backup.endpoint", MISSING, r"platform\.backup: needs endpoint and credentials"),
    ("azure", "platform.backup.storage_account", MISSING, r"platform\.backup\.storage_account: is missing"),
    ("aws", "platform.storage.default_class", "nfs", r"'nfs' is not one of fast-ssd, .*, local-ssd"),
    ("gcp", "platform.storage.default_class", "nfs-storage", r"platform\.storage\.nfs: is missing; .* server and path"),
    ("aws", "platform.teams.storefront", {}, r"platform\.teams\.storefront: has no channel; write slack: '#channel'"),
    ("aws", "platform.teams.storefront.slack", "storefront", r"platform\.teams\.storefront\.slack: is no channel"),
    ("aws", "platform.teams.platform", MISSING, r"platform\.teams\.platform: is missing; alerts that name no team"),
    ("aws", "platform.teams.Shop_1", {"email": "a@b.c"}, r"platform\.teams\.Shop_1: is no value of a label"),
    ("aws", "platform.alerting.slack", MISSING, r"platform\.alerting\.slack: is missing; a team has a Slack channel"),
    ("aws", "platform.alerting.smtp", MISSING, r"platform\.alerting\.smtp: is missing; a team has an e-mail"),
    ("aws", "platform.applications", MISSING, r"platform\.applications: is missing; name the applications' namespaces"),
    ("aws", "platform.applications.shop.team", "nobody", r"applications\.shop\.team: is not under platform"),
    ("aws", "platform.applications.shop.tema", "x", r"unknown key 'platform\.applications\.shop\.tema'; .*'team'"),
    ("aws", "platform.identities.velero", MISSING, r"platform\.identities\.velero: is missing; .*ARN of an IAM role"),
    ("gcp", "platform.identities.loki", "arn:aws:iam::1:role/x", r"identities\.loki: .* e-mail of a service account"),
    ("aws", "platform.policies.registries", ["ghcr.io/us"], r"policies\.registries\[0\]: must end in '/'"),
    (
        "aws",
        "platform.parts",
        ["linkerd"],
        r"parts\[0\]: 'linkerd' is not one of istio, external-secrets",
    ),
    (
        "aws",
        "platform.remote_write",
        [{"url": "mimir:9009/push"}],
        r"remote_write\[0\]\.url: is no URL; write https://host/path",
    ),
    (
        "gcp",
        "platform.remote_write",
        [{"url": "https://a/b", "username": {"secret": "a", "key": "b"}}],
        r"remote_write\[0\]: needs username and password",
    ),
    (
        "aws",
        "platform.remote_write",
        [{"url": "https://a/b", "sigv4_region": "x", "bearer": {"secret": "a", "key": "b"}}],
        r"remote_write\[0\]: has more than one way to log in",
    ),
    (
        "gcp",
        "platform.remote_write",
        [{"url": "https://a/b", "sigv4_region": "eu-central-1"}],
        r"remote_write\[0\]\.sigv4_region: needs cloud aws",
    ),
    ("aws", "platform.identities.prometheus", MISSING, r"identities\.prometheus: is missing; write the ARN"),
    ("none", "platform.identities", {"loki": "x"}, r"platform\.identities: is for a cloud"),
    ("aws", "cluster", 'prod eu"', r"cluster: is no value of a label"),
    ("aws", "team_label", "team: x", r"team_label: is no name of a label"),
    ("aws", "platform.applications.12", {"team": "platform"}, r"platform\.applications\.12: is no name of a namespace"),
    ("aws", "platform.teams.yes", {"email": "a@b.cd"}, r"platform\.teams\.yes: is no value of a label"),
    ("aws", "platform.applications.shop.hosts", ["grafana"], r"'grafana', which belongs to the platform already"),
    ("aws", "platform.applications.shop.hosts", ["shop.example.com"], r"hosts\[0\]: .* write shop for shop\.<domain>"),
    ("aws", "platform.domain", "a" * 48 + ".com", r"platform\.domain: is no domain; .* up to 51 characters"),
    ("aws", "platform.applications.shop.hosts", ["a" * 63], r"shop\.hosts: are too long: a certificate's name"),
    ("aws", "platform.applications.shop.quota", {"storage": "2 TB"}, r"quota\.storage: is no quantity; write one"),
    ("aws", "platform.alerting.smtp.host", "smtp.example.com", r"smtp\.host: is no server; write its name and port"),
    ("aws", "platform.mesh.zipkin", "zipkin:99999", r"mesh\.zipkin: is no address; write host:port"),
    ("aws", "platform.network", {"api_servers": ["10.0.0.1/8"]}, r"network\.api_servers\[0\]: is no network; write"),
]


@pytest.mark.parametrize(("site", "path", "value", "message"), WRONG, ids=[f"{w[1]}={w[2]!r:.20}" for w in WRONG])
def test_what_is_wrong_is_named_with_file_and_key(
    tmp_path: Path, site: str, path: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{tmp_path / 'hubops.yaml'}: (?s:.*){message}"):
        read(tmp_path, changed(site, path, value))


REFERENCES = [
    ("aws", "platform.teams.platform.pagerduty"),
    ("aws", "platform.alerting.slack"),
    ("aws", "platform.alerting.smtp.password"),
    ("aws", "platform.oidc.client_secret"),
    ("aws", "platform.tls.dns_credentials"),
    ("none", "platform.backup.credentials"),
    ("none", "platform.logging.store.credentials"),
]


@pytest.mark.parametrize(("site", "path"), REFERENCES)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(tmp_path: Path, site: str, path: str) -> None:
    with pytest.raises(ConfigError, match=r"a secret is never written here; .*\{secret: NAME, key: KEY\}") as raised:
        read(tmp_path, changed(site, path, SECRET))
    assert path.rpartition(".")[2] in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("field", ["secret", "key"])
def test_a_secret_where_its_name_belongs_is_refused_and_not_repeated(tmp_path: Path, field: str) -> None:
    reference = {"secret": "slack", "key": "url"} | {field: SECRET}
    message = rf"platform\.alerting\.slack\.{field}: .* the value itself belongs into it"
    with pytest.raises(ConfigError, match=message) as raised:
        read(tmp_path, changed("aws", "platform.alerting.slack", reference))
    assert SECRET not in str(raised.value)


def test_a_password_in_a_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    url = "https://user:hunter2@mimir.example.com/api/v1/push"
    message = r"platform\.remote_write\[0\]\.url: is no URL; write .* without user, password"
    with pytest.raises(ConfigError, match=message) as raised:
        read(tmp_path, changed("aws", "platform.remote_write", [{"url": url}]))
    assert "hunter2" not in str(raised.value)


def test_a_webhooks_url_where_a_channel_belongs_is_not_repeated(tmp_path: Path) -> None:
    url = "https://hooks.slack.com/services/T0/B0/canary"
    with pytest.raises(ConfigError, match=r"a webhook's URL is a secret") as raised:
        read(tmp_path, changed("aws", "platform.teams.platform.slack", url))
    assert "canary" not in str(raised.value)


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, {})
    lines = str(raised.value).splitlines()
    keys = [line.strip().partition(":")[0] for line in lines[1:]]
    assert keys == ["cluster", *(f"platform.{key}" for key in (
        "domain", "cloud", "email", "teams.platform", "applications", "logging", "backup"))]  # fmt: skip
