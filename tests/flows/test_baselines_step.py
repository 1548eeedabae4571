"""Step `baselines`, asked directly."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.schema import PREDICTORS
from components.study.protocol import read_protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import TreatmentArm
from flows.settings import PROTOCOLS
from flows.table_inputs import open_inputs
from flows.tasks.baselines import fit_baselines, given_radiomics, read_baselines
from flows.tasks.signature import no_signature
from flows.tasks.tables import import_tables
from tests.arms.conftest import draw_arm
from tests.flows.tables import write_tables

RIDGE = {"imputation": None, "ridge_penalties": (4.0,)}


@pytest.fixture(scope="module")
def protocol():
    protocol = read_protocol(PROTOCOLS / "demo.yaml")
    signature = protocol.signature.model_copy(
        update={"cv_folds": 3, "cv_repeats": 1, "stability_resamples": None}
    )
    clinical = protocol.clinical.model_copy(update=RIDGE)
    return protocol.model_copy(update={"signature": signature, "clinical": clinical})


@pytest.fixture
def cohort(tmp_path):
    parts = []
    for seed, arm in enumerate(TreatmentArm):
        table = draw_arm(150, seed=seed, prefix=arm.value[0]).assign(arm=arm.value)
        table["tumor_location"] = np.where(np.arange(150) % 3 == 0, "left", "right")
        parts.append(table.drop(columns="dl_signature"))
    table = pd.concat(parts)
    table["split"] = np.where(np.arange(300) % 3 == 0, "test", "train")
    table["fold"] = np.where(table["split"] == "train", np.arange(300) % 2, -1)
    table.to_parquet(tmp_path / "cohort.parquet")
    return {"table": ArtifactRef.of(tmp_path / "cohort.parquet").model_dump()}


def asked(cohort, protocol, radiomics=None):
    return fit_baselines.fn(
        "baselines",
        "key",
        cohort=cohort,
        signature=no_signature(),
        protocol=protocol,
        codebook=PREDICTORS,
        radiomics=radiomics,
    )


def features(tmp_path, cohort, *, informative):
    table = pd.read_parquet(cohort["table"]["path"])
    rng = np.random.default_rng(5)
    drawn = pd.DataFrame(rng.normal(size=(len(table), 4)), index=table.index).add_prefix("shape_")
    if informative:
        drawn["shape_0"] -= 0.7 * np.log(table["os_days"])
    drawn.to_parquet(tmp_path / "radiomics.parquet")
    return {
        "radiomics": ArtifactRef.of(tmp_path / "radiomics.parquet").model_dump(),
        "radiomics_source": "features/x",
    }


def test_where_the_protocol_asks_for_none_there_are_none(cohort, protocol):
    evaluation = protocol.evaluation.model_copy(update={"baselines": None})
    result = asked(cohort, protocol.model_copy(update={"evaluation": evaluation}))
    assert result == {"baselines": None, "adaptations": []}
    assert read_baselines({"baselines": result}) is None


def test_radiomics_from_the_tables_become_a_signature_and_two_models(tmp_path, cohort, protocol):
    tables = features(tmp_path, cohort, informative=True)
    result = asked(cohort, protocol, given_radiomics({"tables": tables}))
    found = read_baselines({"baselines": result})
    assert found.radiomics.source == "features/x"
    for arm in found.arms:
        kinds = [one.kind.value for one in arm.models]
        assert kinds == ["stage", "radiomics", "clinical_radiomics"]
    assert {one.model for one in found.pooled} == {"arm_only", "clinical"}


def test_radiomics_of_which_nothing_survives_give_no_model(tmp_path, cohort, protocol):
    tables = features(tmp_path, cohort, informative=False)
    section = protocol.signature.model_copy(update={"rule": "lambda_1se"})
    strict = protocol.model_copy(update={"signature": section})
    found = read_baselines(
        {"baselines": asked(cohort, strict, given_radiomics({"tables": tables}))}
    )
    assert found.radiomics.is_null
    assert all([one.kind.value for one in arm.models] == ["stage"] for arm in found.arms)
    assert "nothing survived the penalty" in found.notes[0]


def test_a_run_without_tables_has_no_radiomics():
    assert given_radiomics({}) is None
    assert given_radiomics({"tables": {"features": {}}}) is None


def test_the_tables_bring_radiomics_of_their_own_version(tmp_path, protocol):
    paths = write_tables(tmp_path, n=60)
    given = (paths["clinical"], paths["columns"], None)
    alone, both = open_inputs(*given), open_inputs(*given, paths["features"])
    assert alone.version.md5 != both.version.md5
    result = import_tables.fn(
        "tables", "key", inputs=both, protocol=protocol, folder=tmp_path / "made"
    )
    assert "features" not in result
    found = given_radiomics({"tables": result})
    assert found["source"].startswith("features/")
    kept = pd.read_parquet(found["table"]["path"])
    assert kept.shape == (54, 10)
    assert "Radiomics, features: 6 of the 60 patients of the sheet have none." in result["notes"]
