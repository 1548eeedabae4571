"""The correlation filter against R's `cor` and caret's `findCorrelation`."""

import numpy as np
import pytest

from components.survival.selection import correlation, correlation_filter
from tests.reference.agreement import agree

QUANTITY = "correlation_filter"

RULES = {
    "caret_findCorrelation_drop_": "exact",
    "caret_findCorrelation_inexact_drop_": "inexact",
    "greedy_first_come_keep_": "first_come",
}


def cutoffs(values, prefix):
    """Pairs of cut-off and R's column names of a rule."""
    for key, names in values.items():
        if key.startswith(prefix):
            yield float(key.removeprefix(prefix)), names


@pytest.mark.parametrize("prefix", RULES)
def test_rules(cell, prefix):
    values = cell.values
    columns = np.array(values["columns"])
    x = cell.table[columns].to_numpy(float)
    compared = 0
    for maximum, names in cutoffs(values, prefix):
        kept = columns[correlation_filter(x, maximum=maximum, rule=RULES[prefix])]
        theirs = names if "keep" in prefix else [name for name in columns if name not in names]
        assert kept.tolist() == theirs
        compared += 1
    assert compared


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations(cell, method):
    values = cell.values
    own = correlation(cell.table[values["columns"]].to_numpy(float), method=method)
    first = np.array(values[f"{method}_first10"])
    part = own[: len(first), : len(first)]
    agree(f"correlation, {method}", part, first, rtol=1e-8, atol=1e-15)
    above = np.abs(own[np.triu_indices_from(own, 1)])
    assert np.sum(above > 0.8) == values[f"n_pairs_gt_08_{method}"]
    if method == "pearson":
        agree(f"correlation, {method}", above.max(), values["max_abs_pearson"], rtol=1e-8)
