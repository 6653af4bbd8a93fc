"""hubops runbook: what to do about a finding."""

from __future__ import annotations

import click

from hubops.commands.flow import rendering
from hubops.commands.options import CATALOG, Options, with_options
from hubops.content import runbooks
from hubops.errors import Exit, UsageError

EPILOG = """\b
Examples:
  hubops runbook pod-crash-looping
  hubops runbook pod-crash-looping --for Pod/shop/cart-1 --set container=app
  hubops runbook node-not-ready --for Node/worker-3
"""


def _pairs(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in given)
    if "" in pairs or "" in pairs.values():
        raise click.BadParameter("write name=value, for instance container=app")
    return pairs


@click.command(epilog=EPILOG)
@click.argument("check", metavar="ID")
@click.option("--for", "target", metavar="KIND/NS/NAME", help="The object of the finding; kind/name without namespace.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="One more name; repeatable.")
@with_options(CATALOG)
def command(check: str, target: str | None, given: dict[str, str], options: Options) -> int:
    """The runbook of the check ID, with the names of the finding in its commands.

    What is not given stays visible as <name>. Nothing is executed.
    """
    from hubops.deliver import terminal
    from hubops.engine.parameters import meant
    from hubops.report.runbook import parse_ref, values
    from hubops.report.runbook_view import write

    known = (values(parse_ref(target)) if target else {}) | given
    texts = runbooks(options.check_folders)
    if check not in texts:
        raise UsageError(f"there is no runbook {check!r}{meant(check, texts)}")
    terminal.write(write(texts[check], known, rendering({})))
    return Exit.OK
