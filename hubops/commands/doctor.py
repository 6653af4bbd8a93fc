"""hubops doctor: why hubops does not see something."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import click
import msgspec

from hubops.commands.options import CATALOG, CLUSTER, Options, with_options
from hubops.config import Config, find
from hubops.engine import catalog
from hubops.engine.catalog import Catalog
from hubops.errors import ClusterUnreachable, ConfigError, Exit, HubopsError, SourceError
from hubops.model.diagnosis import Dependents, Diagnosis, Fact, Lack, Right

if TYPE_CHECKING:
    from hubops.clients.kube.client import KubeClient
    from hubops.clients.retry import Deadline

EPILOG = """\b
Examples:
  hubops doctor
  hubops doctor --context prod-eu --as system:serviceaccount:hubops:reader
  hubops doctor --output json=doctor.json --output plain

\b
Exit codes:
  0    hubops can read all that its checks need
  3    something cannot be read: the page says what, why, and what to do
  64   wrong usage or configuration
  69   cluster unreachable
"""


@click.command(epilog=EPILOG)
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FORMAT[=FILE]",
    help="rich, plain or json; repeatable, one of them to the terminal.  [default: rich]",
)  # fmt: skip
@with_options(CLUSTER, CATALOG)
def command(options: Options) -> int:
    """Why does hubops not see something? One page that tells.

    Which configuration is used, how the API server, Prometheus, Alertmanager and Loki are reached and whether their
    data is of now, and what hubops is not allowed to read: with the rule to add, and the checks that are unknown
    without it. It asks the API server what the user may do (SelfSubjectAccessReview), and changes nothing.
    """
    from hubops.commands.flow import rendering
    from hubops.deliver import files, terminal
    from hubops.report.diagnosis import FORMATS

    outputs = files.parse_outputs(options.outputs, FORMATS)
    diagnosis, code = diagnose(options)
    for output in sorted(outputs, key=lambda output: output.path is None):
        look = rendering({})
        if output.path:
            files.write(output.path, FORMATS[output.format](diagnosis, replace(look, width=80, color=False)))
        else:
            terminal.write(FORMATS[output.format](diagnosis, look))
    return code


@dataclass
class _Examination:
    """What has been found out so far."""

    cluster: str = ""
    facts: list[Fact] = field(default_factory=list)
    rights: int = 0
    lacks: list[Lack] = field(default_factory=list)
    code: Exit = Exit.OK


def diagnose(options: Options) -> tuple[Diagnosis, Exit]:
    """What hubops can see with *options*, and the exit code. Raises ConfigError for settings that cannot be used."""
    from hubops.engine.rights import dependents, rules

    began, at = time.monotonic(), datetime.now(UTC)
    config = options.config()
    found = catalog.load(options.check_folders, config, settings=options.settings_file())
    used = dependents(found.checks, config)
    examined = _Examination(cluster=config.cluster or "")
    examined.facts += [_configuration(options, config), *_checks(found, config)]
    _examine(examined, config, used)
    examined.facts.append(_tools())
    diagnosis = Diagnosis(
        cluster=examined.cluster or "no cluster",
        taken_at=at,
        duration_s=round(time.monotonic() - began, 3),
        facts=tuple(examined.facts),
        checks=len({check for one in used.values() for check in (*one.unknown, *one.less)}),
        rights=examined.rights,
        lacks=tuple(examined.lacks),
        rules=rules(lack.right for lack in examined.lacks if lack.reason is None),
    )
    if examined.code is Exit.OK and not diagnosis.well:
        return diagnosis, Exit.USAGE if found.problems else Exit.UNKNOWN
    return diagnosis, examined.code


def _configuration(options: Options, config: Config) -> Fact:
    file = options.config_file or find()
    used = f"{file}" if file else "no hubops.yaml here, in ~/.config/hubops or /etc/hubops"
    changed = ", ".join(_changed(config, Config()))
    text = (
        f"{used}; set by file, HUBOPS_* and flags: {changed}" if changed else f"{used}; all settings are the defaults"
    )
    return Fact(level="ok", about="Configuration", text=text)


def _changed(given: Any, default: Any, path: str = "") -> Iterator[str]:
    """The keys that are not the default, with the names in them and never a value: it may be a secret."""
    for known in msgspec.structs.fields(given):
        value, name = getattr(given, known.name), f"{path}{known.encode_name}"
        if value == getattr(default, known.name):
            continue
        if isinstance(value, msgspec.Struct) and isinstance(getattr(default, known.name), msgspec.Struct):
            yield from _changed(value, getattr(default, known.name), f"{name}.")
        elif isinstance(value, dict):
            yield from (f"{name}.{key}" for key in value)
        elif isinstance(value, tuple):
            yield f"{name} ({len(value)})"
        else:
            yield name


def _checks(found: Catalog, config: Config) -> Iterator[Fact]:
    from hubops.engine.needs import enabled

    off = [check.id for check in found.checks if not enabled(check, config)]
    text = f"{len(found.checks)} in the catalog" + (f", disabled: {', '.join(off)}" if off else "")
    yield Fact(level="ok", about="Checks", text=text)
    for problem in found.problems:
        yield Fact(level="problem", about="Checks", text=problem.message)


def _examine(examined: _Examination, config: Config, used: Mapping[str, Dependents]) -> None:
    """Fill *examined* with what the cluster and its sources say, as far as they can be reached."""
    from hubops.clients.retry import Deadline
    from hubops.model.wellknown import ROLES

    deadline = Deadline(config.deadline.total_seconds())
    elsewhere = {*ROLES, "hosts"}
    objects = {check for name, checks in used.items() if name not in elsewhere for check in checks.unknown}
    client = _connect(examined, config, deadline, sorted(objects))
    ways = _sources(examined, config, client, deadline, used)
    if client is not None:
        _rights(examined, client, deadline, used, ways)


def _connect(examined: _Examination, config: Config, deadline: Deadline, objects: Sequence[str]) -> KubeClient | None:
    """The client of the API server, None where it cannot be reached: *examined* then says why.

    *objects* are the checks that are unknown without it.
    """
    from hubops.clients.kube.client import KubeClient
    from hubops.collect.doctor import ask_server

    try:
        client = KubeClient(config.kubernetes, deadline=deadline)
    except (ConfigError, ClusterUnreachable) as error:
        _unreached(examined, "Kubeconfig", error, objects)
        return None
    who = (
        f"context {client.context}, {client.server}" if client.context else f"the pod's ServiceAccount, {client.server}"
    )
    as_user = config.kubernetes.as_user
    examined.facts.append(Fact(level="ok", about="Kubeconfig", text=who + (f", as {as_user}" if as_user else "")))
    examined.cluster = config.cluster or client.context or client.server
    try:
        examined.facts += ask_server(client)
        examined.cluster = config.cluster or client.cluster_name
    except (SourceError, ClusterUnreachable) as error:
        _unreached(examined, "API server", error, objects)
        return None
    return client


def _unreached(examined: _Examination, about: str, error: HubopsError, checks: Sequence[str] = ()) -> None:
    examined.facts.append(Fact(level="problem", about=about, text=str(error), checks=tuple(checks)))
    examined.code = Exit.USAGE if isinstance(error, ConfigError) else Exit.UNREACHABLE


class _Nowhere:
    """The cluster when there is none: what has a url of its own is reached all the same."""

    def services(self) -> NoReturn:
        raise SourceError("the API server is not reached")

    def is_ready(self, namespace: str, service: str) -> NoReturn:
        raise SourceError("the API server is not reached")

    def proxy(self, namespace: str, service: str, port: str, headers: Mapping[str, str]) -> NoReturn:
        raise SourceError("the API server is not reached")


def _sources(
    examined: _Examination,
    config: Config,
    client: KubeClient | None,
    deadline: Deadline,
    used: Mapping[str, Dependents],
) -> dict[str, tuple[str, str] | None]:
    """The Services of the sources that are reached through the API server; None for one that was not found."""
    from hubops.clients.kube.services import Directory
    from hubops.collect.doctor import ask_sources

    blind = {name: checks.unknown for name, checks in used.items()}
    cluster = Directory(client) if client is not None else _Nowhere()
    try:
        found = ask_sources(config, cluster, deadline, blind)
    except ConfigError as error:
        _unreached(examined, "Configuration", error)
        return {}
    examined.facts += [source.fact for source in found.values()]
    through = [role for role in found if config.endpoints[role].enabled and not config.endpoints[role].url]
    return {role: found[role].service for role in through}


def _rights(
    examined: _Examination,
    client: KubeClient,
    deadline: Deadline,
    used: Mapping[str, Dependents],
    ways: Mapping[str, tuple[str, str] | None],
) -> None:
    """What the user may do of all that the checks need."""
    from hubops.collect.doctor import ask_rights, not_served
    from hubops.engine.rights import rights

    custom = [name for name in used if "." in name and ":" not in name]
    absent = not_served(client, custom, deadline)
    wanted = rights(used, ways, absent)
    examined.rights = len(wanted)
    answers = ask_rights(client, list(wanted), deadline)
    examined.lacks += [_lack(right, wanted[right], answer) for right, answer in answers.items() if answer is not True]
    if absent:
        text = f"{', '.join(sorted(absent))}: not served by this cluster; what looks at them is skipped"
        examined.facts.append(Fact(level="note", about="Not installed", text=text))


def _lack(right: Right, checks: Dependents, answer: bool | SourceError) -> Lack:
    return Lack(right=right, dependents=checks, reason=str(answer) if isinstance(answer, SourceError) else None)


def _tools() -> Fact:
    """The one thing that hubops starts besides credential plugins."""
    tools: Sequence[str] = [name for name in ("kubectl", "bash") if shutil.which(name) is None]
    if tools:
        return Fact(
            level="note", about="Programs", text=f"not on PATH: {', '.join(tools)}; only 'runbook --run' uses it"
        )
    return Fact(
        level="ok", about="Programs", text="kubectl and bash, which only 'hubops runbook --run' uses, are on PATH"
    )
