"""A run that is recorded however it ends."""

from __future__ import annotations

from collections.abc import Callable

from hubops import interrupts
from hubops.errors import HubopsError
from hubops.journal.journal import Journal
from hubops.model.backup import Run


def to_its_end(
    work: Callable[[], object],
    *,
    failed: Callable[[str], None],
    record: Callable[[], Run],
    unrecorded: tuple[type[HubopsError], ...],
    words: Callable[[HubopsError], str] = str,
) -> Run:
    """Do *work*; the run as *record* has recorded it, whether it succeeded or not.

    *failed* is told what ended it, an error of hubops in *words*. Raises those that are in *unrecorded*: they keep a
    run from beginning. ^C, SIGTERM and bugs are raised, too, once they are recorded.
    """
    with interrupts.as_keyboard():
        try:
            work()
        except unrecorded:
            raise
        except HubopsError as error:
            failed(words(error))
        except KeyboardInterrupt:
            failed("it was interrupted")
            record()
            raise
        except BaseException as error:
            failed(f"a bug in hubops ended it: {type(error).__name__}")
            record()
            raise
        return record()


def kept(journal: Journal, run: Run, say: Callable[[str, str], None]) -> Run:
    """*run*, once the journal has it; *say* is told where it has to wait for the cluster."""
    if problem := journal.record(run):
        say("journal", f"the record waits on this machine: {problem}")
    return run
