"""The flags that several verbs share, and the configuration that they become."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from hubops import config
from hubops.config import Config, Duration
from hubops.errors import UsageError
from hubops.model.check import SEVERITIES, Severity
from hubops.model.quantity import parse_duration
from hubops.model.report import Filter

if TYPE_CHECKING:
    from hubops.stack.structure import Stack

Command = TypeVar("Command", bound=Callable[..., Any])


class DurationType(click.ParamType[Duration]):
    """A flag that takes 90s, 15m or 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Duration:
        try:
            return Duration(seconds=parse_duration(str(value)).total_seconds())
        except ValueError as error:
            self.fail(str(error), param, ctx)


_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

ACCESS = (
    click.option("--context", help="Context of the kubeconfig; default: its current one."),
    click.option("--kubeconfig", help="Path of the kubeconfig; default: KUBECONFIG, ~/.kube/config, in-cluster."),
    click.option("--as", "as_user", metavar="USER", help="Impersonate this user."),
    click.option("--as-group", multiple=True, metavar="GROUP", help="Impersonate this group; repeatable."),
)
CLUSTER = (
    *ACCESS,
    click.option("--prometheus-url", metavar="URL", help="Prometheus, Thanos, Mimir or VictoriaMetrics."),
    click.option("--alertmanager-url", metavar="URL", help="Alertmanager."),
    click.option("--loki-url", metavar="URL", help="Loki."),
    click.option("--deadline", type=DurationType(), help="Longest time for the whole run, e.g. 2m.  [default: 5m]"),
)
CONFIG = (
    click.option("--config", "config_file", type=_FILE, help="Default: hubops.yaml here or in ~/.config/hubops."),
)
STACK = (
    click.option(
        "--stack", "stack_file", type=_FILE,
        help="The stack: stack-current.yaml is hubops' newer one, a path your own.  [default: stack.yaml]",
    ),
)  # fmt: skip
CATALOG = (
    *CONFIG,
    click.option(
        "--checks", "check_folders", type=_FOLDER, multiple=True, envvar="HUBOPS_CHECKS",
        show_envvar=True, help="Your own checks; repeatable.",
    ),
)  # fmt: skip
OUTPUT = (
    click.option(
        "-o", "--output", "outputs", multiple=True, metavar="FORMAT[=FILE]",
        help="rich, plain, json or markdown; repeatable, one of them to the terminal.  [default: rich]",
    ),
    click.option(
        "--fail-on", type=click.Choice(["critical", "warning", "unknown", "never"]), default="unknown",
        show_default=True, help="Least verdict that gives a non-zero exit code.",
    ),
)  # fmt: skip
FILTERS = (
    click.option(
        "--namespace", "-n", "namespaces", multiple=True, metavar="PATTERN",
        help="Only findings in these namespaces, and what belongs to none (nodes, volumes): it may be the cause. "
        "Shell pattern; repeatable.",
    ),
    click.option(
        "--team", "teams", multiple=True, metavar="PATTERN",
        help="Only findings of these teams (the label team_label), and what belongs to no namespace; repeatable.",
    ),
    click.option(
        "--severity", type=click.Choice(SEVERITIES), help="Only findings that are at least this severe.",
    ),
    click.option(
        "--only", multiple=True, metavar="ID",
        help="Run only these checks, and read only what they need. Shell pattern; repeatable.",
    ),
)  # fmt: skip
WATCH = (
    click.option(
        "--watch", is_flag=False, flag_value="60s", type=DurationType(), metavar="[INTERVAL]",
        help="Look again and again, 60s after each round or INTERVAL (5s or more), and show what changed. "
        "^C ends it with the exit code of the last round.",
    ),
)  # fmt: skip
SNAPSHOT = (click.option("--snapshot", "snapshot_file", type=_FILE, help="Decide on a saved snapshot, offline."),)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the shared flags said."""

    context: str | None = None
    kubeconfig: str | None = None
    as_user: str | None = None
    as_group: tuple[str, ...] = ()
    prometheus_url: str | None = None
    alertmanager_url: str | None = None
    loki_url: str | None = None
    deadline: Duration | None = None
    config_file: Path | None = None
    check_folders: tuple[Path, ...] = ()
    stack_file: Path | None = None
    outputs: tuple[str, ...] = ()
    fail_on: str = "unknown"
    snapshot_file: Path | None = None
    namespaces: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    severity: Severity | None = None
    only: tuple[str, ...] = ()
    watch: Duration | None = None
    bare: bool = False  # the built-in configuration alone, whatever files and variables are there

    def settings_file(self) -> str:
        """How messages name the file that the configuration came from, and what was set over it."""
        file = str(self.config_file or config.find() or "hubops.yaml")
        return " with ".join([file, *sorted(name for name in os.environ if name.startswith("HUBOPS_PLATFORM__"))])

    def stack(self) -> tuple[Stack, Path]:
        """The stack, and the folder that its paths are in. Raises ConfigError."""
        from hubops import content
        from hubops.stack.load import PINNED, load

        shipped = content.folder("deploy")
        path = self.stack_file or shipped / PINNED
        if not path.exists() and path.parent == Path():
            path = shipped / path  # stack-current.yaml, by its name alone
        return load(path), path.parent

    def filter(self) -> Filter | None:
        """What the report is to be narrowed to, None for all of it. Raises UsageError for an empty pattern."""
        given = {"--namespace": self.namespaces, "--team": self.teams, "--only": self.only}
        for flag, patterns in given.items():
            if not all(pattern.strip() for pattern in patterns):
                raise UsageError(f"{flag} is empty; is a variable not set?")
        if not any((*given.values(), self.severity)):
            return None
        return Filter(namespaces=self.namespaces, teams=self.teams, severity=self.severity, only=self.only)

    def config(self) -> Config:
        """The configuration with the flags over it. Raises ConfigError, or UsageError for flags that contradict."""
        if self.as_group and not self.as_user:
            raise UsageError("--as-group needs --as: a group is impersonated together with a user")
        if self.bare:
            return Config()
        loaded = config.load(self.config_file)
        return msgspec.structs.replace(
            loaded,
            deadline=loaded.deadline if self.deadline is None else self.deadline,
            kubernetes=_over(loaded.kubernetes, context=self.context, kubeconfig=self.kubeconfig,
                             as_user=self.as_user, as_group=self.as_group),
            prometheus=_over(loaded.prometheus, url=self.prometheus_url),
            alertmanager=_over(loaded.alertmanager, url=self.alertmanager_url),
            loki=_over(loaded.loki, url=self.loki_url),
        )  # fmt: skip


def _over(section: Any, **flags: Any) -> Any:
    """*section* with the flags that were given in place of its own values."""
    return msgspec.structs.replace(section, **{key: value for key, value in flags.items() if value})


def with_options(*groups: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """Decorate a verb with groups of shared flags; it receives them together as `options: Options`."""

    def decorate(function: Command) -> Command:
        names = set(Options.__dataclass_fields__)

        def called(**values: Any) -> Any:
            shared = {name: values.pop(name) for name in list(values) if name in names}
            return function(options=Options(**shared), **values)

        called.__doc__ = function.__doc__
        called.__name__ = function.__name__
        command: Any = called
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command  # type: ignore[no-any-return]

    return decorate
