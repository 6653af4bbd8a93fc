"""What ingress-nginx makes of our values and Ingresses, as far as an ordinary nginx can run it.

The controller's template is Lua and C modules around the directives below; these are written as its version 1.10 writes
them (rootfs/etc/nginx/template/nginx.tmpl and internal/ingress/annotations of kubernetes/ingress-nginx). Lua does two
things that nginx' own words do here: it adds the HSTS header, and it picks the backend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULES = Path("/usr/lib/nginx/modules")
CRS = Path("/usr/share/modsecurity-crs/owasp-crs.load")
ANNOTATION = "nginx.ingress.kubernetes.io/"
#: Limits of an Ingress: the annotation, the end of its zone's name, nginx' unit.
LIMITS = (("limit-rps", "rps", "r/s"), ("limit-rpm", "rpm", "r/m"))

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where an instance has its files, and how it is reached."""

    folder: Path
    port: int
    user: str
    websockets: Path  # the socket of a server that echoes
    certificate: Path
    key: Path
    passwords: Path
    trusted: tuple[str, ...]  # addresses of load balancers beside those of the settings

    @property
    def access_log(self) -> Path:
        return self.folder / "access.log"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"


def nginx_conf(values: Object, ingresses: Sequence[Object], place: Place) -> str:
    """nginx.conf for the chart's *values* and for *ingresses*."""
    controller = values["controller"]
    settings: Mapping[str, str] = controller["config"]
    lines = [
        *(f"load_module {MODULES}/ngx_http_{name}_module.so;" for name in ("headers_more_filter", "modsecurity")),
        f"user {place.user};" if place.user else "",
        f"daemon off; pid {place.folder}/pid; error_log {place.folder}/error.log; worker_processes 2;",
        "events { multi_accept on; }",
        "http {",
        *_temporary(place),
        *_client_address(settings, place),
        *_firewall(settings, place),
        *_tls(settings, place),
        *_answers(controller, settings),
        *_log(settings, place),
        "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }",
        "map $http_x_request_id $req_id { default $http_x_request_id; '' $request_id; }",
        settings["http-snippet"],
        *_backends(place),
        *(line for each in ingresses for line in _zones(each)),
        *_servers(settings, ingresses, place),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _temporary(place: Place) -> Iterator[str]:
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        yield f"{kind}_temp_path {place.folder}/{kind};"


def _client_address(settings: Mapping[str, str], place: Place) -> Iterator[str]:
    assert settings["use-forwarded-headers"] == "false"
    if settings.get("use-proxy-protocol") == "true":
        yield "real_ip_header proxy_protocol; real_ip_recursive on;"
        for network in (*settings["proxy-real-ip-cidr"].split(","), *place.trusted):
            yield f"set_real_ip_from {network};"


def _firewall(settings: Mapping[str, str], place: Place) -> Iterator[str]:
    """The snippet, without the image's modsecurity.conf beside it: so since ingress-nginx' pull request 8021."""
    if settings["enable-modsecurity"] != "true":
        return
    snippet = settings["modsecurity-snippet"].replace("/dev/stdout", str(place.audit_log))
    yield "modsecurity on;"
    yield f"modsecurity_rules '\n      {snippet.replace('/etc/nginx/modsecurity/', '/etc/nginx/')}\n    ';"
    if settings["enable-owasp-modsecurity-crs"] == "true":
        rules = place.folder / "crs.conf"
        rules.write_text(CRS.read_text(encoding="utf-8").replace("IncludeOptional", "Include"), encoding="utf-8")
        yield f"modsecurity_rules_file {rules};"


def _tls(settings: Mapping[str, str], place: Place) -> Iterator[str]:
    tickets = "on" if settings["ssl-session-tickets"] == "true" else "off"
    yield f"ssl_protocols {settings['ssl-protocols']}; ssl_session_tickets {tickets};"
    yield f"ssl_early_data {'on' if settings['ssl-early-data'] == 'true' else 'off'};"
    yield f"ssl_ciphers '{settings['ssl-ciphers']}'; ssl_prefer_server_ciphers on;"
    yield f"ssl_certificate {place.certificate}; ssl_certificate_key {place.key};"


def _answers(controller: Object, settings: Mapping[str, str]) -> Iterator[str]:
    yield f"limit_req_status {settings['limit-req-status-code']};"
    for name, value in controller["addHeaders"].items():
        yield f'more_set_headers "{name}: {value}";'
    if settings["hsts"] == "true":
        names = "; includeSubDomains" if settings["hsts-include-subdomains"] == "true" else ""
        preload = "; preload" if settings["hsts-preload"] == "true" else ""
        yield f'more_set_headers "Strict-Transport-Security: max-age={settings["hsts-max-age"]}{names}{preload}";'
    if settings["server-tokens"] == "false":
        yield "server_tokens off; more_clear_headers Server;"
    for name in settings["hide-headers"].split(","):
        yield f"proxy_hide_header {name};"
    for name in ("client-header-timeout", "client-body-timeout"):
        yield f"{name.replace('-', '_')} {settings[name]}s;"


def _log(settings: Mapping[str, str], place: Place) -> Iterator[str]:
    escape = "escape=json " if settings["log-format-escape-json"] == "true" else ""
    yield "uninitialized_variable_warn off;"
    yield f"log_format upstreaminfo {escape}'{settings['log-format-upstream']}';"
    yield f"access_log {place.access_log} upstreaminfo;"


def _backends(place: Place) -> Iterator[str]:
    """An application that answers with the password it was sent, and the controller's own 404."""
    yield f"upstream websockets {{ server unix:{place.websockets}; }}"
    for name in ("application", "nothing"):
        yield f"upstream {name} {{ server unix:{place.folder}/{name}.sock; }}"
    yield "map $http_upgrade $backend { default websockets; '' application; }"
    yield f"server {{ listen unix:{place.folder}/nothing.sock; modsecurity off; access_log off;"
    yield "location / { return 404; } }"
    yield f"server {{ listen unix:{place.folder}/application.sock; modsecurity off; access_log off;"
    yield 'client_max_body_size 0; more_set_headers "X-Powered-By: Application";'  # and none of those of the settings
    yield "location /own-policy { more_set_headers \"Content-Security-Policy: default-src 'none'\"; return 200; }"
    yield 'location /missing { return 404; } location / { return 200 "password: $http_authorization"; } }'


def _name(ingress: Object) -> str:
    return f"{ingress['metadata']['namespace']}_{ingress['metadata']['name']}"


def _of(ingress: Object, annotation: str) -> str | None:
    value = ingress["metadata"].get("annotations", {}).get(ANNOTATION + annotation)
    return None if value is None else str(value)


def _zones(ingress: Object) -> Iterator[str]:
    for annotation, end, unit in LIMITS:
        if rate := _of(ingress, annotation):
            yield f"limit_req_zone $binary_remote_addr zone={_name(ingress)}_{end}:5m rate={rate}{unit};"


def _servers(settings: Mapping[str, str], ingresses: Sequence[Object], place: Place) -> Iterator[str]:
    listen = f"listen 127.0.0.1:{place.port}"
    protocol = " proxy_protocol" if settings.get("use-proxy-protocol") == "true" else ""
    http2 = " http2" if settings["use-http2"] == "true" else ""
    nothing = f"location / {{ {settings['location-snippet']} proxy_pass http://nothing; }}"
    yield f"server {{ {listen}{protocol} default_server ssl{http2}; server_name _; {nothing} }}"
    hosts: dict[str, dict[str, Object]] = {}
    for ingress in (each for each in ingresses if not _of(each, "canary")):  # a canary adds a backend, no location
        for rule in ingress["spec"]["rules"]:
            hosts.setdefault(rule["host"], {}).update((each["path"], ingress) for each in rule["http"]["paths"])
    for host, paths in hosts.items():
        yield f"server {{ {listen}{protocol} ssl{http2}; server_name {host};"
        for path, ingress in paths.items():
            for location in ("/",) if path == "/" else (f"{path}/", f"= {path}"):
                yield from (f"location {location} {{", *_location(settings, ingress, place), "}")
        yield "}" if "/" in paths else f"{nothing} }}"


def _location(settings: Mapping[str, str], ingress: Object, place: Place) -> Iterator[str]:
    yield f'set $namespace "{ingress["metadata"]["namespace"]}"; set $ingress_name "{ingress["metadata"]["name"]}";'
    yield 'set $service_name "-";'
    if networks := _of(ingress, "whitelist-source-range"):
        yield from (f"allow {network};" for network in networks.split(","))
        yield "deny all;"
    if _of(ingress, "auth-type") == "basic":
        yield f'auth_basic "{_of(ingress, "auth-realm")}"; auth_basic_user_file {place.passwords};'
        yield 'proxy_set_header Authorization "";'
    for annotation, end, _ in LIMITS:
        if rate := _of(ingress, annotation):
            burst = int(rate) * int(_of(ingress, "limit-burst-multiplier") or 5)
            yield f"limit_req zone={_name(ingress)}_{end} burst={burst} nodelay;"
    yield f"client_max_body_size {_of(ingress, 'proxy-body-size') or settings['proxy-body-size']};"
    for direction in ("read", "send"):
        default = settings[f"proxy-{direction}-timeout"]
        yield f"proxy_{direction}_timeout {_of(ingress, f'proxy-{direction}-timeout') or default}s;"
    for name, value in (
        ("Host", "$http_host"),
        ("Upgrade", "$http_upgrade"),
        ("Connection", "$connection_upgrade"),
        ("X-Real-IP", "$remote_addr"),
        ("X-Forwarded-For", "$remote_addr"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Request-ID", "$req_id"),
    ):
        yield f"proxy_set_header {name} {value};"
    yield settings["location-snippet"]
    yield "proxy_http_version 1.1; proxy_pass http://$backend;"
