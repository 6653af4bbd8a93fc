"""hubops stack: the platform that hubops installs, with a site's settings filled in. Nothing is asked of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubops.commands.options import CONFIG, STACK, Options, with_options
from hubops.errors import Exit, UsageError

if TYPE_CHECKING:
    from hubops.stack.render import Rendered
    from hubops.stack.structure import Component

EPILOG = """\b
Examples:
  hubops stack list
  hubops stack render cert-manager
  hubops stack render monitoring --just values > values.yaml
  hubops stack render --into rendered/
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """The platform that hubops installs: its components, and their values and manifests for this site."""


@command.command("list", epilog=EPILOG)
@click.option("--wide", is_flag=True, help="Also repository, namespace and what each component waits for.")
@with_options(STACK)
def listed(options: Options, wide: bool) -> int:
    """The components in the order of their installation: chart, pinned version, end of life.

    An asterisk marks what is installed only where `platform.parts` of hubops.yaml names it.
    """
    from tabulate import tabulate

    from hubops.stack.load import in_order

    stack, _ = options.stack()
    headers = ("COMPONENT", "CHART", "VERSION", "ENDED", *(("REPOSITORY", "NAMESPACE", "NEEDS") if wide else ()))
    rows = [_row(name, stack.components[name])[: len(headers)] for name in in_order(stack)]
    click.echo(tabulate(rows, headers=headers, tablefmt="plain", disable_numparse=True))
    return Exit.OK


def _row(name: str, component: Component) -> tuple[str, ...]:
    chart, ended = component.chart, component.end_of_life
    return (
        f"{name}{' *' if component.part else ''}",
        chart.name if chart else "-",
        chart.version if chart else "-",
        ended.date.isoformat() if ended else "-",
        chart.repository if chart else "-",
        component.namespace or "-",
        ", ".join(component.needs) or "-",
    )


@command.command("render", epilog=EPILOG)
@click.argument("component", required=False)
@click.option("--just", type=click.Choice(["values", "manifests"]), help="Leave out the other.")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Write one file for each of deploy/, in folders as there, instead of printing.")  # fmt: skip
@with_options(STACK, CONFIG)
def rendered(options: Options, component: str | None, just: str | None, into: Path | None) -> int:
    """The values and manifests of COMPONENT, or of all that this site wants, with the settings of hubops.yaml."""
    from hubops.stack import render
    from hubops.stack.load import in_order
    from hubops.stack.site import complete

    stack, folder = options.stack()
    if component and component not in stack.components:
        raise UsageError(f"there is no component {component!r}; components are {', '.join(stack.components)}")
    part = stack.components[component].part if component else None
    site = complete(options.config(), options.settings_file(), [part] if part else [])
    wanted = {component} if component else set(render.wanted(stack, site))
    for name in in_order(stack):
        if name in wanted:
            result = render.render(stack, folder, site, name)
            _write(result, just, into) if into else click.echo(_printed(result, just), nl=False)
    return Exit.OK


def _printed(result: Rendered, just: str | None) -> str:
    """All files of the component as one YAML stream, each after a comment that says what it is."""
    chart, parts = result.component.chart, []
    if chart and just != "manifests":
        release, where = chart.release_name, result.component.namespace
        title = f"values of {chart.repository}/{chart.name} {chart.version}, release {release} in {where}"
        parts += [f"# {title}: {file.path}\n{file.text}" for file in result.values]
    if just != "values":
        parts += [f"# {result.name}: {file.path}\n{file.text}" for file in result.manifests if file.documents()]
    return "".join(f"---\n{part.rstrip()}\n" for part in parts)


def _write(result: Rendered, just: str | None, into: Path) -> None:
    from hubops.deliver.files import write

    files = (*(result.values if just != "manifests" else ()), *(result.manifests if just != "values" else ()))
    for file in files:
        path = into / file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make {path.parent}: {error.strerror or error}") from error
        write(path, file.text)
        click.echo(path)
