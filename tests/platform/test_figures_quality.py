"""The gate on figures of arms and columns, on real Great Expectations."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.followup_checks import follow_up_of_arms
from components.cohort.schema import PREDICTORS
from components.errors import CohortRejected
from components.monitoring.drift import compare_tables
from components.platform.figures_quality import no_drift, validate_drift, validate_follow_up
from components.study.protocol.cohort import CohortSection

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

SECTION = CohortSection(
    max_quarantined=3, max_missing_share=0.2, small_counts="fisher_exact", observed_times=False
)
ARMS = ("hepatectomy", "tace")


def cohort(n=200, *, deaths=0.5, days=(1200, 3000)):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "arm": np.where(np.arange(n) % 2 == 0, *ARMS),
            "os_days": rng.uniform(*days, n),
            "death": (np.arange(n) // 2 % 100 < 100 * deaths).astype(int),
            "bclc_stage": rng.choice(["A", "B", "C"], n),
            "albumin_g_per_l": rng.normal(40, 5, n),
        },
        index=[f"P{number:03d}" for number in range(n)],
    )


def gate(table, *, section=SECTION, predictors=("bclc_stage",), **more):
    arms = follow_up_of_arms(
        table,
        arms=ARMS,
        predictors=dict.fromkeys(ARMS, predictors),
        horizon_days=1095,
        codebook=PREDICTORS,
    )
    return validate_follow_up(arms, section, **more)


def reasons(report):
    return [one.reason for one in report.warnings]


def test_a_mature_cohort_passes_without_a_warning():
    report = gate(cohort())
    assert report.passed
    assert report.warnings == ()
    assert report.not_assessable == ()


def test_an_arm_without_patients_stops_the_flow_with_its_name_and_what_to_do():
    report = gate(cohort().query("arm == 'hepatectomy'"))
    with pytest.raises(CohortRejected, match=r"no patient .* study\.arms: TACE: 0") as told:
        report.require()
    assert "no death" not in str(told.value)


def test_an_arm_without_deaths_stops_the_flow():
    table = cohort()
    table.loc[table["arm"] == "tace", "death"] = 0
    (sentence,) = gate(table).stopped_by
    assert sentence.startswith("no death in an arm")
    assert sentence.endswith("TACE: 0 of 100 patients")


def test_few_deaths_a_parameter_are_one_warning_with_the_figures_of_each_arm():
    report = gate(cohort(deaths=0.11), predictors=("bclc_stage",))
    assert report.passed
    (few, each) = report.warnings
    assert few.reason == "fewer than 20 deaths in an arm (cohort.minimum_deaths)"
    assert each.subjects == (
        "Hepatectomy: 11 deaths, 2 parameters, 5.5 each",
        "TACE: 11 deaths, 2 parameters, 5.5 each",
    )
    assert each.n_judged == 2


def test_immature_follow_up_and_unknown_labels_are_warned_of():
    report = gate(cohort(days=(30, 1300)))
    found = " ".join(reasons(report))
    assert "reverse Kaplan-Meier (cohort.minimum_maturity)" in found
    assert "without a label (cohort.maximum_unknown_labels)" in found
    (mature,) = (one for one in report.warnings if "minimum_maturity" in one.reason)
    assert "median follow-up" in mature.subjects[0]


def test_what_does_not_vary_in_an_arm_is_named():
    table = cohort()
    table.loc[table["arm"] == "tace", "bclc_stage"] = "B"
    (warning,) = gate(table).warnings
    assert warning.subjects == ("TACE: bclc_stage",)


def test_the_limits_are_the_protocols():
    lenient = SECTION.model_copy(update={"minimum_deaths": 5, "minimum_deaths_per_parameter": 1})
    assert gate(cohort(deaths=0.11), section=lenient).warnings == ()


def test_what_no_arm_can_tell_is_not_assessable():
    report = gate(cohort(), predictors=())
    assert "deaths a candidate parameter" in [one.rule for one in report.not_assessable]


VARIABLES = [PREDICTORS[name] for name in ("bclc_stage", "albumin_g_per_l")]


def drift(old, new, **more):
    return validate_drift([compare_tables(old, new, VARIABLES)], SECTION, against="0abc", **more)


def test_nothing_has_moved_in_a_second_draw():
    rng = np.random.default_rng(2)
    again = cohort().assign(albumin_g_per_l=rng.normal(40, 5, 200))
    assert drift(cohort(), again).warnings == ()


def test_what_has_moved_is_one_warning_with_columns_and_figures():
    old, new = cohort(), cohort()
    new["albumin_g_per_l"] /= 10
    new.loc[new.index[:60], "bclc_stage"] = None
    moved, emptier = drift(old, new).warnings
    assert "data version 0abc" in moved.reason
    (said,) = moved.subjects
    assert said.startswith("albumin_g_per_l, all patients: ")
    assert emptier.subjects == ("bclc_stage, all patients: 0% empty then, 30% now",)


def test_a_column_of_few_cells_is_not_assessable(tmp_path):
    new = cohort()
    new.loc[new.index[10:], "albumin_g_per_l"] = np.nan
    report = drift(cohort(), new, docs_dir=tmp_path)
    assert ("drift of 'albumin_g_per_l', all patients", "10 known cells, fewer than 20") in [
        (one.rule, one.why) for one in report.not_assessable
    ]
    assert "10 known cells" in (tmp_path / "drift.html").read_text(encoding="utf-8")


def test_without_a_promoted_version_drift_is_not_assessable():
    report = no_drift("no promoted version")
    assert report.passed
    assert report.not_assessable[0].why == "no promoted version"
