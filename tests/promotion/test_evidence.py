"""Evidence computed from fitted arms and test patients."""

import numpy as np
import pandas as pd
import pytest

from components.arms.fitting import fit_arm
from components.promotion.evidence import arm_evidence, rival_difference
from components.study.protocol import Protocol, read_protocol
from components.study.vocabulary import ModelKind, SignatureState, Split, TreatmentArm
from tests.arms.conftest import PROTOCOLS, draw_arm

ARM = TreatmentArm.HEPATECTOMY


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read_protocol(PROTOCOLS / "demo.yaml")


@pytest.fixture(scope="module")
def patients() -> pd.DataFrame:
    return draw_arm(120, seed=12, prefix="TE")


def fitted(protocol, patients, *, seed):
    return fit_arm(
        ARM,
        draw_arm(208, seed=seed, prefix="TR"),
        patients,
        clinical=protocol.clinical,
        evaluation=protocol.evaluation,
        study=protocol.study,
        signature=SignatureState.FITTED,
        seed=1,
    )


@pytest.fixture(scope="module")
def challenger(protocol, patients):
    return fitted(protocol, patients, seed=11)


@pytest.fixture(scope="module")
def champion(protocol, patients):
    return fitted(protocol, patients, seed=21)


def compare(a, b, table, protocol, *, rival_table=None, level=0.9):
    return rival_difference(
        a.nomogram_model,
        table,
        rival=b.nomogram_model,
        rival_patients=table if rival_table is None else rival_table,
        evaluation=protocol.evaluation,
        level=level,
    )


def test_c_and_slope_are_the_evaluations_at_the_gates_level(challenger, patients, protocol):
    found = arm_evidence(challenger, patients, evaluation=protocol.evaluation, level=0.9)
    wide = challenger.evaluation(ModelKind.COMBINED, Split.TEST).estimates
    assert found.model_kind == ModelKind.COMBINED
    for ours, reported in ((found.c, wide["c_uno"]), (found.slope, wide["cal_slope"])):
        assert ours.level == 0.9
        assert ours.value == pytest.approx(reported.value, rel=1e-12)
        # 1.645 against 1.960 standard errors.
        assert (ours.upper - ours.lower) / (reported.upper - reported.lower) == pytest.approx(
            1.6448536 / 1.9599640, rel=1e-6
        )


def test_a_difference_is_that_of_two_unos_c_and_changes_sign(
    challenger, champion, patients, protocol
):
    forth = compare(challenger, champion, patients, protocol)
    back = compare(champion, challenger, patients, protocol)
    a, b = (
        one.evaluation(ModelKind.COMBINED, Split.TEST).estimates["c_uno"].value
        for one in (challenger, champion)
    )
    assert forth.value == pytest.approx(a - b, abs=1e-12)
    assert back.value == pytest.approx(-forth.value, abs=1e-12)
    assert forth.horizon_days is not None
    assert forth.level == 0.9


def test_each_model_reads_its_own_signature(challenger, champion, patients, protocol):
    rng = np.random.default_rng(0)
    blind = patients.assign(dl_signature=rng.normal(size=len(patients)))
    fair = compare(challenger, champion, patients, protocol)
    unfair = compare(challenger, champion, patients, protocol, rival_table=blind)
    assert unfair.value > fair.value + 0.02


def test_patients_are_paired_by_name_not_by_row(challenger, champion, patients, protocol):
    shuffled = patients.sample(frac=1, random_state=3)
    assert compare(
        challenger, champion, patients, protocol, rival_table=shuffled
    ).value == pytest.approx(compare(challenger, champion, patients, protocol).value)


def test_only_patients_whom_both_models_know_count(challenger, champion, patients, protocol):
    holes = patients.copy()
    holes.loc[holes.index[:20], "bclc_stage"] = None
    found = compare(challenger, champion, patients, protocol, rival_table=holes)
    assert found.n == 100


def test_too_few_patients_are_not_estimable(challenger, champion, patients, protocol):
    few = patients.head(6)
    assert compare(challenger, champion, few, protocol).value is None
    found = arm_evidence(challenger, few, evaluation=protocol.evaluation, level=0.9)
    assert found.c.value is None
    assert found.c.note
