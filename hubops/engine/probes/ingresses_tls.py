"""ingress-tls-secret-missing: Ingresses whose TLS Secret does not exist, told without reading Secrets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

import msgspec

from hubops.engine.probe import Absent, Undecided, probe
from hubops.engine.probes import evidence, ingresses, pods
from hubops.engine.probes.certificates import CERTIFICATES, Certificate
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref
from hubops.model.kube.meta import condition
from hubops.model.kube.networking import Ingress, IngressTLS
from hubops.model.snapshot import SWITCHED_OFF

#: Which certificate ingress-nginx serves for each host; where the Secret is missing, it is that of another Secret.
SERVED = "promql:max by (host, secret_name) (nginx_ingress_controller_ssl_certificate_info)"


class _Told(NamedTuple):
    """What can be known of Secrets without reading them."""

    certificates: Mapping[tuple[str, str], Certificate]  # by namespace and Secret
    served: Mapping[str, frozenset[str]]  # host -> the Secrets whose certificates are served for it
    asked: Mapping[str, frozenset[str]]  # host -> the Secrets that any Ingress names for it


@probe(
    needs=("ingresses",),
    uses=(CERTIFICATES, SERVED),
    fields={CERTIFICATES: ("spec.secretName", "status.notAfter", "status.conditions")},
)
def ingress_tls_secret_missing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Ingresses older than *grace* whose TLS Secret has no certificate: its cert-manager Certificate was never issued,
    or ingress-nginx says that it serves another Secret's certificate for the host.

    hubops reads no Secrets. Of a Secret that no Certificate makes, behind a controller that is not ingress-nginx,
    nothing can be known here; the handshakes of host-certificate-invalid see what is really served. Skipped where that
    is so for all of them. Raises Absent for that, and Undecided where Prometheus could not be asked about the rest.
    """
    told = _Told(_certificates(view), _served(view), _asked(view))
    open_questions = known = 0
    for ingress in ingresses.alive(view):
        if not pods.longer_than(view, ingress.metadata.creation_timestamp, grace):
            continue
        for tls in (item for item in ingress.spec.tls if item.secret_name):
            problem, certificate = _problem(view, ingress, tls, told, grace)
            if problem:
                yield _hit(ingress, tls, problem, certificate)
            judged = certificate is not None or any(host in told.served for host in tls.hosts)
            known, open_questions = known + judged, open_questions + (not judged)
    if open_questions:
        _say_unknown(view, known)


def _say_unknown(view: View, known: int) -> None:
    reason = view.snapshot.unread.get(SERVED, "")
    if reason and not reason.startswith(SWITCHED_OFF):
        raise Undecided(reason)
    if not known:
        raise Absent("neither cert-manager nor metrics of ingress-nginx tell which TLS Secrets exist")


def _certificates(view: View) -> dict[tuple[str, str], Certificate]:
    found = {}
    for item in view.snapshot.custom.get(CERTIFICATES, ()):
        certificate = msgspec.convert(item, Certificate)
        found[certificate.metadata.namespace, certificate.spec.secret_name] = certificate
    return found


def _served(view: View) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for sample in view.answer(SERVED):
        found[sample.labels.get("host", "")].add(sample.labels.get("secret_name", ""))
    return {host: frozenset(names) for host, names in found.items()}


def _asked(view: View) -> dict[str, frozenset[str]]:
    """Another Ingress may name another Secret for the same host: the first one wins, and that is not missing."""
    found: dict[str, set[str]] = defaultdict(set)
    for ingress in view.objects.ingresses:
        for tls in ingress.spec.tls:
            for host in tls.hosts:
                found[host].add(tls.secret_name)
    return {host: frozenset(names) for host, names in found.items()}


def _problem(
    view: View, ingress: Ingress, tls: IngressTLS, told: _Told, grace: timedelta
) -> tuple[str, Certificate | None]:
    certificate = told.certificates.get((ingress.namespace, tls.secret_name))
    if certificate is not None and certificate.status.not_after is None:
        since = certificate.metadata.creation_timestamp
        state = condition(certificate.status.conditions, "Issuing") or condition(certificate.status.conditions, "Ready")
        why = f": {state.message}" if state is not None and state.message else ""
        words = f"Certificate {certificate.metadata.name} was never issued{why}"
        return (words if pods.longer_than(view, since, grace) else ""), certificate
    for host in tls.hosts:
        names = told.served.get(host, frozenset())
        if names and not names & told.asked.get(host, frozenset()):
            return f"ingress-nginx serves the certificate of {_listed(names)} for {host} instead", certificate
    return "", certificate


def _listed(names: frozenset[str]) -> str:
    return " and ".join(f"Secret {name}" if name else "no Secret" for name in sorted(names))


def _hit(ingress: Ingress, tls: IngressTLS, problem: str, certificate: Certificate | None) -> Hit:
    secret = tls.secret_name
    about = Ref("Certificate", certificate.metadata.name, ingress.namespace) if certificate else None
    return Hit(
        ref=ingresses.reference(ingress),
        summary=evidence.bounded(f"TLS Secret {secret} has no certificate to serve: {problem}", 300),
        evidence=tuple(_evidence(tls, certificate)),
        depends_on=(about,) if about else (),
        details={"secret": secret, "host": tls.hosts[0] if tls.hosts else "every host"},
    )


def _evidence(tls: IngressTLS, certificate: Certificate | None) -> Iterator[Evidence]:
    yield evidence.fact(f"Secret {tls.secret_name} for {', '.join(tls.hosts[:5]) or 'every host'}")
    for state in certificate.status.conditions if certificate else ():
        yield evidence.from_condition(state)
