"""How the predictors of an arm's models came about: imputed, eliminated, bent."""

from collections.abc import Sequence

from components.arms.backward import Elimination
from components.arms.imputing import ImputationReport, ImputedCoefficient
from components.arms.nonlinearity import Nonlinearity
from components.arms.records import ArmModels
from components.reporting.blocks import Block, Prose, Rows
from components.reporting.html_table import Table, table
from components.reporting.model_tables import column_text
from components.reporting.wording import ABSENT, MODEL_NAMES, number, p_text, significant
from components.survival.design import Predictor


def predictor_blocks(models: ArmModels) -> list[Block]:
    """The tables of an arm's imputation, elimination and splines, where there are any."""
    label, predictors = models.arm.label, _predictors(models)
    blocks: list[Block] = []
    if models.elimination:
        blocks.append(Rows(elimination_table(label, models.elimination)))
    if models.nonlinearity:
        blocks.append(Rows(nonlinearity_table(label, models.nonlinearity)))
    if models.imputation is None:
        return blocks
    if not models.imputation.coefficients:
        return [*blocks, Prose(f"{label}: {models.imputation.sentence}.")]
    return [*blocks, Rows(imputation_table(label, models.imputation, predictors))]


def _predictors(models: ArmModels) -> list[Predictor]:
    found = {one.name: one for model in models.models.values() for one in model.predictors}
    return list(found.values())


def imputation_table(
    label: str, report: ImputationReport, predictors: Sequence[Predictor]
) -> Table:
    """Pooled coefficients, what imputation adds to their variance, complete cases beside them."""
    names = {
        column: column_text(one.label, column, unit=one.unit)
        for one in predictors
        for column in one.columns
    }
    rows: list[tuple[str, ...]] = []
    for kind, coefficients in report.coefficients.items():
        rows.append((f"{MODEL_NAMES[kind]} model",))
        rows += [_coefficient_row(names[one.column], one) for one in coefficients]
    columns = (
        "Predictor",
        "Pooled coefficient",
        "Standard error",
        "Variance within",
        "Variance between",
        "Share of imputation (\u03bb)",
        "Relative efficiency",
        "Complete cases: coefficient",
        "Standard error",
    )
    return table(
        f"{label}: missing predictors and what their imputation adds to the variance",
        columns,
        rows,
        notes=[f"{report.sentence[0].upper()}{report.sentence[1:]}.", *_notes(report, predictors)],
    )


def _coefficient_row(name: str, one: ImputedCoefficient) -> tuple[str, ...]:
    complete = (one.complete_coefficient, one.complete_standard_error)
    return (
        name,
        significant(one.coefficient),
        significant(one.standard_error),
        significant(one.within),
        significant(one.between),
        f"{100 * one.share_of_imputation:.1f}%",
        f"{100 * one.relative_efficiency:.1f}%",
        *(ABSENT if value is None else significant(value) for value in complete),
    )


def _notes(report: ImputationReport, predictors: Sequence[Predictor]) -> list[str]:
    labels = {one.name: one.label for one in predictors}
    missing = [
        f"{split}: {', '.join(f'{labels[name]} {n}' for name, n in counts.items()) or 'none'}"
        for split, counts in (
            ("training", report.missing_train),
            ("test", report.missing_test),
        )
    ]
    n_complete = report.n_train - report.n_train_incomplete
    return [
        f"Empty cells, {'; '.join(missing)}.",
        "Numbers by predictive mean matching, levels by logistic regression, in the training "
        "patients of the arm, their outcome among the predictors; pooled by Rubin's rules: total "
        f"variance = within + (1 + 1/{report.imputations}) between. A patient to be scored is "
        "imputed by predictors alone; the linear predictor is the mean over the imputations.",
        f"Complete cases are the sensitivity analysis: {n_complete} patients of whom all imputed "
        "predictors are known, the same predictors and penalty.",
    ]


def elimination_table(label: str, elimination: Elimination) -> Table:
    """The path of backward elimination: what was dropped, and AIC before and after."""
    rows = [
        (
            str(position),
            step.dropped or "nothing: all candidates",
            f"{step.aic:.2f}",
            ", ".join(
                f"{name} {ABSENT if aic is None else f'{aic:.2f}'}"
                for name, aic in step.without.items()
            ),
        )
        for position, step in enumerate(elimination.steps)
    ]
    notes = [
        "AIC = \u22122 log partial likelihood + 2 parameters; with imputation its mean over the "
        "completed tables. The predictor without which it is lowest goes, until none lowers it.",
    ]
    if elimination.excluded:
        notes.append(
            f"Without a finite estimate, left out first: {', '.join(elimination.excluded)}."
        )
    return table(
        f"{label}: backward elimination by AIC, training patients",
        ("Step", "Dropped", "AIC", "AIC without each that is left"),
        rows,
        notes=notes,
        text_columns=(1, 3),
        marked_rows=(len(rows) - 1,),
    )


def nonlinearity_table(label: str, tests: Sequence[Nonlinearity]) -> Table:
    """Each spline's knots and the test that its effect is a straight line."""
    rows = [
        (
            one.label,
            ", ".join(number(knot, 2) for knot in one.knots),
            ABSENT if one.statistic is None else f"{one.statistic:.2f}",
            str(one.degrees_of_freedom),
            p_text(one.p_value) or one.why or ABSENT,
        )
        for one in tests
    ]
    return table(
        f"{label}: splines of the clinical model, training patients",
        ("Predictor", "Knots", "Statistic", "df", "p of nonlinearity"),
        rows,
        notes=[
            "Joint Wald test of the nonlinear columns in the unpenalized model (chi-square; F "
            "where predictors were imputed). Knots are quantiles of the training patients."
        ],
        text_columns=(1,),
    )
