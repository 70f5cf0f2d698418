"""How pytest-xdist hands out the tests to its processes."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/e2e/test_answers_agree.py",
    "tests/e2e/test_kill_determinism.py",
    "tests/integration/report/test_report_in_browser.py",
)
"""Files whose tests share a fixture that takes long to make."""


class Scheduling(LoadScopeScheduling):
    """One test at a time, but a file of TOGETHER to one process, and such files first.

    The groups of pytest-xdist itself rename tests, which has no effect from pytest 9.2 on.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid
