"""Prometheus, Alertmanager, Loki, kube-state-metrics and the source of the metrics: their configuration and start."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.testbed import remote_write, source
from tests.testbed.controlplane import ControlPlane
from tests.testbed.errors import TestbedError
from tests.testbed.process import poll

SCRAPE_SECONDS = 2
HISTORY = dt.timedelta(hours=7)
STEP = dt.timedelta(minutes=1)
USUAL_PORTS = {"prometheus": 9090, "alertmanager": 9093, "loki": 3100, "kube-state-metrics": 8080, "source": 9100}


@dataclass(frozen=True)
class Urls:
    prometheus: str
    alertmanager: str
    loki: str
    kube_state_metrics: str


@dataclass(frozen=True)
class Target:
    """One scrape target: *key* names its file; *labels* are those that a ServiceMonitor would give it."""

    key: str
    labels: Mapping[str, str]
    samples: tuple[source.Sample, ...]


class Observability:
    """The running programs, as tests and faults use them."""

    def __init__(self, directory: Path, urls: Urls) -> None:
        self.directory = directory
        self.urls = urls
        self.session = requests.Session()
        self.session.trust_env = False

    def _call(self, method: str, url: str, **options: Any) -> requests.Response:
        answer = self.session.request(method, url, timeout=30, **options)
        if answer.status_code >= 400:
            raise TestbedError(f"{method} {url}: {answer.status_code} {answer.text[:300]}")
        return answer

    # Prometheus

    def query(self, promql: str) -> list[dict[str, Any]]:
        answer = self._call("POST", f"{self.urls.prometheus}/api/v1/query", data={"query": promql})
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def write_history(self, series: Iterable[tuple[Mapping[str, str], remote_write.Samples]]) -> None:
        remote_write.write(f"{self.urls.prometheus}/api/v1/write", series)

    def rules(self, name: str, rules: list[dict[str, Any]] | None, interval: str = "1s") -> None:
        """Load (or, with None, unload) a group of rules. An alert outlives four intervals in which it is not sent."""
        file = self.directory / "rules" / f"{name}.yaml"
        if rules is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(yaml.safe_dump({"groups": [{"name": name, "interval": interval, "rules": rules}]}))
        self.reload()

    def rule_groups(self) -> list[dict[str, Any]]:
        groups: list[dict[str, Any]] = self._call("GET", f"{self.urls.prometheus}/api/v1/rules").json()["data"][
            "groups"
        ]
        return groups

    def reload(self) -> None:
        """Let Prometheus read its configuration again."""
        self._call("POST", f"{self.urls.prometheus}/-/reload")

    def forget(self, *selectors: str) -> None:
        """Delete series with all their history."""
        url = f"{self.urls.prometheus}/api/v1/admin/tsdb/delete_series"
        self._call("POST", url, params=[("match[]", selector) for selector in selectors])

    # What Prometheus scrapes

    def _file(self, key: str) -> Path:
        return self.directory / "metrics" / f"{key}.json"

    def samples(self, key: str) -> list[source.Sample]:
        return source.read(self._file(key))[1]

    def expose(self, key: str, samples: Iterable[source.Sample]) -> None:
        """From now on a scrape of target *key* sees these samples."""
        source.write(self._file(key), list(samples), time.time())

    def hide(self, key: str) -> None:
        """From now on a scrape of target *key* fails."""
        self._file(key).unlink(missing_ok=True)

    def scrape(self, targets: Iterable[Target], *, history: bool = True, up: float = 1.0) -> None:
        """Let Prometheus scrape these targets too, and remember that it did so for some hours."""
        listed = {entry["labels"]["__metrics_path__"]: entry for entry in self._listed()}
        at = time.time()
        past: list[tuple[Mapping[str, str], remote_write.Samples]] = []
        steps = [-n * STEP.total_seconds() for n in range(int(HISTORY / STEP), 0, -1)]
        address = (self.directory / "source.address").read_text()
        for target in targets:
            if up:
                source.write(self._file(target.key), list(target.samples), at)
            listed[f"/{target.key}"] = {
                "targets": [address],
                "labels": {**target.labels, "__metrics_path__": f"/{target.key}"},
            }
            past.append(({"__name__": "up", **target.labels}, [(at + step, up) for step in steps]))
            past += [
                ({"__name__": s.name, **target.labels, **s.labels}, [(at + step, s.at(step)) for step in steps])
                for s in target.samples
            ]
        if history:
            self.write_history(past)
        self._list(listed.values())

    def unscrape(self, key: str) -> None:
        """Scrape this target no more; returns when Prometheus has let go of it."""
        self._list(entry for entry in self._listed() if entry["labels"]["__metrics_path__"] != f"/{key}")
        poll(lambda: f"/{key}" not in self._scraped_paths(), f"target {key} gone")

    def scraped(self) -> set[str]:
        """The keys of the targets that Prometheus is told to scrape."""
        return {entry["labels"]["__metrics_path__"].removeprefix("/") for entry in self._listed()}

    def _scraped_paths(self) -> set[str]:
        answer = self._call("GET", f"{self.urls.prometheus}/api/v1/targets", params={"state": "active"})
        return {target["discoveredLabels"]["__metrics_path__"] for target in answer.json()["data"]["activeTargets"]}

    def _listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads((self.directory / "targets.json").read_text())
        return listed

    def _list(self, entries: Iterable[dict[str, Any]]) -> None:
        scratch = self.directory / "targets.json.new"
        scratch.write_text(json.dumps(list(entries)))
        scratch.rename(self.directory / "targets.json")

    # Alertmanager

    def alerts(self) -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = self._call("GET", f"{self.urls.alertmanager}/api/v2/alerts").json()
        return alerts

    def firing(self, name: str) -> bool:
        return any(alert["labels"]["alertname"] == name for alert in self.alerts())

    def wait_firing(self, name: str, firing: bool = True) -> None:
        poll(lambda: self.firing(name) is firing, f"alert {name} {'firing' if firing else 'gone'}")

    def silence(self, name: str, comment: str) -> None:
        self.silence_matching(("alertname", name), "on-call", comment, dt.timedelta(days=7))

    def silence_matching(self, matcher: tuple[str, str], by: str, comment: str, lasts: dt.timedelta) -> None:
        """Silence what has a label, of this name, that the expression matches."""
        name, value = matcher
        now = dt.datetime.now(dt.UTC)
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": True, "isEqual": True}],
            "startsAt": now.isoformat(),
            "endsAt": (now + lasts).isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        self._call("POST", f"{self.urls.alertmanager}/api/v2/silences", json=body)

    def expire(self, silence: str) -> None:
        """End the silence of this id."""
        self._call("DELETE", f"{self.urls.alertmanager}/api/v2/silence/{silence}")

    def send_alert(self, alert: dict[str, Any]) -> None:
        """Hand an alert to Alertmanager, as Prometheus would."""
        self._call("POST", f"{self.urls.alertmanager}/api/v2/alerts", json=[alert])

    def inhibit(self, rules: list[dict[str, Any]]) -> None:
        """From now on Alertmanager has these inhibit rules and no others."""
        file = self.directory / "alertmanager.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"inhibit_rules": rules}))
        self._call("POST", f"{self.urls.alertmanager}/-/reload")

    def silences(self) -> list[dict[str, Any]]:
        silences: list[dict[str, Any]] = self._call("GET", f"{self.urls.alertmanager}/api/v2/silences").json()
        return silences

    # Loki

    def log(self, streams: Iterable[tuple[Mapping[str, str], list[tuple[float, str]]]]) -> None:
        """Push lines: (seconds since the epoch, text) of streams with these labels."""
        body = {
            "streams": [
                {"stream": dict(labels), "values": [[str(int(at * 1e9)), text] for at, text in lines]}
                for labels, lines in streams
            ]
        }
        self._call("POST", f"{self.urls.loki}/loki/api/v1/push", json=body)


class Programs:
    """Starts the programs beside a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.directory = plane.directory
        self.ports = {name: plane.host.port(usual) for name, usual in USUAL_PORTS.items()}
        self.urls = Urls(*(self._url(name) for name in ("prometheus", "alertmanager", "loki", "kube-state-metrics")))
        for room in ("metrics", "rules"):
            (self.directory / room).mkdir()
        (self.directory / "targets.json").write_text("[]")
        (self.directory / "source.address").write_text(self._address("source"))

    def _address(self, name: str) -> str:
        return f"{self.plane.host.address}:{self.ports[name]}"

    def _url(self, name: str) -> str:
        return f"http://{self._address(name)}"

    def _start(self, name: str, argv: list[str | Path], ready: str) -> Callable[[], None]:
        self.plane.run.start(name, [str(word) for word in argv])
        return lambda: self.plane.run.wait_ready(name, self.plane.client.ok(self._url(name) + ready))

    def _config(self, name: str, content: dict[str, Any]) -> Path:
        path = self.directory / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    def start_source(self) -> Callable[[], None]:
        # By path, not as a module: the program needs nothing of the tests and must start fast.
        address, port = self.plane.host.address, str(self.ports["source"])
        argv: list[str | Path] = [sys.executable, "-I", source.__file__, address, port, self.directory / "metrics"]
        (self.directory / "metrics" / "alive.json").write_text(json.dumps({"at": 0, "samples": []}))
        return self._start("source", argv, "/alive")

    def start_prometheus(self) -> Callable[[], None]:
        config = self._config("prometheus", {
            "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": "1s",
                       "external_labels": {"cluster": "testbed"}},
            "rule_files": [str(self.directory / "rules" / "*.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self._address("alertmanager")]}]}]},
            "scrape_configs": [
                {"job_name": "cluster", "honor_labels": True,
                 "file_sd_configs": [{"files": [str(self.directory / "targets.json")], "refresh_interval": "2s"}]},
                {"job_name": "kube-state-metrics", "honor_labels": True,
                 "static_configs": [{"targets": [self._address("kube-state-metrics")],
                                     "labels": {"namespace": "monitoring", "service": "kube-state-metrics"}}]},
            ],
        })  # fmt: skip
        argv: list[str | Path] = [
            self.plane.programs["prometheus"],
            f"--config.file={config}",
            f"--storage.tsdb.path={self.directory / 'prometheus'}",
            f"--web.listen-address={self._address('prometheus')}",
            "--web.enable-lifecycle",
            "--web.enable-admin-api",
            "--web.enable-remote-write-receiver",
            # A head that spans a day takes the hours of history in order; out-of-order samples could not be deleted.
            "--storage.tsdb.min-block-duration=24h",
            "--storage.tsdb.max-block-duration=24h",
            # An alert whose rule is gone then resolves within seconds.
            "--rules.alert.resend-delay=2s",
        ]
        return self._start("prometheus", argv, "/-/ready")

    def start_alertmanager(self) -> Callable[[], None]:
        route = {"receiver": "none", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "5s"}
        config = self._config("alertmanager", {"route": route, "receivers": [{"name": "none"}]})
        argv: list[str | Path] = [
            self.plane.programs["prometheus-alertmanager"],
            f"--config.file={config}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address={self._address('alertmanager')}",
            "--cluster.listen-address=",
        ]
        return self._start("alertmanager", argv, "/-/ready")

    def start_loki(self) -> Callable[[], None]:
        data = str(self.directory / "loki")
        store = {"from": "2024-01-01", "store": "tsdb", "object_store": "filesystem", "schema": "v13",
                 "index": {"prefix": "index_", "period": "24h"}}  # fmt: skip
        config = self._config("loki", {
            "auth_enabled": False,
            "server": {"http_listen_address": self.plane.host.address, "http_listen_port": self.ports["loki"],
                       "grpc_listen_address": self.plane.host.address,
                       "grpc_listen_port": self.plane.host.port(9095), "log_level": "warn"},
            "common": {"path_prefix": data, "replication_factor": 1, "instance_addr": self.plane.host.address,
                       "ring": {"kvstore": {"store": "inmemory"}, "instance_addr": self.plane.host.address},
                       "storage": {"filesystem": {"chunks_directory": f"{data}/chunks",
                                                  "rules_directory": f"{data}/rules"}}},
            "schema_config": {"configs": [store]},
            # Ready at once: there is no ring of others to wait for. Old lines are welcome and stay findable.
            "ingester": {"lifecycler": {"min_ready_duration": "0s", "final_sleep": "0s"},
                         "max_chunk_age": "96h", "chunk_idle_period": "96h", "wal": {"dir": f"{data}/wal"}},
            "compactor": {"working_directory": f"{data}/compactor"},
            "limits_config": {"reject_old_samples": False, "allow_structured_metadata": True, "volume_enabled": True,
                              "discover_service_name": [],
                              "ingestion_rate_mb": 100, "ingestion_burst_size_mb": 100,
                              "per_stream_rate_limit": "100MB", "per_stream_rate_limit_burst": "100MB"},
            "analytics": {"reporting_enabled": False},
            "pattern_ingester": {"enabled": False},
            "querier": {"query_ingesters_within": "0s"},
        })  # fmt: skip
        return self._start("loki", [self.plane.programs["loki"], f"-config.file={config}"], "/ready")

    def start_kube_state_metrics(self) -> Callable[[], None]:
        argv: list[str | Path] = [
            self.plane.programs["kube-state-metrics"],
            f"--kubeconfig={self.plane.user('kube-state-metrics', 'kube-state-metrics', 'system:masters')}",
            f"--host={self.plane.host.address}",
            f"--port={self.ports['kube-state-metrics']}",
            f"--telemetry-host={self.plane.host.address}",
            f"--telemetry-port={self.plane.host.port(8081)}",
            "--metric-labels-allowlist=namespaces=[team]",
        ]
        return self._start("kube-state-metrics", argv, "/healthz")
