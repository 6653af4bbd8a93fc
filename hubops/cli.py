"""The entry point: the table of verbs, and the one error boundary."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any, NamedTuple

import click

from hubops import __version__
from hubops.errors import Exit, HubopsError


class Verb(NamedTuple):
    module: str
    help: str


#: Every verb stands here with its one line of help, so that `hubops --help` imports none of them.
VERBS = {
    "daily": Verb("daily", "The morning round: what is broken now, worst first."),
    "weekly": Verb("weekly", "The weekly round: what grows or is forgotten, before it breaks."),
    "monthly": Verb("monthly", "The monthly round: what is due before the next one, such as drills."),
    "check": Verb("check", "Run single checks by their id."),
    "demo": Verb("demo", "The daily round on a recorded cluster; none is needed."),
    "doctor": Verb("doctor", "Why hubops does not see something, and what to do about it."),
    "list": Verb("list", "The checks: id, severity, what decides, title."),
    "explain": Verb("explain", "One check in full: evidence, thresholds, what explains it."),
    "runbook": Verb("runbook", "What to do about a finding, with its names filled in."),
    "snapshot": Verb("snapshot", "Save what a round reads, to decide on it offline."),
    "bootstrap": Verb("bootstrap", "Install the platform: plan, apply, status, verify."),
    "backup": Verb("backup", "Back up etcd and volumes as hubops.yaml says, and report on it."),
    "stack": Verb("stack", "The platform that hubops installs, with your settings filled in."),
    "drill": Verb("drill", "Restore what was backed up, away from what lives, and measure it."),
    "restore": Verb("restore", "The steps of a restore, with their exact commands."),
    "schema": Verb("schema", "The JSON Schema of the report."),
}

EXIT_CODES = """\b
Exit codes:
  0    nothing at or above --fail-on
  1    warning findings
  2    critical findings
  3    something could not be checked (and nothing worse)
  64   wrong usage or configuration
  69   cluster unreachable
  70   a bug in hubops
  75   another run holds the lock
  130  interrupted

\b
Examples:
  hubops daily
  hubops daily --context prod-eu --output json=report.json --output rich
  hubops runbook pod-crash-looping --for Deployment/shop/cart
"""


class _Verbs(click.Group):
    """Imports a verb's module only when that verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"hubops.commands.{VERBS[cmd_name].module}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])


@click.group(cls=_Verbs, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hubops")
def hubops() -> None:
    """The tool an SRE opens first every morning.

    Reads a Kubernetes cluster with its Prometheus, Alertmanager and Loki once, and prints what is wrong, worst
    first, each finding with its evidence and its runbook. Only bootstrap, backup and drill change anything.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a code of the public contract."""
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        result: Any = hubops.main(args=arguments, prog_name="hubops", standalone_mode=False)
        return int(result or Exit.OK)
    except HubopsError as error:
        click.echo(f"hubops: {error}", err=True)
        return int(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return int(Exit.USAGE)
    except click.ClickException as error:
        click.echo(f"hubops: {error.format_message()}", err=True)
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(f"Try '{error.ctx.command_path} --help'.", err=True)
        return int(Exit.USAGE)
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("hubops: interrupted", err=True)
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (| head): nothing more can be said to it, and that is no failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.OK)
    except Exception as error:  # noqa: BLE001 - the one boundary: a bug ends with its trace and code 70
        click.echo(_bug(error), err=True)
        return int(Exit.BUG)


def _bug(error: Exception) -> str:
    """A bug as something that can be pasted into an issue."""
    trace = "".join(traceback.format_exception(error))
    return (
        f"{trace}hubops {__version__}: this is a bug ({type(error).__name__}). Please report it with the lines above."
    )


if __name__ == "__main__":
    main()
