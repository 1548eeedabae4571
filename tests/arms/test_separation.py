import numpy as np
import pytest

from components.arms.estimating import fit_kind
from components.arms.preparation import prepare_arm
from components.arms.separation import separations
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables
from components.study.protocol import read_protocol
from components.study.vocabulary import ModelKind, SignatureState
from components.survival.design import Predictor
from tests.arms.conftest import ARM, PROTOCOLS, fit

RARE = Predictor(
    name="cirrhosis", label="Cirrhosis", kind="categorical", levels=("absent", "present")
)
BCLC = Predictor(name="bclc_stage", label="BCLC", kind="categorical", levels=("A", "B", "C"))


@pytest.fixture
def rare(train):
    """Two patients with cirrhosis, both alive."""
    alive = train.index[train["death"] == 0][:2]
    return train.assign(cirrhosis=np.where(train.index.isin(alive), "present", "absent"))


def test_a_level_without_deaths_is_named_with_its_counts(rare):
    (found,) = separations(rare, [RARE, BCLC])
    deaths = int(rare["death"].sum())
    assert (found.predictor, found.level, found.n, found.n_events) == ("cirrhosis", "present", 2, 0)
    assert (found.n_others, found.n_events_others) == (len(rare) - 2, deaths)
    assert f"0 of 2 training patients with it died, {deaths} of {len(rare) - 2}" in found.sentence


def test_levels_with_estimates_are_not_named(train):
    assert separations(train, [RARE, BCLC]) == ()


def test_a_reference_level_without_deaths_is_named(train):
    none_died = train.assign(death=train["death"].where(train["bclc_stage"] != "A", 0))
    assert [one.level for one in separations(none_died, [BCLC])] == ["A"]


def test_a_separating_predictor_of_two_levels_is_left_out_and_that_is_said(protocol, rare, test):
    models = fit(protocol, rare, test)
    clinical = models.models[ModelKind.CLINICAL]
    assert "cirrhosis" not in {one.name for one in clinical.predictors}
    (said,) = (one for one in models.adaptations if "Cirrhosis" in one.asked)
    assert said.done == "Cirrhosis left out"
    assert any("Cirrhosis left out" in note and "0 of 2" in note for note in models.notes)


def test_a_separating_level_of_several_is_kept_finite_by_the_penalty(protocol, train, test):
    none_died = train.assign(death=train["death"].where(train["bclc_stage"] != "B", 0))
    models = fit(protocol, none_died, test)
    clinical = models.models[ModelKind.CLINICAL]
    assert models.ridge[ModelKind.CLINICAL].penalty > 0
    assert np.isfinite(clinical.coefficients[clinical.columns.index("bclc_stage=B")])
    assert any("ridge penalty" in one.done for one in models.adaptations)


def test_a_selected_model_without_a_finite_estimate_gets_a_penalty_and_says_so(train):
    section = read_protocol(PROTOCOLS / "paper.yaml").clinical
    none_died = train.assign(death=train["death"].where(train["bclc_stage"] != "B", 0))
    names = ("tumor_diameter_cm", "bclc_stage")
    prepared = prepare_arm(ARM, none_died, names=names, signature=SignatureState.ABSENT)
    fitted = fit_kind(
        ARM,
        ModelKind.CLINICAL,
        CompletedTables((none_died,), {}),
        prepared.clinical,
        survival_target(none_died),
        section=section,
        seed=1,
    )
    assert "without a penalty" in fitted.rescued.asked
    assert "ridge penalty" in fitted.rescued.done
    assert "bclc_stage=B" in fitted.rescued.why
    assert fitted.model.ridge == fitted.ridge.penalty > 0
