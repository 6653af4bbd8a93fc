"""SIGKILL at moments spread over the installation of the whole platform: the next run always comes to the same end."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

from hubops.errors import Exit
from tests.bootstrap.platform.cluster import UNTRIED, Platform, untried
from tests.bootstrap.platform.state import State, differences, releases, stored
from tests.bootstrap.test_killed import kill
from tests.testbed.process import poll

#: How many releases there are when a run is killed, one run after the other.
RELEASES = (1, 5, 11)
SEED = int(os.environ.get("HUBOPS_TEST_SEED") or random.SystemRandom().randrange(10**6))


def test_killed_runs_come_to_the_same_end(new: Platform, state: State) -> None:
    """With their helms, when so many releases have appeared; then at a moment that differs with each test run."""
    print(f"HUBOPS_TEST_SEED={SEED}")
    for number in RELEASES:
        assert killed(new, lambda number=number: len(releases(new.bed.api)) >= number)  # type: ignore[misc]
    moment = time.monotonic() + random.Random(SEED).uniform(4, 15)
    killed(new, lambda: time.monotonic() > moment)
    done = new.run("apply", "--yes", "--timeout", "240s")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert untried(done) == UNTRIED
    assert set(releases(new.bed.api).values()) == {"deployed"}
    assert differences(state, stored(new.bed.api)) == []
    assert new.run("plan").returncode == Exit.OK


def killed(platform: Platform, when: Callable[[], bool]) -> bool:
    """Start a run and kill it, with its helms, as soon as *when* says so; whether it has lived that long."""
    process = platform.start("apply", "--yes", "--timeout", "240s")
    poll(lambda: when() or process.poll() is not None, "the moment to kill it", 200)
    lived = process.poll() is None
    kill(process)
    return lived
