from components.arms.optimism_records import CorrectedFigure, Optimism
from components.reporting.optimism_section import optimism_section
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, TreatmentArm


def estimate(value, lower=None, upper=None):
    return Estimate(value=value, lower=lower, upper=upper, n=208, n_events=120, method="bootstrap")


def figure(kind, estimator, *, n_resamples=200, plus=None):
    return CorrectedFigure(
        arm=TreatmentArm.TACE,
        kind=kind,
        estimator=estimator,
        apparent=estimate(0.75),
        optimism=estimate(-0.05),
        corrected=estimate(0.7, 0.62, 0.78),
        plus_632=plus,
        n_resamples=n_resamples,
    )


def record(**changes):
    content = {
        "n_resamples": 200,
        "has_signature": True,
        "n_null": 7,
        "failures": {"column 'x' separates": 3},
        "nomogram_kinds": {TreatmentArm.TACE: ModelKind.COMBINED},
        "figures": (
            figure(ModelKind.CLINICAL, "cal_slope", n_resamples=190),
            figure(ModelKind.COMBINED, "c_harrell", plus=estimate(0.69, 0.6, 0.77)),
        ),
    }
    return Optimism(**{**content, **changes})


def test_the_first_line_is_the_corrected_c_of_the_nomogram_and_its_condition():
    section = optimism_section(record())
    first = section.blocks[0].text
    assert first.startswith("TACE, combined model: Harrell's C 0.750 in its own patients, 0.700")
    assert "conditional on the network" in first


def test_every_figure_stands_with_its_optimism_and_its_interval():
    (shown,) = (block.table for block in optimism_section(record()).blocks if block.kind == "rows")
    assert ("Combined model",) in shown.rows
    row = next(row for row in shown.rows if row[0] == "Harrell's C")
    assert row[1:3] == ("0.750", "\u22120.050")
    assert row[3].replace("\u00a0", " ") == "0.700 (0.620 to 0.780)"
    assert row[4].startswith("0.690")
    assert shown.notes == ("Clinical, Calibration slope: from 190 of 200 resamples.",)


def test_null_and_failed_resamples_are_said():
    said = " ".join(optimism_section(record()).blocks[-1].items)
    assert "In 7 resamples of 200 the signature was null" in said
    assert "3 resamples gave no model: column 'x' separates." in said


def test_without_features_there_is_no_network_to_be_conditional_on():
    clinical = record(
        has_signature=False, nomogram_kinds={TreatmentArm.TACE: ModelKind.COMBINED}, n_null=0
    )
    section = optimism_section(clinical)
    said = " ".join([section.blocks[0].text, *section.blocks[-1].items])
    assert "network" not in said


def test_a_protocol_that_asks_for_none_is_told_so():
    (only,) = optimism_section(None).blocks
    assert "evaluation.optimism_resamples" in only.text
