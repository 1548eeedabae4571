"""Whether the clinical table has drifted since the data of the last promoted model.

Asked anew in each run and never kept with a step: the pointer can move without the data.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from components.cohort.clinical_table import read_clinical, typed_clinical
from components.cohort.dataset import Dataset
from components.cohort.gate_records import ValidationReport
from components.cohort.schema import Variable
from components.errors import ArmwiseError, CohortRejected
from components.monitoring.drift import compare_versions
from components.platform.data_diff import stored_clinical
from components.platform.data_stores import stores_of
from components.platform.figures_quality import no_drift, validate_drift
from components.study.protocol import Protocol
from flows.terminal import current_display

if TYPE_CHECKING:
    from components.platform.tracking import Store


def assess_drift(
    store: "Store | None",
    *,
    study_dir: Path,
    dataset: Dataset,
    protocol: Protocol,
    data_md5: str,
    docs_dir: Path,
) -> ValidationReport:
    """The gate's answer on drift; where nothing can be compared it says why, and nothing is raised.

    Args:
        store: Where the models are; None where there is none yet.
        study_dir: The folder whose DVC workspace holds the versions.
        dataset: The data of today.
        protocol: How far a column may move.
        data_md5: The version of the data of today.
        docs_dir: Folder for the Data Docs page.
    """
    try:
        promoted = _promoted_version(store, dataset, protocol)
        if promoted == data_md5:
            return no_drift("the last promoted model was fitted on this very data version")
        past = _past_table(study_dir, promoted, dataset)
        today = read_clinical(dataset, predictors=())
    except ArmwiseError as error:
        return no_drift(str(error))
    with current_display().platform("Great Expectations"):
        return validate_drift(
            compare_versions(past, today, _variables(past, dataset, protocol)),
            protocol.cohort,
            against=promoted,
            docs_dir=docs_dir,
        )


def _promoted_version(store: "Store | None", dataset: Dataset, protocol: Protocol) -> str:
    """The data version of the champion.

    Raises:
        ArmwiseError: There is none of this study and origin, or it cannot be read.
    """
    champion = None
    if store is not None:
        from components.platform.champion import champion_facts  # importing MLflow takes seconds

        with current_display().platform("MLflow"):
            champion = champion_facts(store)
    if champion is None:
        msg = "no promoted version"
        raise CohortRejected(msg)
    if champion.study_id != protocol.study.study_id:
        msg = f"the promoted model belongs to the study '{champion.study_id}'"
        raise CohortRejected(msg)
    if champion.data_origin is not dataset.card().origin:
        msg = f"the promoted model comes from {champion.data_origin.value} data"
        raise CohortRejected(msg)
    return champion.data_version


def _past_table(study_dir: Path, md5: str, dataset: Dataset) -> pd.DataFrame:
    """The clinical table of a version.

    Raises:
        ArmwiseError: DVC's cache and remotes do not have it, or it cannot be read.
    """
    with current_display().platform("DVC"), stores_of(study_dir) as stores:
        table = stored_clinical(stores, md5)
    if table is None:
        msg = (
            f"the clinical table of data version {md5}, that of the last promoted model, is in no "
            "cache and no remote"
        )
        raise CohortRejected(msg)
    where = f"clinical.parquet of data version {md5}"
    return typed_clinical(table, predictors=(), codebook=dataset.codebook(), where=where)


def _variables(past: pd.DataFrame, dataset: Dataset, protocol: Protocol) -> list[Variable]:
    """What is compared: predictors, the mix of arms, the centers that there were."""
    arms = tuple(arm.value for arm in protocol.study.arms)
    centers = tuple(sorted(past["center"].dropna().unique())) if "center" in past else ()
    mix = [
        Variable(name="arm", label="Arm", kind="categorical", levels=arms),
        Variable(name="center", label="Center", kind="categorical", levels=centers),
    ]
    return [*mix, *dataset.codebook().values()]
