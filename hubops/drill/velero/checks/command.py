"""A command in a restored pod, which has to end with 0."""

from __future__ import annotations

from collections.abc import Sequence

from hubops.config.backup import DrillCheck
from hubops.drill.velero.checks import place
from hubops.model.text import inert


def tried(where: place.Place, check: DrillCheck, timeout: float) -> str:
    """What the command printed. Raises NotPassed, and what the client raises."""
    return run(where, check, check.command, timeout)


def run(where: place.Place, check: DrillCheck, command: Sequence[str], timeout: float) -> str:
    """What *command* printed in the pod of *check*. Raises as `tried` does."""
    pod, container = place.pod(where, check.pod or "")
    done = where.cluster.execute(where.namespace, pod, command, container=check.container or container, timeout=timeout)
    if done.exit_code:
        said = inert(" ".join((done.stderr or done.stdout).split()), limit=200)
        raise place.NotPassed(f"in pod {pod} it ended with {done.exit_code}" + (f": {said}" if said else ""))
    return done.stdout
