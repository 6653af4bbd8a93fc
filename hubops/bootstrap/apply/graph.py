"""Runs components in the order of their needs, those that do not need each other at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from hubops.errors import HubopsError


@dataclass
class Outcome:
    """How each component ended: done, failed with its reason, or not begun because of what it needs."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, HubopsError] = field(default_factory=dict)
    blocked: dict[str, tuple[str, ...]] = field(default_factory=dict)


def run(
    needs: Mapping[str, Collection[str]],
    step: Callable[[str], None],
    *,
    at_once: int,
    stop: threading.Event,
    cancel: Callable[[], None] = lambda: None,
) -> Outcome:
    """Call *step* for each key of *needs* once all that it needs is done; at most *at_once* of them at a time.

    A need that is no key counts as done. After a failure what does not need the failed one goes on; once *stop* is set
    nothing new begins. Only HubopsErrors are failures of a step: anything else, and ^C, is raised when the steps that
    had begun are over, which *cancel* is called to bring about.
    """
    outcome = Outcome()
    waiting = {name: set(each) & set(needs) for name, each in needs.items()}
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="component") as pool:
        try:
            while True:
                ready = [name for name, left in waiting.items() if not left] if not stop.is_set() else []
                for name in ready:
                    del waiting[name]
                    running[pool.submit(step, name)] = name
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    _note(running.pop(future), future, outcome, waiting)
        except BaseException:
            stop.set()
            cancel()
            raise
    outcome.blocked = {name: tuple(sorted(left)) for name, left in waiting.items()}
    return outcome


def _note(name: str, future: Future[None], outcome: Outcome, waiting: Mapping[str, set[str]]) -> None:
    try:
        future.result()
    except HubopsError as error:
        outcome.failed[name] = error
        return
    outcome.done.append(name)
    for left in waiting.values():
        left.discard(name)
