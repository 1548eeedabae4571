"""`armwise fit-arms` on real cohorts, through mappings alone."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.flows.conftest import armwise

pytestmark = [pytest.mark.slow, pytest.mark.realdata]

MAPPINGS = Path(__file__).parents[1] / "intake" / "mappings"


@pytest.fixture
def real():
    """The folder of real cohorts."""
    folder = os.environ.get("ARMWISE_REALDATA")
    if not folder:
        pytest.skip("ARMWISE_REALDATA names no folder of real cohorts")
    return Path(folder)


def fit(study, mapping, clinical, *more):
    shutil.copy(MAPPINGS / f"{mapping}.yaml", study / "columns.yaml")
    return armwise(
        "fit-arms", "--clinical", str(clinical), "--columns", "columns.yaml", *more, study=study
    )


def said(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"\s+", " ", done.stdout)


def test_two_real_arms_give_two_clinical_nomograms(real, tmp_path):
    table = real / "sysucc_hcc" / "sysucc_two_arm_2007_2014.csv"
    text = said(fit(tmp_path, "sysucc_hcc", table))
    assert "not met by SYS0229, SYS0601, SYS1544" in text
    assert "693 of 787 times are not whole days" in text
    assert "'vascular_invasion' is the same in all patients" in text
    assert "'distant_metastasis', level present, separates: 0 of" in text
    assert "column 'distant_metastasis' is the same in all training patients" in text
    assert re.search(r"121000 \S+\) in 31 rows: a cap", text)
    drawn = sorted(path.name for path in tmp_path.glob(".armwise/steps/nomograms-*/*.json"))
    assert drawn == ["nomogram-hepatectomy.json", "nomogram-tace.json"]
    (report,) = tmp_path.glob(".armwise/steps/report-*/report.html")
    assert "Survival at 3 years is not estimable" not in report.read_text()


@pytest.mark.campaign
def test_real_features_are_judged_honestly_first(real, tmp_path):
    table = real / "hcc_tace_seg_clinical" / "hcc_tace_seg_clinical.csv"
    folder = real / "hcc_tace_deep_radiomics"
    features = ("--features", str(folder / "Sun_Deeps_resnet18_512.csv"), "--protocol", "paper")
    refused = fit(tmp_path, "hcc_tace_seg_clinical", table, *features)
    assert refused.returncode == 3
    assert "feature_ids" in refused.stderr
    shutil.copy(MAPPINGS / "hcc_tace_seg_clinical.yaml", tmp_path / "columns.yaml")
    with (tmp_path / "columns.yaml").open("a") as mapping:
        mapping.write("feature_ids: row_ids_85.csv\n")
    shutil.copy(folder / "row_ids_85.csv", tmp_path)
    done = armwise(
        "fit-arms", "--clinical", str(table), "--columns", "columns.yaml", *features, study=tmp_path
    )
    text = said(done)
    summary = text[text.index("By the path of") :]
    honest, leaky = (
        float(re.search(rf"paper {name}[^0-9]*([0-9.]+)", summary).group(1))
        for name in ("Honest", "Leakage")
    )
    assert 0.50 <= honest <= 0.63
    assert leaky >= honest + 0.04
    assert "20 of the 105 patients of the sheet have none" in text
    assert "85 patients, 77 deaths" in text
    assert "without the arm Hepatectomy" in text
