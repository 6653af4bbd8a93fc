"""Reports to render: none, one, few, many findings, one that could hardly look, and one from a hostile cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hubops.engine.findings import ordered
from hubops.model.check import Severity
from hubops.model.finding import Evidence, Finding, Ref, Symptom, Value
from hubops.model.report import CheckResult, Counts, Ignored, Report, Verdict
from hubops.model.snapshot import Source

NOW = datetime(2026, 3, 4, 5, 19, 8, tzinfo=UTC)

SOURCES = (
    Source(name="kubernetes", status="ok", duration_s=1.21, url="https://10.0.0.1:6443", via="context prod-eu"),
    Source(name="prometheus", status="ok", duration_s=0.43, via="service proxy monitoring/prometheus-k8s:web"),
    Source(name="alertmanager", status="ok", duration_s=0.05, via="service proxy monitoring/alertmanager-main:web"),
    Source(name="loki", status="ok", duration_s=0.31, via="configured", url="https://loki.example.com"),
)

PASSED = (
    CheckResult(id="deployment-unavailable", status="passed", examined=93, of="deployments"),
    CheckResult(id="image-pull-failing", status="passed", examined=812, of="pods"),
    CheckResult(id="node-not-ready", status="passed", examined=6, of="nodes"),
    CheckResult(id="certificate-expiring", status="passed", examined=0, of="certificates"),
    CheckResult(id="watchdog-missing", status="passed", examined=1, of="alerts"),
)

RUNBOOK = """# Container restarts again and again

## Meaning
A container of {kind} `{name}` ends and is started again.

## Diagnosis
What it said before it ended:
```bash read-only
kubectl -n {namespace} logs {name} -c {container} --previous --tail=50
kubectl -n {namespace} describe {kind} {name}
```

## Mitigation
```bash
kubectl -n {namespace} rollout undo {kind}/{name}
```
"""
RUNBOOKS = {"pod-crash-looping": RUNBOOK, "pod-pending": RUNBOOK.replace(" -c {container}", "")}

CRASH = Finding(
    check="pod-crash-looping",
    severity="critical",
    ref=Ref("Deployment", "cart", "shop"),
    affected=12,
    examples=("cart-7d9f6c5b4-x2x9k", "cart-7d9f6c5b4-8kq2m", "cart-7d9f6c5b4-zzv7p"),
    summary="Container app ends with exit code 1 again and again: 14 restarts in the last hour.",
    evidence=(
        Evidence("log", "\x1b[31mFATAL\x1b[0m could not connect to redis:6379: connection refused, password=hunter2",
                 NOW - timedelta(minutes=1)),
        Evidence("log", "goroutine 1 [running]: main.main() /src/cmd/cart/main.go:48 +0x1d2",
                 NOW - timedelta(minutes=1)),
        Evidence("event", "Back-off restarting failed container app in pod cart-7d9f6c5b4-x2x9k_shop",
                 NOW - timedelta(minutes=4)),
        Evidence("object", "last state: terminated, exit code 1, reason Error"),
    ),
    value=Value(14, "restarts"),
    since=NOW - timedelta(hours=3, minutes=5),
    owner="checkout",
    runbook="pod-crash-looping",
    fingerprint="0f3a91c2",
    details={"container": "app", "exit_code": "1"},
    symptoms=(
        Symptom(check="deployment-unavailable", severity="critical", ref=Ref("Deployment", "cart", "shop"),
                summary="0 of 12 replicas are available."),
        Symptom(check="service-without-endpoints", severity="warning", ref=Ref("Service", "cart", "shop"),
                summary="No ready pod stands behind this Service."),
    ),
)  # fmt: skip
VOLUME = Finding(
    check="volume-filling",
    severity="warning",
    ref=Ref("PersistentVolumeClaim", "data-timescaledb-0", "analytics"),
    summary="The volume is 91 % full; at the pace of the last six hours it is full in 1d 7h.",
    evidence=(Evidence("metric", "kubelet_volume_stats_available_bytes 9.3 GiB of 100.0 GiB", NOW),),
    value=Value(0.907, "ratio"),
    since=NOW - timedelta(days=1, hours=2),
    owner="data",
    runbook="volume-filling",
    fingerprint="77aa",
)
NODE = Finding(
    check="node-pressure",
    severity="info",
    ref=Ref("Node", "ip-10-0-3-17.eu-west-1.compute.internal"),
    summary="The kubelet reports DiskPressure and evicts pods.",
    evidence=(Evidence("event", "Attempting to reclaim ephemeral-storage", NOW - timedelta(minutes=9)),),
    since=NOW - timedelta(minutes=9),
    runbook="node-pressure",
    fingerprint="9b",
)


def report(
    *findings: Finding,
    verdict: Verdict,
    checks: tuple[CheckResult, ...] = PASSED,
    sources: tuple[Source, ...] = SOURCES,
    ignored: tuple[Ignored, ...] = (),
    cluster: str = "prod-eu",
) -> Report:
    """A report that is consistent: counts and fired checks follow from what is given."""
    fired = sorted({finding.check for finding in findings})
    severities = [finding.severity for finding in findings]
    return Report(
        round="daily",
        cluster=cluster,
        taken_at=NOW,
        duration_s=1.93,
        verdict=verdict,
        counts=Counts(
            critical=severities.count("critical"), warning=severities.count("warning"), info=severities.count("info"),
            unknown=sum(check.status == "unknown" for check in checks),
        ),
        checks=(*(CheckResult(id=check, status="fired", examined=812, of="pods") for check in fired), *checks),
        findings=ordered(findings),
        sources=sources,
        ignored=ignored,
    )  # fmt: skip


def _many() -> tuple[Finding, ...]:
    def one(number: int) -> Finding:
        severity: Severity = "critical" if number % 7 == 0 else "warning" if number % 3 else "info"
        check = ("pod-crash-looping", "pod-pending", "pod-oom-killed")[number % 3]
        return Finding(
            check=check, severity=severity, ref=Ref("Deployment", f"app-{number:03}", f"team-{number % 9}"),
            affected=1 + number % 4, examples=(f"app-{number:03}-abcde",), summary=f"Wrong in its own way {number}.",
            evidence=(Evidence("event", f"event of {number}", NOW - timedelta(minutes=number)),),
            since=NOW - timedelta(minutes=number), runbook=check, fingerprint=f"{number:x}",
            details={"container": "app"},
        )  # fmt: skip

    return tuple(one(number) for number in range(60))


_EVIL = "x`|<b>\x1b[31m\u202e[a](http://e.example) @all ![i](u) :bomb: [red]zz[/red] z" + "\u0300" * 9 + "\n# h\ud800"
HOSTILE = Finding(
    check="pod-crash-looping",
    severity="critical",
    ref=Ref("Pod", "x; rm -rf / #" + "n" * 260, _EVIL),
    affected=3,
    examples=(_EVIL, "中文" * 30, "\\|"),
    summary="```\n" + _EVIL,
    evidence=(
        Evidence("log", _EVIL * 3, NOW), Evidence("event", "````\nPWNED\n````"), Evidence("object", "🚀漢字" * 60),
        Evidence("log", "Authorization: Bearer abcdefgh12345678"),
    ),
    value=Value(float("nan"), _EVIL),
    since=NOW + timedelta(hours=1),
    owner=_EVIL,
    runbook="pod-crash-looping",
    fingerprint="00",
    details={"container": "$(reboot)"},
    symptoms=(Symptom(check="pod-not-ready", severity="warning", ref=Ref("Pod", _EVIL, _EVIL), summary=_EVIL),),
)  # fmt: skip

_503 = "Prometheus at https://prom.example answered 503 Service Unavailable"
_BLIND = (
    CheckResult(id="volume-filling", status="unknown", reason=_503),
    CheckResult(id="targets-down", status="unknown", reason=_503),
    CheckResult(id="certificate-expiring", status="unknown",
                reason="certificates.cert-manager.io: 403 Forbidden, user sre-reader may not list them"),
    CheckResult(id="error-log-spike", status="skipped", reason="disabled in hubops.yaml"),
)  # fmt: skip

SAMPLES: dict[str, Report] = {
    "none": report(verdict="ok"),
    "one": report(VOLUME, verdict="warning"),
    "few": report(
        VOLUME, CRASH, NODE, verdict="critical",
        ignored=(Ignored(check="pod-pending", ref=Ref("Job", "import", "data"),
                         reason="waits for the new node pool, until 2026-03-31"),),
    ),
    "blind": report(
        verdict="unknown", checks=(*PASSED[:3], *_BLIND),
        sources=(
            Source(name="kubernetes", status="partial", duration_s=1.2, via="context prod-eu",
                   reason="certificates.cert-manager.io: 403 Forbidden"),
            Source(name="prometheus", status="failed", duration_s=5.0, via="configured", url="https://prom.example",
                   reason="503 Service Unavailable"),
            *SOURCES[2:],
        ),
    ),
    "many": report(*_many(), verdict="critical"),
    "hostile": report(
        HOSTILE, VOLUME, verdict="critical", cluster=_EVIL,
        checks=(*PASSED, CheckResult(id=_EVIL, status="unknown", reason=_EVIL)),
        sources=(Source(name="loki", status="failed", reason=_EVIL, url=_EVIL, via=_EVIL),),
        ignored=(Ignored(check=_EVIL, ref=Ref(_EVIL, _EVIL), reason=_EVIL),),
    ),
}  # fmt: skip
