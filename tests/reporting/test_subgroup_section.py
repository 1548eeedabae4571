import pytest

from components.arms.subgroup_records import SubgroupLevel, SubgroupReport, Subgroups
from components.reporting.subgroup_figures import draw_subgroups
from components.reporting.subgroup_section import multiplicity, subgroup_section
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin, ModelKind, Split, TreatmentArm

METHOD = "Harrell's C"


def level(name, value):
    if value is None:
        c = Estimate.not_estimable("4 deaths", n=20, n_events=4, method=METHOD)
        return SubgroupLevel(level=name, n=20, n_events=4, c_harrell=c)
    c = Estimate(value=value, lower=value - 0.1, upper=0.9, n=80, n_events=40, method=METHOD)
    return SubgroupLevel(level=name, n=80, n_events=40, c_harrell=c)


def subgroups(split, p_value, variable="sex"):
    return Subgroups(
        arm=TreatmentArm.TACE,
        kind=ModelKind.COMBINED,
        split=split,
        variable=variable,
        label=variable.capitalize(),
        levels=(level("male", 0.7), level("female", None if p_value is None else 0.6)),
        n_missing=2,
        interaction_p=p_value,
        why_no_test="too few deaths" if p_value is None else None,
    )


@pytest.fixture
def report():
    return SubgroupReport(
        judged=(subgroups(Split.TRAIN, 0.004), subgroups(Split.TEST, None)),
        not_assessable={"scanner": "the table has no column 'scanner'"},
        level=0.95,
    )


def test_tests_stand_in_the_table_and_what_cannot_be_assessed_below(report):
    section = subgroup_section(report, origin=DataOrigin.REAL)
    (shown,) = (block.table for block in section.blocks if block.kind == "rows")
    assert shown.rows == (("Sex", "0.004", "not estimable (too few deaths)", "4"),)
    assert section.blocks[-1].items[0] == (
        "Scanner: not assessable, the table has no column 'scanner'."
    )


def test_the_number_of_tests_and_what_chance_gives_are_said():
    judged = [subgroups(Split.TRAIN, p, f"v{k}") for k, p in enumerate((0.001, 0.03, 0.4, 0.8))]
    said = multiplicity(SubgroupReport(judged=tuple(judged), not_assessable={}, level=0.95))
    assert "4 tests of interaction: about 0.2 would fall below 0.05 by chance alone, 2 do" in said
    assert "After Bonferroni (p below 0.013) 1 is left" in said


def test_the_plot_has_a_line_for_every_estimable_level_and_counts_for_all(report):
    figure = draw_subgroups(report.judged, origin=DataOrigin.REAL)
    axes = figure.axes[0]
    intervals = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert sum(tuple(line.get_xdata()) == (pytest.approx(0.6), 0.9) for line in intervals) == 2
    figure.draw_without_rendering()
    texts = [label.get_text() for label in axes.child_axes[0].get_yticklabels()]
    assert sum("not estimable" in text for text in texts) == 1
    assert sum("40/80" in text for text in texts) == 3
    with pytest.raises(ValueError, match="came none"):
        draw_subgroups((), origin=DataOrigin.REAL)


def test_a_protocol_that_names_none_is_told_so():
    (only,) = subgroup_section(None, origin=DataOrigin.REAL).blocks
    assert "evaluation.subgroups" in only.text
