"""Every Secret that the settings of a site name comes from its secret manager, under the documented name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubops import config, content
from hubops.config import SecretRef
from hubops.errors import ConfigError
from hubops.stack.load import PINNED, load
from hubops.stack.render import render
from hubops.stack.site import complete
from tests.stack.rendered import component, site, site_file

WITH_THE_PART = ("aws", "gcp", "azure")


def external(at: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = (each for each in component(at, "secret-store").objects() if each["kind"] == "ExternalSecret")
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): each["spec"] for each in found}


def references(settings: object) -> Iterator[SecretRef]:
    """Every reference in *settings*, wherever it stands."""
    if isinstance(settings, SecretRef):
        yield settings
    elif isinstance(settings, dict | tuple):
        for value in settings.values() if isinstance(settings, dict) else settings:
            yield from references(value)
    elif isinstance(settings, msgspec.Struct):
        for name in settings.__struct_fields__:
            yield from references(getattr(settings, name))


@pytest.mark.parametrize("at", WITH_THE_PART)
def test_every_reference_is_fetched(at: str) -> None:
    fetched = {(name, item["secretKey"]) for (_, name), spec in external(at).items() for item in spec["data"]}
    named = {(each.secret, each.key) for field in vars(site(at)).values() for each in references(field)}
    assert named
    assert named <= fetched
    assert fetched - named <= {("internal-hosts-auth", "auth")}


@pytest.mark.parametrize("at", WITH_THE_PART)
def test_names_in_the_secret_manager(at: str) -> None:
    allowed = {"aws": r"[\w/+=.@-]{1,512}", "gcp": r"[\w-]{1,255}", "azure": r"[0-9a-zA-Z-]{1,127}"}[at]
    remote: set[str] = set()
    for (namespace, name), spec in external(at).items():
        keys = {item["remoteRef"]["key"] for item in spec["data"]}
        assert len(keys) == 1
        assert all(re.fullmatch(allowed, key) for key in keys)
        assert all(item["remoteRef"]["property"] == item["secretKey"] for item in spec["data"])
        assert keys == {("/" if at == "aws" else "-").join((site(at).cluster, namespace, name))}
        remote |= keys
    assert len(remote) == len(external(at))


@pytest.mark.parametrize("at", WITH_THE_PART)
def test_the_store_is_the_clouds(at: str) -> None:
    (store,) = (each for each in component(at, "secret-store").objects() if each["kind"] == "ClusterSecretStore")
    assert [*store["spec"]["provider"]] == [{"aws": "aws", "gcp": "gcpsm", "azure": "azurekv"}[at]]
    assert "secretRef" not in str(store), "a key of the cloud in the cluster"
    account = component(at, "secret-store").chart_values()["serviceAccount"]
    assert site(at).identities["external-secrets"] in account["annotations"].values()


def test_a_vault_instead(tmp_path: Path) -> None:
    text = site_file("none").read_text(encoding="utf-8") + "  parts: [external-secrets]\n"
    file = tmp_path / "hubops.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"platform\.secret_store\.vault: is missing"):
        complete(config.load(file, {}), "hubops.yaml")
    file.write_text(text + "  secret_store: {vault: 'https://vault.example.com:8200'}\n", encoding="utf-8")
    settings = complete(config.load(file, {}), "hubops.yaml")
    folder = content.folder("deploy")
    objects = [*render(load(folder / PINNED), folder, settings, "secret-store").objects()]
    assert objects[0]["spec"]["provider"]["vault"]["server"] == "https://vault.example.com:8200"
    secrets = {each["metadata"]["name"]: each["spec"] for each in objects[1:]}
    assert secrets["internal-ca"]["target"]["template"] == {"type": "kubernetes.io/tls"}
    assert secrets["loki-s3"]["data"][0]["remoteRef"] == {"key": "bare/logging/loki-s3", "property": "credentials"}
    policies = [*render(load(folder / PINNED), folder, settings, "network-policies").objects()]
    (out,) = (each for each in policies if each["metadata"]["name"] == "allow-secret-manager")
    assert out["spec"]["egress"][0]["ports"] == [{"protocol": "TCP", "port": 8200}]
