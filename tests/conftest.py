"""What all tests share."""

import os

import pytest

_MAY_SKIP_IN_CI = {"realdata", "gpu", "root"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skipped test is a failed one, unless its marker says what the machine may lack."""
    report = yield
    allowed = _MAY_SKIP_IN_CI & {marker.name for marker in item.iter_markers()}
    if report.skipped and os.environ.get("CI") == "true" and not allowed:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
