"""`armwise score-model` and `armwise update-model`, as a user types them."""

import json

import pytest
from typer.testing import CliRunner

from components.arms.published import read_published
from components.arms.scoring import PublishedScore
from components.arms.updating import UpdatedModel
from components.errors import CohortRejected, UsageError
from flows.cli import _app
from tests.flows.conftest import armwise
from tests.flows.tables import write_tables

MODEL = {
    "schema": "armwise.published_model/1",
    "name": "Size score",
    "source": "doi:10.0000/invented",
    "predictors": [
        {"name": "tumor_diameter_cm", "label": "Diameter", "kind": "continuous", "unit": "mm"},
        {"name": "bclc_stage", "label": "BCLC", "kind": "categorical", "levels": ["A", "B", "C"]},
    ],
    "coefficients": {"tumor_diameter_cm": 0.003, "bclc_stage=B": 0.2, "bclc_stage=C": 0.4},
    "centre": {"tumor_diameter_cm": 60},
    "baseline": {"kind": "horizons", "times_days": [365, 730], "survival": [0.7, 0.5]},
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("own"))


def model_file(folder, **changed):
    path = folder / "model.json"
    path.write_text(json.dumps({**MODEL, **changed}), encoding="utf-8")
    return path


def typed(command, model, paths, *more):
    """The command within this process; what it raised, it raises."""
    arguments = [command, str(model), str(paths["clinical"]), "--mapping", str(paths["columns"])]
    done = CliRunner().invoke(_app, [*arguments, *map(str, more)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_each_arm_has_its_score_on_the_terminal_as_json_and_on_a_page(tmp_path, paths):
    output = typed("score-model", model_file(tmp_path), paths, "--output", tmp_path / "out")
    assert "Harrell's C" in output
    assert "rule not met: age 18 years or above" in output
    assert "converted from cm into the model's mm" in output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["score-hepatectomy.json", "score-tace.json", "score.html"]
    scores = [
        PublishedScore.from_json((tmp_path / "out" / name).read_bytes()) for name in names[:2]
    ]
    assert sum(one.n for one in scores) == 159
    assert scores[0].left_out == {"rule not met: age 18 years or above": 1}
    page = (tmp_path / "out" / "score.html").read_text(encoding="utf-8")
    assert "Size score" in page
    assert "SYNTHETIC" in page


def test_one_arm_may_be_asked_for(tmp_path, paths):
    out = tmp_path / "out"
    typed("score-model", model_file(tmp_path), paths, "--arm", "tace", "--output", out)
    assert [path.name for path in out.glob("*.json")] == ["score-tace.json"]


def test_predictors_may_stand_in_the_features(tmp_path, paths):
    model = model_file(
        tmp_path,
        predictors=[{"name": "deep0", "label": "A feature", "kind": "continuous"}],
        coefficients={"deep0": 0.8},
        centre={},
    )
    out = tmp_path / "out"
    typed("score-model", model, paths, "--features", paths["features"], "--output", out)
    score = PublishedScore.from_json((out / "score-tace.json").read_bytes())
    assert score.estimates["c_harrell"].value > 0.6
    assert score.left_out == {"'deep0' is empty": 3}


def test_an_update_is_a_model_that_score_model_reads(tmp_path, paths):
    out = tmp_path / "out"
    output = typed("update-model", model_file(tmp_path), paths, "--arm", "tace", "--output", out)
    update = UpdatedModel.from_json((out / "update.json").read_bytes())
    assert " ".join(update.sentence.split()) in " ".join(output.split())
    updated = out / "updated-model.json"
    model = read_published(updated.read_bytes(), where="x")
    assert model.coefficients == update.model.coefficients
    assert (out / "update.html").is_file()
    typed("score-model", updated, paths, "--output", tmp_path / "again")
    again = PublishedScore.from_json((tmp_path / "again" / "score-tace.json").read_bytes())
    # Efron spares tied deaths a little of the expected hazard, so it is 0 but for ties.
    assert again.estimates["cal_intercept"].value == pytest.approx(0.0, abs=0.01)


def test_an_update_wants_one_arm(tmp_path, paths):
    with pytest.raises(UsageError, match=r"hepatectomy, tace; name one with --arm"):
        typed("update-model", model_file(tmp_path), paths)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        (
            {"predictors": [{**MODEL["predictors"][0], "unit": "inch"}, MODEL["predictors"][1]]},
            UsageError,
            "the model takes inch, the table is in cm",
        ),
        (
            {
                "predictors": [
                    {"name": "afp_ng_per_ml", "label": "AFP", "kind": "continuous", "unit": "ng/mL"}
                ],
                "coefficients": {"afp_ng_per_ml": 0.1},
                "centre": {},
            },
            CohortRejected,
            "expected the columns afp_ng_per_ml",
        ),
        (
            {
                "predictors": [{**MODEL["predictors"][1], "levels": ["0", "D"]}],
                "coefficients": {"bclc_stage=D": 0.1},
                "centre": {},
            },
            CohortRejected,
            "'bclc_stage' is A or B or C, unknown to the model",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, paths, changed, error, said):
    with pytest.raises(error, match=said):
        typed("score-model", model_file(tmp_path, **changed), paths)


def test_a_model_that_is_not_there_is_one_message(tmp_path, paths):
    done = armwise(
        "score-model",
        "none.json",
        str(paths["clinical"]),
        "--columns",
        str(paths["columns"]),
        study=tmp_path,
    )
    assert done.returncode == 2
    assert "expected a model as JSON at none.json, found none" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
