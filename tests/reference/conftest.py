"""R's numbers: one cell for each data set that has the quantity a module tests."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.reference.agreement import LEDGER

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Cell:
    """R's answer `values` for one quantity of one set, and the set's `table` in `folder`."""

    name: str
    values: dict[str, Any]
    folder: Path

    @property
    def table(self) -> pd.DataFrame:
        """The exact input, rows in R's order."""
        return pd.read_csv(self.folder / self.values["input"])


def pytest_generate_tests(metafunc):
    """A test with the argument `cell` runs on every set that has its module's `QUANTITY`."""
    if "cell" not in metafunc.fixturenames:
        return
    folder = Path(metafunc.config.getoption("--reference")).resolve()
    cells = [
        Cell(path.parent.name, json.loads(path.read_text(encoding="utf-8")), folder)
        for path in sorted(folder.glob(f"values/*/{metafunc.module.QUANTITY}.json"))
    ]
    ids = [cell.name for cell in cells]
    metafunc.parametrize("cell", cells or [None], ids=ids or ["no set"])


def pytest_collection_modifyitems(config, items):
    """A quantity that the folder does not hold is not tested, and no skip."""
    without = [
        item
        for item in items
        if hasattr(item, "callspec") and item.callspec.params.get("cell", item) is None
    ]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter):
    """The largest difference seen of every quantity, as in docs/explanation/statistics.md."""
    if LEDGER:
        terminalreporter.section("largest differences from R")
        for name, (difference, tolerance) in sorted(LEDGER.items()):
            terminalreporter.write_line(f"{name:44s} {difference:9.1e}  (allowed {tolerance:g})")
