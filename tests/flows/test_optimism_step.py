"""Steps `optimism` and `subgroups`, asked directly."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from components.arms.fitting import fit_arm
from components.cohort.schema import PREDICTORS
from components.networks.feature_table import write_features
from components.platform.compute import ray_session
from components.study.protocol import read_protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import ModelKind, SignatureState, Split, TreatmentArm
from flows.settings import PROTOCOLS
from flows.tasks import optimism
from flows.tasks.optimism import correct_optimism, read_optimism
from flows.tasks.signature import fit_scores, no_signature
from flows.tasks.subgroups import assess_subgroups, read_subgroups
from tests.arms.conftest import draw_arm


@pytest.fixture(scope="module")
def protocol():
    protocol = read_protocol(PROTOCOLS / "smoke.yaml")
    quick = {"cv_folds": 3, "cv_repeats": 1, "n_lambdas": 8, "stability_resamples": None}
    clinical = {"imputation": None, "ridge_penalties": (2.0,), "cv_folds": 3}
    return protocol.model_copy(
        update={
            "signature": protocol.signature.model_copy(update=quick),
            "clinical": protocol.clinical.model_copy(update=clinical),
            "evaluation": protocol.evaluation.model_copy(update={"optimism_resamples": 20}),
        }
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    parts = [
        draw_arm(110, seed=seed, prefix=arm.value[0].upper()).assign(arm=arm.value)
        for seed, arm in enumerate(TreatmentArm)
    ]
    table = pd.concat(parts)
    rows = np.arange(len(table))
    table["tumor_location"] = np.where(rows % 3 == 0, "left", "right")
    table["split"] = np.where(rows % 4 == 0, "test", "train")
    table["fold"] = np.where(table["split"] == "train", rows % 3, -1)
    table.drop(columns="dl_signature").to_parquet(folder / "cohort.parquet")
    return {"table": ArtifactRef.of(folder / "cohort.parquet").model_dump()}, table


@pytest.fixture(scope="module")
def fitted(cohort, protocol, tmp_path_factory):
    """Results of the steps `features` and `signature`, of features that see the hazard."""
    result, table = cohort
    folder = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(3)
    train, test = (table.index[table["split"] == split.value] for split in Split)
    latent = table["dl_signature"].to_numpy()[:, None]
    values = pd.DataFrame(latent * [1, 1, 0, 0] + rng.normal(size=(len(table), 4)), table.index)

    def write(name, patients, roles):
        reference = write_features(
            folder / f"{name}.parquet",
            values.loc[patients].to_numpy(),
            patient_ids=list(patients),
            roles=roles,
            network_id="given",
            weights_sha256="0" * 64,
            layer="as given",
        )
        return {"network_id": "given", "table": reference.model_dump()}

    fit = ["fit"] * len(train)
    features = {
        "fold_features": [write("training", train, fit)] * 3,
        "features": write("all", train.append(test), [*fit, *["test"] * len(test)]),
        "test_patients": list(test),
        "names": ["a", "b", "c", "d"],
    }
    signature = fit_scores.fn(
        "signature",
        "key",
        cohort=result,
        features=features,
        protocol=protocol,
        folder=folder / "scores",
    )
    assert signature["state"] == "fitted"
    return features, signature


def no_ray():
    msg = "Ray was not to be started"
    raise AssertionError(msg)


def asked(cohort, protocol, *, features=None, signature=None, session=no_ray):
    return correct_optimism.fn(
        "optimism",
        "key",
        cohort=cohort[0],
        features=features,
        signature=signature or no_signature(),
        protocol=protocol,
        codebook=PREDICTORS,
        session=session,
    )


def test_without_features_the_apparent_c_is_that_of_step_arms(cohort, protocol):
    found = read_optimism({"optimism": asked(cohort, protocol)})
    table = cohort[1]
    for arm in TreatmentArm:
        parts = [table[(table["arm"] == arm.value) & (table["split"] == s.value)] for s in Split]
        models = fit_arm(
            arm,
            *parts,
            clinical=protocol.clinical,
            evaluation=protocol.evaluation,
            study=protocol.study,
            signature=SignatureState.ABSENT,
            seed=protocol.study.seed,
        )
        expected = models.evaluation(ModelKind.CLINICAL, Split.TRAIN).estimates["c_harrell"]
        one = next(one for one in found.figures if one.arm is arm and one.estimator == "c_harrell")
        assert one.apparent.value == pytest.approx(expected.value, abs=1e-12)
        assert one.corrected.value < one.apparent.value
    assert {one.kind for one in found.figures} == {ModelKind.CLINICAL}


def test_with_features_all_models_are_corrected_conditional_on_the_network(
    cohort, protocol, fitted
):
    features, signature = fitted
    found = read_optimism(
        {"optimism": asked(cohort, protocol, features=features, signature=signature)}
    )
    assert {one.kind for one in found.figures} == set(ModelKind)
    assert found.label == "conditional on the network"
    assert found.n_resamples == 20


def test_a_null_signature_leaves_the_clinical_models(cohort, protocol, fitted):
    features, signature = fitted
    result = asked(cohort, protocol, features=features, signature={**signature, "state": "null"})
    found = read_optimism({"optimism": result})
    assert {one.kind for one in found.figures} == {ModelKind.CLINICAL}
    assert found == read_optimism({"optimism": asked(cohort, protocol)})


def test_a_protocol_without_resamples_has_no_figures(cohort, protocol):
    evaluation = protocol.evaluation.model_copy(
        update={"optimism_resamples": None, "subgroups": ()}
    )
    silent = protocol.model_copy(update={"evaluation": evaluation})
    assert read_optimism({"optimism": asked(cohort, silent)}) is None
    result = assess_subgroups.fn(
        "subgroups",
        "key",
        cohort=cohort[0],
        signature=no_signature(),
        protocol=silent,
        codebook=PREDICTORS,
    )
    assert read_subgroups({"subgroups": result}) is None
    assert read_subgroups({}) is None


@pytest.mark.slow
def test_ray_gives_the_same_numbers(cohort, protocol, fitted, monkeypatch, tmp_path):
    features, signature = fitted
    given = {"features": features, "signature": signature}
    here = asked(cohort, protocol, **given)
    monkeypatch.setattr(optimism, "_RESAMPLES_WORTH_RAY", 1)
    session = partial(ray_session, temp_dir=tmp_path / "ray", num_cpus=2)
    assert asked(cohort, protocol, **given, session=session) == here
