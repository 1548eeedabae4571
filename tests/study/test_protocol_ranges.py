"""Every number of the protocol has its range; a message names the key, the range and what came."""

import re

import pytest
import yaml

from components.errors import UsageError
from components.study.protocol import Protocol, read_protocol
from flows.settings import PROTOCOLS

RANGES = {
    "study.title": ["", "at least 1 character", "came ''"],
    "study.study_id": ["h" * 64, "at most 63 characters", "came 'hh"],
    "study.arms": [["tace", "tace"], "each entry once", "came twice: tace"],
    "study.horizons_days": [[365, 365], "larger than the one before", "came [365, 365]"],
    "study.horizons_days.1": [[365, 40_000], "less than or equal to 36525", "came 40000"],
    "study.seed": [-1, "greater than or equal to 0", "came -1"],
    "cohort.max_quarantined": [1001, "less than or equal to 1000", "came 1001"],
    "cohort.max_missing_share": [1.5, "less than or equal to 1", "came 1.5"],
    "cohort.minimum_patients": [0, "greater than or equal to 1", "came 0"],
    "cohort.minimum_deaths": [0, "greater than or equal to 1", "came 0"],
    "cohort.minimum_deaths_per_parameter": [-1, "greater than or equal to 0", "came -1"],
    "cohort.minimum_maturity": [50, "less than or equal to 1", "came 50"],
    "cohort.maximum_unknown_labels": [25, "less than or equal to 1", "came 25"],
    "cohort.drift_stability_index": [-0.1, "greater than or equal to 0", "came -0.1"],
    "cohort.drift_missing_share": [10, "less than or equal to 1", "came 10"],
    "cohort.drift_significance": [0, "greater than 0", "came 0"],
    "eligibility.minimum_age_years": [180, "less than or equal to 120", "came 180"],
    "eligibility.maximum_days_ct_before_treatment": [0, "greater than 0", "came 0"],
    "split.test_share": [1, "less than 1", "came 1"],
    "split.test_patients.tace": [{"tace": 0}, "greater than or equal to 1", "came 0"],
    "label.horizon_days": [0, "greater than 0", "came 0"],
    "label.weight_cap": [1, "greater than 1", "came 1"],
    "imaging.crop_px": [8, "greater than or equal to 16", "came 8"],
    "imaging.margin_mm": [-1, "greater than or equal to 0", "came -1"],
    "imaging.crop": ["whole", "'bounding_box' or 'fixed_field'", "came 'whole'"],
    "imaging.field_mm": [0, "greater than 0", "came 0"],
    "imaging.slices": [4, "the largest slice is the middle one", "came 4"],
    "imaging.slice_step_mm": [60, "less than or equal to 50", "came 60"],
    "imaging.lesions": ["every", "'largest' or 'all'", "came 'every'"],
    "imaging.window_center_hu": [5000, "less than or equal to 3071", "came 5000"],
    "imaging.window_width_hu": [0, "greater than 0", "came 0"],
    "imaging.difference_window_hu": [-5, "greater than 0", "came -5"],
    "imaging.workers": [0, "greater than or equal to 1", "came 0"],
    "search.folds": [21, "less than or equal to 20", "came 21"],
    "search.configurations": [0, "greater than or equal to 1", "came 0"],
    "search.rungs": [[4, 2], "larger than the one before", "came [4, 2]"],
    "search.rungs.0": [[0, 2], "greater than or equal to 1", "came 0"],
    "search.reduction": [1, "greater than or equal to 2", "came 1"],
    "search.space.learning_rate": [[3e-3, 3e-4], "low at most high", "came [0.003, 0.0003]"],
    "search.space.learning_rate.1": [[1e-4, 1], "less than 1", "came 1"],
    "search.space.weight_decay.0": [[0, 1e-2], "greater than 0", "came 0"],
    "search.space.dropout.1": [[0, 1], "less than 1", "came 1"],
    "search.space.label_smoothing.0": [[-0.1, 0.1], "greater than or equal to 0", "came -0.1"],
    "search.cpus_per_trial": [0, "greater than 0", "came 0"],
    "search.gpus_per_trial": [2, "less than or equal to 1", "came 2"],
    "search.threads_per_trial": [2, "search.cpus_per_trial 1", "came 2"],
    "search.max_failures": [-1, "greater than or equal to 0", "came -1"],
    "backbone.names": [["resnet18", "resnet18"], "each entry once", "came twice: resnet18"],
    "backbone.batch_size": [1, "greater than or equal to 2", "came 1"],
    "backbone.warmup_epochs": [6, "fewer than the last of search.rungs 6", "came 6"],
    "signature.maximum_correlation": [1.1, "less than or equal to 1", "came 1.1"],
    "signature.screen_p_value": [0, "greater than 0", "came 0"],
    "signature.l1_ratio": [0, "greater than 0", "came 0"],
    "signature.n_lambdas": [4, "greater than or equal to 5", "came 4"],
    "signature.lambda_min_ratio": [1, "less than 1", "came 1"],
    "signature.cv_folds": [2, "greater than or equal to 3", "came 2"],
    "signature.cv_repeats": [0, "greater than or equal to 1", "came 0"],
    "clinical.ridge_penalties": [[1, 0], "larger than the one before", "came [1.0, 0.0]"],
    "clinical.ridge_penalties.0": [[-1, 0], "greater than or equal to 0", "came -1"],
    "clinical.cv_folds": [50, "less than or equal to 20", "came 50"],
    "clinical.predictors.tace": [
        {"hepatectomy": ["cirrhosis"], "tace": ["cirrhosis", "cirrhosis"]},
        "each entry once",
        "came twice: cirrhosis",
    ],
    "clinical.two_step": [
        {"univariate_p_value": 0.1, "multivariable_p_value": 0.05, "combined": "keep"},
        "null otherwise",
        "came settings with ridge",
    ],
    "evaluation.confidence_level": [95, "less than 1", "came 95"],
    "evaluation.minimum_events_before": [0, "greater than or equal to 1", "came 0"],
    "evaluation.minimum_at_risk_after": [0, "greater than or equal to 1", "came 0"],
    "evaluation.truncated_c_days": [0, "greater than 0", "came 0"],
    "nomogram.maximum_points": [0, "greater than or equal to 1", "came 0"],
    "promotion.interval_level": [0.5, "greater than 0.5", "came 0.5"],
    "promotion.first_minimum_c_lower": [1, "less than 1", "came 1"],
    "promotion.slope_range": [[1.43, 0.7], "low at most high", "came [1.43, 0.7]"],
    "promotion.slope_range.0": [[0, 1.43], "greater than 0", "came 0"],
    "promotion.slope_interval_meets": [[0.5, 1.25], "within slope_range [0.7, 1.43]", "came [0.5"],
    "promotion.challenger_minimum_difference": [-2, "greater than or equal to -1", "came -2"],
    "promotion.challenger_minimum_difference_lower": [0, "at most", "came 0"],
}


def content(name="demo"):
    return yaml.safe_load((PROTOCOLS / f"{name}.yaml").read_text())


@pytest.mark.parametrize("key", RANGES)
def test_a_number_out_of_range_is_named_with_its_range(tmp_path, key):
    value, expected, came = RANGES[key]
    faulty = content()
    *sections, field = [part for part in key.split(".") if not part.isdigit()]
    # The value given is that of the field below its section, whole.
    place = faulty
    names = [*sections, field]
    depth = 3 if names[:2] == ["search", "space"] else 2
    for name in names[: depth - 1]:
        place = place[name]
    place[names[depth - 1]] = value
    path = tmp_path / "protocol.yaml"
    path.write_text(yaml.safe_dump(faulty))
    with pytest.raises(UsageError) as refusal:
        read_protocol(path)
    said = str(refusal.value)
    assert f"{key}: " in said
    assert expected in said
    assert came in said
    assert "Value error" not in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"study": {"arms": ["hepatectomy"]}}, "split.test_patients: expected arms of study.arms"),
        ({"imaging": {"crop_px": 16}}, "imaging.crop_px: expected at least 32 with densenet121"),
        ({"promotion": {"slope_range": [1.1, 1.4]}}, "both sides of a perfect slope of 1"),
    ],
)
def test_values_that_do_not_fit_together_are_named(tmp_path, changes, expected):
    faulty = content()
    for section, fields in changes.items():
        faulty[section] |= fields
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(faulty))
    with pytest.raises(UsageError, match=re.escape(expected)):
        read_protocol(tmp_path / "protocol.yaml")


def numbers(schema, definitions, path=()):
    """Every number in the protocol's JSON schema, with whether it is bounded on both sides."""
    reference = schema.get("$ref")
    if reference:
        yield from numbers(definitions[reference.rpartition("/")[2]], definitions, path)
    for name, inner in schema.get("properties", {}).items():
        yield from numbers(inner, definitions, (*path, name))
    for inner in (*schema.get("anyOf", ()), *schema.get("prefixItems", ())):
        yield from numbers(inner, definitions, path)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from numbers(schema[word], definitions, path)
    if schema.get("type") in {"integer", "number"}:
        yield ".".join(path), set(schema)


def test_no_number_of_the_protocol_is_without_bounds():
    schema = Protocol.model_json_schema()
    found = dict(numbers(schema, schema["$defs"]))
    assert len(found) > 45
    # Bounded by another field of the protocol, or by the size of the cohort.
    elsewhere = {"backbone.warmup_epochs", "split.test_patients"}
    lower, upper = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
    open_ended = {key for key, words in found.items() if not (words & lower and words & upper)}
    assert open_ended - elsewhere == set()
