import numpy as np
import pandas as pd
import pytest

from components.cohort.splitting import assign_folds, complete_split, first_split, split_hash
from components.errors import CohortRejected
from components.study.protocol import SplitSection


def test_exact_counts_by_arm_stratified_by_event(clinical):
    section = SplitSection(test_share=0.25, test_patients={"hepatectomy": 13, "tace": 7})
    split = first_split(clinical, section=section, seed=1)
    test = clinical[split == "test"]
    assert test["arm"].value_counts().to_dict() == {"hepatectomy": 13, "tace": 7}
    for arm, part in clinical.groupby("arm"):
        share = section.test_patients[arm] / len(part)
        in_test = int(test[test["arm"] == arm]["death"].sum())
        assert abs(in_test - share * part["death"].sum()) < 1


def test_the_split_follows_the_patient_not_the_row(clinical):
    section = SplitSection(test_share=0.25)
    split = first_split(clinical, section=section, seed=1)
    shuffled = first_split(clinical.sample(frac=1, random_state=3), section=section, seed=1)
    pd.testing.assert_series_equal(split.sort_index(), shuffled.sort_index())
    assert split_hash(split) == split_hash(shuffled)
    assert split_hash(split) != split_hash(first_split(clinical, section=section, seed=2))


def test_too_many_test_patients_are_refused(clinical):
    section = SplitSection(test_share=0.25, test_patients={"tace": 20})
    with pytest.raises(CohortRejected, match="arm 'tace' has 20 patients"):
        first_split(clinical, section=section, seed=1)


def test_each_center_and_event_gives_its_share_of_test_patients():
    n = 400
    table = pd.DataFrame(
        {
            "arm": "tace",
            "death": [0, 1] * (n // 2),
            "center": ["north"] * 240 + ["south"] * 120 + ["east"] * 40,
        },
        index=[f"P{i:03d}" for i in range(n)],
    )
    split = first_split(table, section=SplitSection(test_share=0.25), seed=1)
    shares = (split == "test").groupby([table["center"], table["death"]]).mean()
    assert (shares == 0.25).all()


def test_centers_of_one_patient_do_not_tilt_the_events():
    n = 120
    table = pd.DataFrame(
        {"arm": "tace", "death": [0, 1] * (n // 2), "center": [f"c{i:03d}" for i in range(n)]},
        index=[f"P{i:03d}" for i in range(n)],
    )
    split = first_split(table, section=SplitSection(test_share=0.25), seed=1)
    assert table["death"][split == "test"].mean() == 0.5


def test_an_unknown_center_is_drawn_from_like_any_other(clinical):
    clinical["center"] = None
    section = SplitSection(test_share=0.5)
    assert (first_split(clinical, section=section, seed=1) == "test").sum() == 30


def test_newcomers_move_nobody_and_need_the_key(clinical):
    section = SplitSection(test_share=0.25)
    stored = first_split(clinical.iloc[:50], section=section, seed=1)
    with pytest.raises(CohortRejected, match="ARMWISE_STUDY_KEY"):
        complete_split(stored, clinical, section=section, study_key=None)
    whole = complete_split(stored, clinical, section=section, study_key="k")
    assert (whole.loc[stored.index] == stored).all()
    again = complete_split(stored, clinical[::-1], section=section, study_key="k")
    assert (again.loc[whole.index] == whole).all()


def test_the_keyed_hash_keeps_the_share():
    ids = pd.Index([f"N-{i}" for i in range(4000)])
    nobody = pd.Series([], dtype=object, index=pd.Index([], dtype=object))
    table = pd.DataFrame(index=ids)
    whole = complete_split(nobody, table, section=SplitSection(test_share=0.25), study_key="k")
    assert abs((whole == "test").mean() - 0.25) < 0.02


def test_folds_are_balanced_within_strata_and_small_strata_are_merged_aloud():
    strata = pd.Series(["a"] * 31 + ["b"] * 20 + ["c"] * 2 + ["d"], dtype=object)
    strata.index = [f"P{i}" for i in range(len(strata))]
    folds, said = assign_folds(strata, n_folds=3, rng=np.random.default_rng(0))
    assert set(folds) == {0, 1, 2}
    for name in ("a", "b"):
        counts = folds[strata == name].value_counts()
        assert counts.max() - counts.min() <= 1
    assert folds.value_counts().max() - folds.value_counts().min() <= 1
    assert "c, d" in said[0].done


def test_fewer_patients_than_folds_are_refused():
    with pytest.raises(CohortRejected, match="cannot make 3 folds"):
        assign_folds(pd.Series(["a", "a"]), n_folds=3, rng=np.random.default_rng(0))
