"""What the features of a study are worth: the honest figure first, then those that flatter."""

from components.reporting.blocks import Block, Bullets, Prose, Rows, Section, picture
from components.reporting.html_table import Table, table
from components.reporting.nested_figures import draw_nested
from components.reporting.wording import ABSENT, count_text, estimate_text
from components.signature.nested_records import FoldFigures, NestedPath, NestedSignature
from components.study.vocabulary import DataOrigin

_HONEST = "Honest: every step inside the folds"
_LEAKY = "Leakage: filters outside the folds"
_APPARENT = "Apparent: judged on the same patients"
_HEADS = ("Harrell's C within arms", "C", "SD over folds", "SD over draws", "Nothing selected")


def nested_section(nested: NestedSignature, *, origin: DataOrigin) -> Section:
    """The conclusion, the three kinds of figures of each path, and how they are to be read."""
    blocks: list[Block] = [
        Prose(conclusion(nested), tone="key"),
        Rows(_figures_table(nested)),
        picture(
            draw_nested(nested, origin=origin),
            caption="C of each fold (dots), their mean with its interval (diamond), and the "
            "apparent C (vertical line). Dotted: a score that orders nobody.",
            alt="C of every fold by path; means and intervals stand in the table",
        ),
        Bullets(_how_to_read(nested)),
    ]
    return Section("nested", "What the features are worth", tuple(blocks))


def conclusion(nested: NestedSignature) -> str:
    """Whether the features have evident value, by each path, in a sentence or two."""
    return " ".join(_verdict(name, path) for name, path in nested.paths.items())


def _verdict(name: str, path: NestedPath) -> str:
    estimate = path.honest.estimate
    if estimate.value is None or estimate.lower is None:
        return f"By the path of profile {name} the features cannot be judged: {estimate.note}."
    figure = (
        f"honest C {estimate_text(estimate)}, {estimate.level:.0%} interval over "
        f"{path.honest.n_folds} folds"
    )
    if path.has_evident_value:
        return (
            f"By the path of profile {name} the features have evident value: {figure}, above 0.5."
        )
    return (
        f"By the path of profile {name} the features add no evident value: {figure}; "
        "a score that orders nobody has 0.5."
    )


def figure_rows(path: NestedPath) -> list[tuple[str, ...]]:
    """A row for each figure of a path: its name, C, SD over folds and draws, null folds."""
    rows = [_folds_row(_HONEST, path.honest)]
    if path.leaky is not None:
        rows.append(_folds_row(_LEAKY, path.leaky))
    apparent = ABSENT if path.apparent is None else f"{path.apparent:.3f}"
    return [*rows, (_APPARENT, apparent, "", "", "" if path.n_selected else "nothing")]


def _steps(path: NestedPath) -> str:
    screen = "no screen" if path.leaky is None else f"{path.n_after_screen} after the screen"
    return (
        f"of {path.n_features_in} features {path.n_after_correlation} after the correlation "
        f"filter, {screen}, {path.n_selected} selected, in all patients"
    )


def _folds_row(label: str, figures: FoldFigures) -> tuple[str, ...]:
    return (
        label,
        estimate_text(figures.estimate),
        _sd(figures.sd_folds),
        _sd(figures.sd_repeats),
        f"{figures.n_null} of {figures.n_folds}",
    )


def _sd(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"


def _figures_table(nested: NestedSignature) -> Table:
    rows: list[tuple[str, ...]] = []
    for name, path in nested.paths.items():
        rows += [(f"Path of profile {name}: {_steps(path)}",), *figure_rows(path)]
    honest = [index for index, row in enumerate(rows) if row[0] == _HONEST]
    return table(
        f"{nested.n_repeats} draws of {nested.n_folds} folds, {count_text(nested.n, 'patient')}, "
        f"{nested.n_events} deaths ({nested.level:.0%} interval)",
        _HEADS,
        rows,
        notes=_missing(nested),
        marked_rows=honest,
    )


def _missing(nested: NestedSignature) -> list[str]:
    return [
        f"Path of profile {name}: {count_text(count, 'fold')} without a figure: {reason}."
        for name, path in nested.paths.items()
        for reason, count in path.honest.missing.items()
    ]


def _how_to_read(nested: NestedSignature) -> tuple[str, ...]:
    m = nested.n_folds * nested.n_repeats
    return (
        "Honest: correlation filter, screen, standardization, LASSO and the choice of its penalty "
        "are done anew in the training part of each outer fold, and C is taken in the patients "
        "left out. A fold in which nothing is selected counts 0.5.",
        *_leakage(nested),
        "Evident value: the lower limit of the honest mean's interval lies above 0.5. Folds share "
        f"their patients, so the interval is mean \u00b1 t({m - 1}) \u00b7 SD over folds \u00b7 "
        f"\u221a(1/{m} + 1/{nested.n_folds - 1}): Nadeau and Bengio 2003, "
        "10.1023/A:1024068626366; Bouckaert and Frank 2004, 10.1007/978-3-540-24775-3_3.",
        "C counts pairs of patients of the same arm. All patients with features take part, those "
        "of the test set too: each is judged by signatures that have not seen them, and nothing "
        "is chosen by these figures.",
        "The features are taken as given: had the network that made them learned from these "
        "patients' outcomes, the honest figure would be too good as well.",
    )


def _leakage(nested: NestedSignature) -> list[str]:
    leaks = [
        f"By the path of profile {name} this alone changes C by {path.leak:+.3f}."
        for name, path in nested.paths.items()
        if path.leak is not None
    ]
    if not leaks:
        return []
    said = (
        "Leakage: filter and screen have seen all patients, also those left out, and only the "
        "LASSO is cross-validated, on the same folds."
    )
    return [" ".join([said, *leaks])]
