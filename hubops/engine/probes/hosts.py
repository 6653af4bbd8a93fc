"""host-certificate-invalid and host-not-answering: the platform's hosts as their clients see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from hubops.engine.probe import Undecided, probe
from hubops.engine.probes import custom, endpoints, evidence, ingresses
from hubops.engine.probes.certificates import CERTIFICATES, Certificate
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.hosts import Host, ServedCertificate
from hubops.model.kube.core import Service
from hubops.model.kube.networking import Ingress
from hubops.model.quantity import human_duration

#: What ingress controllers serve where they have no certificate for the host.
_DEFAULTS = ("Kubernetes Ingress Controller Fake Certificate", "TRAEFIK DEFAULT CERT")
#: The share of a certificate's life that may be left when its renewal is late: a day and a half of six days.
_LATE = 0.25


def reference(host: Host) -> Ref:
    return Ref("Host", host.name)


def of_host(view: View, name: str) -> list[Ingress]:
    """The Ingresses with a rule for *name*, by its own name or by a wildcard for its domain."""
    wanted = {name, f"*.{name.partition('.')[2]}"}
    return [item for item in ingresses.alive(view) if wanted & {host.lower() for host in ingresses.hosts(item)}]


def together(hosts: Iterable[Host], key: Callable[[Host], object]) -> Iterator[tuple[Host, Ref, str | None]]:
    """*hosts* with what to report them about, so that one cause is one finding: those with the same *key* are about the
    shortest name of them, each as an example.
    """
    grouped: dict[object, list[Host]] = defaultdict(list)
    for host in hosts:
        grouped[key(host)].append(host)
    for group in grouped.values():
        first = min(group, key=lambda host: (len(host.name), host.name))
        for host in group:
            yield host, reference(first), host.name if len(group) > 1 else None


def details(host: Host) -> dict[str, str]:
    return {"host": host.name}


def shown(host: Host) -> Iterator[Evidence]:
    """What was seen of *host*, step by step."""
    if host.addresses:
        alias = f", an alias of {host.canonical}" if host.canonical else ""
        yield evidence.fact(f"resolves to {', '.join(host.addresses[:6])}{alias}")
    if host.proxied:
        yield evidence.fact("looked at through the proxy of this machine's environment")
    if host.certificate is not None:
        served = host.certificate
        names = ", ".join(served.names[:4]) or served.subject or "nobody"
        yield evidence.fact(
            f"certificate for {names}, by {served.issuer or 'an issuer without a name'}, "
            f"valid until {served.not_after:%Y-%m-%d %H:%M} UTC"
        )
    if host.status is not None:
        yield evidence.fact(f"GET https://{host.name}/ is answered with {host.status}")
    if host.failed:
        yield evidence.fact(f"{host.failed}: {host.reason}")


@probe(
    needs=("hosts",), uses=("ingresses", "ingressclasses", CERTIFICATES), fields={CERTIFICATES: ("spec.secretName",)}
)
def host_certificate_invalid(view: View, *, within: timedelta) -> Iterator[Hit]:
    """Hosts whose certificate a client refuses: expired, for other names, by an unknown issuer. And hosts whose
    certificate expires in less than *within*, unless it is one that lives briefly and has a quarter of its life left.
    """
    wrong = {host.name: words for host in view.snapshot.hosts if (words := _wrong(view, host, within))}
    hosts = [host for host in view.snapshot.hosts if host.name in wrong]
    for host, about, example in together(hosts, lambda host: (host.certificate, wrong[host.name])):
        left = host.certificate.not_after - view.now if host.certificate else None
        yield Hit(
            ref=about,
            summary=evidence.bounded(wrong[host.name], 300),
            evidence=tuple(shown(host)),
            value=Value(left.total_seconds(), "seconds") if left is not None else None,
            depends_on=(reference(host), *_behind_certificate(view, host)),
            details=details(host),
            example=example,
        )


def _ends_soon(view: View, served: ServedCertificate, within: timedelta) -> bool:
    return served.not_after - view.now < min(within, (served.not_after - served.not_before) * _LATE)


def _wrong(view: View, host: Host, within: timedelta) -> str:
    """What is wrong with the certificate of *host*; empty where nothing is."""
    served = host.certificate
    if host.failed == "verify" and not host.unknown:
        if served and any(name in (served.subject, served.issuer) for name in _DEFAULTS):
            return f"the ingress controller has no certificate for it and serves its own default one ({served.subject})"
        return f"certificate is not trusted: {host.reason}"
    if served is None or not _ends_soon(view, served, within):
        return ""
    return f"certificate expires in {human_duration(served.not_after - view.now)}, and a newer one is not served"


def _behind_certificate(view: View, host: Host) -> Iterator[Ref]:
    """The Ingresses of the host, and the Certificates that make their Secrets."""
    secrets = set()
    for ingress in of_host(view, host.name):
        yield ingresses.reference(ingress)
        secrets |= {(ingress.namespace, tls.secret_name) for tls in ingress.spec.tls if host.name in tls.hosts}
    for made in custom.readable(view, Certificate, CERTIFICATES):
        if (made.metadata.namespace, made.spec.secret_name) in secrets:
            yield Ref("Certificate", made.metadata.name, made.metadata.namespace)


@probe(needs=("hosts",), uses=("ingresses", "ingressclasses", "services", "pods"))
def host_not_answering(view: View) -> Iterator[Hit]:
    """Hosts that take no connection, break it off, or answer with an error of the server (500 and above).

    Any other answer is one: to log in, to go elsewhere, not found. What this machine cannot reach at all, while it
    reaches no other host either, is unknown. Raises Undecided for that.
    """
    known = [host for host in view.snapshot.hosts if not host.unknown]
    silent = [host for host in known if host.failed in {"connect", "answer"}]
    for host, about, example in together(silent, lambda host: (host.addresses, host.reason)):
        yield _silent_hit(view, host, host.reason, about, example)
    for host in known:
        if host.status is not None and host.status >= 500:
            yield _silent_hit(view, host, f"answers with {host.status}", reference(host))
    unknown = [host for host in view.snapshot.hosts if host.unknown]
    if unknown:
        said = f"{unknown[0].name} and {len(unknown) - 1} more" if len(unknown) > 1 else unknown[0].name
        raise Undecided(f"{said} cannot be reached from this machine: {unknown[0].unknown}")


def _silent_hit(view: View, host: Host, words: str, about: Ref, example: str | None = None) -> Hit:
    return Hit(
        ref=about,
        summary=evidence.bounded(words, 300),
        evidence=tuple(shown(host)),
        depends_on=(reference(host), *dict.fromkeys(_behind_answer(view, host))),
        details=details(host),
        example=example,
    )


def _behind_answer(view: View, host: Host) -> Iterator[Ref]:
    """What stands between the host and its answer: load balancers, the Ingresses, their Services and pods."""
    for service in view.objects.services:
        if service.spec.type == "LoadBalancer" and host.status is None:
            yield from _service(view, service)
    for ingress in of_host(view, host.name):
        yield ingresses.reference(ingress)
        if ingresses.asked_class(ingress):
            yield Ref("IngressClass", ingresses.asked_class(ingress))
        for _, backend in ingresses.backends(ingress):
            named = view.find(Ref("Service", backend.service.name, ingress.namespace)) if backend.service else None
            if isinstance(named, Service):
                yield from _service(view, named)


def _service(view: View, service: Service) -> Iterator[Ref]:
    yield Ref("Service", service.name, service.namespace)
    yield from (view.owner(pod) for pod in endpoints.selected(view, service))
