"""Step `cohort`: who is studied, their endpoint, label, split and folds, and Table 1."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from components.cohort.baseline import OBSERVED_TIME, TableOne, table_one
from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset
from components.cohort.eligibility import assess_eligibility
from components.cohort.endpoint import survival_target, with_endpoint
from components.cohort.label import label_ledger
from components.cohort.missingness import missingness
from components.cohort.schema import Variable
from components.cohort.split_rules import require_both_sides, standing_elsewhere
from components.cohort.splitting import assign_folds, complete_split, split_hash
from components.cohort.stored_split import read_split
from components.errors import CohortRejected
from components.study.protocol import Protocol
from components.study.randomness import step_seed
from components.study.results import Adaptation, ArtifactRef, Quarantined
from components.study.vocabulary import RiskLabel, Split
from components.survival.ipcw import risk_labels
from flows.steps import Result, step_task
from flows.terminal import current_display

_LABELS = {1: RiskLabel.HIGH.value, 0: RiskLabel.LOW.value, -1: RiskLabel.UNKNOWN.value}


def protocol_predictors(protocol: Protocol) -> tuple[str, ...]:
    """Every predictor that a model of the protocol needs, once."""
    sets = (protocol.clinical.predictors[arm] for arm in protocol.study.arms)
    return tuple(dict.fromkeys(name for names in sets for name in names))


@step_task
def prepare_cohort(
    step: str,
    key: str,
    *,
    dataset: Dataset,
    protocol: Protocol,
    quarantined: tuple[Quarantined, ...],
    study_key: str | None,
    folder: Path,
    with_features: frozenset[str] | None = None,
) -> Result:
    """The cohort as a table (Parquet, one row a patient) and all that is told of it.

    `with_features` names the patients of whom a given table of features knows something; without
    one, the step of the images has seen to that.

    Raises:
        CohortRejected: More patients are quarantined than the protocol allows, or an arm is empty.
    """
    del step, key
    with current_display().step("Cohort, label, split") as progress:
        _refuse_too_many(quarantined, protocol)
        predictors = protocol_predictors(protocol)
        table = read_clinical(dataset, predictors=predictors)
        eligible, eligibility = assess_eligibility(
            table,
            quarantined,
            section=protocol.eligibility,
            arms=protocol.study.arms,
            predictors=predictors,
            with_features=with_features,
        )
        _refuse_empty_arms(eligible, protocol)
        eligible, adaptations = with_endpoint(eligible)
        eligible["split"], apart = _split(dataset, eligible, protocol, study_key)
        eligible["risk_label"] = _labels(eligible, protocol)
        folds, merged = _folds(eligible, protocol)
        eligible["fold"] = folds.reindex(eligible.index, fill_value=-1)
        codebook = dataset.codebook()
        tables_one = _tables_one(eligible, protocol, codebook)
        missing = missingness(eligible, arms=protocol.study.arms, codebook=codebook)
        ledger = label_ledger(eligible, section=protocol.label, arms=protocol.study.arms)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "cohort.parquet"
        eligible.to_parquet(path)
        progress.note = f"{len(eligible)} of {len(table)} patients"
    return {
        "table": ArtifactRef.of(path).model_dump(),
        "split_hash": split_hash(eligible["split"]),
        "eligibility": eligibility.model_dump(mode="json"),
        "ledger": ledger.model_dump(mode="json"),
        "tables_one": [one.model_dump(mode="json") for one in tables_one],
        "missing": missing.model_dump(mode="json"),
        "notes": [missing.notable] if missing.notable else [],
        "adaptations": [said.model_dump() for said in (*adaptations, *apart, *merged)],
    }


def read_cohort(result: Result) -> pd.DataFrame:
    """The table of a `cohort` result, indexed by patient."""
    return pd.read_parquet(ArtifactRef.model_validate(result["table"]).verified())


def _refuse_too_many(quarantined: tuple[Quarantined, ...], protocol: Protocol) -> None:
    patients = {entry.patient_id for entry in quarantined}
    if len(patients) > protocol.cohort.max_quarantined:
        listed = "; ".join(f"{entry.patient_id}: {entry.reason}" for entry in quarantined[:10])
        msg = (
            f"{len(patients)} patients are quarantined, the protocol allows "
            f"{protocol.cohort.max_quarantined} (cohort.max_quarantined): {listed}"
        )
        raise CohortRejected(msg)


def _refuse_empty_arms(table: pd.DataFrame, protocol: Protocol) -> None:
    empty = [arm.value for arm in protocol.study.arms if not (table["arm"] == arm.value).any()]
    if empty:
        msg = f"no eligible patient is left in the arm {', '.join(empty)}"
        raise CohortRejected(msg)


def _split(
    dataset: Dataset, table: pd.DataFrame, protocol: Protocol, study_key: str | None
) -> tuple[pd.Series, list[Adaptation]]:
    """Each patient's side; what the stored split says otherwise than the protocol's rule."""
    section = protocol.split
    stored = read_split(dataset.split_path)
    split = complete_split(stored, table, section=section, study_key=study_key)
    if section.by != "random":
        require_both_sides(split, table["arm"], section)
    return split, standing_elsewhere(split, table, section)


def _labels(table: pd.DataFrame, protocol: Protocol) -> list[str]:
    codes = risk_labels(survival_target(table), protocol.label.horizon_days)
    return [_LABELS[int(code)] for code in codes]


def _folds(table: pd.DataFrame, protocol: Protocol) -> tuple[pd.Series, list[Adaptation]]:
    train = table[table["split"] == Split.TRAIN.value]
    return assign_folds(
        train["arm"] + "/" + train["risk_label"],
        n_folds=protocol.search.folds,
        rng=np.random.default_rng(step_seed(protocol.study.seed, "folds")),
    )


def _center(table: pd.DataFrame) -> dict[str, Variable]:
    """The center as a variable of Table 1, where there are several."""
    if "center" not in table or table["center"].nunique() < 2:
        return {}
    levels = tuple(sorted(table["center"].dropna().astype(str).unique()))
    return {"center": Variable(name="center", label="Center", kind="categorical", levels=levels)}


def _tables_one(
    table: pd.DataFrame, protocol: Protocol, codebook: Mapping[str, Variable]
) -> list[TableOne]:
    codebook = {**codebook, **_center(table)}
    if protocol.cohort.observed_times:
        codebook = {OBSERVED_TIME.name: OBSERVED_TIME, **codebook}
    compare = partial(table_one, codebook=codebook, small_counts=protocol.cohort.small_counts)
    tables = []
    if len(protocol.study.arms) > 1:
        tables.append(compare(table, table["arm"], title="Arm against arm"))
    for arm in protocol.study.arms:
        rows = table[table["arm"] == arm.value]
        title = f"{arm.label}: training against test patients"
        tables.append(compare(rows, rows["split"], title=title))
    return tables
