"""The operator takes the values and monitors as they are, and Prometheus and Alertmanager take what it makes of them.

The operator knows fewer settings than the programs that it starts: one that it does not know stops everything.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack import alertmanager, operated
from tests.stack.operated import Operated
from tests.stack.rendered import SITES, rendered, site
from tests.testbed import build

GIB = 1024


def undiscovered(settings: Any) -> Any:
    """*settings* without the discovery of Kubernetes, which Debian builds Prometheus without."""
    if isinstance(settings, dict):
        return {key: undiscovered(value) for key, value in settings.items() if key != "kubernetes_sd_configs"}
    return [undiscovered(each) for each in settings] if isinstance(settings, list) else settings


def promtool(folder: Path, config: dict[str, Any]) -> tuple[bool, str]:
    """Whether promtool is content with *config*, and what it says. Files of the pod are not looked for."""
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(undiscovered(config)), encoding="utf-8")
    argv = [str(build.programs()["promtool"]), "check", "config", "--syntax-only", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SITES)
def test_alertmanager_takes_what_the_operator_makes(operator: Operated, tmp_path: Path, name: str) -> None:
    made = operator.alertmanager_config(name)
    assert len(made["receivers"]) == len(alertmanager.values(name)["config"]["receivers"])
    fine, said = alertmanager.amtool("check-config", alertmanager.write(tmp_path, name, made))
    assert fine, said


@pytest.mark.parametrize("name", SITES)
def test_prometheus_takes_what_the_operator_makes(operator: Operated, tmp_path: Path, name: str) -> None:
    fine, said = promtool(tmp_path, operator.prometheus_config(name))
    assert fine, said


def test_promtool_refuses_a_configuration_that_is_none(operator: Operated, tmp_path: Path) -> None:
    assert not promtool(tmp_path, operator.prometheus_config("aws") | {"remote_writes": []})[0]


@pytest.mark.parametrize("name", SITES)
def test_every_monitor_is_scraped_and_every_rule_read(operator: Operated, name: str) -> None:
    jobs = {each["job_name"] for each in operator.prometheus_config(name)["scrape_configs"]}
    declared = list(operated.monitored(name))
    for each in declared:
        if each["kind"] != "PrometheusRule":
            kind = each["kind"][0].lower() + each["kind"][1:]
            assert f"{kind}/{operated.namespace(name)}/{each['metadata']['name']}/0" in jobs
    groups = {group["name"] for each in declared for group in each["spec"].get("groups", ())}
    assert operator.rules(name) == groups


@pytest.mark.parametrize("name", SITES)
def test_series_say_their_cluster_and_alerts_no_replica(operator: Operated, name: str) -> None:
    config = operator.prometheus_config(name)
    assert config["global"]["external_labels"] == {"__replica__": "$(POD_NAME)", "cluster": site(name).cluster}
    assert {"action": "labeldrop", "regex": "__replica__"} in config["alerting"]["alert_relabel_configs"]


def logins(config: dict[str, Any]) -> list[dict[str, Any]]:
    keys = ("url", "headers", "basic_auth", "authorization", "sigv4")
    return [{key: each[key] for key in keys if key in each} for each in config.get("remote_write", ())]


def test_remote_write_logs_in_with_what_the_site_names(operator: Operated) -> None:
    found = {name: logins(operator.prometheus_config(name)) for name in SITES}
    assert found["azure"] == []
    assert found["aws"] == [{"url": site("aws").remote_write[0].url, "sigv4": {"region": "eu-central-1"}}]
    (mimir,) = found["gcp"]
    assert mimir["headers"] == {"X-Scope-OrgID": "prod"}
    assert len(mimir["basic_auth"]["username"]) == len(mimir["basic_auth"]["password"]) == 64
    (victoria,) = found["none"]
    assert victoria["authorization"]["type"] == "Bearer"
    assert len(victoria["authorization"]["credentials"]) == 64


@pytest.mark.parametrize("name", SITES)
def test_what_is_kept_fits_the_volume(operator: Operated, name: str) -> None:
    stateful_set = operator.stateful_set(name, "prometheus")
    assert stateful_set
    spec = stateful_set["spec"]
    args = dict(arg.partition("=")[::2] for arg in spec["template"]["spec"]["containers"][0]["args"])
    (claim,) = spec["volumeClaimTemplates"]
    volume = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * GIB
    assert spec["replicas"] == 2
    assert args["--storage.tsdb.retention.time"] == f"{site(name).monitoring.retention_days}d"
    assert 0.8 * volume < int(args["--storage.tsdb.retention.size"].removesuffix("MB")) < 0.9 * volume


@pytest.mark.parametrize("name", SITES)
def test_alertmanager_finds_the_files_that_it_is_told_of(operator: Operated, name: str) -> None:
    stateful_set = operator.stateful_set(name, "alertmanager")
    assert stateful_set
    container = stateful_set["spec"]["template"]["spec"]["containers"][0]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    needed = alertmanager.secrets_of(operator.alertmanager_config(name))
    assert {f"{alertmanager.MOUNTED}/{secret}" for secret in needed} <= mounted


def paths(settings: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key in *settings*."""
    for key, value in settings.items() if isinstance(settings, dict) else ():
        yield (*at, key)
        yield from paths(value, (*at, key))


@pytest.mark.parametrize("name", SITES)
def test_nobody_knows_grafanas_password(name: str) -> None:
    component = rendered(name)["monitoring"]
    grafana = component.chart_values()["grafana"]
    assert not [path for path in paths(grafana) if path[-1] in ("adminPassword", "admin_password")]
    (generated,) = component.component.generates
    admin = grafana["admin"]
    assert admin["existingSecret"] == generated.name
    assert generated.random == {admin["passwordKey"]: 32}
    assert generated.fixed == {admin["userKey"]: "admin"}


@pytest.mark.parametrize("name", SITES)
def test_grafana_lets_in_whom_the_site_lets_in(name: str) -> None:
    grafana = rendered(name)["monitoring"].chart_values()["grafana"]
    settings, oidc = grafana["grafana.ini"], site(name).oidc
    assert settings["auth.anonymous"] == {"enabled": False}
    assert settings["users"]["allow_sign_up"] is False
    assert settings["security"]["cookie_secure"] is True
    assert ("auth.generic_oauth" in settings) is bool(oidc)
    if oidc:
        (mount,) = grafana["extraSecretMounts"]
        assert mount["secretName"] == oidc.client_secret.secret
        client_secret = settings["auth.generic_oauth"]["client_secret"]
        assert client_secret == f"$__file{{{mount['mountPath']}/{oidc.client_secret.key}}}"
