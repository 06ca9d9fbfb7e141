"""Runs the conformance suite of Vouch from pytest, and shows each clause as a test.

    report.py   what a JSON report says about each clause; it does not depend on pytest
    vouch.py    runs the program
    plugin.py   options, collection and tests
"""

from .vouch import VouchError

__all__ = ["VouchError", "VouchWarning"]


class VouchWarning(UserWarning):
    """A `should` clause is violated."""
