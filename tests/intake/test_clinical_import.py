import numpy as np
import pandas as pd
import pytest

from components.cohort.schema import PREDICTORS
from components.errors import CohortRejected, UsageError
from components.intake.clinical_import import import_clinical
from tests.intake.conftest import MAPPING, rows


def reasons(done):
    return {one.patient_id: one.reason for one in done.quarantined}


def test_a_clean_sheet_becomes_a_table_of_armwise(imported, sheet):
    done = imported(sheet)
    assert list(done.table.index) == list(sheet["case"])
    assert done.table.loc["P04"].to_dict() == {
        "arm": "tace", "os_days": 248.0, "death": 1.0, "sex": "male", "tumor_diameter_cm": 4.0,
        "afp_ng_ml": 49.0, "other_malignancy": True,
    }  # fmt: skip
    assert done.table["other_malignancy"].dtype == "boolean"
    assert done.variables["sex"] == PREDICTORS["sex"]
    assert done.variables["afp_ng_ml"].label == "AFP"
    assert set(done.predictors) == {"hepatectomy", "tace"}
    assert done.predictors["tace"] == ("sex", "tumor_diameter_cm", "afp_ng_ml")
    assert (done.quarantined, done.adaptations, done.notes) == ((), (), ())


def test_a_column_that_is_not_there_is_named_with_near_matches(imported, sheet):
    with pytest.raises(
        CohortRejected, match=r"'size' for predictors.tumor_diameter_cm \(near: 'siz"
    ):
        imported(sheet.rename(columns={"size": "sizes"}))


def test_a_unit_that_cannot_be_refuses_the_table_and_names_the_one_that_fits(imported, sheet):
    wrong = {**MAPPING["predictors"], "tumor_diameter_cm": {"column": "size", "unit": "mm"}}
    with pytest.raises(CohortRejected, match=r"'mm' cannot be.*0\.475 cm.*cm would fit"):
        imported(sheet, predictors=wrong)
    albumin = {"albumin_g_per_l": {"column": "size", "unit": "g/L"}}
    with pytest.raises(CohortRejected, match="g/dL would fit"):
        imported(sheet, predictors=albumin)
    days = {"column": "os", "unit": "years"}
    with pytest.raises(CohortRejected, match=r"follow_up: the unit 'years' cannot be"):
        imported(sheet, follow_up=days)


def test_an_unknown_level_is_quarantined_by_pseudonym_without_its_value(imported, sheet):
    sheet.loc[3, "sex"] = "intersex-17"
    done = imported(sheet)
    assert set(reasons(done)) == {"P03"}
    assert "column 'sex'" in reasons(done)["P03"]
    assert "intersex-17" not in str(done)
    assert len(done.table) == len(sheet)


def test_mixed_codings_are_read_where_listed_and_named_where_not(imported):
    sheet = rows(40)
    sheet.loc[:9, "sex"] = ["male"] * 5 + ["1"] * 5
    done = imported(sheet)
    assert set(reasons(done)) == set(sheet["case"][:10])
    assert "'male' (5 rows), '1' (5 rows)" in " ".join(done.notes)
    levels = {"male": ["M", "male", 1], "female": ["F"]}
    listed = {**MAPPING["predictors"], "sex": {"column": "sex", "levels": levels}}
    done = imported(sheet, predictors=listed)
    assert not done.quarantined
    assert set(done.table["sex"][:10]) == {"male"}
    assert "3 codings" in " ".join(done.notes)


def test_a_column_none_of_whose_cells_is_listed_refuses_the_table(imported, sheet):
    with pytest.raises(CohortRejected, match=r"none of its 12 cells.*'man' \(12 rows\).*male, fem"):
        imported(sheet.assign(sex="man"))


def test_a_patient_twice_with_the_same_row_is_kept_once(imported, sheet):
    done = imported(pd.concat([sheet, sheet.iloc[[2]]], ignore_index=True))
    assert list(done.table.index) == list(sheet["case"])
    assert "identical rows kept once (patient P02)" in done.adaptations[0].done
    assert not done.quarantined


def test_a_patient_twice_with_different_outcomes_is_set_aside(imported, sheet):
    other = sheet.iloc[[2]].assign(status="0", os="999")
    done = imported(pd.concat([sheet, other], ignore_index=True))
    assert "2 rows that differ in os_days" in reasons(done)["P02"]
    assert len(reasons(done)) == 1


def test_dates_for_times_refuse_a_column_and_quarantine_single_ones(imported, sheet):
    with pytest.raises(CohortRejected, match=r"'os'.*12 of 12 cells hold a date.*start and end"):
        imported(sheet.assign(os="2019-03-04"))
    sheet.loc[5, "os"] = "04.03.2019"
    assert "came a date" in reasons(imported(sheet))["P05"]


def test_follow_up_from_dates_leaves_only_the_interval(imported, sheet):
    sheet = sheet.assign(treated="04/03/2019", last="05/04/2019")
    sheet.loc[0, "last"] = "01/03/2019"
    sheet.loc[1, "last"] = "soon"
    sheet.loc[2, "last"] = ""
    dates = {"start": "treated", "end": "last", "format": "%d/%m/%Y"}
    done = imported(sheet, follow_up=dates)
    assert done.table["os_days"].iloc[3] == 32
    assert np.isnan(done.table["os_days"].iloc[2])
    assert "negative" in reasons(done)["P00"]
    assert "expected a date" in reasons(done)["P01"]
    assert "2019" not in str(done.table)
    with pytest.raises(
        CohortRejected, match=r"expected dates as '%Y-%m-%d'.*correct follow_up.form"
    ):
        imported(sheet, follow_up={"start": "treated", "end": "last"})


def test_a_decimal_comma_is_refused_read_where_declared_and_named_where_mixed(imported, sheet):
    commas = sheet.assign(size=sheet["size"].str.replace(".", ","))
    with pytest.raises(CohortRejected, match=r"'size'.*other decimal sign.*set decimal: ','"):
        imported(commas)
    both = commas.assign(afp=sheet["afp"].str.replace(".", ","))
    assert imported(both, decimal=",").table["tumor_diameter_cm"].iloc[1] == 2.5
    sheet.loc[7, "size"] = "5,5"
    assert "write all with '.'" in reasons(imported(sheet))["P07"]


def test_limits_are_read_as_limits_counted_and_said(imported, sheet):
    sheet.loc[[1, 2], "afp"] = ["<2.0", "> 1210"]
    done = imported(sheet)
    assert done.table["afp_ng_ml"].iloc[1:3].tolist() == [2.0, 1210.0]
    assert "2 values such as '<2.0'" in done.adaptations[0].done


def test_infinite_and_negative_values_are_set_aside(imported, sheet):
    sheet.loc[1, "afp"] = "inf"
    sheet.loc[2, "os"] = "-3"
    done = imported(sheet)
    assert "infinite" in reasons(done)["P01"]
    assert "negative time" in reasons(done)["P02"]


def test_a_constant_and_an_empty_column_leave_the_models_and_are_said(imported, sheet):
    done = imported(sheet.assign(sex="M", afp="NA"))
    assert done.predictors["tace"] == ("tumor_diameter_cm",)
    assert set(done.variables) == set(MAPPING["predictors"])
    told = " ".join(done.notes)
    assert "column 'sex' is the same in all patients" in told
    assert "column 'afp' is empty" in told


def test_heaps_at_the_ends_are_told(imported):
    sheet = rows(60)
    sheet.loc[:6, "afp"] = "0"
    sheet.loc[50:, "afp"] = "9000"
    told = " ".join(imported(sheet).notes)
    assert "largest value (9000 ng/mL) in 10 rows" in told
    assert "smallest value (0 ng/mL) in 7 rows" in told


def test_months_and_fractional_days_are_said(imported, sheet):
    done = imported(sheet, follow_up={"column": "os", "unit": "months"})
    assert done.table["os_days"].iloc[0] == 100 * 30.4375
    assert "30.4375 days" in done.adaptations[0].done
    sheet.loc[3, "os"] = "211.25"
    assert "1 of 12 times are not whole days" in " ".join(imported(sheet).notes)


def test_a_constant_arm_is_an_adaptation(imported, sheet):
    done = imported(sheet, arm={"constant": "tace"})
    assert set(done.table["arm"]) == {"tace"}
    assert "every patient counts as tace" in done.adaptations[0].done


def test_another_treatment_is_no_fault_of_the_patient(imported, sheet):
    sheet.loc[[1, 2], "therapy"] = ["ablation", "transplant"]
    arm = {**MAPPING["arm"], "other": "ablation"}
    done = imported(sheet, arm=arm)
    assert done.table["arm"].isna().tolist()[:4] == [False, True, True, False]
    assert set(reasons(done)) == {"P02"}


def test_dates_that_a_spreadsheet_counts_in_days_are_no_times(imported, sheet):
    with pytest.raises(CohortRejected, match="dates that a spreadsheet counts"):
        imported(sheet.assign(os=[str(43000 + i) for i in range(12)]))


def test_ids_are_the_same_whether_a_sheet_kept_them_as_numbers(imported, sheet):
    done = imported(sheet.assign(case=[f"{i}.0" for i in range(11)] + ["0012"]))
    assert list(done.table.index) == [*map(str, range(11)), "0012"]


def test_a_row_without_a_patient_is_left_out_and_said_by_row(imported, sheet):
    total = pd.DataFrame([{"os": "3000", "size": "4"}]).reindex(columns=sheet.columns)
    done = imported(pd.concat([sheet, total], ignore_index=True).fillna(""))
    assert len(done.table) == 12
    assert "row 14 of the sheet" in done.adaptations[0].done
    with pytest.raises(CohortRejected, match=r"column 'case'.*is empty"):
        imported(sheet.assign(case=""))


def test_missing_cells_stay_missing_and_need_no_quarantine(imported, sheet):
    sheet.loc[2, ["sex", "size", "os", "cancer"]] = ["", "NA", "unknown", "n/a"]
    done = imported(sheet, missing=["unknown"])
    assert not done.quarantined
    assert done.table.loc["P02", ["sex", "tumor_diameter_cm", "os_days"]].isna().all()


def test_center_split_and_models(imported, sheet):
    sheet = sheet.assign(site="north", part=["train"] * 9 + ["test"] * 3)
    done = imported(
        sheet,
        center={"column": "site"},
        split={"column": "part", "train": "train", "test": "test"},
        models={"tace": ["sex"]},
    )
    assert set(done.table["center"]) == {"north"}
    assert (done.table["split"] == "test").sum() == 3
    assert done.predictors == {"hepatectomy": (), "tace": ("sex",)}


def test_several_refusals_come_in_one_message(imported, sheet):
    with pytest.raises(CohortRejected) as error:
        imported(sheet.assign(os="2019-03-04", sex="man", afp="high"))
    assert all(word in str(error.value) for word in ("'os'", "'sex'", "'afp'"))


def test_a_sheet_of_unusable_patients_alone_is_refused(imported, sheet):
    with pytest.raises(CohortRejected, match=r"no patient can be used: .*negative time"):
        imported(sheet.assign(os="-1"))


def test_many_patients_are_named_by_a_handful(imported, sheet):
    with pytest.raises(CohortRejected, match=r"patients P00, P01, P02, P03, P04 and 7 more"):
        imported(sheet.assign(os="x"))


def test_a_workbook_gives_the_same_table_as_a_csv(imported, mapped, sheet, tmp_path):
    typed = sheet.astype({"os": int, "status": int, "size": float, "afp": float})
    typed.to_excel(tmp_path / "clinical.xlsx", index=False)
    from_book = import_clinical(tmp_path / "clinical.xlsx", mapped(decimal=","))
    pd.testing.assert_frame_equal(from_book.table, imported(sheet).table)


DATES = {
    "treatment": "treated",
    "ct": "scanned",
    "format": "%d/%m/%Y",
    "data_cut": "2020-03-04",
    "enrolment": ["2019-01-01", "2019-12-31"],
}


def dated(sheet):
    return sheet.assign(treated="04/03/2019", scanned="24/02/2019")


def test_dates_become_intervals_a_quarter_and_nothing_else(imported, sheet):
    sheet = dated(sheet)
    sheet.loc[1, "treated"] = "31/12/2018"
    sheet.loc[2, "scanned"] = ""
    table = imported(sheet, dates=DATES).table
    assert table["days_ct_to_treatment"].iloc[0] == 8
    assert np.isnan(table["days_ct_to_treatment"].iloc[2])
    assert table["days_to_data_cut"].iloc[[0, 1]].tolist() == [366, 429]
    assert table["in_enrolment_window"].iloc[[0, 1]].tolist() == [True, False]
    assert table["treatment_quarter"].iloc[[0, 1]].tolist() == ["2019Q1", "2018Q4"]
    kept = table.to_csv()
    assert "03/2019" not in kept
    assert "2019-" not in kept


def test_days_that_a_spreadsheet_counts_are_dates_and_that_is_said(imported, sheet):
    sheet = dated(sheet)
    sheet.loc[3, "treated"] = "43528"  # 4 March 2019
    sheet.loc[4, "treated"] = "435280"
    done = imported(sheet, dates=DATES)
    assert done.table["days_ct_to_treatment"].iloc[3] == 8
    assert "1 cells read as the days" in done.adaptations[0].done
    assert "(dates): expected a date" in reasons(done)["P04"]


def test_a_time_and_dates_that_disagree_set_the_patient_aside(imported, sheet):
    sheet = sheet.assign(treated="04/03/2019", last="05/04/2019", os="32")
    sheet.loc[5, "os"] = "200"
    both = {"column": "os", "unit": "days", "start": "treated", "end": "last"}
    done = imported(sheet, follow_up={**both, "format": "%d/%m/%Y"})
    assert set(reasons(done)) == {"P05"}
    assert "disagree" in reasons(done)["P05"]


def test_dates_that_the_mapping_cannot_mean_are_refused(imported, mapped, sheet):
    with pytest.raises(UsageError, match="data_cut: expected a date such as"):
        imported(dated(sheet), dates={**DATES, "data_cut": "March"})
    with pytest.raises(UsageError, match=r"dates.treatment: expected the column"):
        mapped(dates={"ct": "scanned"})
    rule = {"days_ct_to_treatment": {"column": "days", "unit": "days"}}
    with pytest.raises(UsageError, match=r"dates.ct: .*keep one"):
        mapped(dates=DATES, eligibility=rule)


def test_a_unit_written_behind_a_number_is_converted_and_said(imported, sheet):
    sheet.loc[1, "size"] = "25 mm"
    sheet.loc[2, "size"] = "3.5cm"
    sheet.loc[3, "size"] = "3.5 inch"
    sheet.loc[4, "afp"] = "<2.0 ng/mL"
    done = imported(sheet)
    assert done.table["tumor_diameter_cm"].iloc[[1, 2]].tolist() == [2.5, 3.5]
    assert done.table["afp_ng_ml"].iloc[4] == 2
    assert "expected a number, came text" in reasons(done)["P03"]
    assert any("1 values converted" in said.done for said in done.adaptations)


def test_with_pseudonyms_messages_name_these_and_the_row_and_no_id(tmp_path, mapped, sheet):
    sheet.loc[6, "os"] = "-4"
    sheet.loc[7, "case"] = "P03"
    path = tmp_path / "clinical.csv"
    sheet.to_csv(path, index=False)
    done = import_clinical(path, mapped(), pseudonym=lambda one: f"Q{one[1:]}")
    assert reasons(done)["Q06"].startswith("row 8: ")
    assert "stands in rows 5 and 9 that differ" in reasons(done)["Q03"]
    assert done.origins["Q06"].patient_id == "P06"
    assert "P06" not in str(done) + repr(done)
