"""Whether the models work in every subgroup: forest plots and tests of interaction."""

from components.arms.subgroup_records import SubgroupReport, Subgroups
from components.cohort.schema import PREDICTORS
from components.reporting.blocks import Block, Bullets, Heading, Prose, Rows, Section, picture
from components.reporting.html_table import Table, table
from components.reporting.subgroup_figures import draw_subgroups
from components.reporting.wording import ABSENT, MODEL_PHRASES, count_text, p_text
from components.study.vocabulary import DataOrigin, Split, TreatmentArm

_NOMINAL = 0.05
_TITLE = "Subgroups"
_NOT_ASKED = "The protocol names no subgroups (evaluation.subgroups), so none are assessed."


def subgroup_section(report: SubgroupReport | None, *, origin: DataOrigin) -> Section:
    """For each arm the C of its nomogram's model in every level; then what the tests are worth."""
    if report is None:
        return Section("subgroups", _TITLE, (Prose(_NOT_ASKED),))
    blocks: list[Block] = []
    for arm in dict.fromkeys(one.arm for one in report.judged):
        blocks += _arm_blocks(arm, report.of(arm), origin)
    return Section("subgroups", _TITLE, (*blocks, Bullets(_how_to_read(report))))


def _arm_blocks(
    arm: TreatmentArm, subgroups: tuple[Subgroups, ...], origin: DataOrigin
) -> list[Block]:
    model = MODEL_PHRASES[subgroups[0].kind]
    return [
        Heading(f"{arm.label}: {model} model"),
        picture(
            draw_subgroups(subgroups, origin=origin),
            caption=f"{arm.label}: Harrell's C of the {model} model among the patients of each "
            "level. Hollow: training, apparent and so too good; filled: test.",
            alt="Forest plot of the C-index in subgroups; the counts stand beside it",
        ),
        Rows(_tests_table(arm, subgroups)),
    ]


def _tests_table(arm: TreatmentArm, subgroups: tuple[Subgroups, ...]) -> Table:
    by_place = {(one.variable, one.split): one for one in subgroups}
    rows = []
    for variable in dict.fromkeys(one.variable for one in subgroups):
        first = by_place[variable, Split.TRAIN]
        cells = [_test_text(by_place.get((variable, split))) for split in Split]
        missing = sum(by_place[variable, split].n_missing for split in Split)
        rows.append((first.label, *cells, str(missing) if missing else ABSENT))
    return table(
        f"{arm.label}: interaction of linear predictor and level (likelihood ratio test)",
        ("Variable", "p, training", "p, test", "Patients without a value"),
        rows,
    )


def _test_text(subgroups: Subgroups | None) -> str:
    if subgroups is None:
        return ABSENT
    if subgroups.interaction_p is None:
        return f"not estimable ({subgroups.why_no_test})"
    return p_text(subgroups.interaction_p)


def _how_to_read(report: SubgroupReport) -> tuple[str, ...]:
    missing = [
        f"{_label(name)}: not assessable, {why}." for name, why in report.not_assessable.items()
    ]
    return (
        *missing,
        "C counts pairs of patients of the same level: a level whose patients resemble each other "
        "has a lower C without the model being any worse there.",
        "Test of interaction: Cox models of linear predictor and level with and without their "
        "products. A small p says that the effect of the linear predictor differs between levels.",
        multiplicity(report),
        "Judged are the patients whom the arm's models can score, imputed as they are. Numbers are "
        "cut at the median of the arm's training patients. A level with too few deaths has no C "
        "and takes no part in the test.",
    )


def _label(name: str) -> str:
    known = PREDICTORS.get(name)
    return known.label if known else name.replace("_", " ").capitalize()


def multiplicity(report: SubgroupReport) -> str:
    """How many of the tests are expected to be significant by chance, and what is left of them."""
    n = report.n_tests
    if not n:
        return "No interaction could be tested."
    p_values = [one.interaction_p for one in report.judged if one.interaction_p is not None]
    below = sum(p < _NOMINAL for p in p_values)
    kept = sum(p < _NOMINAL / n for p in p_values)
    return (
        f"{count_text(n, 'test')} of interaction: about {n * _NOMINAL:.1f} would fall below "
        f"{_NOMINAL} by chance alone, {below} {'does' if below == 1 else 'do'}. After Bonferroni "
        f"(p below {_NOMINAL / n:.2g}) {kept} {'is' if kept == 1 else 'are'} left. No subgroup was "
        "chosen by these figures."
    )
