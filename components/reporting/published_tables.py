"""Tables of a published model: its formula, its figures in own patients, its updates."""

from collections.abc import Sequence

from rich.table import Table as TerminalTable

from components.arms.published import PublishedModel
from components.arms.scoring import PublishedScore
from components.arms.updating import UpdatedModel
from components.reporting.html_table import Table, table
from components.reporting.wording import (
    ABSENT,
    count_text,
    days_text,
    estimate_text,
    estimator_text,
    number,
    p_text,
)
from components.study.results import Estimate

_OTHER_FIGURES = {
    "ici": "Mean distance of observed from predicted risk (ICI)",
    "cal_intercept": "Log of observed / expected deaths",
}


def figure_name(key: str) -> str:
    """The name of a figure in words."""
    name, _, horizon = key.rpartition("_")
    if key in _OTHER_FIGURES:
        return _OTHER_FIGURES[key]
    if name in _OTHER_FIGURES and horizon.endswith("d"):
        return f"{_OTHER_FIGURES[name]} at {days_text(int(horizon[:-1]))}"
    return estimator_text(key)


def score_table(scores: Sequence[PublishedScore]) -> Table:
    """Every figure of a published model, an arm a column."""
    keys = list(dict.fromkeys(key for one in scores for key in one.estimates))
    rows = [(figure_name(key), *(_cell(one.estimates.get(key)) for one in scores)) for key in keys]
    heads = [
        f"{one.arm.label} ({count_text(one.n, 'patient')}, {count_text(one.n_events, 'death')})"
        for one in scores
    ]
    caption = f"{scores[0].model.name} in these patients (95% interval)"
    return table(caption, ["Figure", *heads], rows, notes=_missing(scores))


def _missing(scores: Sequence[PublishedScore]) -> list[str]:
    """Why figures are missing, those of the same reason together."""
    found: dict[str, list[str]] = {}
    for one in scores:
        for key, estimate in one.estimates.items():
            if estimate.value is None:
                reason = f"{one.arm.label}: not estimable, for {estimate.note}"
                found.setdefault(reason, []).append(figure_name(key))
    return [f"{reason}: {', '.join(names)}." for reason, names in found.items()]


def patients_table(scores: Sequence[PublishedScore]) -> Table:
    """Who could be scored and who not, by reason."""
    rows: list[tuple[str, ...]] = []
    for one in scores:
        rows.append((f"{one.arm.label}: scored", str(one.n)))
        rows += [(f"{one.arm.label}: left out, {why}", str(n)) for why, n in one.left_out.items()]
    return table("Patients", ("", "n"), rows)


def model_table(model: PublishedModel) -> Table:
    """The model's formula: coefficient, centre and unit of each column."""
    units = {one.name: one.unit or "" for one in model.predictors}
    rows = [
        (
            _column(model, column),
            units.get(column, ""),
            number(model.coefficients[column], 6),
            number(model.centre.get(column, 0.0), 6),
        )
        for column in model.columns
    ]
    notes = [f"Source: {model.source}."]
    if model.offset:
        notes.append(f"{number(model.offset, 6)} is added to the linear predictor.")
    if model.baseline is None:
        notes.append(
            "No baseline survival was published: it ranks patients, it predicts no survival."
        )
    return table(
        model.name,
        ("Column", "Unit", "Log hazard ratio", "Centre"),
        rows,
        notes=notes,
        text_columns=(1,),
    )


def updates_table(updated: UpdatedModel) -> Table:
    """Each update with its likelihood and its test against the refit; the chosen one marked."""
    rows = [
        (
            one.words.capitalize(),
            str(one.n_parameters),
            f"{one.log_partial_likelihood:.3f}",
            _number(one.log_baseline_likelihood),
            _number(one.chi_square),
            ABSENT if one.degrees_of_freedom is None else str(one.degrees_of_freedom),
            p_text(one.p) or ABSENT,
        )
        for one in updated.updates
    ]
    chosen = [at for at, one in enumerate(updated.updates) if one.kind == updated.chosen]
    notes = [
        "Each update is tested against the re-estimation of everything; the first that is not "
        "rejected is taken (closed test; Vergouwe et al. 2017, 10.1002/sim.7179).",
        *(f"{one.words.capitalize()}: {one.why_not}." for one in updated.updates if one.why_not),
    ]
    if updated.n_intervals:
        notes.append(
            "Log likelihood of the baseline: deaths are Poisson with the published cumulative "
            f"hazard for time; the free baseline has {updated.n_intervals} levels."
        )
    columns = (
        "Update",
        "Estimated anew",
        "Log partial likelihood",
        "Of the baseline",
        "Chi-square",
        "df",
        "p",
    )
    caption = f"Updates of {updated.published.name}"
    return table(caption, columns, rows, notes=notes, marked_rows=chosen)


def terminal_table(content: Table) -> TerminalTable:
    """A table for the terminal, the marked rows in bold."""
    shown = TerminalTable(title=content.caption, title_justify="left", title_style="bold")
    for at, head in enumerate(content.columns):
        left = at == 0 or at in content.text_columns
        shown.add_column(head, justify="left" if left else "right", overflow="fold")
    for at, row in enumerate(content.rows):
        shown.add_row(*row, style="bold" if at in content.marked_rows else None)
    return shown


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return ABSENT
    return "not estimable" if estimate.value is None else estimate_text(estimate)


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"


def _column(model: PublishedModel, column: str) -> str:
    labels = {one.name: one.label for one in model.predictors}
    name, _, level = column.partition("=")
    label = labels.get(name, name)
    if column in model.transforms:
        return f"{model.transforms[column]}({label})"
    return f"{label}: {level}" if level else label
