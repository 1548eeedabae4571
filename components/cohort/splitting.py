"""Who trains and who tests: settled once, versioned with the data, and nobody moves."""

import hashlib
import hmac

import numpy as np
import pandas as pd

from components.cohort.split_rules import (
    placed_by_rule,
    require_both_sides,
    require_known_centers,
)
from components.errors import CohortRejected
from components.study.protocol import SplitSection
from components.study.randomness import step_seed
from components.study.results import Adaptation
from components.study.vocabulary import Split, TreatmentArm


def first_split(table: pd.DataFrame, *, section: SplitSection, seed: int) -> pd.Series:
    """The first split of a cohort: stratified by arm x event x center, or as the rule says.

    Args:
        table: Clinical table indexed by patient, with `arm`, `death` and, where known, `center`;
            a split by quarter needs `treatment_quarter`.
        section: A share of every stratum, exact numbers by arm, test centers or a first quarter.
        seed: The study's seed.

    Returns:
        "train" or "test" by patient, in the table's order.

    Raises:
        CohortRejected: An arm has no more patients than are to be tested; a split by rule lacks its
            column or a cell, names a center of nobody, or leaves an arm on one side.
    """
    if section.by == "random":
        return _drawn(table, section, np.random.default_rng(step_seed(seed, "split")))
    split = placed_by_rule(table, section)
    require_known_centers(table, section)
    require_both_sides(split, table["arm"], section)
    return split


def _drawn(table: pd.DataFrame, section: SplitSection, rng: np.random.Generator) -> pd.Series:
    split = pd.Series(Split.TRAIN.value, index=table.index, name="split")
    for arm in sorted(table["arm"].unique()):
        patients = table[table["arm"] == arm]
        n_test = _n_test(arm, len(patients), section)
        by_event = [group for _, group in patients.groupby("death", sort=True, dropna=False)]
        numbers = _shares([len(group) for group in by_event], n_test)
        for group, n in zip(by_event, numbers, strict=True):
            strata = _by_center(group, section.test_share)
            for stratum, k in zip(strata, _shares([len(s) for s in strata], n), strict=True):
                split.loc[rng.permutation(stratum.to_numpy())[:k]] = Split.TEST.value
    return split


def _by_center(group: pd.DataFrame, test_share: float) -> list[pd.Index]:
    """The patients of each center, sorted; centers too small for a test patient are one stratum."""
    if "center" not in group:
        return [group.index.sort_values()]
    centers = group["center"].astype("object").where(group["center"].notna(), "")
    sizes = centers.value_counts()
    small = sizes.index[sizes * test_share < 1]
    # A name that no center has, sorted before all of them.
    merged = centers.where(~centers.isin(small), "")
    return [part.index.sort_values() for _, part in group.groupby(merged, sort=True)]


def _n_test(arm: str, n: int, section: SplitSection) -> int:
    exact = (section.test_patients or {}).get(TreatmentArm(arm))
    n_test = round(n * section.test_share) if exact is None else exact
    if n_test >= n:
        msg = f"split.test_patients: arm '{arm}' has {n} patients, {n_test} of them cannot test"
        raise CohortRejected(msg)
    return n_test


def _shares(sizes: list[int], total: int) -> list[int]:
    """Whole numbers that add up to `total`, in proportion to `sizes` (largest remainders)."""
    exact = [size * total / sum(sizes) for size in sizes]
    floors = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_remainder[: total - sum(floors)]:
        floors[i] += 1
    return floors


def complete_split(
    stored: pd.Series, table: pd.DataFrame, *, section: SplitSection, study_key: str | None
) -> pd.Series:
    """The split of all patients of a table: as stored, and newcomers by hash or by rule.

    A newcomer to a split by random is a test patient when HMAC-SHA256(study key, pseudonym), read
    as a fraction, is below the test share; to a split by center or by quarter, where the rule says
    so. Either way no newcomer changes anybody else's place.

    Raises:
        CohortRejected: There are newcomers and no study key, or no cell, to place them by.
    """
    newcomers = table.index.difference(stored.index)
    placed = _newcomers(table.loc[newcomers], section, study_key)
    return pd.concat([stored, placed]).loc[table.index].rename("split")


def _newcomers(table: pd.DataFrame, section: SplitSection, study_key: str | None) -> pd.Series:
    if not len(table):
        return pd.Series([], index=table.index, dtype=object)
    if section.by != "random":
        return placed_by_rule(table, section)
    if not study_key:
        msg = (
            f"{len(table)} patients are not in split.parquet, {table.index[0]} among them; "
            "set ARMWISE_STUDY_KEY to the study's key so that they can be placed"
        )
        raise CohortRejected(msg)
    sides = [
        Split.TEST.value
        if _fraction(study_key, patient) < section.test_share
        else Split.TRAIN.value
        for patient in table.index
    ]
    return pd.Series(sides, index=table.index, dtype=object)


def _fraction(study_key: str, patient_id: str) -> float:
    digest = hmac.new(study_key.encode(), patient_id.encode(), hashlib.sha256).digest()
    return float(int.from_bytes(digest[:8], "big")) / 2.0**64


def split_hash(split: pd.Series) -> str:
    """The first 16 digits of the SHA-256 of who is where."""
    lines = "\n".join(f"{patient},{part}" for patient, part in split.sort_index().items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def assign_folds(
    strata: pd.Series, *, n_folds: int, rng: np.random.Generator
) -> tuple[pd.Series, list[Adaptation]]:
    """Fold numbers 0 to n_folds - 1 by patient, balanced within strata.

    Strata smaller than the number of folds are merged with one another, and that is said.

    Args:
        strata: Stratum of each training patient (arm and label), indexed by patient.
        n_folds: How many folds.
        rng: Decides who goes where.

    Raises:
        CohortRejected: There are fewer patients than folds.
    """
    if len(strata) < n_folds:
        msg = f"{len(strata)} training patients cannot make {n_folds} folds"
        raise CohortRejected(msg)
    sizes = strata.value_counts()
    small = sorted(sizes.index[sizes < n_folds])
    merged = strata.where(~strata.isin(small), "merged")
    folds = pd.Series(-1, index=strata.index, name="fold")
    position = 0
    for name in sorted(merged.unique()):
        members = rng.permutation(merged.index[merged == name].sort_values().to_numpy())
        folds.loc[members] = (position + np.arange(len(members))) % n_folds
        position += len(members)
    if not small:
        return folds, []
    said = Adaptation(
        step="folds",
        asked=f"{n_folds} folds stratified by arm and label",
        done=f"strata {', '.join(small)} merged",
        why=f"each has fewer than {n_folds} patients",
    )
    return folds, [said]
