"""Logs: Loki takes its settings and deletes after the retention, promtail makes of lines what the queries rely on."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.stack.logs import Loki, Pod, Promtail, Settings, for_loki_3, loki_settings, program, promtail_settings
from tests.stack.logs import refusal as loki_refusal
from tests.stack.rendered import SITES, STACKS, component, site
from tests.testbed.process import poll

LEVELS = {"trace", "debug", "info", "warn", "error", "fatal", "unknown"}
DAY = 86400.0
NAME = "app.kubernetes.io/name"

TRACEBACK = """\
2026-01-01 10:00:00,123 ERROR worker: job failed
Traceback (most recent call last):
  File "/app/worker.py", line 12, in run
    raise ValueError("bad value")

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/worker.py", line 14, in run
    report(error)
app.errors.ReportError: cannot report"""
STACK_TRACE = """\
[2026-01-01 10:00:00,123] ERROR [Broker id=1] Failed to append (kafka.server.ReplicaManager)
java.lang.IllegalStateException: log is closed
\tat kafka.log.Log.append(Log.scala:12)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.io.IOException: No space left on device
\t... 12 more"""
ACCESS = '{"time":"2026-01-01T10:00:00+00:00","client":"192.0.2.7","host":"api.example.com","method":"GET","path":"%s",\
"status":%d,"namespace":"llm-analytics","ingress":"api","user_agent":"curl/8"}'

#: What a container wrote, and what is to be found of it: the line and its level.
API = [
    ('{"level":"info","message":"started","port":8080}', None, "info"),
    ('{"severity":"WARNING","message":"slow"}', None, "warn"),
    ('{"level":50,"msg":"numbers as pino writes them"}', None, "error"),
    ('{"message":"no error, and no level"}', None, "unknown"),
    ('ts=2026-01-01T10:00:00Z level=error msg="upstream timed out"', None, "error"),
    ('time="2026-01-01T10:00:00Z" level=warning msg="retrying"', None, "warn"),
    ("2026-01-01 10:00:00.000 INFO  c.e.Api - ready", None, "info"),
    ("INFO:     192.0.2.7:40112 - \"GET /items HTTP/1.1\" 200 OK", None, "info"),
    ("E0101 10:00:00.000000       1 reflector.go:138] list failed", None, "error"),
    ("2026/01/01 10:00:00 [crit] 31#31: *1 connect() failed", None, "fatal"),
    ("1:M 01 Jan 2026 10:00:00.000 # Server out of memory", None, "warn"),
    ("2026-01-01 10:00:00.000 UTC [1] LOG:  checkpoint starting: time", None, "info"),
    ("Listening on port 8080", None, "unknown"),
    ("GET /errors/list 200 in 3 ms", None, "unknown"),
    (TRACEBACK, None, "error"),
    (STACK_TRACE, None, "error"),
    ("after the trace", None, "unknown"),
    ('192.0.2.1 - - [01/Jan/2026:10:00:00 +0000] "GET /healthz HTTP/1.1" 503 2 "-" "kube-probe/1.28"', None, "unknown"),
    ("P part one, ", "part one, part two", "unknown"),
    ("part two", "", ""),
]  # fmt: skip
#: Lines that are not kept.
NOISE = [
    '192.0.2.1 - - [01/Jan/2026:10:00:00 +0000] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.28"',
    'INFO:     192.0.2.1:40112 - "GET /health?full=1 HTTP/1.1" 200 OK',
    '{"method":"GET","path":"/","status":200,"user_agent":"kube-probe/1.28"}',
    '{"user_agent":"kube-probe/1.28","path":"/","status_code":204}',
]
#: Secrets in what an application wrote, each in a line of its own; `…` stands for the secret.
SECRETS = [
    ("Authorization: Bearer …", "abcdefghijklmnop.qrst_uvw-xyz"),
    ('{"headers":{"Authorization":"Basic …"}}', "dXNlcjpwYXNzd29yZA=="),
    ("connecting to postgresql://api:…@timescaledb:5432/llm", "s3cr3t"),
    ('{"user":"api","password":"…"}', "correct horse battery"),
    ('{"body":"{\\"client_secret\\":\\"…\\"}"}', "hunter2"),
    ("login password=… user=api", "hunter2"),
    ("GET /callback?code=1&access_token=…&state=2", "abc.def"),
    ("using key …", "AKIAABCDEFGHIJKLMNOP"),
    ("session …", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
    ("-----BEGIN RSA PRIVATE KEY-----…-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA"),
]
#: Lines that look a little like secrets and are none.
HARMLESS = [
    "the password: it must be longer",
    "basic authentication failed for api",
    "see https://example.com:8443/a@b",
]

FLOOD, BURST = 3000, 1000


def pods() -> Iterator[Pod]:
    api = {NAME: "llm-analytics-api"}
    yield Pod(
        "llm-analytics",
        "llm-analytics-api-7d9c8b6f5-x2x4z",
        api,
        tuple("\n".join(raw for raw, _, _ in API).split("\n")),
    )
    yield Pod("llm-analytics", "llm-analytics-api-noise", api, (*NOISE, "the end of noise"))
    shown = tuple(template.replace("…", secret) for template, secret in SECRETS)
    yield Pod("llm-analytics", "llm-analytics-ingestion-0", {NAME: "llm-analytics-ingestion"}, (*shown, *HARMLESS))
    yield Pod(
        "llm-analytics",
        "kafka-0",
        {"app": "kafka"},
        ('{"level":"WARN","message":"ISR shrunk"}', *STACK_TRACE.split("\n")),
    )
    yield Pod("llm-analytics", "report-28347120-abcde", {}, ("report written",), controller="report-28347120")
    yield Pod("llm-analytics", "web-6d4b75cb6d-bcdfg", {}, ("web started",), controller="web-6d4b75cb6d")
    yield Pod("llm-analytics", "long", {"app": "long"}, ("x" * 400_000,))
    yield Pod("llm-analytics", "flood", {"app": "flood"}, tuple(f"line {number}" for number in range(FLOOD)))
    lines = (ACCESS % ("/items", 200), ACCESS % ("/items", 502), ACCESS % ("/login", 404))
    yield Pod("ingress-nginx", "ingress-nginx-controller-1", {NAME: "ingress-nginx"}, lines, container="controller")
    yield Pod("monitoring", "glued", {"app": "glued"}, ("first", "  second"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


def quickly(settings: Settings) -> Settings:
    """The settings with the waiting taken out: how much is kept is as the site says, how long deletion takes is not."""
    settings["compactor"] |= {"compaction_interval": "1s", "retention_delete_delay": "1s"}
    settings["limits_config"] |= {
        "reject_old_samples_max_age": "9600h",
        "max_query_lookback": "0s",
        "max_query_length": "0s",
    }
    return settings


@pytest.fixture(scope="module")
def loki(folder: Path) -> Iterator[Loki]:
    loki = Loki(folder / "loki", quickly)
    yield loki
    loki.run.end()


#: What the last line of each pod is found by.
LAST = (
    '{app="flood"} |= "line"',
    '{app="glued"} |= "second"',
    '{app="kafka"} |= "12 more"',
    '{app="llm-analytics-api"} |= "part two"',
    '{app="llm-analytics-api"} |= "end of noise"',
    '{app="llm-analytics-ingestion"} |= "a@b"',
    '{app="long"}',
    '{app="report"}',
    '{app="web"}',
    '{namespace="ingress-nginx"} |= "404"',
)


def delivered(loki: Loki, logql: str) -> None:
    poll(lambda: bool(loki.query(logql)), logql)


def narrowly(settings: Settings) -> Settings:
    """The settings with a limit that is reached however slow the machine is."""
    [limit] = [stage["limit"] for stage in stages(settings) if "limit" in stage]
    limit |= {"rate": 1, "burst": BURST}
    return settings


def stages(settings: Settings) -> list[Settings]:
    [scraped] = settings["scrape_configs"]
    return list(scraped["pipeline_stages"])


@pytest.fixture(scope="module")
def promtail(folder: Path, loki: Loki) -> Iterator[Promtail]:
    """After it has delivered all that there is to read."""
    (folder / "promtail").mkdir()
    promtail = Promtail(folder / "promtail", "aws", loki, pods(), narrowly)
    try:
        for last in LAST:
            delivered(loki, last)
        yield promtail
    finally:
        promtail.run.end()


@pytest.mark.parametrize("name", SITES)
def test_loki_takes_its_settings(tmp_path: Path, name: str) -> None:
    assert loki_refusal(tmp_path, for_loki_3(loki_settings(name))) == ""


def test_loki_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    settings = for_loki_3(loki_settings("aws"))
    settings["compactor"]["retention_enable"] = True
    assert "retention_enable" in loki_refusal(tmp_path, settings)


@pytest.mark.parametrize("stack", STACKS)
def test_loki_trusts_the_authority_of_a_store(stack: str) -> None:
    """All that reads or writes the store has the file that the settings name."""
    loki = component("none", "loki", stack)
    values = loki.chart_values()
    file = Path(values["loki"]["structuredConfig"]["storage_config"]["aws"]["http_config"]["ca_file"])
    [authority] = [each for each in loki.objects() if each["metadata"]["name"] == "loki-store-ca"]
    assert authority["data"] == {file.name: site("none").logging.store.ca}
    for part in ("ingester", "querier", "indexGateway", "compactor"):
        mounts = {each["mountPath"]: each["name"] for each in values[part]["extraVolumeMounts"]}
        volumes = {each["name"]: each for each in values[part]["extraVolumes"]}
        assert volumes[mounts[str(file.parent)]]["configMap"] == {"name": "loki-store-ca"}


@pytest.mark.parametrize("name", SITES)
def test_what_deletes_is_on(name: str) -> None:
    values, settings = component(name, "loki").chart_values(), loki_settings(name)
    days = site(name).logging.retention_days
    assert values["compactor"]["enabled"]
    assert values["compactor"]["replicas"] == 1
    assert values["compactor"]["persistence"]["enabled"]
    assert settings["compactor"]["retention_enabled"]
    assert settings["limits_config"]["retention_period"] == f"{days * 24}h"
    [period] = settings["schema_config"]["configs"]
    assert period["object_store"] == settings["compactor"]["shared_store"]
    assert period["index"]["period"] == "24h"


def texts(loki: Loki, logql: str) -> list[str]:
    return [text for _, text in loki.query(logql)]


def test_levels_and_stack_traces(loki: Loki, promtail: Promtail) -> None:
    """What belongs together is one line with the level of its beginning; probes that succeeded are gone."""
    found = [(text, labels["level"]) for labels, text in loki.query('{app="llm-analytics-api"}')]
    expected = [(kept or raw, level) for raw, kept, level in API if level]
    assert sorted(found) == sorted([*expected, ("the end of noise", "unknown")])
    assert promtail.metric("logentry_dropped_lines_total") >= len(NOISE)


def test_the_queries_of_the_documentation(loki: Loki, promtail: Promtail) -> None:
    assert len(loki.query('{namespace="llm-analytics", app="llm-analytics-api"}')) > 10
    assert any("upstream timed out" in text for text in texts(loki, '{namespace="llm-analytics"} |= "error"'))
    assert "ISR shrunk" in texts(loki, '{app="kafka"} | json | line_format "{{.message}}"')


def test_secrets_are_not_kept(loki: Loki, promtail: Promtail) -> None:
    found = texts(loki, '{app="llm-analytics-ingestion"}')
    assert found == [*(template.replace("…", "<redacted>") for template, _ in SECRETS), *HARMLESS]


def test_labels_are_few_and_bounded(loki: Loki, promtail: Promtail) -> None:
    streams = [labels for labels, _ in loki.query('{cluster="prod-eu"} != "line"')]
    allowed = {"cluster", "namespace", "pod", "container", "app", "instance", "component", "node_name", "job", "stream",
               "level", "status_class", "ingress", "service_name", "detected_level"}  # fmt: skip
    assert {name for labels in streams for name in labels} <= allowed
    assert {labels["level"] for labels in streams} <= LEVELS
    [api] = loki.query('{app="llm-analytics-api"} |= "slow"')
    assert api[0] | {
        "namespace": "llm-analytics", "pod": "llm-analytics-api-7d9c8b6f5-x2x4z", "container": "main",
        "node_name": "node-1", "job": "llm-analytics/llm-analytics-api", "stream": "stdout",
    } == api[0]  # fmt: skip


def test_app_is_the_controller_where_no_label_says(loki: Loki, promtail: Promtail) -> None:
    assert texts(loki, '{app="report"}') == ["report written"]
    assert texts(loki, '{app="web"}') == ["web started"]


def test_access_logs_have_a_level_by_status(loki: Loki, promtail: Promtail) -> None:
    found = loki.query('{namespace="ingress-nginx", ingress="api"}')
    assert [(labels["status_class"], labels["level"]) for labels, _ in found] == [
        ("2xx", "info"), ("5xx", "error"), ("4xx", "warn"),
    ]  # fmt: skip
    assert [json.loads(text)["status"] for _, text in found] == [200, 502, 404]


def test_a_long_line_is_cut(loki: Loki, promtail: Promtail) -> None:
    [line] = texts(loki, '{app="long"}')
    assert set(line) == {"x"}
    assert 200_000 < len(line) <= 256 * 1024


def test_a_flood_is_cut_and_counted(loki: Loki, promtail: Promtail) -> None:
    """Of a pod that writes faster than the limit, a part is kept, and what is dropped is counted."""

    def kept() -> int:
        return len(loki.query('{app="flood"}'))

    def dropped() -> int:
        return int(promtail.metric("logentry_dropped_lines_by_label_total"))

    poll(lambda: kept() + dropped() == FLOOD, "every line of the flood is accounted for")
    assert BURST <= kept() <= BURST + 60  # one a second more


def test_only_the_applications_lines_are_joined(loki: Loki, promtail: Promtail) -> None:
    assert texts(loki, '{app="glued"}') == ["first", "  second"]


@pytest.mark.parametrize("name", SITES)
def test_promtail_takes_its_settings(tmp_path: Path, name: str) -> None:
    assert promtail_refusal(tmp_path, promtail_settings(name)) == ""


def test_promtail_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    settings = promtail_settings("aws")
    settings["limits_config"]["max_line_sise"] = "1KB"
    assert "max_line_sise" in promtail_refusal(tmp_path, settings)


def promtail_refusal(folder: Path, settings: Settings) -> str:
    path = folder / "promtail.yaml"
    path.write_text(yaml.safe_dump(settings))
    said = subprocess.run(
        [program("promtail"), f"-config.file={path}", "-check-syntax"], capture_output=True, text=True, check=False
    )
    return said.stderr if said.returncode else ""


@pytest.mark.parametrize("name", SITES)
def test_grafana_finds_loki(name: str) -> None:
    source = {each["metadata"]["name"]: each for each in component(name, "loki").objects()}["grafana-datasource-loki"]
    assert source["metadata"]["labels"]["grafana_datasource"] == "1"
    sources = yaml.safe_load(source["data"]["loki.yaml"])["datasources"]
    by_uid = {each["uid"]: each for each in sources}
    assert by_uid["loki"]["url"] == "http://loki-loki-distributed-gateway.logging.svc.cluster.local"
    linked = {field["datasourceUid"] for each in sources for field in each.get("jsonData", {}).get("derivedFields", ())}
    assert linked <= by_uid.keys()


def test_lines_past_the_retention_are_deleted(loki: Loki) -> None:
    """Three streams: one older than the site keeps, one within it, one of now. The first leaves the store, no other."""
    now, retention = time.time(), site("aws").logging.retention_days * DAY
    ages = {"expired": retention + 3 * DAY, "kept": retention - 3 * DAY, "new": 0.0}

    def found() -> dict[str, int]:
        return {age: len(loki.query(f'{{app="aged", age="{age}"}}', past + DAY)) for age, past in ages.items()}

    for age, past in ages.items():
        loki.push({"app": "aged", "age": age}, [(now - past - number, f"{age} {number}") for number in range(100)])
    loki.again()  # chunks and their index are in the store now
    before = loki.chunks()
    assert len(before) >= len(ages)
    poll(lambda: loki.metric("loki_boltdb_shipper_retention_marker_count_total") >= 1, "the expired chunk is marked")
    loki.again()  # what is marked is deleted at the start and then once a minute
    poll(lambda: len(before - loki.chunks()) == 1, "one chunk is deleted")
    assert found() == {"expired": 0, "kept": 100, "new": 100}
