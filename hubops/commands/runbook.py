"""hubops runbook: what to do about a finding."""

from __future__ import annotations

import click

from hubops.commands.flow import rendering
from hubops.commands.options import CATALOG, CLUSTER, DurationType, Options, with_options
from hubops.config import Duration
from hubops.content import runbooks
from hubops.errors import Exit, UsageError

EPILOG = """\b
Examples:
  hubops runbook pod-crash-looping
  hubops runbook pod-crash-looping --for Pod/shop/cart-1 --set container=app
  hubops runbook node-not-ready --for Node/worker-3 --run --context prod-eu
  hubops runbook node-not-ready --for Node/worker-3 --run --yes \\
    --output markdown=incident.md

\b
Exit codes with --run:
  0    every step answered
  3    a step could not be run, failed, or took too long
  130  ended by ^C
"""


def pairs(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in given)
    if "" in pairs or "" in pairs.values():
        raise click.BadParameter("write name=value, for instance container=app")
    return pairs


@click.command(epilog=EPILOG)
@click.argument("check", metavar="ID")
@click.option("--for", "target", metavar="KIND/NS/NAME", help="The object of the finding; kind/name without namespace.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", callback=pairs, help="One more name; repeatable.")
@click.option("--run", "execute", is_flag=True, help="Show the read-only steps, ask, and run them.")
@click.option("--yes", "agreed", is_flag=True, help="With --run: do not ask.")
@click.option(
    "--timeout", type=DurationType(), default="1m", show_default=True, help="With --run: longest time of one step."
)
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="markdown[=FILE]",
    help="With --run: the steps and their answers as a document.",
)  # fmt: skip
@with_options(CLUSTER, CATALOG)
def command(
    check: str, target: str | None, given: dict[str, str], execute: bool, agreed: bool, timeout: Duration,
    options: Options,
) -> int:  # fmt: skip
    """The runbook of the check ID, with the names of the finding in its commands.

    What is not given stays visible as <name>. Nothing is executed, unless --run asks for it: then the steps marked
    as read-only are run one after the other, with the kubeconfig and context that hubops itself uses. What changes
    the cluster is never run.
    """
    from hubops.deliver import terminal
    from hubops.engine.parameters import meant
    from hubops.report.runbook import parse_ref, values
    from hubops.report.runbook_view import write

    ref = parse_ref(target) if target else None
    known = (values(ref) if ref else {}) | given
    texts = runbooks(options.check_folders)
    if check not in texts:
        raise UsageError(f"there is no runbook {check!r}{meant(check, texts)}")
    if execute:
        from hubops.commands.runbook_run import Run, run_steps

        about = f"{check}, {ref}" if ref else check
        seconds = timeout.total_seconds()
        return run_steps(Run(text=texts[check], known=known, about=about, timeout=seconds, agreed=agreed), options)
    if agreed or options.outputs:
        raise UsageError("--yes and --output belong to --run")
    terminal.write(write(texts[check], known, rendering({})))
    return Exit.OK
