"""Who trains and who tests: drawn once, versioned with the data, and nobody moves."""

import hashlib
import hmac

import numpy as np
import pandas as pd

from components.errors import CohortRejected
from components.study.protocol import SplitSection
from components.study.randomness import step_seed
from components.study.results import Adaptation
from components.study.vocabulary import Split, TreatmentArm


def first_split(table: pd.DataFrame, *, section: SplitSection, seed: int) -> pd.Series:
    """The first split of a cohort, stratified by arm x event x center.

    Args:
        table: Clinical table indexed by patient, with `arm`, `death` and, where known, `center`.
        section: A share of every stratum, or exact numbers by arm.
        seed: The study's seed.

    Returns:
        "train" or "test" by patient, in the table's order.

    Raises:
        CohortRejected: An arm has no more patients than are to be tested.
    """
    rng = np.random.default_rng(step_seed(seed, "split"))
    split = pd.Series(Split.TRAIN.value, index=table.index, name="split")
    for arm in sorted(table["arm"].unique()):
        patients = table[table["arm"] == arm]
        n_test = _n_test(arm, len(patients), section)
        keys = [key for key in ("death", "center") if key in patients]
        strata = [group.index.sort_values() for _, group in patients.groupby(keys, sort=True)]
        for stratum, n in zip(strata, _shares([len(s) for s in strata], n_test), strict=True):
            split.loc[rng.permutation(stratum.to_numpy())[:n]] = Split.TEST.value
    return split


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
    stored: pd.Series, patients: pd.Index, *, section: SplitSection, study_key: str | None
) -> pd.Series:
    """The split of all patients: as stored, and newcomers by a keyed hash.

    A newcomer is a test patient when HMAC-SHA256(study key, pseudonym), read as a fraction, is
    below the test share: no newcomer changes anybody else's place.

    Raises:
        CohortRejected: There are newcomers and no study key to place them.
    """
    newcomers = patients.difference(stored.index)
    if len(newcomers) and not study_key:
        msg = (
            f"{len(newcomers)} patients are not in split.parquet, {newcomers[0]} among them; "
            "set ARMWISE_STUDY_KEY to the study's key so that they can be placed"
        )
        raise CohortRejected(msg)
    placed = {
        patient: (
            Split.TEST.value
            if _fraction(study_key or "", patient) < section.test_share
            else Split.TRAIN.value
        )
        for patient in newcomers
    }
    whole = pd.concat([stored, pd.Series(placed, dtype=object, name="split")])
    return whole.loc[patients].rename("split")


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
