"""The one exception of the testbed."""

from __future__ import annotations


class TestbedError(Exception):
    """The testbed could not be built, started or used; the message says what to do."""

    __test__ = False  # pytest would take the name for a test class
