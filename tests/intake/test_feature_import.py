import hashlib

import numpy as np
import pandas as pd
import pytest

from components.errors import CohortRejected
from components.intake.feature_import import import_features, unmatched


@pytest.fixture
def features():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(40, 12)), columns=[f"f{i}" for i in range(12)])
    return table.set_axis([f"P{i:02d}" for i in range(40)], axis=0).rename_axis("case")


@pytest.fixture
def imported(tmp_path, mapped):
    def run(table, *, index=True, name="features.csv", **changes):
        path = tmp_path / name
        if name.endswith(".parquet"):
            table.to_parquet(path, index=index)
        else:
            table.to_csv(path, index=index)
        return import_features(path, mapped(**changes))

    return run


def test_a_clean_file_keyed_as_the_clinical_sheet(imported, features, tmp_path):
    done = imported(features)
    pd.testing.assert_frame_equal(done.features, features.rename_axis("patient_id"))
    sha = hashlib.sha256((tmp_path / "features.csv").read_bytes()).hexdigest()
    assert done.network_id == f"features/{sha[:16]}"
    assert (done.left_out, done.adaptations, done.notes) == ((), (), ())


def test_parquet_with_the_ids_as_index_or_column(imported, features):
    for index, table in ((True, features), (False, features.reset_index())):
        done = imported(table, index=index, name="features.parquet")
        pd.testing.assert_frame_equal(done.features, features.rename_axis("patient_id"))


def test_without_ids_it_says_what_to_do(imported, features):
    with pytest.raises(CohortRejected, match=r"features.id_column in the mapping, or feature_ids"):
        imported(features, index=False)


def test_a_named_id_column_and_a_wrong_one(imported, features):
    other = features.rename_axis("Pat")
    assert len(imported(other, features={"id_column": "Pat"}).features) == 40
    with pytest.raises(CohortRejected, match=r"'pat' for features.id_column \(near: 'Pat'\)"):
        imported(other, features={"id_column": "pat"})


def test_ids_from_a_file_beside_the_mapping(imported, features, tmp_path):
    listing = pd.DataFrame({"row": range(40), "anything": features.index})
    listing.to_csv(tmp_path / "ids.csv", index=False)
    done = imported(features, index=False, feature_ids="ids.csv")
    assert list(done.features.index) == list(features.index)
    listing.assign(more="x").to_csv(tmp_path / "ids.csv", index=False)
    with pytest.raises(CohortRejected, match=r"one column of patient ids, it has row, anything, m"):
        imported(features, index=False, feature_ids="ids.csv")
    named = {"file": "ids.csv", "column": "anything"}
    assert len(imported(features, index=False, feature_ids=named).features) == 40


def test_a_list_of_ids_of_another_length(imported, features, tmp_path):
    features.index.to_frame().head(39).to_csv(tmp_path / "ids.csv", index=False)
    with pytest.raises(CohortRejected, match=r"ids.csv: expected one patient for each row.*40.*39"):
        imported(features, index=False, feature_ids="ids.csv")


def test_no_list_of_ids(imported, features):
    with pytest.raises(CohortRejected, match=r"none.csv, found no file"):
        imported(features, index=False, feature_ids="none.csv")


def test_rows_with_gaps_leave_their_patients_out(imported, features):
    features.loc["P03"] = np.nan
    features.loc["P04", "f2"] = np.inf
    features.loc["P05", "f3"] = np.nan
    done = imported(features)
    assert [one.patient_id for one in done.left_out] == ["P03", "P04", "P05"]
    assert "most features" in done.left_out[0].reason
    assert done.features.shape == (37, 12)
    assert np.isfinite(done.features.to_numpy()).all()


def test_unusable_columns_are_left_out_and_named_and_nobody_is_lost(imported, features):
    features["f1"] = 7.0
    features.loc["P06", "f2"] = 1e13
    features.loc[features.index[:9], "f3"] = np.nan
    done = imported(features.assign(scanner="A", mask="liver.nrrd"))
    assert done.features.shape == (40, 9)
    said = {one.why: one.done for one in done.adaptations}
    assert any("text" in why and "scanner, mask" in what for why, what in said.items())
    assert any("same in all" in why and "f1" in what for why, what in said.items())
    assert any("1e13" in why and "f2" in what for why, what in said.items())
    assert any("10%" in why and "f3" in what for why, what in said.items())


def test_large_values_that_a_whole_column_has_are_no_fault(imported, features):
    features["f0"] = np.exp(4 * features["f0"]) * 1e12
    assert "f0" in imported(features).features


def test_a_sparse_column_is_kept_and_its_one_patient_told(imported, features):
    features["f0"] = 0.0
    features.loc["P07", "f0"] = 3.0
    done = imported(features)
    assert "f0" in done.features
    assert "of f0 one patient makes up nearly all" in done.notes[0]


def test_running_numbers_without_a_name_are_no_feature(imported, features):
    done = imported(features.reset_index())
    assert done.features.shape == (40, 12)
    assert "column 1" in done.adaptations[0].done


def test_patients_twice(imported, features):
    twice = pd.concat([features, features.loc[["P01"]], features.loc[["P02"]] + 1])
    done = imported(twice)
    assert done.features.shape == (39, 12)
    assert done.left_out[0].patient_id == "P02"
    assert "P01" in done.adaptations[0].done


def test_features_of_patients_whom_the_clinical_sheet_does_not_hold(imported, features):
    done = imported(features)
    assert unmatched(done, list(features.index)) == ()
    assert "P00, P01" in unmatched(done, list(features.index[2:]))[0]
    with pytest.raises(CohortRejected, match="share no patient; name the id column"):
        unmatched(done, ["HCC_1", "HCC_2"])


def test_a_decimal_comma_is_read_where_declared(imported, features):
    text = features.round(3).map(lambda value: f"{value:.3f}".replace(".", ","))
    with pytest.raises(CohortRejected, match="no column of it holds numbers"):
        imported(text)
    done = imported(text, features={"decimal": ","})
    np.testing.assert_allclose(done.features, features.round(3))


def test_nothing_usable(imported, features, tmp_path, mapped):
    with pytest.raises(CohortRejected, match="no column of it holds numbers"):
        imported(features.map(lambda _: "x"))
    with pytest.raises(CohortRejected, match="in every row most features"):
        imported(features * np.nan)
    with pytest.raises(CohortRejected, match="no feature differs"):
        imported(features * 0)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1broken")
    with pytest.raises(CohortRejected, match="cannot be read as Parquet"):
        import_features(tmp_path / "broken.parquet", mapped())


def test_an_id_missing_in_a_row(imported, features):
    with pytest.raises(CohortRejected, match="column 'case': no patient id in row 4"):
        imported(features.rename(index={"P02": ""}))
